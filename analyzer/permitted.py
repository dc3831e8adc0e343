"""A store as far as its credentials may list it; what they may not is noted, and no obstacle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.store import Folder, ListingDenied, Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.store import Store, Stretch


class Permitted:
    """`store`, with prefixes that may not be listed taken for empty, and kept in `denied`."""

    def __init__(self, store: Store) -> None:
        """Nothing has been listed yet."""
        self.denied: list[ListingDenied] = []
        self.root = store.root
        self.reads_in_flight = store.reads_in_flight
        self.listings_in_flight = store.listings_in_flight
        self._store = store

    def folder(self, prefix: str) -> Folder:
        """Return what lies directly in `prefix`."""
        try:
            return self._store.folder(prefix)
        except ListingDenied as denied:
            self.denied.append(denied)
            return Folder((), ())

    def page(self, stretch: Stretch) -> Page:
        """Return some objects of a stretch, and what of it is still to be asked for."""
        try:
            return self._store.page(stretch)
        except ListingDenied as denied:
            self.denied.append(denied)
            return Page((), ())

    def get(self, key: str, etag: str, size: int | None = None) -> bytes:
        """Return the bytes of the object if it still has this ETag; else raise `NotFetched`."""
        return self._store.get(key, etag, size)

    def metadata(self, key: str) -> Mapping[str, str] | None:
        """Return what its writer stored beside the object's bytes; None where none is kept."""
        return self._store.metadata(key)

    def take_retries(self) -> int:
        """Return how many requests had to be made again since this was last asked."""
        return self._store.take_retries()

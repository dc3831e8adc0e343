"""The store seam: where log objects lie, and the few verbs that the journey needs of it.

`local_store` and `s3_store` implement `Store`; nothing else in the journey knows
which one it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 (msgspec reads it)
from typing import TYPE_CHECKING, Protocol

import msgspec

from analyzer.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class StoredObject(msgspec.Struct, frozen=True, gc=False):
    """An object as a listing names it; `key` is relative to the store's root."""

    key: str
    etag: str
    size: int
    """Bytes as stored, so compressed ones for a `.json.gz`."""
    last_modified: datetime
    storage_class: str = "STANDARD"
    archived: bool = False
    """Whether it must be restored before it can be read."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One level of a store: the folders (each ending in "/") and objects directly in it."""

    folders: tuple[str, ...]
    objects: tuple[StoredObject, ...]


class Stretch(msgspec.Struct, frozen=True):
    """The keys that begin with `prefix` and lie between `after` and `before`, both excluded."""

    prefix: str
    after: str = ""
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The first objects of a stretch, and the stretches that what is left of it makes."""

    objects: Sequence[StoredObject]
    rest: tuple[Stretch, ...]


class NotFetched(Exception):
    """An object's bytes could not be had; `status` and `reason` go to the ledger.

    `retry` is true where the next ingest should ask again for the same object.
    """

    def __init__(self, status: str, reason: str, *, retry: bool = True) -> None:
        """`status` is one of the ledger's: refused, archived, missing."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry = retry


class ListingDenied(StoreError):
    """What is below one prefix may not be listed; perhaps what is below another may."""


class Store(Protocol):
    """Where log objects lie. Raises `StoreError` when it refuses as a whole."""

    @property
    def root(self) -> str:
        """What stands before a key to name an object uniquely: `s3://bucket/`, `/path/`."""
        ...

    @property
    def reads_in_flight(self) -> int:
        """How many objects are worth fetching at the same time."""
        ...

    @property
    def listings_in_flight(self) -> int:
        """How many folders and pages are worth asking for at the same time."""
        ...

    def folder(self, prefix: str) -> Folder:
        """Return what lies directly in `prefix` ("" or ending in "/")."""
        ...

    def page(self, stretch: Stretch) -> Page:
        """Return some objects of a stretch, and what of it is still to be asked for."""
        ...

    def get(self, key: str, etag: str, size: int | None = None) -> bytes:
        """Return the bytes of the object if it still has this ETag; else raise `NotFetched`.

        `size` is what was listed; where bytes come over a network, no other number is taken.
        """
        ...

    def take_retries(self) -> int:
        """Return how many requests had to be made again since this was last asked."""
        ...

    def metadata(self, key: str) -> Mapping[str, str] | None:
        """Return what its writer stored beside the object's bytes; None where none is kept."""
        ...


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach S3, beyond what boto3 finds by itself. Holds no secret."""

    profile: str | None = None
    region_name: str | None = None
    endpoint_url: str | None = None
    request_payer: bool = False
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)
    """What the role's owner has agreed on with who assumes it; not a secret to AWS, but theirs."""
    role_session_name: str = "tlstrail"

"""Which log objects exist for these accounts, Regions and days.

Accounts and Regions are found folder by folder; only `CloudTrail/REGION/` folders (or,
where the digests are asked for, `CloudTrail-Digest/REGION/`) are listed through, from the
first wanted day to the last. A folder of another kind of log is named once and never walked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from analyzer.errors import UsageError
from analyzer.layout import (
    FolderPlace,
    Service,
    Step,
    day_folder,
    describe_folder,
    describe_object,
    region_prefix_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.layout import Place
    from analyzer.store import Store, StoredObject

# A bucket may hold anything beside its logs; past this many folders that lead to no
# AWSLogs, somebody has to say where to look.
FOLDERS_WITHOUT_LOGS = 2_000


@dataclass(frozen=True, slots=True)
class Scope:
    """What was asked for. Empty tuples mean all; times are UTC, `until` is exclusive."""

    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    late_days: int = 1
    """How many days after `until` objects are looked for that hold events from before it."""

    @property
    def delivered_until(self) -> datetime | None:
        """The delivery time up to which objects are listed."""
        return self.until and self.until + timedelta(days=self.late_days)

    def wants_folder(self, place: FolderPlace) -> bool:
        """Whether anything below a folder can be in scope."""
        return _among(place.account_id, self.accounts) and _among(place.region, self.regions)

    def wants(self, place: Place) -> bool:
        """Whether an object is in scope; delivery times are whole minutes, rounded down."""
        if not (_among(place.account_id, self.accounts) and _among(place.region, self.regions)):
            return False
        at = place.delivered_at
        if at is None:
            return True
        until = self.delivered_until
        return (self.since is None or at + timedelta(minutes=1) > self.since) and (
            until is None or at < until
        )


def _among(value: str | None, wanted: tuple[str, ...]) -> bool:
    """Whether `value` is wanted; what is not known cannot be ruled out."""
    return not wanted or value is None or value in wanted


class LogObject(msgspec.Struct, frozen=True):
    """An object that was listed, and what its key says. Nothing of it has been read."""

    key: str
    """With the store's root, so unique in a lake: `s3://bucket/AWSLogs/…`."""
    etag: str
    size: int
    last_modified: datetime | None
    storage_class: str
    archived: bool
    account_id: str | None
    region: str | None
    delivered_at: datetime | None
    skipped: str | None = None
    """Why it is not what was asked for, if it is not: no CloudTrail log, no digest."""


def list_objects(
    store: Store, prefix: str, scope: Scope, service: Service = Service.LOGS
) -> Iterator[LogObject]:
    """Yield the objects below `prefix` that are in scope, those to be skipped among them.

    A folder of another kind of log is yielded as one skipped object whose key ends in "/".

    Raises `StoreError` where the store refuses, `UsageError` where the search for an
    `AWSLogs` folder leads too far.
    """
    start = describe_folder(prefix, service)
    if start.step is Step.LIST:
        yield from _list_region(store, prefix, scope, service)
        return
    waiting = deque([prefix])
    fruitless = 0
    while waiting:
        here = waiting.popleft()
        level = store.folder(here)
        for stored in level.objects:
            yield from _described(store, stored, scope, service)
        for folder in level.folders:
            place = describe_folder(folder, service)
            if not scope.wants_folder(place):
                continue
            if place.step is Step.LIST:
                yield from _list_region(store, folder, scope, service)
            elif place.step is Step.SKIP:
                yield _skipped_folder(store, folder, place)
            else:
                waiting.append(folder)
                fruitless += place.account_id is None and "AWSLogs/" not in folder
        if fruitless > FOLDERS_WITHOUT_LOGS:
            raise UsageError(
                f"{store.root}{prefix}: over {FOLDERS_WITHOUT_LOGS:,} folders without an AWSLogs "
                "folder among them; name the prefix that the trail writes to"
            )


def _list_region(store: Store, folder: str, scope: Scope, service: Service) -> Iterator[LogObject]:
    """Yield the objects below a `CloudTrail/REGION/` folder, or below one of its days."""
    region = region_prefix_of(folder, service)
    until = scope.delivered_until
    # The day after the one that holds the last moment asked for.
    bound = until - timedelta(microseconds=1) + timedelta(days=1) if until else None
    # With the slash: some servers take a StartAfter that names a folder for all that is in it.
    after = f"{day_folder(region, scope.since)}/" if scope.since else ""
    before = day_folder(region, bound) if bound else None
    # A flattened copy has its objects here and in no day's folder, so days cannot bound them.
    flat = store.folder(region).objects if folder == region and (after or before) else ()
    for stored in flat:
        yield from _described(store, stored, scope, service)
    for stored in store.objects(folder, after, before):
        if not flat or "/" in stored.key[len(region) :]:
            yield from _described(store, stored, scope, service)


def _described(
    store: Store, stored: StoredObject, scope: Scope, service: Service
) -> Iterator[LogObject]:
    place = describe_object(stored.key, service)
    if scope.wants(place):
        yield LogObject(
            key=store.root + stored.key,
            etag=stored.etag,
            size=stored.size,
            last_modified=stored.last_modified,
            storage_class=stored.storage_class,
            archived=stored.archived,
            account_id=place.account_id,
            region=place.region,
            delivered_at=place.delivered_at,
            skipped=place.skipped,
        )


def _skipped_folder(store: Store, folder: str, place: FolderPlace) -> LogObject:
    return LogObject(
        key=store.root + folder,
        etag="",
        size=0,
        last_modified=None,
        storage_class="",
        archived=False,
        account_id=place.account_id,
        region=None,
        delivered_at=None,
        skipped=f"{place.skipped} (folder, not listed)",
    )

"""Which log objects exist for these accounts, Regions and days.

Accounts and Regions are found folder by folder; only `CloudTrail/REGION/` folders (or,
where the digests are asked for, `CloudTrail-Digest/REGION/`) are listed through, from the
first wanted day to the last. A folder of another kind of log is named once and never walked.

The listing is made of errands, each one request long, and many of them are under way at a
time. Those that are left say all that there is still to list, so a listing can be gone on with.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import pyarrow as pa

from analyzer.errands import Errand, Flat, Look, Split, Turn
from analyzer.errors import UsageError
from analyzer.interrupts import threads
from analyzer.layout import (
    FolderPlace,
    Place,
    Service,
    Step,
    day_folder,
    describe_folder,
    describe_object,
    month_folder,
    region_prefix_of,
)
from analyzer.shards import piece_of
from analyzer.store import Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from analyzer.shards import Shard
    from analyzer.store import Store, StoredObject

# A bucket may hold anything beside its logs; past this many folders that lead to no
# AWSLogs, somebody has to say where to look.
FOLDERS_WITHOUT_LOGS = 2_000

SHORT = timedelta(days=62)
"""A Region is listed in one go for a time like this, and month by month for more, if it is full."""

A_DAY = timedelta(days=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LISTED_AT_ONCE = 5_000
"""So many rows become a table; Python keeps the memory that they took."""

_LISTED_TYPES: dict[str, pa.DataType] = {
    "key": pa.string(),
    "etag": pa.string(),
    "size": pa.int64(),
    "last_modified": pa.timestamp("us"),
    "storage_class": pa.string(),
    "archived": pa.bool_(),
    "account_id": pa.string(),
    "region": pa.string(),
    "delivered_at": pa.timestamp("us"),
    "skipped": pa.string(),
}
LISTED = pa.schema(_LISTED_TYPES)
"""A listing as a table: the facts of a `LogObject`."""

Row: TypeAlias = "tuple[str, str, int, datetime | None, str, bool, str | None, str | None, datetime | None, str | None]"  # noqa: E501
"""The facts of a `LogObject`, in its order. Millions are listed, and few of them are read."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What was asked for. Empty tuples mean all; times are UTC, `until` is exclusive."""

    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    late_days: int = 1
    """How many days after `until` objects are looked for that hold events from before it."""
    shard: Shard | None = None
    """The only slice of all this that is wanted."""

    @property
    def has_bounds(self) -> bool:
        """Whether days were asked for."""
        return self.since is not None or self.until is not None

    @property
    def wants_all(self) -> bool:
        """Whether nothing is ruled out."""
        return not (self.accounts or self.regions or self.has_bounds or self.shard)

    @property
    def delivered_until(self) -> datetime | None:
        """The delivery time up to which objects are listed; None where the calendar ends first."""
        late = timedelta(days=self.late_days)
        if self.until is None or datetime.max.replace(tzinfo=UTC) - self.until < late + A_DAY:
            return None
        return self.until + late

    def wants_folder(self, place: FolderPlace) -> bool:
        """Whether anything below a folder can be in scope."""
        return _among(place.account_id, self.accounts) and _among(place.region, self.regions)

    def has_in_its_shard(self, key: str, place: Place | FolderPlace) -> bool:
        """Whether an object, or a folder that is skipped or is a month's, is in the shard."""
        if self.shard is None:
            return True
        at = place.delivered_at if isinstance(place, Place) else None
        month = f"{at:%Y-%m}" if at else None
        return self.shard.takes(piece_of(key, place.account_id, place.region, month))

    def wants(self, place: Place) -> bool:
        """Whether an object is in scope; delivery times are whole minutes, rounded down."""
        if not (_among(place.account_id, self.accounts) and _among(place.region, self.regions)):
            return False
        at = place.delivered_at
        if at is None:
            return True
        until = self.delivered_until
        return (self.since is None or self.since - at < timedelta(minutes=1)) and (
            until is None or at < until
        )


def _among(value: str | None, wanted: tuple[str, ...]) -> bool:
    """Whether `value` is wanted; what is not known cannot be ruled out."""
    return not wanted or value is None or value in wanted


class LogObject(msgspec.Struct, frozen=True, gc=False, array_like=True):
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


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an errand: objects, and the errands that they lead to."""

    rows: list[Row]
    errands: Sequence[Errand] = ()
    fruitless: int = 0
    """How many of those errands are folders that may have nothing to do with logs."""


class Listing:
    """The objects below a prefix that are in scope, those to be skipped among them.

    A folder of another kind of log is one skipped object whose key ends in "/".
    """

    def __init__(
        self,
        store: Store,
        prefix: str,
        scope: Scope,
        service: Service = Service.LOGS,
        left: Iterable[Errand] | None = None,
    ) -> None:
        """`left` is what a listing of the same scope had left; without it, this is a new one."""
        self._store, self._prefix, self._scope, self._service = store, prefix, scope, service
        self._waiting = deque(self._first() if left is None else left)
        self._under_way: dict[Future[Done], Errand] = {}
        self._fruitless = 0
        self.requests = 0
        """How many errands are done: about as many requests as there were."""

    @property
    def left(self) -> tuple[Errand, ...]:
        """What is still to be done, after all that has been yielded."""
        return (*self._under_way.values(), *self._waiting)

    def __iter__(self) -> Iterator[list[Row]]:
        """Yield the objects, some at a time and in no order.

        Raises `StoreError` where the store refuses, `UsageError` where the search for an
        `AWSLogs` folder leads too far.
        """
        if self._store.listings_in_flight == 1:
            while self._waiting:
                yield self._taken(self._run(self._waiting.popleft()))
            return
        with threads(self._store.listings_in_flight) as pool:
            while self._waiting or self._under_way:
                while self._waiting and len(self._under_way) < self._store.listings_in_flight:
                    errand = self._waiting.popleft()
                    self._under_way[pool.submit(self._run, errand)] = errand
                ended, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
                for future in ended:
                    done = future.result()
                    del self._under_way[future]
                    yield self._taken(done)

    def _taken(self, done: Done) -> list[Row]:
        """Note what an errand leads to: first things first, so that little is left at a time."""
        self._waiting.extendleft(reversed(done.errands))
        self._fruitless += done.fruitless
        self.requests += 1
        if self._fruitless > FOLDERS_WITHOUT_LOGS:
            raise UsageError(
                f"{self._store.root}{self._prefix}: over {FOLDERS_WITHOUT_LOGS:,} folders without "
                "an AWSLogs folder among them; name the prefix that the trail writes to"
            )
        return done.rows

    def _first(self) -> Sequence[Errand]:
        if describe_folder(self._prefix, self._service).step is Step.LIST:
            return self._region(self._prefix)
        return [Look(self._prefix)]

    def _run(self, errand: Errand) -> Done:
        """Do an errand: ask the store once, or a few times where it is about folders."""
        match errand:
            case Look():
                return self._look(errand.prefix)
            case Flat():
                return Done(self._rows(self._store.folder(errand.prefix).objects))
            case Turn():
                return self._turn(errand.stretch)
            case Split():
                return self._split(errand.stretch)

    def _look(self, prefix: str) -> Done:
        level = self._store.folder(prefix)
        rows, errands, fruitless = self._rows(level.objects), [], 0
        for folder in level.folders:
            place = describe_folder(folder, self._service)
            if not self._scope.wants_folder(place):
                continue
            if place.step is Step.LIST:
                errands += self._region(folder)
            elif place.step is Step.SKIP:
                if self._scope.has_in_its_shard(folder, place):
                    rows.append(skipped_folder(self._store.root, folder, place))
            else:
                errands.append(Look(folder))
                fruitless += place.account_id is None and "AWSLogs/" not in folder
        return Done(rows, errands, fruitless)

    def _region(self, folder: str) -> list[Errand]:
        """Return how to list a `CloudTrail/REGION/` folder, or one of its days."""
        region = region_prefix_of(folder, self._service)
        since, until = self._scope.since, self._scope.delivered_until
        # The day after the one that holds the last moment asked for.
        bound = until - timedelta(microseconds=1) + A_DAY if until else None
        stretch = Stretch(
            folder,
            # With the slash: some servers take a StartAfter that names a folder for all in it.
            f"{day_folder(region, since)}/" if since else "",
            day_folder(region, bound) if bound else None,
        )
        # A shard lists the months that are in it, and no others.
        way = Split if self._scope.shard and month_folder(folder) is None else Turn
        return [Flat(folder), way(stretch)] if self._lists_flat(folder) else [way(stretch)]

    def _lists_flat(self, folder: str) -> bool:
        """Whether a folder's own objects are asked for apart, as days cannot bound them."""
        return self._scope.has_bounds and folder == region_prefix_of(folder, self._service)

    def _turn(self, stretch: Stretch) -> Done:
        page = self._store.page(stretch)
        rows = self._rows(self._not_flat(stretch.prefix, page.objects))
        if month_folder(stretch.prefix) is None and self._is_long(page.objects):
            return Done(rows, [Split(rest) for rest in page.rest])
        return Done(rows, [Turn(rest) for rest in page.rest])

    def _is_long(self, objects: Sequence[StoredObject]) -> bool:
        """Whether what follows a page is worth listing month by month, side by side."""
        since, until = self._scope.since, self._scope.delivered_until
        if self._store.listings_in_flight == 1 or not objects:
            return False
        if since and until and until - since <= SHORT:
            return False
        first, last = month_folder(objects[0].key), month_folder(objects[-1].key)
        return first is not None and first == last

    def _split(self, stretch: Stretch) -> Done:
        level = self._store.folder(stretch.prefix)
        own = [each for each in level.objects if _within(each.key, stretch)]
        errands: list[Errand] = []
        for folder in level.folders:
            if (stretch.before is not None and folder >= stretch.before) or (
                folder <= stretch.after and not stretch.after.startswith(folder)
            ):
                continue
            is_month = month_folder(folder) is not None
            if is_month and not self._scope.has_in_its_shard(folder, describe_folder(folder)):
                continue
            below = Stretch(folder, stretch.after, stretch.before)
            errands.append(Turn(below) if is_month else Split(below))
        return Done(self._rows(self._not_flat(stretch.prefix, own)), errands)

    def _not_flat(self, prefix: str, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        """Leave out what `Flat` yields."""
        if not self._lists_flat(prefix):
            return objects
        return [each for each in objects if "/" in each.key[len(prefix) :]]

    def _rows(self, objects: Iterable[StoredObject]) -> list[Row]:
        return rows_in_scope(self._store.root, objects, self._scope, self._service)


def rows_in_scope(
    root: str, objects: Iterable[StoredObject], scope: Scope, service: Service
) -> list[Row]:
    """Return the objects that are in scope, with what their keys say."""
    wants_all = scope.wants_all
    rows: list[Row] = []
    for stored in objects:
        place = describe_object(stored.key, service)
        if wants_all or (scope.wants(place) and scope.has_in_its_shard(stored.key, place)):
            rows.append((
                root + stored.key,
                stored.etag,
                stored.size,
                stored.last_modified,
                stored.storage_class,
                stored.archived,
                place.account_id,
                place.region,
                place.delivered_at,
                place.skipped,
            ))  # fmt: skip
    return rows


def skipped_folder(root: str, folder: str, place: FolderPlace) -> Row:
    """Return a folder of other logs as what stands for all that is in it."""
    skipped = f"{place.skipped} (folder, not listed)"
    return (root + folder, "", 0, None, "", False, place.account_id, None, None, skipped)


def list_objects(
    store: Store, prefix: str, scope: Scope, service: Service = Service.LOGS
) -> Iterator[LogObject]:
    """Yield the objects of a `Listing`, one at a time."""
    for rows in Listing(store, prefix, scope, service):
        for row in rows:
            yield LogObject(*row)


def in_tables(listing: Iterable[list[Row]], listed: Callable[[int], None]) -> Iterator[pa.Table]:
    """Yield a listing as Arrow tables of a bounded size; `listed` is told the count so far."""
    held: list[Row] = []
    count = 0
    for rows in listing:
        held += rows
        if len(held) >= LISTED_AT_ONCE:
            yield _table(held)
            count += len(held)
            listed(count)
            held = []
    if held:
        yield _table(held)
        listed(count + len(held))


def _table(rows: list[Row]) -> pa.Table:
    arrays = [
        _times(column) if pa.types.is_timestamp(field.type) else pa.array(column, field.type)
        for column, field in zip(zip(*rows, strict=True), LISTED, strict=True)
    ]
    return pa.table(arrays, schema=LISTED)


def _times(column: Iterable[datetime | None]) -> pa.Array[Any]:
    """Return times as Arrow has them: spans, of none of which it has to ask for the zone."""
    spans = [at and at - _EPOCH for at in column]
    return pa.array(spans, pa.duration("us")).view(pa.timestamp("us"))


def _within(key: str, stretch: Stretch) -> bool:
    return key > stretch.after and (stretch.before is None or key < stretch.before)

"""The one file that makes parts and ledger rows visible together.

    lake.json                   format and schema version; written once
    commits/0000000042.json     the lake as of commit 42: every part that belongs to it

A part that no manifest names does not exist. A commit writes one new manifest, last;
the highest number is the lake. So a crash at any moment leaves the lake as it was
before the commit or as it is after it, and never between.

In a folder a lock keeps others out while one writes. On S3 nobody is kept out: of those who
would write the same manifest one can, and the others go on from there.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from shlex import quote
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from analyzer import __version__
from analyzer.errors import LakeError, Overtaken, StoreError
from analyzer.lake_files import LOCK, UNFINISHED
from analyzer.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from analyzer.lake_files import LakeFiles
    from analyzer.shards import Shard

FORMAT_VERSION = 1
KEPT_COMMITS = 2
"""A reader that has just looked up the newest commit must still find it after the next."""


KEPT_IDS = 64
"""So many commits that came on top of one can tell that they did."""

KEPT_RETIRED = timedelta(minutes=15)
"""Who has opened a lake on S3 finds the ledger's parts for so long after they were replaced."""


class Part(msgspec.Struct, frozen=True):
    """A Parquet file of `events`, of the ledger or of what the digests say."""

    path: str
    rows: int
    bytes: int
    hours: tuple[int, ...] = ()
    """The hours since 1970 that its events fall in; dedupe looks no further. -1: no time."""
    merged: tuple[str, ...] = ()
    """The ids of the batches whose rows it holds, where a compaction has merged several."""

    @property
    def batches(self) -> frozenset[str]:
        """The ids of the batches whose rows it holds; the ledger's `part` names one of them."""
        return frozenset(self.merged or [batch_of(self.path)])


class Reading(msgspec.Struct, frozen=True):
    """What ingests that ended have read of a source. Empty and None mean all; times are UTC."""

    source: str
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def touches(self, other: Reading) -> bool:
        """Whether the two are of the same logs, and leave no time between them."""
        return (
            (self.source, self.accounts, self.regions)
            == (other.source, other.accounts, other.regions)
            and _not_before(self.until, other.since)
            and _not_before(other.until, self.since)
        )

    def joined(self, other: Reading) -> Reading:
        """Return both, which touch, as one."""
        since = min(self.since, other.since) if self.since and other.since else None
        until = max(self.until, other.until) if self.until and other.until else None
        return msgspec.structs.replace(self, since=since, until=until)


def _not_before(until: datetime | None, since: datetime | None) -> bool:
    return until is None or since is None or until >= since


class Retired(msgspec.Struct, frozen=True):
    """A part that a commit took out, and that is still to be deleted."""

    path: str
    at: datetime


class ShardsRead(msgspec.Struct, frozen=True):
    """What only some shards have read to their end: no reading yet, until all have."""

    reading: Reading
    of: int
    numbers: tuple[int, ...]


class Manifest(msgspec.Struct, frozen=True):
    """The lake as of one commit."""

    number: int = 0
    events: tuple[Part, ...] = ()
    objects: tuple[Part, ...] = ()
    sources: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    """No two of them touch."""
    digests: tuple[Part, ...] = ()
    digest_logs: tuple[Part, ...] = ()
    ids: tuple[str, ...] = ()
    """The ids of the last commits, this one's at the end: what this one is built on."""
    retired: tuple[Retired, ...] = ()
    """On S3: what is to be deleted once nobody reads it any more, whoever finds the time."""
    shards: tuple[ShardsRead, ...] = ()

    def parts(self) -> tuple[Part, ...]:
        """Return every part."""
        return (*self.events, *self.objects, *self.digests, *self.digest_logs)

    def paths(self) -> set[str]:
        """Return the path of every part."""
        return {part.path for part in self.parts()}

    def having_read(self, new: Reading, shard: Shard | None) -> Manifest:
        """Return this with one more reading, or with a shard of it."""
        others = []
        numbers = {shard.number} if shard else set()
        for each in self.shards:
            if shard and (each.reading, each.of) == (new, shard.of):
                numbers.update(each.numbers)
            else:
                others.append(each)
        if shard and len(numbers) < shard.of:
            others.append(ShardsRead(new, shard.of, tuple(sorted(numbers))))
            return msgspec.structs.replace(self, shards=tuple(others))
        readings = with_reading(self.readings, new)
        return msgspec.structs.replace(self, readings=readings, shards=tuple(others))


class Head(msgspec.Struct, frozen=True):
    """`lake.json`: what a reader must know before it reads anything else."""

    format_version: int = FORMAT_VERSION
    schema_version: int = SCHEMA_VERSION
    made_by: str = f"tlstrail {__version__}"
    lake_id: str | None = None
    """Tells this lake from every other. None for a lake made before there were ids."""


class Change(msgspec.Struct, frozen=True):
    """What one commit does to the lake: parts in, parts out."""

    events: tuple[Part, ...] = ()
    objects: tuple[Part, ...] = ()
    removed: frozenset[str] = frozenset()
    source: str | None = None
    reading: Reading | None = None
    shard: Shard | None = None
    """The shard of `reading` that was read, if not all of it was."""
    digests: tuple[Part, ...] = ()
    digest_logs: tuple[Part, ...] = ()


def open_for_writing(files: LakeFiles) -> Manifest:
    """Return the same as `look`, and delete what an interrupted run left behind.

    The caller holds `exclusive`. On S3, what no manifest names may be another's who is writing
    just now; see `orphans`.
    """
    lake = look(files)
    if files.shared:
        files.delete(_due(lake.retired, datetime.now(UTC)))
    else:
        _remove_orphans(files, lake)
    return lake


def look(files: LakeFiles) -> Manifest:
    """Return the lake's newest manifest, an empty one where a lake can be made.

    Raises `LakeError` over somebody else's files.
    """
    try:
        read_head(files)
    except FileNotFoundError:
        strangers = [
            name for name in files.names("", "*") if name != LOCK and not name.endswith(UNFINISHED)
        ]
        if strangers:
            raise LakeError(
                f"{files.place}: holds {strangers[0]} and no lake.json, so it is not a lake; "
                "name an empty or a new folder"
            ) from None
        return Manifest()
    return newest(files)


def create(files: LakeFiles) -> None:
    """Write `lake.json` if there is none."""
    try:
        read_head(files)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another has made it meanwhile
            files.write_new("lake.json", msgspec.json.encode(Head(lake_id=uuid4().hex)))


def read_head(files: LakeFiles) -> Head:
    """Return `lake.json`. Raises `FileNotFoundError`, and `LakeError` for a newer format."""
    try:
        head = msgspec.json.decode(files.read("lake.json"), type=Head)
    except msgspec.DecodeError as error:
        raise LakeError(f"{files.place}: lake.json cannot be read: {error}") from error
    if head.format_version > FORMAT_VERSION or head.schema_version > SCHEMA_VERSION:
        raise LakeError(
            f"{files.place}: written by {head.made_by} in format {head.format_version}."
            f"{head.schema_version}; this tlstrail reads up to {FORMAT_VERSION}."
            f"{SCHEMA_VERSION}: upgrade it"
        )
    return head


def read_lake(files: LakeFiles) -> Manifest:
    """Return the lake's newest manifest. Raises `LakeError` where there is no lake."""
    try:
        read_head(files)
    except FileNotFoundError:
        raise LakeError(
            f"{files.place}: there is no lake here; make one with: tlstrail ingest SOURCE "
            f"--lake {quote(files.place)}"
        ) from None
    return newest(files)


def newest(files: LakeFiles) -> Manifest:
    """Return the newest manifest, an empty one where nothing was ever committed."""
    commits = files.names("commits", "*.json")
    if not commits:
        return Manifest()
    try:
        return msgspec.json.decode(files.read(commits[-1]), type=Manifest)
    except FileNotFoundError:  # two commits have passed since the listing
        return newest(files)
    except msgspec.DecodeError as error:
        raise LakeError(f"{files.place}: {commits[-1]} cannot be read: {error}") from error


def commit(files: LakeFiles, base: Manifest, change: Change) -> Manifest:
    """Make `change` visible on top of `base`, and delete what it took out.

    The caller holds `exclusive`. Raises `StoreError` when the disk or S3 refuses, and
    `Overtaken` where another has committed on top of `base`; the lake is then without `change`.
    """
    now = datetime.now(UTC)
    due = _due(base.retired, now) if files.shared else []
    sources = {*base.sources, change.source} if change.source else set(base.sources)
    read = base.having_read(change.reading, change.shard) if change.reading else base
    after = Manifest(
        number=base.number + 1,
        events=(*_kept(base.events, change.removed), *change.events),
        objects=(*_kept(base.objects, change.removed), *change.objects),
        sources=tuple(sorted(sources)),
        readings=read.readings,
        shards=read.shards,
        digests=(*_kept(base.digests, change.removed), *change.digests),
        digest_logs=(*_kept(base.digest_logs, change.removed), *change.digest_logs),
        ids=(*base.ids[1 - KEPT_IDS :], uuid4().hex[:16]),
        retired=_retired(base, change.removed, due, now) if files.shared else (),
    )
    own = _path(after.number)
    try:
        files.write_new(own, msgspec.json.encode(after))
    except FileExistsError as error:
        raise Overtaken(_overtaken(files, after)) from error
    commits = files.names("commits", "*.json")
    if commits[-1] != own and after.ids[-1] not in newest(files).ids:
        # The number was free again: many have committed since `base`, and whose it was has been
        # deleted as an old one.
        files.delete([own])
        raise Overtaken(_overtaken(files, after))
    # Whoever reads the plain Parquet must not see rows twice; the ledger's old parts stay
    # for a while, for the sake of those who have just opened the lake.
    events = [path for path in sorted(change.removed) if path.startswith("events/")]
    files.delete([*events, *due, *commits[:-KEPT_COMMITS]])
    return after


def _overtaken(files: LakeFiles, after: Manifest) -> str:
    return (
        f"{files.place}: another tlstrail has written commit {after.number} to this lake; "
        "nothing is lost: run again"
    )


def _retired(
    base: Manifest, removed: Collection[str], due: Collection[str], now: datetime
) -> tuple[Retired, ...]:
    waiting = (each for each in base.retired if each.path not in due)
    return (*waiting, *(Retired(path, now) for path in sorted(removed)))


def _due(retired: Iterable[Retired], now: datetime) -> list[str]:
    """Return what may be deleted: events at once, as their commit should have done."""
    return [
        each.path
        for each in retired
        if each.path.startswith("events/") or each.at < now - KEPT_RETIRED
    ]


def with_reading(readings: tuple[Reading, ...], new: Reading) -> tuple[Reading, ...]:
    """Return the readings with one more, joined with those that it touches."""
    apart = []
    for reading in readings:
        if new.touches(reading):
            new = new.joined(reading)
        else:
            apart.append(reading)
    return (*apart, new)


def kept_commits(files: LakeFiles) -> list[Manifest]:
    """Return the newest manifests, as many as are kept."""
    try:
        return [
            msgspec.json.decode(files.read(path), type=Manifest)
            for path in files.names("commits", "*.json")[-KEPT_COMMITS:]
        ]
    except FileNotFoundError:  # commits have passed since the listing
        return kept_commits(files)


def _remove_orphans(files: LakeFiles, manifest: Manifest) -> None:
    """Delete what an interrupted run left behind; nobody else writes to the lake."""
    belonging = manifest.paths()
    written = files.names("events", "*/part-*.parquet")
    for folder in ("objects", "digests", "digest_logs"):
        written += files.names(folder, "part-*.parquet")
    left = [path for path in written if path not in belonging]
    left += files.names("", f"**/*{UNFINISHED}")
    left += files.names("commits", "*.json")[:-KEPT_COMMITS]
    files.delete(left)


@contextmanager
def exclusive(files: LakeFiles) -> Iterator[None]:
    """Hold the lake for writing, and leave nothing in it that was not committed.

    In a folder, the system lets go of the lock when the process dies; the next one then tidies
    up. On S3 nobody is kept out, and `commit` decides.
    """
    look(files)  # before anything is made in a folder that is somebody else's
    with files.locked():
        try:
            yield
        finally:
            if not files.shared:
                with suppress(FileNotFoundError, LakeError, StoreError):
                    read_head(files)
                    _remove_orphans(files, newest(files))


def next_generation(path: str) -> str:
    """Return the name for a part written anew: `part-ID.parquet`, `part-ID.1-UNIQUE.parquet`, ….

    The batch's id stays in the name, so that the ledger's `part` keeps naming it. No two names
    are the same: two who write a part anew at the same time must not write the same file.
    """
    head, _, rest = path.removesuffix(".parquet").partition(".")
    generation = int(rest.partition("-")[0]) if rest else 0
    return f"{head}.{generation + 1}-{uuid4().hex[:8]}.parquet"


def batch_of(path: str) -> str:
    """Return the id of the batch that a part came from, whatever its generation."""
    return path.rpartition("/part-")[2].partition(".")[0]


def _kept(parts: tuple[Part, ...], removed: Collection[str]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.path not in removed) if removed else parts


def _path(number: int) -> str:
    return f"commits/{number:010}.json"

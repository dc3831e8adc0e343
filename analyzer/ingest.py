"""The journey: list -> plan -> (fetch -> decode -> flatten -> write) per batch -> commit.

`ingest` runs in the driver, which alone lists, plans and commits. `read_batch` and
`write_batch` run where their lane is; what they write is not visible until the driver has
committed it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from analyzer import ledger, manifest
from analyzer.commit import Committer, Tally, WrittenBatch
from analyzer.decode import decode
from analyzer.dedupe import Fingerprints, FoundCopies, RecentRecords
from analyzer.errors import LogRefused, UsageError
from analyzer.executors import InThisProcess, in_order, lanes
from analyzer.fetch import fetch
from analyzer.flatten import FlatRecords, Flattener, SourcedLog, joined
from analyzer.lake_files import LakeFiles
from analyzer.ledger import Outcome, Status
from analyzer.listing import list_objects
from analyzer.plan import Batch, Plan, Totals
from analyzer.replace import together
from analyzer.source import open_store
from analyzer.store import NotFetched
from analyzer.write import hours_of, write_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    import pyarrow as pa

    from analyzer.decode import DecodedLog
    from analyzer.executors import Lane
    from analyzer.listing import LogObject, Scope
    from analyzer.source import Source
    from analyzer.store import Store

FLATTENED_AT_ONCE = 64 * 1024 * 1024
"""Bytes of JSON that go through DuckDB in one call. A batch is meant to be smaller, so this
matters only where objects are far larger than their compressed size promised."""


WORTH_STARTING = 1_000
"""So many listed objects are worth more than one process, on a lake that has nothing yet."""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """What one ingest is asked to do."""

    source: Source
    lake: Path
    scope: Scope
    workers: int
    max_object_bytes: int
    """How much one object may decompress to."""


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What a run found and did."""

    totals: Totals
    tally: Tally
    left_out_before: list[str]
    """Keys in scope that an earlier run had to leave out, and that have not changed."""


class Watcher(Protocol):
    """Somebody who is told how a run goes: a progress line, plain lines, nobody."""

    def listed(self, objects: int) -> None:
        """So many objects have been listed so far."""
        ...

    def planned(self, totals: Totals) -> None:
        """The listing is complete."""
        ...

    def committed(self, tally: Tally) -> None:
        """Another batch is in the lake."""
        ...


def ingest(
    settings: IngestSettings, watcher: Watcher, now: Callable[[], datetime]
) -> IngestSummary:
    """Bring everything in scope into the lake that is not in it yet.

    Raises `UsageError` for a source that is no archive, `StoreError` when the source or the
    lake's disk refuses, `LakeError` for a lake that cannot be written. What was committed
    before stays, and the same call goes on where this one ended.
    """
    files = LakeFiles(settings.lake)
    _require_apart(settings)
    store = _store(settings.source)
    with manifest.exclusive(files), lanes(settings.workers) as workers:
        lake = manifest.open_for_writing(files)
        objects = list_objects(store, settings.source.prefix, settings.scope)
        if not lake.objects:
            objects = starting(workers, objects)
        plan = Plan(objects, ledger.read_ledger(files, lake.objects), watcher.listed)
        _require_an_archive(settings, plan.totals)
        watcher.planned(plan.totals)
        manifest.create(files)
        committer = Committer(files, lake, store.root, now)
        committer.record(plan.not_to_read, _not_read(plan.not_to_read))
        # One batch is read before another process would have started.
        used = workers if plan.batch_count > 1 else [InThisProcess()]
        for written in read_and_write(settings, used, plan.batches()):
            committer.commit(written)
            watcher.committed(committer.tally)
        for written in replacements(settings, used[0], plan, committer):
            committer.replace(written)
            watcher.committed(committer.tally)
        return IngestSummary(plan.totals, committer.tally, plan.left_out_before())


def preview(settings: IngestSettings, watcher: Watcher) -> Totals:
    """Return what `ingest` would read. Reads no object, and changes nothing."""
    files = LakeFiles(settings.lake)
    store = open_store(settings.source)
    lake = manifest.look(files)
    objects = list_objects(store, settings.source.prefix, settings.scope)
    plan = Plan(objects, ledger.read_ledger(files, lake.objects), watcher.listed)
    _require_an_archive(settings, plan.totals)
    return plan.totals


def starting(workers: Sequence[Lane], objects: Iterable[LogObject]) -> Iterator[LogObject]:
    """Pass `objects` on, and let the workers start once there is enough for them to do."""
    for count, log_object in enumerate(objects, start=1):
        if count == WORTH_STARTING:
            for lane in workers:
                lane.submit(get_ready)
        yield log_object


def read_and_write(
    settings: IngestSettings, workers: Sequence[Lane], batches: Iterable[Batch]
) -> Iterator[WrittenBatch]:
    """Yield the batches as they are on disk, in the order of the plan.

    A lane reads a batch, the driver says which of its rows are copies, and the same lane,
    which has kept the rows, writes the others.
    """
    _held_batches().clear()  # of a run that failed in this very process
    recent = RecentRecords()
    reading = in_order(
        (
            lane.submit(read_batch, settings, batch)
            for lane, batch in zip(cycle(workers), batches, strict=False)
        ),
        ahead=len(workers),
    )
    return in_order(
        (
            lane.submit(write_batch, settings, recent.take_in(fingerprints))
            for lane, fingerprints in zip(cycle(workers), reading, strict=False)
        ),
        ahead=len(workers),
    )


def replacements(
    settings: IngestSettings, lane: Lane, plan: Plan, committer: Committer
) -> Iterator[WrittenBatch]:
    """Yield what takes the place of records that the lake has, one object's at a time.

    Nothing is read ahead here: what is to be read with a changed object follows from the
    ledger as of the commit before.
    """
    changed: dict[str, LogObject] = {}
    for objects in plan.replacing():
        outcomes = [
            take_object(log_object, body, "", settings.max_object_bytes)[0]
            for log_object, body in fetch(_store(settings.source), objects)
        ]
        changed |= {log_object.key: log_object for log_object in committer.settle(outcomes)}
    while changed:
        batch = together(committer.ledger(), changed)
        fingerprints = lane.submit(read_batch, settings, batch).result()
        copies = RecentRecords().take_in(fingerprints)
        yield lane.submit(write_batch, settings, copies).result()


def get_ready() -> None:
    """Start what the first batch would have to wait for."""
    _flattener()


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch that has been read, and waits in its worker to be written."""

    batch: Batch
    outcomes: list[Outcome]
    events: pa.Table
    json_bytes: int
    cpu: CpuSeconds


def read_batch(settings: IngestSettings, batch: Batch) -> Fingerprints:
    """Fetch, decode and flatten a batch; its rows wait here for `write_batch`."""
    cpu = CpuSeconds()
    outcomes: list[Outcome] = []
    flat: list[FlatRecords] = []
    waiting: list[SourcedLog] = []
    json_bytes = weight = 0
    for log_object, body in fetch(_store(settings.source), batch.objects):
        with cpu.of("decode"):
            outcome, log = take_object(log_object, body, batch.id, settings.max_object_bytes)
        outcomes.append(outcome)
        if log is not None:
            waiting.append(SourcedLog(log_object.key, log))
            json_bytes += log.json_bytes
            weight += log.json_bytes
        if weight > FLATTENED_AT_ONCE:
            with cpu.of("flatten"):
                flat.append(_flattener().flatten(waiting))
            waiting, weight = [], 0
    if waiting:
        with cpu.of("flatten"):
            flat.append(_flattener().flatten(waiting))
    records = joined(flat)
    _held_batches()[batch.id] = ReadBatch(batch, outcomes, records.events, json_bytes, cpu)
    return Fingerprints(
        batch_id=batch.id,
        keys=tuple(outcome.log_object.key for outcome in outcomes),
        ends=tuple(accumulate(outcome.records for outcome in outcomes)),
        id_hashes=records.id_hashes.combine_chunks(),
        text_hashes=records.text_hashes.combine_chunks(),
        hours=frozenset(hours_of(records.events["event_time"])),
    )


def write_batch(settings: IngestSettings, copies: FoundCopies) -> WrittenBatch:
    """Write a batch that this worker has read, without its copies."""
    read = _held_batches().pop(copies.batch_id)
    with read.cpu.of("write"):
        files = LakeFiles(settings.lake)
        parts = write_events(files, read.batch.id, read.events, copies.positions)
    return WrittenBatch(
        read.batch,
        tuple(parts),
        tuple(read.outcomes),
        read.json_bytes,
        dict(read.cpu.seconds),
        copies,
    )


def take_object(
    log_object: LogObject, body: bytes | NotFetched, part: str, max_bytes: int
) -> tuple[Outcome, DecodedLog | None]:
    """Return what becomes of an object, and its records if it is a log that has any."""
    if isinstance(body, NotFetched):
        status = Status(body.status)
        return Outcome(log_object, status, body.reason, retry=body.retry), None
    try:
        log = decode(body, max_bytes)
    except LogRefused as refusal:
        return Outcome(log_object, Status.REFUSED, refusal.reason), None
    if not log.records:
        reason = "a log without records"
        return Outcome(log_object, Status.EMPTY, reason, sha256=log.sha256), None
    taken = Outcome(
        log_object, Status.INGESTED, records=len(log.records), sha256=log.sha256, part=part
    )
    return taken, log


def _not_read(batch: Batch) -> list[Outcome]:
    """Return what becomes of objects that only the ledger has to learn of."""
    return [
        ledger.skipped(log_object) if log_object.skipped else ledger.archived(log_object)
        for log_object in batch.objects
    ]


def _require_apart(settings: IngestSettings) -> None:
    """Refuse a lake in its own source, and a lake as a source: it would be read as logs."""
    if settings.source.on_s3:
        return
    folder = Path(settings.source.root, settings.source.prefix).resolve()
    lake = settings.lake.expanduser().resolve()
    if lake.is_relative_to(folder):
        raise UsageError(f"{lake}: lies in the source, {folder}; name a lake outside it")
    if (folder / "lake.json").is_file() and (folder / "commits").is_dir():
        raise UsageError(f"{folder}: is a lake, and not an archive")


def _require_an_archive(settings: IngestSettings, totals: Totals) -> None:
    """Refuse a source without a single log, unless its days are what was narrowed down."""
    scope, source = settings.scope, settings.source
    if totals.listed > totals.skipped or scope.since or scope.until:
        return
    asked = " for these accounts and Regions" if scope.accounts or scope.regions else ""
    found = f"{totals.skipped:,} other objects and folders" if totals.skipped else "nothing"
    raise UsageError(
        f"no CloudTrail objects under {source.root}{source.prefix}{asked}; found {found}. "
        "Name the bucket and prefix that the trail writes to, or a copy of it"
    )


class CpuSeconds:
    """CPU seconds of this thread, by stage."""

    def __init__(self) -> None:
        """Nothing has been spent yet."""
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Count what the block spends as `stage`'s."""
        start = time.thread_time()
        yield
        self.seconds[stage] += time.thread_time() - start


@cache
def _store(source: Source) -> Store:
    """One store for each worker process: its connections are worth keeping."""
    return open_store(source)


@cache
def _flattener() -> Flattener:
    """One DuckDB for each worker process."""
    return Flattener()


@cache
def _held_batches() -> dict[str, ReadBatch]:
    """What this process has read and not yet written, by batch id."""
    return {}

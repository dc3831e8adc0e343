"""A batch: the objects that are read, written and committed together, and what a worker does.

A worker reads a batch, and keeps its rows until the driver has said which of them are copies;
then it writes the others. What is written is not visible until the driver commits it. A worker
imports this module and what stands below it, and so neither DuckDB nor boto3 for a local copy.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.copies import Fingerprints
from analyzer.decode import decode
from analyzer.errors import LogRefused
from analyzer.fetch import Fetcher, fetch
from analyzer.flatten import FlatRecords, Flattener, joined
from analyzer.lake_place import lake_files
from analyzer.ledger import Outcome, Status
from analyzer.source import open_store
from analyzer.store import NotFetched
from analyzer.write import hours_of, write_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.copies import FoundCopies
    from analyzer.lake_files import LakeFiles
    from analyzer.lake_place import LakePlace
    from analyzer.listing import LogObject
    from analyzer.manifest import Part
    from analyzer.source import Source
    from analyzer.store import Store

FLATTENED_AT_ONCE = 64 * 1024 * 1024
"""Bytes of JSON that one `Flattener` takes. A batch is meant to be smaller, so this matters only
where objects are far larger than their compressed size promised."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Objects that are read, written and committed together."""

    id: str
    objects: tuple[LogObject, ...]
    known: frozenset[str] = frozenset()
    """Keys that the ledger has rows of, from an earlier version or attempt."""
    dependents: frozenset[str] = frozenset()
    """Keys that have not changed, and are read again for what they share with one that has."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker must know beside the batch."""

    source: Source
    lake: LakePlace
    max_object_bytes: int
    """How much one object may decompress to."""


@dataclass(frozen=True, slots=True)
class WrittenBatch:
    """A batch whose parts are on disk and not yet visible."""

    batch: Batch
    parts: tuple[Part, ...]
    outcomes: tuple[Outcome, ...]
    json_bytes: int
    retries: int
    """How many requests had to be made again while the batch was read."""
    cpu_seconds: dict[str, float]
    """By stage, of the thread that decodes."""
    copies: FoundCopies
    """What was left out of the parts; `outcomes` do not count it yet."""
    copied_ids: tuple[str, ...]
    """The event ids of those copies."""


def get_ready(task: Task) -> None:
    """Start what the first batch would have to wait for: a worker process and its imports."""
    store_of(task.source)  # boto3 alone takes half a second


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch that has been read, and waits in its worker to be written."""

    batch: Batch
    outcomes: list[Outcome]
    events: pa.Table
    json_bytes: int
    retries: int
    cpu: CpuSeconds


@dataclass(slots=True)
class Reading:
    """What is under way while the objects of a batch are read."""

    part: str
    max_object_bytes: int
    flattener: Flattener
    cpu: CpuSeconds


def expect_batch(task: Task, batch: Batch) -> None:
    """Begin to fetch a batch that this worker is to read after those that it expects already."""
    if store_of(task.source).reads_in_flight > 1:
        expected_batches().append(batch.id)
        fetcher_of(task.source).expect(batch.objects)


def bodies_of(task: Task, batch: Batch) -> Iterator[tuple[LogObject, bytes | NotFetched]]:
    """Yield each object of a batch with its bytes, or with why they could not be had."""
    expected = expected_batches()
    if batch.id in expected[:1]:
        expected.pop(0)
        return fetcher_of(task.source).take(len(batch.objects))
    if batch.id in expected:  # a cluster may lose or reorder what it was told in advance
        expected.clear()
        fetcher_of(task.source).close()
    return fetch(store_of(task.source), batch.objects)


def read_batch(task: Task, batch: Batch) -> Fingerprints:
    """Fetch, decode and flatten a batch; its rows wait here for `write_batch`."""
    reading = Reading(batch.id, task.max_object_bytes, Flattener(), CpuSeconds())
    outcomes: list[Outcome] = []
    flat: list[FlatRecords] = []
    json_bytes = flattened_bytes = 0
    for log_object, body in bodies_of(task, batch):
        outcome, grown = take_object(log_object, body, reading)
        outcomes.append(outcome)
        json_bytes += grown
        if json_bytes - flattened_bytes > FLATTENED_AT_ONCE:
            flat.append(reading.flattener.finish())
            reading.flattener, flattened_bytes = Flattener(), json_bytes
    with reading.cpu.of("flatten"):
        flat.append(reading.flattener.finish())
        records = joined(flat)
    held_batches()[batch.id] = ReadBatch(
        batch,
        outcomes,
        records.events,
        json_bytes,
        store_of(task.source).take_retries(),
        reading.cpu,
    )
    return Fingerprints(
        batch_id=batch.id,
        keys=tuple(outcome.log_object.key for outcome in outcomes),
        ends=tuple(accumulate(outcome.records for outcome in outcomes)),
        id_hashes=records.id_hashes,
        text_hashes=records.text_hashes,
        hours=frozenset(hours_of(records.events["event_time"])),
    )


def write_batch(task: Task, copies: FoundCopies) -> WrittenBatch:
    """Write a batch that this worker has read, without its copies."""
    read = held_batches().pop(copies.batch_id)
    with read.cpu.of("write"):
        parts = write_events(files_of(task.lake), read.batch.id, read.events, copies.positions)
        copied_ids = read.events["event_id"].take(pa.array(copies.positions, pa.int64()))
    return WrittenBatch(
        read.batch,
        tuple(parts),
        tuple(read.outcomes),
        read.json_bytes,
        read.retries,
        dict(read.cpu.seconds),
        copies,
        tuple(map(str, copied_ids.to_pylist())),
    )


def take_object(
    log_object: LogObject, body: bytes | NotFetched, reading: Reading
) -> tuple[Outcome, int]:
    """Return what becomes of an object, and how many bytes of JSON were taken of it."""
    if isinstance(body, NotFetched):
        return Outcome(log_object, Status(body.status), body.reason, retry=body.retry), 0
    try:
        with reading.cpu.of("decode"):
            log = decode(body, reading.max_object_bytes)
        with reading.cpu.of("flatten"):
            records = reading.flattener.take(log_object.key, log.text)
    except LogRefused as refusal:
        return Outcome(log_object, Status.REFUSED, refusal.reason), 0
    if not records:
        reason = "a log without records"
        return Outcome(log_object, Status.EMPTY, reason, sha256=log.sha256), log.json_bytes
    taken = Outcome(
        log_object, Status.INGESTED, records=records, sha256=log.sha256, part=reading.part
    )
    return taken, log.json_bytes


class CpuSeconds:
    """CPU seconds of this thread, by stage."""

    def __init__(self) -> None:
        """Nothing has been spent yet."""
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Count what the block spends as `stage`'s."""
        start = time.thread_time()
        try:
            yield
        finally:
            self.seconds[stage] += time.thread_time() - start


@cache
def store_of(source: Source) -> Store:
    """One store for each worker process: its connections are worth keeping."""
    return open_store(source)


@cache
def fetcher_of(source: Source) -> Fetcher:
    """One for each worker process: it fetches a batch while another is read and written."""
    return Fetcher(store_of(source))


@cache
def expected_batches() -> list[str]:
    """The ids of the batches that the fetcher fetches, in this order."""
    return []


def forget(task: Task) -> None:
    """Forget what a run that failed in this very process has read and expected."""
    held_batches().clear()
    expected_batches().clear()
    fetcher_of(task.source).close()


@cache
def files_of(place: LakePlace) -> LakeFiles:
    """The lake's files, which on S3 are reached by connections of their own."""
    return lake_files(place)


@cache
def held_batches() -> dict[str, ReadBatch]:
    """What this process has read and not yet written, by batch id."""
    return {}


def new_id() -> str:
    """Return an id that no other run, nor a straggler of a killed one, can have."""
    return uuid.uuid4().hex[:16]

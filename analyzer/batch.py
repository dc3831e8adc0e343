"""A batch: the objects that are read, written and committed together, and what a worker does.

A worker reads a batch, and keeps its rows until the driver has said which of them are copies;
then it writes the others. Where that worker is lost, another one reads the batch again to write
it. What is written is not visible until the driver commits it. A worker imports this module and
what stands below it, and so neither DuckDB nor boto3 for a local copy.
"""

from __future__ import annotations

import platform
import time
import uuid
from collections import OrderedDict, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from analyzer.copies import Fingerprints, digest_of
from analyzer.decode import decode
from analyzer.errors import LogRefused, StoreError, UsageError
from analyzer.fetch import Fetcher, fetch
from analyzer.flatten import FlatRecords, Flattener, joined
from analyzer.lake_place import lake_files
from analyzer.ledger import Outcome, Status
from analyzer.listing import LogObject
from analyzer.source import open_store
from analyzer.store import NotFetched
from analyzer.write import hours_of, write_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.copies import FoundCopies
    from analyzer.lake_files import LakeFiles
    from analyzer.lake_place import LakePlace
    from analyzer.manifest import Part
    from analyzer.source import Source
    from analyzer.store import Store

FLATTENED_AT_ONCE = 64 * 1024 * 1024
"""Bytes of JSON that one `Flattener` takes. A batch is meant to be smaller, so this matters only
where objects are far larger than their compressed size promised."""

HELD_AT_ONCE = 4
"""So many batches wait in a worker process to be written, by the most that a driver has under
way there. One more takes the place of the oldest: nobody is going to write it here any more."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Objects that are read, written and committed together."""

    id: str
    objects: tuple[LogObject, ...]
    known: frozenset[str] = frozenset()
    """Keys that the ledger has rows of, from an earlier version or attempt."""
    dependents: frozenset[str] = frozenset()
    """Keys that have not changed, and are read again for what they share with one that has."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as msgpack, a tenth of the CPU time of pickling each object."""
        objects = msgspec.msgpack.encode(self.objects)
        return arrived, (objects, self.id, self.known, self.dependents)


def arrived(objects: bytes, id_: str, known: frozenset[str], dependents: frozenset[str]) -> Batch:
    """Return the batch that another process has sent."""
    return Batch(
        id_, msgspec.msgpack.decode(objects, type=tuple[LogObject, ...]), known, dependents
    )


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
    """One for each of the batch's objects, in their order."""
    json_bytes: int
    retries: int
    """How many requests had to be made again while the batch was read."""
    cpu_seconds: dict[str, float]
    """By stage, of the thread that decodes."""
    copies: FoundCopies
    """What was left out of the parts; `outcomes` do not count it yet."""
    copied_ids: tuple[str, ...]
    """The event ids of those copies."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as msgpack; the objects go once, with what became of them."""
        outcomes = msgspec.msgpack.encode(self.outcomes)
        batch = replace(self.batch, objects=())
        rest = (self.json_bytes, self.retries, self.cpu_seconds, self.copies, self.copied_ids)
        return arrived_as_written, (outcomes, batch, self.parts, *rest)


def arrived_as_written(
    outcomes: bytes,
    batch: Batch,
    parts: tuple[Part, ...],
    *rest: Any,  # noqa: ANN401
) -> WrittenBatch:
    """Return the written batch that another process has sent."""
    of_objects = msgspec.msgpack.decode(outcomes, type=tuple[Outcome, ...])
    whole = replace(batch, objects=tuple(outcome.log_object for outcome in of_objects))
    return WrittenBatch(whole, parts, of_objects, *rest)


def get_ready(task: Task) -> None:
    """Start what the first batch would have to wait for: a worker process and its imports."""
    store_of(task.source)  # boto3 alone takes half a second


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch that has been read, and waits in its worker to be written."""

    batch: Batch
    outcomes: list[Outcome]
    records: FlatRecords
    json_bytes: int
    retries: int
    cpu: CpuSeconds

    def fingerprints(self) -> Fingerprints:
        """Return what the driver has to know of the rows."""
        keys = tuple(outcome.log_object.key for outcome in self.outcomes)
        ends = tuple(accumulate(outcome.records for outcome in self.outcomes))
        id_hashes, text_hashes = self.records.id_hashes, self.records.text_hashes
        return Fingerprints(
            batch_id=self.batch.id,
            keys=keys,
            ends=ends,
            id_hashes=id_hashes,
            text_hashes=text_hashes,
            hours=frozenset(hours_of(self.records.events["event_time"])),
            digest=digest_of(keys, ends, (id_hashes, text_hashes)),
        )


@dataclass(slots=True)
class Reading:
    """What is under way while the objects of a batch are read."""

    part: str
    max_object_bytes: int
    flattener: Flattener
    cpu: CpuSeconds


def expect_batch(task: Task, batch: Batch) -> None:
    """Begin to fetch a batch that this worker is to read after those that it expects already."""
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
    read = _read(task, batch)
    held = held_batches()
    held[batch.id] = read
    while len(held) > HELD_AT_ONCE:
        held.popitem(last=False)
    return read.fingerprints()


def _read(task: Task, batch: Batch) -> ReadBatch:
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
    retries = store_of(task.source).take_retries()
    return ReadBatch(batch, outcomes, records, json_bytes, retries, reading.cpu)


def write_batch(task: Task, batch: Batch, copies: FoundCopies) -> WrittenBatch:
    """Write a batch without its copies; read it again where this worker does not hold it.

    What is read again gets another id: whoever held the batch may still be writing it, and no
    two write the same file. Raises `StoreError` where other rows were read than the driver has
    seen.
    """
    read = held_batches().pop(batch.id, None)
    if read is None:
        read = _read(task, replace(batch, id=new_id()))
        if read.fingerprints().digest != copies.digest:
            raise StoreError(
                f"{batch.objects[0].key} and the {len(batch.objects) - 1:,} objects after it: a "
                "worker was lost, and another one that read them again found other records; the "
                "lake is whole: run again to go on"
            )
    with read.cpu.of("write"):
        events = read.records.events
        parts = write_events(files_of(task.lake), read.batch.id, events, copies.positions)
        copied_ids = events["event_id"].take(pa.array(copies.positions, pa.int64()))
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


@cache
def require_sight(task: Task, mark: str) -> None:
    """Make sure, once in each process, that a worker sees the lake and the source.

    `mark` is a file that the driver has put into the lake. Raises `UsageError`.
    """
    here = f"a worker on {platform.node()}"
    if lake_files(task.lake).size(mark) is None:
        raise UsageError(
            f"{here} does not see the lake: {task.lake} is another folder there, or none; a "
            "cluster needs a lake that all its workers reach under the same path"
        )
    source = task.source
    if not source.on_s3 and not Path(source.root, source.prefix).is_dir():
        raise UsageError(
            f"{here} does not see the source: there is no {source.root}{source.prefix}"
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
def held_batches() -> OrderedDict[str, ReadBatch]:
    """What this process has read and not yet written, by batch id, the oldest first."""
    return OrderedDict()


def new_id() -> str:
    """Return an id that no other run, nor a straggler of a killed one, can have."""
    return uuid.uuid4().hex[:16]

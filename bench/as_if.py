"""What the workers of a cluster answer when the cost of sending it is measured."""

from __future__ import annotations

import os

import pyarrow as pa

from analyzer.batch import Batch, WrittenBatch
from analyzer.copies import Clearance, Fingerprints, FoundCopies
from analyzer.ledger import Outcome, Status
from analyzer.manifest import Part

RECORDS_IN_A_BATCH = 35_000
NO_COPIES = FoundCopies(b"", (), (), frozenset({0}), Clearance(frozenset(), itself=True))


def ready() -> None:
    """Every worker is."""


def as_if_read(batch: Batch) -> Fingerprints:
    """Return the fingerprints of the records of a batch, as if it had been read."""
    ids, texts = (
        pa.array(memoryview(os.urandom(8 * RECORDS_IN_A_BATCH)).cast("Q"), pa.uint64())
        for _ in range(2)
    )
    each = RECORDS_IN_A_BATCH // len(batch.objects)
    ends = tuple(each * number for number in range(1, len(batch.objects) + 1))
    keys = tuple(log_object.key for log_object in batch.objects)
    return Fingerprints(batch.id, keys, ends, ids, texts, frozenset({0}), b"")


def as_if_written(batch: Batch, copies: FoundCopies) -> WrittenBatch:
    """Return what became of the objects of a batch, as if it had been written."""
    outcomes = tuple(
        Outcome(each, Status.INGESTED, records=1, sha256=each.etag * 2, part=batch.id)
        for each in batch.objects
    )
    part = Part("events/month=2022-01/part-id.parquet", RECORDS_IN_A_BATCH, 5_000_000, (0, 1, 2))
    return WrittenBatch(batch, (part,), outcomes, 0, 0, {}, copies, ())

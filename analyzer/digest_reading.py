"""What a worker makes of a batch: digests and log files as rows, signatures as verdicts.

Each call runs where its lane is, and returns rows of the schemas here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from analyzer import ledger
from analyzer.digests import (
    INVALID_FORMAT,
    NOT_FOUND,
    InvalidFormat,
    Signed,
    Whereabouts,
    read_digest,
    sha256_of_log,
    signature_verdict,
    string_to_sign,
)
from analyzer.fetch import fetch
from analyzer.layout import describe_object, digest_name
from analyzer.source import open_store
from analyzer.store import NotFetched

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.digests import Digest
    from analyzer.listing import LogObject
    from analyzer.source import Source
    from analyzer.store import Store

_DIGEST_FILES_TYPES: dict[str, pa.DataType] = {
    "key": pa.string(),
    "account_id": pa.string(),
    "region": pa.string(),
    "trail": pa.string(),
    "home_region": pa.string(),
    "backfill": pa.bool_(),
    "named_end": pa.timestamp("us"),
    "problem": pa.string(),
    "moved": pa.bool_(),
    "sha256": pa.string(),
    "digest_start": pa.timestamp("us"),
    "digest_end": pa.timestamp("us"),
    "end_text": pa.string(),
    "s3_bucket": pa.string(),
    "s3_object": pa.string(),
    "fingerprint": pa.string(),
    "previous_key": pa.string(),
    "previous_end": pa.timestamp("us"),
    "previous_elsewhere": pa.bool_(),
    "previous_hash": pa.string(),
    "previous_signature": pa.string(),
    "log_files": pa.int64(),
}
DIGEST_FILES = pa.schema(_DIGEST_FILES_TYPES)
"""A row per digest that is there. `problem` is the verdict on one that could not be read, and
then only what its name says is filled in; `previous_key` is where in this archive the digest
before it lies, or should; `previous_elsewhere`, that this is another bucket."""

_LISTED_LOGS_TYPES: dict[str, pa.DataType] = {
    "digest_key": pa.string(),
    "key": pa.string(),
    "elsewhere": pa.bool_(),
    "account_id": pa.string(),
    "region": pa.string(),
    "delivered_at": pa.timestamp("us"),
    "sha256": pa.string(),
}
LISTED_LOGS = pa.schema(_LISTED_LOGS_TYPES)
"""A row per log file that a digest lists; `key` is where in this archive it lies, or should."""

METADATA_SIGNATURES = pa.schema([("key", pa.string()), ("signature", pa.string())])
SIGNATURES = pa.schema([("key", pa.string()), ("verdict", pa.string())])
HASHES = pa.schema([(name, pa.string()) for name in ("key", "sha256", "problem")])
"""A row per log file that is there: the hash of its text, or the verdict on what it is instead."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadDigests:
    """What some digests say, as `DIGEST_FILES`, and the log files that they list."""

    digests: pa.Table
    logs: pa.Table
    retries: int
    """How many requests had to be made again."""


@dataclass(frozen=True, slots=True)
class HashedLogs:
    """The hashes of some log files, as `HASHES`."""

    hashes: pa.Table
    retries: int
    """How many requests had to be made again."""


def read_digests(source: Source, objects: Sequence[LogObject]) -> ReadDigests:
    """Return what each digest says, and the log files that they list."""
    store = source_store(source)
    archived = [(each, _not_restored(each)) for each in objects if each.archived]
    bodies = fetch(store, [each for each in objects if not each.archived])
    rows: list[Row] = []
    digests: list[Whereabouts] = []
    for log_object, body in chain(archived, bodies):
        row, digest = take_digest(store.root, log_object, body)
        rows.append(row)
        if digest is not None:
            digests.append(digest)
    read = pa.Table.from_pylist(rows, DIGEST_FILES)
    return ReadDigests(read, _logs_of(digests), store.take_retries())


def take_digest(
    root: str, log_object: LogObject, body: bytes | NotFetched
) -> tuple[Row, Whereabouts | None]:
    """Return a digest as a row, and where it lies; None for one that cannot be read."""
    key = log_object.key.removeprefix(root)
    row = _named(log_object.key)
    if isinstance(body, NotFetched):
        return row | {"problem": _not_read(body)}, None
    try:
        digest, sha256 = read_digest(body)
    except InvalidFormat:
        return row | {"problem": INVALID_FORMAT}, None
    here = Whereabouts(root, key, digest)
    return row | _said(digest, here) | {"sha256": sha256}, here


def signature_verdicts(keys: Mapping[str, str], digests: pa.RecordBatch) -> pa.Table:
    """Return what the signatures say of digests; `keys` are by fingerprint."""
    verdicts = [
        signature_verdict(
            Signed(
                text=string_to_sign(
                    row["end_text"],
                    row["s3_bucket"],
                    row["s3_object"],
                    row["sha256"],
                    row["previous_signature"],
                ),
                signature=row["signature"],
                region=row["region"],
                fingerprint=row["fingerprint"],
            ),
            keys,
        )
        for row in digests.to_pylist()
    ]
    columns = {"key": digests["key"], "verdict": pa.array(verdicts, pa.string())}
    return pa.table(columns, SIGNATURES)


def hash_logs(source: Source, objects: Sequence[LogObject]) -> HashedLogs:
    """Return the hash of each log file, or why it has none."""
    store = source_store(source)
    rows: list[Row] = []
    for log_object, body in fetch(store, objects):
        row: Row = {"key": log_object.key}
        if isinstance(body, NotFetched):
            row["problem"] = _not_read(body)
        else:
            try:
                row["sha256"] = sha256_of_log(body)
            except InvalidFormat:
                row["problem"] = INVALID_FORMAT
        rows.append(row)
    return HashedLogs(pa.Table.from_pylist(rows, HASHES), store.take_retries())


def _named(key: str) -> Row:
    """Return what the name of a digest says, as a row."""
    name = digest_name(key)
    if name is None:
        raise ValueError(f"{key} was listed as a digest")
    return {
        "key": key,
        "account_id": name.account_id,
        "region": name.region,
        "trail": name.trail,
        "home_region": name.home_region,
        "backfill": name.backfill,
        "named_end": name.ended_at,
        "moved": False,
    }


def _said(digest: Digest, here: Whereabouts) -> Row:
    """Return what a digest says, as a row."""
    bucket, previous = digest.previous_digest_s3_bucket, digest.previous_digest_s3_object
    row: Row = {
        "moved": here.moved,
        "digest_start": digest.started_at,
        "digest_end": digest.ended_at,
        "end_text": digest.digest_end_time,
        "s3_bucket": digest.digest_s3_bucket,
        "s3_object": digest.digest_s3_object,
        "fingerprint": digest.digest_public_key_fingerprint,
        "previous_hash": digest.previous_digest_hash_value,
        "previous_signature": digest.previous_digest_signature,
        "log_files": len(digest.log_files),
    }
    if bucket is not None and previous is not None:
        name = digest_name(previous)
        row["previous_key"] = here.of(bucket, previous)
        row["previous_end"] = name and name.ended_at
        row["previous_elsewhere"] = not here.is_here(bucket)
    return row


def _logs_of(digests: Iterable[Whereabouts]) -> pa.Table:
    """Return the log files that digests list."""
    rows = [
        (
            here.root + here.key,
            here.of(log.s3_bucket, log.s3_object),
            not here.is_here(log.s3_bucket),
            place.account_id,
            place.region,
            place.delivered_at,
            log.hash_value.lower(),
        )
        for here in digests
        for log in here.digest.log_files
        for place in (describe_object(log.s3_object),)
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(LISTED_LOGS)
    arrays = [
        pa.array(column, field.type) for column, field in zip(columns, LISTED_LOGS, strict=True)
    ]
    return pa.table(arrays, schema=LISTED_LOGS)


def _not_restored(log_object: LogObject) -> NotFetched:
    outcome = ledger.archived(log_object)
    return NotFetched(outcome.status, outcome.reason or "")


def _not_read(outcome: NotFetched) -> str:
    """Return the verdict on what the store did not give."""
    return NOT_FOUND if outcome.status == ledger.Status.MISSING else f"not read: {outcome.reason}"


@cache
def source_store(source: Source) -> Store:
    """One store for each worker process: its connections are worth keeping."""
    return open_store(source)

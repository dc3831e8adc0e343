"""The archive against CloudTrail's digests: read them, link them, hash what they list, judge.

Digests and the log files that they list come by the million, so they are rows of DuckDB's
tables and never all Python objects: `sql/verify` links and judges them. Reading, hashing and
the arithmetic of signatures run in the same lanes as an ingest.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from analyzer import manifest
from analyzer.batch import new_id
from analyzer.digest_reading import (
    METADATA_SIGNATURES,
    hash_logs,
    read_digests,
    signature_verdicts,
    source_store,
)
from analyzer.digest_tables import ROWS_AT_ONCE, digest_tables
from analyzer.errors import NothingVerified, Overtaken, UsageError
from analyzer.executors import InThisProcess, Lanes, in_order, lanes
from analyzer.interrupts import threads
from analyzer.keys import fetch_keys, read_keys, save_keys
from analyzer.lake import Narrowing, open_lake
from analyzer.lake_place import LakePlace, lake_files
from analyzer.layout import Service
from analyzer.listing import Listing, LogObject, in_tables, list_objects
from analyzer.manifest import Change, Part
from analyzer.queries import sql
from analyzer.schema import DIGEST_LOGS, DIGESTS
from analyzer.turns import Turns
from analyzer.verified import Totals, Verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from analyzer.digest_tables import DigestTables
    from analyzer.keys import PublicKey
    from analyzer.lake_files import LakeFiles
    from analyzer.listing import Scope
    from analyzer.source import Source
    from analyzer.store import Store

DIGESTS_AT_ONCE = 500
DIGEST_BYTES_AT_ONCE = 1024 * 1024
"""As stored: the names and hashes of some 20,000 log files."""

LOGS_AT_ONCE = 1_000
SIGNATURES_AT_ONCE = 10_000

LISTED_WITHIN = timedelta(hours=2)
"""A digest that lists a log file ends within an hour of its delivery; its successor, which
states its signature, an hour later."""

Context = TypeVar("Context")
Batch = TypeVar("Batch")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class VerifySettings:
    """What one verification is asked to do."""

    source: Source
    lake: LakePlace
    """Where hashes are taken from and verdicts recorded; nothing is made where there is none."""
    scope: Scope
    workers: int
    keys: Path | None = None
    save_keys: Path | None = None


class Watcher(Protocol):
    """Somebody who is told how a verification goes."""

    def begins(self, stage: str, total: int | None = None) -> None:
        """Something begins, of so many steps if that is known."""
        ...

    def reached(self, count: int) -> None:
        """So many steps of it are done."""
        ...

    def retried(self, more: int) -> None:
        """So many more requests had to be made again."""
        ...


@contextmanager
def verified(
    settings: VerifySettings, watcher: Watcher, now: Callable[[], datetime]
) -> Iterator[Verified]:
    """Yield the verdict on every digest in scope and on every log file that they list.

    A lake that is there has learned of it by then. Raises `UsageError` for a source that is
    no archive, `NothingVerified` for one without digests, `StoreError` when it refuses, and
    `LakeError` where somebody else is writing to the lake.
    """
    source, files = settings.source, lake_files(settings.lake)
    has_lake = files.size("lake.json") is not None
    keys = read_keys(settings.keys) if settings.keys else None
    with (
        manifest.exclusive(files) if has_lake else nullcontext(),
        digest_tables(source.root + source.prefix, settings.scope) as tables,
    ):
        with lanes(settings.workers) as workers:
            gather_digests(settings, tables, workers, watcher)
            if settings.save_keys:
                watcher.begins("asking for public keys")
                keys = save_keys(settings.save_keys, keys_in_use(settings, tables, now()))
            if keys is not None:
                check_signatures(settings, tables, workers, keys, watcher)
            list_logs(settings, tables, watcher)
            from_ledger = take_hashes(settings, tables) if has_lake else 0
            read = read_hashes(settings, tables, workers, watcher)
        for judged in ("digests", "digest_logs", "unlisted", "gaps"):
            tables.make(judged)
        tables.define("findings")
        if has_lake:
            record(files, tables)
        [figures] = tables.rows("totals")
        totals = Totals(**figures, hashes_from_ledger=from_ledger, hashes_read=read)
        yield Verified(tables, totals, signatures_checked=keys is not None)


def gather_digests(
    settings: VerifySettings, tables: DigestTables, workers: Lanes, watcher: Watcher
) -> None:
    """Read the digests in scope, and link each to its successor."""
    watcher.begins("reading digests")
    until = settings.scope.until
    scope = replace(settings.scope, until=until and until + LISTED_WITHIN)
    objects = _listed(settings.source, scope, Service.DIGESTS)
    count = 0
    for read in spread(workers, read_digests, settings.source, _batches(objects)):
        tables.add("digest_files", read.digests)
        tables.add("listed_logs", read.logs)
        count += len(read.digests)
        watcher.retried(read.retries)
        watcher.reached(count)
    if not count:
        raise _nothing_to_verify(settings)
    tables.make("successors")
    tables.define("wanted_logs")


def keys_in_use(settings: VerifySettings, tables: DigestTables, now: datetime) -> list[PublicKey]:
    """Ask AWS for the keys that the digests can be signed with; backfilled ones were until now."""
    regions = tables.rows("regions")
    if not regions:
        return []
    since = min(row["since"] for row in regions).replace(tzinfo=now.tzinfo)
    return fetch_keys(settings.source.access, [row["region"] for row in regions], since, now)


def check_signatures(
    settings: VerifySettings,
    tables: DigestTables,
    workers: Lanes,
    keys: Sequence[PublicKey],
    watcher: Watcher,
) -> None:
    """Check the signatures that successors state or, where none does, S3's metadata."""
    store = source_store(settings.source)
    watcher.begins("checking signatures")
    tables.make("unsigned")
    for heads in tables.stream("unsigned", ROWS_AT_ONCE):
        names = [str(key) for key in heads["key"].to_pylist()]
        tables.add("metadata_signatures", _metadata_signatures(store, names))
        watcher.retried(store.take_retries())
    tables.make("signed")
    values = {key.fingerprint: key.value for key in keys}
    batches = tables.stream("signed", SIGNATURES_AT_ONCE)
    for verdicts in spread(workers, signature_verdicts, values, batches):
        tables.add("signatures", verdicts)


def list_logs(settings: VerifySettings, tables: DigestTables, watcher: Watcher) -> None:
    """Bring together which log files are there."""
    watcher.begins("listing log files")
    source = settings.source
    store = source_store(source)
    for listed in in_tables(Listing(store, source.prefix, settings.scope), watcher.reached):
        tables.add("archived_logs", listed.filter(pc.is_null(listed["skipped"])))
    watcher.retried(store.take_retries())


def take_hashes(settings: VerifySettings, tables: DigestTables) -> int:
    """Take the hashes of what the lake has read from its ledger, and return how many."""
    with (
        open_lake(settings.lake, Narrowing()) as lake,
        lake.query(sql("verify/known_hashes")) as known,
    ):
        for batch in known:
            tables.add("ledger", pa.Table.from_batches([batch]))
    tables.insert("hashes", "from_ledger")
    return tables.count("hashes")


def read_hashes(
    settings: VerifySettings, tables: DigestTables, workers: Lanes, watcher: Watcher
) -> int:
    """Read and hash the log files whose hash is not known, and return how many."""
    tables.make("to_read")
    watcher.begins("hashing log files", tables.count("to_read"))
    count = 0
    batches = (
        [LogObject(**row) for row in batch.to_pylist()]
        for batch in tables.stream("to_read", LOGS_AT_ONCE)
    )
    for read in spread(workers, hash_logs, settings.source, batches):
        tables.add("hashes", read.hashes)
        count += len(read.hashes)
        watcher.retried(read.retries)
        watcher.reached(count)
    return count


def record(files: LakeFiles, tables: DigestTables) -> None:
    """Make the verdicts part of the lake, in place of earlier ones of the same scope."""
    lake, turns = manifest.open_for_writing(files), Turns()
    while True:
        change = Change(
            digests=_rewritten(files, tables, "digests", lake.digests, DIGESTS),
            digest_logs=_rewritten(files, tables, "digest_logs", lake.digest_logs, DIGEST_LOGS),
            removed=frozenset(part.path for part in (*lake.digests, *lake.digest_logs)),
        )
        try:
            manifest.commit(files, lake, change)
        except Overtaken as overtaken:
            files.delete([part.path for part in (*change.digests, *change.digest_logs)])
            turns.wait(overtaken)
            lake = manifest.newest(files)
        else:
            return


def spread(
    workers: Lanes,
    call: Callable[[Context, Batch], Result],
    context: Context,
    batches: Iterable[Batch],
) -> Iterator[Result]:
    """Yield the result of `call` for each batch, in order; one batch is not worth a process."""
    stream = iter(batches)
    first = list(islice(stream, 2))
    used = workers if len(first) > 1 else Lanes([InThisProcess()])
    return in_order(
        (
            lane.submit(call, context, batch)
            for lane, batch in zip(used.in_turn(), chain(first, stream), strict=False)
        ),
        used,
    )


def _batches(digests: Iterable[LogObject]) -> Iterator[list[LogObject]]:
    """Yield digests in batches that list a bounded number of log files."""
    held: list[LogObject] = []
    weight = 0
    for digest in digests:
        if held and (len(held) == DIGESTS_AT_ONCE or weight + digest.size > DIGEST_BYTES_AT_ONCE):
            yield held
            held, weight = [], 0
        held.append(digest)
        weight += digest.size
    if held:
        yield held


def _listed(source: Source, scope: Scope, service: Service) -> Iterator[LogObject]:
    """Yield the digests or the log files in scope."""
    objects = list_objects(source_store(source), source.prefix, scope, service)
    return (each for each in objects if each.skipped is None)


def _nothing_to_verify(settings: VerifySettings) -> UsageError | NothingVerified:
    """Return why there is no digest: the archive has none, or is no archive."""
    source = settings.source
    place = f"{source.root}{source.prefix}"
    if next(_listed(source, settings.scope, Service.LOGS), None) is None:
        return UsageError(
            f"no CloudTrail digests or log files under {place}; name the bucket and prefix that "
            "the trail writes to, or a copy of it"
        )
    return NothingVerified(
        f"no digests under {place} for what was asked, so nothing can be verified: log file "
        "validation was off, or the copy leaves out the CloudTrail-Digest folders"
    )


def _metadata_signatures(store: Store, keys: Sequence[str]) -> pa.Table:
    """Return the signatures that S3 keeps beside the digests; "" for one that has lost its own."""
    with threads(store.reads_in_flight) as pool:
        found = pool.map(lambda key: store.metadata(key.removeprefix(store.root)), keys)
        signatures = [None if each is None else each.get("signature", "") for each in found]
    columns = {"key": keys, "signature": signatures}
    return pa.table(columns, METADATA_SIGNATURES)


def _rewritten(
    files: LakeFiles,
    tables: DigestTables,
    folder: str,
    before: Sequence[Part],
    schema: pa.Schema,
) -> tuple[Part, ...]:
    """Write what the lake is to hold in a folder, from its parts before and the new rows."""
    tables.view(files, f"{folder}_before", [part.path for part in before], schema)
    path = f"{folder}/part-{new_id()}.parquet"
    with tables.answer(f"recorded_{folder}") as rows:
        pinned = pa.RecordBatchReader.from_batches(schema, (each.cast(schema) for each in rows))
        return (Part(path, *files.write_parquet_stream(path, pinned, compression="zstd")),)

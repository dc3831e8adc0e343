"""What `make bench` measures: the same archive, all fields to Parquet, by us and by others.

Each subject is a process of its own: `python -m bench.subjects NAME ARCHIVE OUT`. It prints
one JSON object with what it did; the time and memory of the process are taken from outside.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.executors import expect_lanes
from analyzer.own_process import leave_out_frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.schema import Kind, Tree

PROCESSES = 2


def tlstrail(archive: Path, out: Path, workers: int = PROCESSES) -> dict[str, object]:
    """Ingest the archive, deduplicated and with its ledger, and count CPU by stage."""
    return ingested(str(archive), out, workers)


def tlstrail_s3(bucket: Path, out: Path, workers: int = PROCESSES) -> dict[str, object]:
    """Ingest the bucket of this name in the same way; where it is, the environment says."""
    return ingested(f"s3://{bucket}", out, workers)


def ingested(source: str, out: Path, workers: int) -> dict[str, object]:
    """Ingest `source`, and return what was read and at which cost."""
    # As the command line does, and before Arrow is imported: it then takes memory as it does there.
    leave_out_frames()
    expect_lanes(workers)
    from analyzer.ingest import IngestSettings, ingest
    from analyzer.listing import Scope
    from analyzer.progress import Silence
    from analyzer.source import parse_source
    from analyzer.store import S3Access

    settings = IngestSettings(
        source=parse_source(source, S3Access()),
        lake=out,
        scope=Scope(),
        workers=workers,
        max_object_bytes=256 * 1024 * 1024,
    )
    summary = ingest(settings, Silence(), lambda: datetime.now(UTC))
    return {
        "events": summary.tally.records,
        "duplicates": summary.tally.duplicates,
        "objects": summary.totals.to_read,
        "retries": summary.tally.retries,
        "gz_bytes": summary.tally.stored_bytes,
        "json_bytes": summary.tally.json_bytes,
        "cpu_seconds_by_stage": dict(summary.tally.cpu_seconds),
    }


def fetched(archive: Path, _out: Path) -> dict[str, object]:
    """Only fetch every object, from the disk, and count the CPU that it takes."""
    return fetched_from(f"{archive}")


def fetched_s3(bucket: Path, _out: Path) -> dict[str, object]:
    """Fetch every object of a bucket in the same way, once it is connected to."""
    return fetched_from(f"s3://{bucket}")


def fetched_from(source: str) -> dict[str, object]:
    """Fetch every object of `source`, and return how many a second at which cost."""
    from analyzer.fetch import fetch
    from analyzer.listing import Scope, list_objects
    from analyzer.source import open_store, parse_source
    from analyzer.store import S3Access

    where = parse_source(source, S3Access())
    store = open_store(where)
    objects = [each for each in list_objects(store, where.prefix, Scope()) if not each.skipped]
    sum(1 for _ in fetch(store, objects[:1]))
    start, cpu = time.perf_counter(), time.process_time()
    count = sum(1 for _ in fetch(store, objects))
    return {
        "objects": count,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
    }


def compacted(lake: Path, out: Path) -> dict[str, object]:
    """Compact a copy of a lake."""
    import shutil

    from analyzer.compact import compact
    from analyzer.local_lake import LocalLakeFiles

    shutil.copytree(lake, out)
    done = compact(LocalLakeFiles(out), lambda _done, _total: None)
    return {"parts": done.events_after.parts, "bytes": done.events_after.bytes}


def nothing_new(_archive: Path, out: Path) -> dict[str, object]:
    """Ingest a simulated listing of a million objects, all of which the lake in `out` has."""
    from bench.simulated import nothing_new

    return nothing_new(out)


def duckdb_read_json(archive: Path, out: Path) -> dict[str, object]:
    """Let DuckDB read the gzipped JSON with the documented shape, and write Parquet."""
    import duckdb

    from analyzer.schema import tree

    with duckdb.connect(config={"threads": PROCESSES}) as connection:
        connection.execute(
            f"""
            COPY (
                SELECT unnest(Records, max_depth := 2)
                FROM read_json(
                    '{archive}/**/*.json.gz',
                    columns = {{'Records': '{_duckdb_type(tree())}[]'}},
                    maximum_object_size = 268435456
                )
            ) TO '{out}' (FORMAT parquet, COMPRESSION zstd)
            """
        )
    return {"events": _parquet_rows(out)}


def chdb(archive: Path, out: Path) -> dict[str, object]:
    """Let ClickHouse, in this process, read the same and write Parquet."""
    import chdb as clickhouse

    from analyzer.schema import tree

    clickhouse.query(
        f"""
        INSERT INTO FUNCTION file('{out}', 'Parquet')
        SELECT untuple(record)
        FROM (
            SELECT arrayJoin(Records) AS record
            FROM file(
                '{archive}/**/*.json.gz', 'JSONEachRow', 'Records Array({_clickhouse_type(tree())})'
            )
        )
        SETTINGS
            max_threads = {PROCESSES},
            input_format_json_read_objects_as_strings = 1,
            input_format_skip_unknown_fields = 1,
            output_format_parquet_compression_method = 'zstd'
        """
    )
    return {"events": _parquet_rows(out)}


def floor(archive: Path, lake: Path) -> dict[str, object]:
    """Only what nobody can leave out: gunzip, parse the JSON, write the lake's own tables.

    `lake` is what `tlstrail` has made of the archive. Reading its tables is not timed.
    """
    logs = sorted(archive.rglob("*.json.gz"))
    parts = sorted(lake.glob("events/*/part-*.parquet"))
    shares = [(logs[i::PROCESSES], parts[i::PROCESSES]) for i in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        seconds = list(pool.map(_floor_of, shares))
    stages = {stage: max(each[stage] for each in seconds) for stage in seconds[0]}
    return {"seconds": max(sum(each.values()) for each in seconds), "seconds_by_stage": stages}


def _floor_of(share: tuple[list[Path], list[Path]]) -> dict[str, float]:
    import io

    import pyarrow.parquet as pq
    import simdjson
    from isal import igzip

    from analyzer.schema import DICTIONARY_COLUMNS
    from analyzer.write import PARQUET_OPTIONS

    logs, parts = share
    # As they were written: texts that stand often are positions in a dictionary.
    tables = [
        pq.read_table(part, partitioning=None, read_dictionary=DICTIONARY_COLUMNS) for part in parts
    ]
    parser = simdjson.Parser()
    gunzip = parse = 0.0
    for log in logs:
        body = log.read_bytes()
        start = time.perf_counter()
        text = igzip.decompress(body)
        between = time.perf_counter()
        parser.parse(text)
        gunzip += between - start
        parse += time.perf_counter() - between
    start = time.perf_counter()
    for table in tables:
        pq.write_table(table, io.BytesIO(), **PARQUET_OPTIONS)
    return {"gunzip": gunzip, "parse": parse, "write": time.perf_counter() - start}


def _duckdb_type(shape: Tree) -> str:
    members = (
        f'"{name}" {_duckdb_type(kind) if isinstance(kind, dict) else _scalar(kind)}'
        for name, kind in shape.items()
    )
    return f"STRUCT({', '.join(members)})"


def _scalar(kind: Kind) -> str:
    from analyzer.schema import Kind

    return "VARCHAR" if kind is Kind.TIME else kind.value


def _clickhouse_type(shape: Tree) -> str:
    from analyzer.schema import Kind

    def member(kind: Kind | Tree) -> str:
        if isinstance(kind, dict):
            return _clickhouse_type(kind)
        return "Nullable(Bool)" if kind is Kind.FLAG else "Nullable(String)"

    return f"Tuple({', '.join(f'{name} {member(kind)}' for name, kind in shape.items())})"


def _parquet_rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


SUBJECTS: dict[str, Callable[..., dict[str, object]]] = {
    "tlstrail": tlstrail,
    "tlstrail_s3": tlstrail_s3,
    "fetched": fetched,
    "fetched_s3": fetched_s3,
    "compacted": compacted,
    "nothing_new": nothing_new,
    "chdb": chdb,
    "duckdb_read_json": duckdb_read_json,
    "floor": floor,
}

if __name__ == "__main__":
    name, archive, out, *more = sys.argv[1:]
    print(json.dumps(SUBJECTS[name](Path(archive), Path(out), *map(int, more))))

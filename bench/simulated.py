"""Archives that are not there: a listing of a million objects, and objects of unusual sizes."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from analyzer import batch, ledger, manifest
from analyzer.ingest import IngestSettings, ingest
from analyzer.listing import Scope
from analyzer.local_lake import LocalLakeFiles
from analyzer.progress import Silence
from analyzer.schema import LEDGER
from analyzer.source import Source
from analyzer.store import Folder, NotFetched, Page, S3Access, StoredObject, Stretch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


OBJECTS = 1_000_000
MINUTES_A_DAY = 1_440
ROWS_IN_A_LEDGER_PART = 100_000

ACCOUNT, REGION = "111122223333", "us-east-1"
FOLDER = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/"
FIRST = datetime(2022, 1, 1, tzinfo=UTC)
ROOT = "s3://simulated/"


class SimulatedStore:
    """A bucket of `OBJECTS` log objects, of which only the listing exists."""

    root = ROOT
    reads_in_flight = 1
    listings_in_flight = 1

    def folder(self, prefix: str) -> Folder:
        """Return the one folder on the way down."""
        below = FOLDER.removeprefix(prefix)
        return Folder((prefix + below.split("/", 1)[0] + "/",), ())

    def page(self, stretch: Stretch) -> Page:
        """Return a day of objects after another."""
        start = int(stretch.after or 0)
        end = start + MINUTES_A_DAY
        rest = (Stretch(stretch.prefix, str(end)),) if end < OBJECTS else ()
        return Page(list(simulated_day(start)), rest)

    def get(self, key: str, etag: str, size: int | None = None) -> bytes:
        """There is nothing to be had."""
        del etag, size
        raise NotFetched("missing", f"{key} was only listed")

    def take_retries(self) -> int:
        """Nothing is asked of anybody."""
        return 0


def simulated_objects() -> Iterator[StoredObject]:
    """Yield `OBJECTS` log objects, one every minute."""
    for number in range(0, OBJECTS, MINUTES_A_DAY):
        yield from simulated_day(number)


def simulated_day(number: int) -> Iterator[StoredObject]:
    """Yield the objects of the day that begins with object `number`."""
    day = FIRST + timedelta(minutes=number)
    folder = f"{FOLDER}{day:%Y/%m/%d}/{ACCOUNT}_CloudTrail_{REGION}_{day:%Y%m%d}T"
    for minute in range(min(MINUTES_A_DAY, OBJECTS - number)):
        key = f"{folder}{minute // 60:02}{minute % 60:02}Z_{number + minute:016x}.json.gz"
        yield StoredObject(key, f"{number + minute:032x}", 5_000, day)


def nothing_new(out: Path) -> dict[str, object]:
    """Make the lake that has all simulated objects where there is none, and ingest them again."""
    if not (out / "lake.json").exists():
        make_ledger(LocalLakeFiles(out))
        return {"made": OBJECTS}
    vars(batch)["open_store"] = lambda _source: SimulatedStore()
    settings = IngestSettings(
        source=Source(ROOT, "", S3Access()),
        lake=out,
        scope=Scope(),
        workers=2,
        max_object_bytes=1 << 28,
    )
    summary = ingest(settings, Silence(), lambda: FIRST)
    return {"listed": summary.totals.listed, "to_read": summary.totals.to_read}


def make_ledger(files: LocalLakeFiles) -> None:
    """Make a lake whose ledger has a row of every simulated object, and no events."""
    manifest.create(files)
    objects = list(simulated_objects())
    parts = []
    for start in range(0, OBJECTS, ROWS_IN_A_LEDGER_PART):
        rows = objects[start : start + ROWS_IN_A_LEDGER_PART]
        columns: dict[str, list[Any]] = {
            "key": [ROOT + each.key for each in rows],
            "etag": [each.etag for each in rows],
            "size": [each.size for each in rows],
            "last_modified": [each.last_modified.replace(tzinfo=None) for each in rows],
            "storage_class": ["STANDARD"] * len(rows),
            "account_id": [ACCOUNT] * len(rows),
            "region": [REGION] * len(rows),
            "delivered_at": [each.last_modified.replace(tzinfo=None) for each in rows],
            "status": ["ingested"] * len(rows),
            "reason": [None] * len(rows),
            "records": [150] * len(rows),
            "duplicates": [0] * len(rows),
            "duplicate_of": [[] for _ in rows],
            "retry": [False] * len(rows),
            "sha256": [f"{number:064x}" for number in range(start, start + len(rows))],
            "part": [f"{start:016x}"] * len(rows),
            "ingested_at": [FIRST.replace(tzinfo=None)] * len(rows),
        }
        table = pa.table(columns, LEDGER)
        parts.append(ledger.write_part(files, f"objects/part-{start:016x}.parquet", table))
    manifest.commit(files, manifest.Manifest(), manifest.Change(objects=tuple(parts)))


def unusual_archive(folder: Path, events: list[bytes]) -> None:
    """Write an object of 50 MB of JSON, and one of records of 256 kB each."""
    day = folder / f"{FOLDER}2022/01/01"
    day.mkdir(parents=True, exist_ok=True)
    many = (50_000_000 // sum(map(len, events)) + 1) * events
    large = [json.loads(event) | {"requestParameters": {"p": "x" * 250_000}} for event in events]
    for minute, texts in (
        ("0001", [renumbered(event, number) for number, event in enumerate(many)]),
        ("0002", [json.dumps(event).encode() for event in large[:200]]),
    ):
        name = f"{ACCOUNT}_CloudTrail_{REGION}_20220101T{minute}Z_unusual.json.gz"
        body = b'{"Records":[' + b",".join(texts) + b"]}"
        (day / name).write_bytes(gzip.compress(body, 6))


def renumbered(event: bytes, number: int) -> bytes:
    """Return a record with an id of its own."""
    return json.dumps(json.loads(event) | {"eventID": f"many-{number}"}).encode()

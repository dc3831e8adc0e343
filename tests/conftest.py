"""What the tests share: the fixture archive, log objects to build, and an ingest that checks."""

from __future__ import annotations

import gc
import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from analyzer.batch import (
    expected_batches,
    fetcher_of,
    files_of,
    held_batches,
    require_sight,
    store_of,
)
from analyzer.executors import KEEP_MEMORY
from analyzer.ingest import IngestSettings, ingest
from analyzer.lake import Narrowing, open_lake
from analyzer.listing import Scope
from analyzer.progress import Silence
from analyzer.source import parse_source
from analyzer.status import status
from analyzer.store import S3Access, Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from analyzer.ingest import IngestSummary, Watcher
    from analyzer.lake_place import LakePlace
    from analyzer.store import Store, StoredObject

# An example that took 200 ms, or ten that took long to make, would say that the machine is busy.
hypothesis_settings.register_profile(
    "without a clock",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,  # what a failure is repeated with elsewhere
)
hypothesis_settings.load_profile("without a clock")

Json = dict[str, Any]
Rows = list[dict[str, Any]]

MAX_BYTES = 64 * 1024 * 1024
NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)

ACCOUNT = "111122223333"
REGION = "us-east-1"
DAY = "2023/01/05"


def record(number: object, **members: object) -> Json:
    """Return a record with an id of its own; `members` come on top."""
    return {
        "eventVersion": "1.08",
        "eventID": f"id-{number}",
        "eventTime": "2023-01-05T09:58:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": REGION,
        "recipientAccountId": ACCOUNT,
        **members,
    }


def log_bytes(records: Sequence[object]) -> bytes:
    """Return the log object that holds these records, always the same bytes."""
    return gzip.compress(json.dumps({"Records": records}).encode(), mtime=0)


def log_key(
    minute: str, unique: str = "A", *, account: str = ACCOUNT, region: str = REGION, day: str = DAY
) -> str:
    """Return the key of a log object, delivered at `minute` (HHMM) of `day`."""
    stamp = f"{day.replace('/', '')}T{minute}Z"
    folder = f"AWSLogs/{account}/CloudTrail/{region}/{day}"
    return f"{folder}/{account}_CloudTrail_{region}_{stamp}_{unique}.json.gz"


def objects_of(
    store: Store, prefix: str = "", after: str = "", before: str | None = None
) -> list[StoredObject]:
    """Return the objects of a stretch, page after page."""
    waiting = [Stretch(prefix, after, before)]
    found: list[StoredObject] = []
    while waiting:
        page = store.page(waiting.pop(0))
        found += page.objects
        waiting = [*page.rest, *waiting]
    return found


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_caller() -> Iterator[None]:
    """Keep out what whoever starts the tests has set for AWS, for our own program or a screen."""
    ours_and_of_screens = {"TLSTRAIL_LAKE", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            is_of_aws = name.startswith("AWS_") or name.upper().endswith("_PROXY")
            if is_of_aws or name in ours_and_of_screens:
                patch.delenv(name)
        yield


@pytest.fixture(scope="module", autouse=True)
def nothing_left_to_another_module() -> Iterator[None]:
    """Let what a module has not closed be noticed in it, and not in whichever comes later.

    Each warning is an error here, and one from the garbage collector is an error of the test
    that runs just then.
    """
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def nothing_of_another_test() -> Iterator[None]:
    """Forget, after each test, what an ingest leaves to the next one in its process.

    Of a source that is named again, a proxy's port being given out again, a test would get
    the store of the test before: its connections, credentials and refusals.
    """
    yield
    for kept in (store_of, fetcher_of, files_of, expected_batches, held_batches, require_sight):
        kept.cache_clear()
    for name in KEEP_MEMORY:
        os.environ.pop(name, None)  # set for workers, and for good


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def archive(repository: Path) -> Path:
    return repository / "fixtures" / "archive"


@pytest.fixture(scope="session")
def published(repository: Path) -> Path:
    """Real records that others have published; they lie beside the repository, if at all."""
    folder = repository.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the published records are not here")
    return folder


class LogFolder:
    """A folder laid out like a bucket; objects are put into it by key."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, records: Sequence[object]) -> str:
        """Write a log object and return the key that the lake has for it."""
        return self.put_bytes(key, log_bytes(records))

    def put_all(self, logs: Mapping[str, Sequence[object]]) -> None:
        """Write several log objects."""
        for key, records in logs.items():
            self.put(key, records)

    def put_bytes(self, key: str, body: bytes) -> str:
        """Write an object of any content and return the key that the lake has for it."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return str(path)

    def delete(self, key: str) -> None:
        """Delete an object."""
        (self.root / key).unlink()


@pytest.fixture
def log_folder(tmp_path: Path) -> LogFolder:
    return LogFolder(tmp_path / "bucket")


class IngestInto(Protocol):
    """An ingest into a lake, after which every check has held."""

    def __call__(
        self,
        lake: LakePlace,
        source: Path,
        scope: Scope = ...,
        *,
        workers: int = ...,
        watcher: Watcher = ...,
    ) -> IngestSummary: ...


def ingest_and_check(
    lake: LakePlace,
    source: Path,
    scope: Scope = Scope(),  # noqa: B008 (frozen)
    *,
    workers: int = 1,
    watcher: Watcher | None = None,
) -> IngestSummary:
    """Ingest with a fixed clock, and hold all of `sql/checks` against the lake."""
    settings = IngestSettings(
        source=parse_source(str(source), S3Access()),
        lake=lake,
        scope=scope,
        workers=workers,
        max_object_bytes=MAX_BYTES,
    )
    summary = ingest(settings, watcher or Silence(), lambda: NOW)
    status(lake, check=True)
    return summary


@pytest.fixture
def ingest_into() -> IngestInto:
    return ingest_and_check


def asked(lake: LakePlace, query: str, narrowing: Narrowing = Narrowing()) -> Rows:  # noqa: B008 (frozen)
    """Return the answer to a query as rows."""
    with open_lake(lake, narrowing) as opened:
        return opened.table(query).to_pylist()


def records_of(lake: LakePlace) -> Rows:
    """Return every row of `events` with its month, in an order that does not change."""
    return asked(lake, "SELECT * FROM event_rows ORDER BY ALL")


def ids_of(lake: LakePlace) -> list[str]:
    """Return the event ids in the lake, sorted, as often as they stand there."""
    return [row["event_id"] for row in asked(lake, "SELECT event_id FROM event_rows ORDER BY ALL")]


def ledger_of(lake: LakePlace) -> dict[str, Json]:
    """Return the ledger's rows by the object's name, without its folders."""
    rows = asked(lake, "SELECT * FROM objects ORDER BY key, ingested_at")
    return {row["key"].rpartition("/")[2]: row for row in rows}


@pytest.fixture(scope="session")
def archive_lake(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Path:
    """The fixture archive, ingested. Tests read it and do not change it."""
    lake = tmp_path_factory.mktemp("archive") / "lake"
    ingest_and_check(lake, archive)
    return lake


@pytest.fixture(scope="session")
def lake_of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of two records, one of them legacy. A test that changes it takes a copy."""
    folder = tmp_path_factory.mktemp("two")
    logs = LogFolder(folder / "bucket")
    logs.put(log_key("1000"), [record(1, tlsDetails={"tlsVersion": "TLSv1"}), record(2)])
    ingest_and_check(folder / "lake", logs.root)
    return folder / "lake"


def records_in(objects: Iterable[Path]) -> list[Json]:
    """Return the records of log objects as plain Python reads them."""
    found: list[Json] = []
    for path in objects:
        body = path.read_bytes()
        text = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        found += json.loads(text)["Records"]
    return found


def cloudtrail_logs(root: Path) -> list[Path]:
    """Return the CloudTrail log objects below `root`, found by name and not by our listing."""
    return sorted(path for path in root.rglob("*_CloudTrail_*.json*") if path.is_file())


@pytest.fixture(scope="session")
def distinct_records(archive: Path) -> list[Json]:
    """The records of the fixture archive, each once, by a way that shares no code with ours."""
    by_content: dict[str, Json] = {}
    for found in records_in(cloudtrail_logs(archive)):
        by_content.setdefault(json.dumps(found, sort_keys=True), found)
    return list(by_content.values())


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that sets how many objects make a batch."""

    def set_batch_objects(count: int) -> None:
        monkeypatch.setattr("analyzer.plan.BATCH_OBJECTS", count)

    return set_batch_objects

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from analyzer import lake
from analyzer.audit import audit
from analyzer.errors import LakeError, QueryError
from analyzer.lake import Access, Narrowing, open_lake
from analyzer.listing import Scope
from analyzer.queries import names, report_sql
from analyzer.schema import COLUMNS
from tests.conftest import asked, cloudtrail_logs, ingest_and_check

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import IngestInto, Json, LogFolder


@pytest.fixture
def small_lake(tmp_path: Path, lake_of_two: Path) -> Path:
    """A lake of two records that a test may damage."""
    shutil.copytree(lake_of_two, tmp_path / "lake")
    return tmp_path / "lake"


@pytest.fixture
def empty_lake(tmp_path: Path, archive: Path) -> Path:
    """A lake into which nothing has come yet."""
    nothing = Scope(since=datetime(2040, 1, 1, tzinfo=UTC))
    ingest_and_check(tmp_path / "lake", archive, nothing)
    return tmp_path / "lake"


@pytest.fixture
def odd_lake(tmp_path: Path, log_folder: LogFolder, repository: Path) -> Path:
    """A lake of the odd records."""
    texts = [path.read_text() for path in sorted((repository / "fixtures" / "records").iterdir())]
    log_folder.put_bytes("odd.json", f'{{"Records":[{",".join(texts)}]}}'.encode())
    ingest_and_check(tmp_path / "lake", log_folder.root)
    return tmp_path / "lake"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# ---------------------------------------------------------------- the sandbox

OUTSIDE = [
    "COPY (SELECT 1) TO '{outside}'",
    "COPY events TO '{outside}' (FORMAT parquet)",
    "COPY (SELECT 1 AS a) TO '{part}' (FORMAT parquet)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{outside}'",
    "EXPLAIN ANALYZE COPY (SELECT 1 AS a) TO '{part}' (FORMAT parquet)",
    "EXPLAIN ANALYZE COPY (SELECT 1 AS a) TO '{part}' (FORMAT parquet, USE_TMP_FILE false)",
    "EXPLAIN ANALYZE COPY (SELECT 1 AS a) TO '{part}' (FORMAT csv, USE_TMP_FILE false)",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM read_text('{lake}/lake.json')",
    "SELECT * FROM read_parquet('{lake}/events/*/*.parquet')",
    "SELECT * FROM read_text('https://192.0.2.1/')",
    "SELECT * FROM 's3://bucket/part.parquet'",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{outside}''')",
    "SELECT write_blob('{outside}', 'x')",
    "SELECT getenv('HOME')",
    "EXPLAIN COPY (SELECT 1) TO '{outside}'",
    "WITH x AS (FROM read_text('/etc/passwd')) SELECT * FROM x",
    "SELECT 1; COPY (SELECT 1) TO '{outside}'",
    "ATTACH '{outside}' AS other",
    "ATTACH ':memory:' AS other",
    "EXPORT DATABASE '{outside}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET threads = 1",
    "RESET allowed_paths",
    "PRAGMA enable_profiling",
    "CREATE TABLE t AS SELECT 1",
    "DROP VIEW events",
    "DELETE FROM events",
    "INSERT INTO events SELECT * FROM events",
    "CALL pragma_version()",
    "USE memory",
    "BEGIN",
    "CHECKPOINT",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW events",
    "",
    ";",
    "-- only a comment",
    "SELEC 1",
]


@pytest.mark.parametrize("query", OUTSIDE)
def test_a_query_that_does_more_than_read_the_lake_is_refused(
    small_lake: Path, tmp_path: Path, query: str
) -> None:
    outside = tmp_path / "outside"
    files = {path: path.read_bytes() for path in small_lake.rglob("*") if path.is_file()}

    with open_lake(small_lake, Narrowing()) as lake:
        part = small_lake / lake.committed.events[0].path
        with pytest.raises(QueryError):
            lake.table(query.format(outside=outside, part=part, lake=small_lake))
        assert len(lake.table("FROM events")) == 2
    assert not outside.exists()
    assert {path: path.read_bytes() for path in small_lake.rglob("*") if path.is_file()} == files


def test_a_query_that_may_can_read_and_copy_to_other_files(
    small_lake: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.csv"

    with open_lake(small_lake, Narrowing(), Access(external=True)) as lake:
        lake.table(f"COPY (SELECT event_id FROM events ORDER BY ALL) TO '{outside}'")  # noqa: S608
        rows = lake.table(f"SELECT * FROM '{outside}' JOIN events USING (event_id)")  # noqa: S608
        with pytest.raises(QueryError):
            lake.table("DROP VIEW events")
    assert outside.read_text() == "event_id\nid-1\nid-2\n"
    assert len(rows) == 2


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 -- and a comment",
        "SELECT 1;",
        "FROM events",
        "WITH x AS (SELECT * FROM events) SELECT count(*) FROM x",
        "VALUES (1), (2)",
        "DESCRIBE events",
        "SUMMARIZE events",
        "EXPLAIN SELECT * FROM events",
        "EXPLAIN ANALYZE SELECT * FROM events",
        "TABLE events",
        "SHOW TABLES",
    ],
)
def test_whatever_reads_is_answered(small_lake: Path, query: str) -> None:
    assert len(asked(small_lake, query)) >= 1


# ---------------------------------------------------------------- opening


def test_a_folder_without_a_lake_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"there is no lake here.*tlstrail ingest SOURCE --lake"):
        asked(tmp_path / "nowhere", "SELECT 1")
    assert not (tmp_path / "nowhere").exists()


def test_reading_writes_nothing(small_lake: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in small_lake.rglob("*")}

    asked(small_lake, "SELECT * FROM cloudtrail")
    assert {path: path.stat().st_mtime_ns for path in small_lake.rglob("*")} == before


@pytest.mark.parametrize("name", names("reports"))
def test_an_empty_lake_answers_every_report(empty_lake: Path, name: str) -> None:
    counted = [row for row in asked(empty_lake, report_sql(name)) if row.get("records") != 0]

    assert counted == []


def test_an_empty_lake_has_the_columns_of_any_other(empty_lake: Path, archive_lake: Path) -> None:
    for view in ("events", "cloudtrail", "objects", "event_rows"):
        assert asked(empty_lake, f"DESCRIBE {view}") == asked(archive_lake, f"DESCRIBE {view}")


def test_an_empty_lake_cannot_tell(empty_lake: Path) -> None:
    with open_lake(empty_lake, Narrowing()) as lake:
        assert audit(lake).verdict.verdict == "cannot tell"


def test_a_lake_in_a_folder_with_quotes_and_blanks_is_read(
    tmp_path: Path, archive: Path, ingest_into: IngestInto
) -> None:
    strange = tmp_path / "it's a [lake] * ö"
    ingest_into(strange, archive)

    assert len(asked(strange, "FROM events")) == 1_256


def test_a_part_that_is_gone_makes_the_lake_unusable(small_lake: Path) -> None:
    [part] = small_lake.glob("events/*/*.parquet")
    part.unlink()

    with pytest.raises(LakeError, match="the lake cannot be read"):
        asked(small_lake, "SELECT event_id FROM events")


def test_a_part_that_a_commit_has_taken_away_is_no_damage(small_lake: Path) -> None:
    with open_lake(small_lake, Narrowing()) as lake:
        for part in small_lake.rglob("objects/*.parquet"):
            part.unlink()
        with pytest.raises(LakeError, match="was changed while it was read; ask again"):
            lake.table("FROM objects")


def test_a_part_that_is_taken_away_before_its_view_is_made_is_no_damage(
    small_lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken_away(*_: object, **__: object) -> None:
        for part in small_lake.rglob("objects/*.parquet"):
            part.unlink()

    monkeypatch.setattr("analyzer.lake._set_variables", taken_away)
    with (
        pytest.raises(LakeError, match="was changed while it was read; ask again"),
        open_lake(small_lake, Narrowing()),
    ):
        pass


def test_a_view_that_no_query_reads_is_never_bound(small_lake: Path) -> None:
    with open_lake(small_lake, Narrowing()) as lake:
        lake.table("FROM events")
        unbound = lake.table("SELECT view_name FROM duckdb_views() WHERE is_bound = false")

    assert {"cloudtrail", "cloudtrail_logs"} <= set(unbound["view_name"].to_pylist())


def test_views_that_no_query_has_read_are_listed_with_their_columns(small_lake: Path) -> None:
    listed = {row["name"] for row in asked(small_lake, "SHOW TABLES")}
    columns = asked(
        small_lake,
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE column_name IN ('eventName', 'eventname', 'event_name') AND table_schema = 'main'",
    )

    assert {"cloudtrail", "cloudtrail_logs", "events", "objects"} <= listed
    assert ("cloudtrail", "eventName") in {tuple(row.values()) for row in columns}
    assert ("cloudtrail_logs", "eventname") in {tuple(row.values()) for row in columns}
    assert ("events", "event_name") in {tuple(row.values()) for row in columns}
    with pytest.raises(QueryError, match='Did you mean "cloudtrail"'):
        asked(small_lake, "FROM cloudtrial")


@pytest.mark.parametrize("table", ["events", "objects"])
@pytest.mark.parametrize("harm", ["cut off", "overwritten"])
def test_a_damaged_part_makes_the_lake_unusable(small_lake: Path, table: str, harm: str) -> None:
    [part] = small_lake.glob(f"{table}/**/*.parquet")
    size = part.stat().st_size
    part.write_bytes(part.read_bytes()[:-200] if harm == "cut off" else bytes(size))

    with pytest.raises(LakeError, match="the lake cannot be read"):
        asked(small_lake, f"FROM {table}")
    with pytest.raises(LakeError, match="the lake cannot be read"):
        asked(small_lake, "SELECT 1")


# ---------------------------------------------------------------- narrowing


@pytest.mark.parametrize(
    "accounts", [("012345678901",), ("111122223333", "444455556666"), ("9" * 12,)]
)
def test_accounts_narrow_down_what_is_asked_about(
    archive_lake: Path, distinct_records: list[Json], accounts: tuple[str, ...]
) -> None:
    wanted = sum(account_of(each) in accounts for each in distinct_records)

    rows = asked(archive_lake, "FROM events", Narrowing(accounts=accounts))
    assert len(rows) == wanted


def account_of(record: Json) -> object:
    """AWS's own rule: who received the record, else who called, else who issued the session."""
    identity = record.get("userIdentity") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    return record.get("recipientAccountId") or identity.get("accountId") or issuer.get("accountId")


@pytest.mark.parametrize("regions", [("us-east-1",), ("eu-west-1", "ap-northeast-1"), ("mars-1",)])
def test_regions_narrow_down_what_is_asked_about(
    archive_lake: Path, distinct_records: list[Json], regions: tuple[str, ...]
) -> None:
    wanted = sum(record.get("awsRegion") in regions for record in distinct_records)

    assert len(asked(archive_lake, "FROM events", Narrowing(regions=regions))) == wanted


def test_since_is_inclusive_and_until_is_exclusive(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    times = sorted(record["eventTime"] for record in distinct_records)
    since, until = times[100], times[-100]
    narrowing = Narrowing(since=utc(since[:-1]), until=utc(until[:-1]))

    rows = asked(archive_lake, "FROM events", narrowing)
    assert len(rows) == sum(since <= time < until for time in times)
    assert min(row["event_time"] for row in rows).isoformat() + "Z" == since


def test_narrowing_reaches_every_view_but_the_ledger(archive_lake: Path) -> None:
    none = Narrowing(accounts=("999999999999",))

    assert asked(archive_lake, "FROM cloudtrail", none) == []
    assert asked(archive_lake, report_sql("tls_versions"), none) == []
    assert len(asked(archive_lake, "FROM objects", none)) == 75


# ---------------------------------------------------------------- the cloudtrail view


def test_a_query_for_cloudtrail_lake_runs_as_it_stands(archive_lake: Path) -> None:
    rows = asked(
        archive_lake,
        """
        SELECT eventSource, COUNT(*) AS numOutdatedTlsCalls FROM cloudtrail
        WHERE tlsDetails.tlsVersion IN ('TLSv1', 'TLSv1.1') AND eventTime > '2022-06-26 00:00:00'
        GROUP BY eventSource ORDER BY numOutdatedTlsCalls DESC
        """,
    )

    assert rows[0] == {"eventSource": "ec2.amazonaws.com", "numOutdatedTlsCalls": 48}
    assert sum(row["numOutdatedTlsCalls"] for row in rows) == 167


def test_the_view_has_aws_own_structs(archive_lake: Path, distinct_records: list[Json]) -> None:
    rows = asked(
        archive_lake,
        "SELECT userIdentity.sessionContext.sessionIssuer.userName AS issuer, count(*) AS n "
        "FROM cloudtrail WHERE issuer IS NOT NULL GROUP BY ALL",
    )

    wanted: dict[str, int] = {}
    for found in distinct_records:
        context = (found.get("userIdentity") or {}).get("sessionContext") or {}
        if name := (context.get("sessionIssuer") or {}).get("userName"):
            wanted[name] = wanted.get(name, 0) + 1
    assert wanted
    assert {row["issuer"]: row["n"] for row in rows} == wanted


def test_parameters_are_a_map(archive_lake: Path, distinct_records: list[Json]) -> None:
    rows = asked(
        archive_lake,
        "SELECT element_at(requestParameters, 'bucketName') AS bucket FROM cloudtrail "
        "WHERE bucket IS NOT NULL",
    )

    wanted = [
        parameters["bucketName"]
        for found in distinct_records
        if isinstance(parameters := found.get("requestParameters"), dict)
        and isinstance(parameters.get("bucketName"), str)
    ]
    assert wanted
    assert sorted(row["bucket"] for row in rows) == sorted(wanted)


def test_every_column_of_the_view_can_be_read_of_every_odd_record(odd_lake: Path) -> None:
    columns = [row["column_name"] for row in asked(odd_lake, "DESCRIBE cloudtrail")]

    count = len(asked(odd_lake, "FROM event_rows"))
    for column in columns:
        rows = asked(odd_lake, f'SELECT "{column}" FROM cloudtrail')  # noqa: S608 (our own names)
        assert len(rows) == count, column


def test_the_view_knows_every_documented_member(odd_lake: Path) -> None:
    columns = {row["column_name"] for row in asked(odd_lake, "DESCRIBE cloudtrail")}

    assert columns == {column.path[0] for column in COLUMNS} | {"eventJson", "eventJsonChecksum"}


def test_a_query_on_the_view_reads_only_the_columns_that_it_names(archive_lake: Path) -> None:
    plan = str(
        asked(
            archive_lake,
            "EXPLAIN SELECT tlsDetails.tlsVersion, count(*) FROM cloudtrail GROUP BY ALL",
        )
    )

    assert "tls_version" in plan
    for other in ("request_parameters", "user_agent", "user_identity_arn"):
        assert other not in plan


def test_a_query_about_one_month_reads_one_month(archive_lake: Path) -> None:
    plan = str(
        asked(
            archive_lake,
            "EXPLAIN ANALYZE SELECT count(user_agent) FROM event_rows WHERE month = '2023-01'",
        )
    )

    assert "Total Files Read: 1" in plan


def test_the_published_records_can_all_be_read_through_the_view(
    published: Path, tmp_path: Path
) -> None:
    ingest_and_check(tmp_path / "lake", published / "archive")

    rows = asked(tmp_path / "lake", "FROM cloudtrail")
    assert len(rows) == 2_900
    assert len(cloudtrail_logs(published / "archive")) == 55


def test_what_a_query_cannot_hold_in_memory_waits_in_a_temporary_file(
    small_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(lake, "QUERY_MEMORY", "24MB")
    seen: list[int] = []
    with open_lake(small_lake, Narrowing()) as opened:
        with opened.query("SELECT hash(range) AS h FROM range(5_000_000) ORDER BY h") as answer:
            hashes = next(iter(answer)).column("h")
            waiting = tmp_path.glob("tlstrail-*/**/*")
            seen += [file.stat().st_size for file in waiting if file.is_file()]
        assert hashes.equals(hashes.sort())

    assert sum(seen) > 24_000_000
    assert list(tmp_path.glob("tlstrail-*")) == []


def test_a_query_without_room_to_wait_in_says_where_to_make_it(
    small_lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake, "QUERY_MEMORY", "6MB")

    with pytest.raises(QueryError, match=r"more than 6MB of memory.*set TMPDIR to a folder"):
        asked(small_lake, "SELECT list(range) FROM range(9_000_000)")

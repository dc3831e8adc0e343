"""Other clients open the lake through lake.duckdb and lake.sql, and see what was committed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from analyzer.listing import Scope
from analyzer.local_lake import LocalLakeFiles
from analyzer.manifest import Change, commit, newest
from analyzer.views import DATABASE, SCRIPT, write_views
from tests.conftest import LogFolder, asked, ingest_and_check, log_key, record

COUNT = "SELECT count(*) FROM events"
CLI = Path(sys.executable).with_name("duckdb")


@pytest.fixture
def lake(tmp_path: Path, archive_lake: Path) -> Path:
    """The fixture archive's lake, in a place of which a pattern would make something else."""
    place = tmp_path / "it's [a] lake? ö"
    shutil.copytree(archive_lake, place)
    write_views(LocalLakeFiles(place))
    return place


def in_python(database: Path, query: str, *before: str) -> list[tuple[object, ...]]:
    with closing(duckdb.connect(str(database), read_only=True)) as connection:
        for statement in before:
            connection.execute(statement)
        return list(connection.execute(query).fetchall())


def in_the_cli(script: Path, query: str, *before: str) -> str:
    """Return what a DuckDB of another version answers, as CSV without its header."""
    commands = [*before, f'.read "{script}"', query]
    arguments = [part for command in commands for part in ("-c", command)]
    return subprocess.run(
        [CLI, "-csv", "-noheader", *arguments], capture_output=True, text=True, check=True
    ).stdout


def test_an_ingest_leaves_the_views_beside_the_records(archive_lake: Path) -> None:
    assert (archive_lake / DATABASE).stat().st_size > 0
    assert not write_views(LocalLakeFiles(archive_lake))


def test_every_view_says_in_the_database_what_it_says_here(lake: Path) -> None:
    for query in (
        "SELECT * FROM events ORDER BY ALL",
        "SELECT eventID, userIdentity.arn, requestParameters FROM cloudtrail ORDER BY 1",
        "SELECT eventid, resources, year FROM cloudtrail_logs ORDER BY 1",
        "SELECT key, status FROM objects ORDER BY ALL",
    ):
        here = [tuple(row.values()) for row in asked(lake, query)]
        assert [tuple(map(str, row)) for row in in_python(lake / DATABASE, query)] == [
            tuple(str(dict(v) if _is_map(v) else v) for v in row) for row in here
        ]


def _is_map(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], tuple)


def test_a_client_of_another_version_reads_the_script(lake: Path) -> None:
    query = """
        SELECT tlsDetails.tlsVersion, count(*), count(eventJson), max(length(trino.split_part(
            userAgent, '/', 1
        ))) FROM cloudtrail WHERE legacy(tlsDetails.tlsVersion) GROUP BY ALL ORDER BY ALL
    """

    here = asked(
        lake,
        """
        SELECT tls_version, count(*) AS calls, count(*) AS texts,
            max(length(str_split(user_agent, '/')[1]))
        FROM events WHERE is_legacy(tls_version) GROUP BY ALL ORDER BY ALL
        """,
    )
    wanted = "".join(",".join(map(str, row.values())) + "\n" for row in here)
    assert wanted.count("TLSv1") == 2
    assert in_the_cli(lake / SCRIPT, query) == wanted


def test_no_part_is_read_before_its_commit_or_after_its_end(lake: Path) -> None:
    [part, *_] = newest(LocalLakeFiles(lake)).events
    shutil.copy(lake / part.path, (lake / part.path).with_name("part-unseen.parquet"))

    assert in_python(lake / DATABASE, COUNT) == [(1_256,)]
    assert in_the_cli(lake / SCRIPT, COUNT) == "1256\n"


def test_the_next_commit_is_seen_without_writing_the_views_anew(lake: Path) -> None:
    files = LocalLakeFiles(lake)
    committed = newest(files)
    gone = committed.events[0]

    commit(files, committed, Change(removed=frozenset({gone.path})))
    assert in_python(lake / DATABASE, COUNT) == [(1_256 - gone.rows,)]
    assert not write_views(files)


def test_a_lake_that_was_moved_is_found_where_it_is_said_to_be(lake: Path, tmp_path: Path) -> None:
    moved = lake.rename(tmp_path / "moved")

    with pytest.raises(duckdb.IOException):
        in_python(moved / DATABASE, COUNT)
    place = f"SET VARIABLE lake = '{moved}'"
    assert in_python(moved / DATABASE, COUNT, place) == [(1_256,)]
    assert in_the_cli(moved / SCRIPT, COUNT, place) == "1256\n"


def test_a_lake_that_was_moved_gets_its_views_anew(lake: Path, tmp_path: Path) -> None:
    moved = lake.rename(tmp_path / "moved")

    assert write_views(LocalLakeFiles(moved))
    assert in_python(moved / DATABASE, COUNT) == [(1_256,)]


def test_the_database_knows_the_columns_of_a_lake_that_was_moved(
    lake: Path, tmp_path: Path
) -> None:
    moved = lake.rename(tmp_path / "moved") / DATABASE

    unbound = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND NOT is_bound"
    listed = "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'cloudtrail'"
    assert in_python(moved, unbound) == []
    assert in_python(moved, listed) == [(35,)]


def test_an_empty_lake_has_all_the_views_too(tmp_path: Path, archive: Path) -> None:
    lake = tmp_path / "lake"
    ingest_and_check(lake, archive, Scope(since=datetime(2040, 1, 1, tzinfo=UTC)))

    assert in_python(lake / DATABASE, COUNT) == [(0,)]
    assert in_python(lake / DATABASE, "DESCRIBE cloudtrail") == [
        tuple(row.values()) for row in asked(lake, "DESCRIBE cloudtrail")
    ]


def test_a_query_can_be_narrowed_as_on_the_command_line(lake: Path) -> None:
    before = "SET VARIABLE regions = ['eu-west-1']"

    assert in_python(lake / DATABASE, "SELECT DISTINCT awsRegion FROM cloudtrail", before) == [
        ("eu-west-1",)
    ]


# ---------------------------------------------------------------- macros


@pytest.mark.parametrize(
    ("agent", "sdk"),
    [
        ("aws-sdk-java/1.7.4 Linux/2.6 OpenJDK/24.45 java/1.7.0_45", "aws-sdk-java/1.7.4"),
        ("[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.9]", "aws-sdk-java/1.11.9"),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.1.2 aws-sdk-go/1.42.9 (go1.16)", "aws-sdk-go/1.42.9"),
        ("aws-sdk-dotnet-45/3.3.110.30 .NET_Runtime/4.0", "aws-sdk-dotnet-45/3.3.110.30"),
        ("Boto3/1.26.165 Python/3.10.6 Botocore/1.29.165", "Boto3/1.26.165"),
        ("aws-cli/1.3.23 Python/2.7.6", "aws-cli/1.3.23"),
        ("Mozilla/5.0 (X11)", None),
        (None, None),
    ],
)
def test_the_sdk_is_found_in_a_user_agent(
    archive_lake: Path, agent: str | None, sdk: str | None
) -> None:
    literal = "NULL" if agent is None else f"'{agent}'"

    assert asked(archive_lake, f"SELECT sdk({literal}) AS sdk") == [{"sdk": sdk}]


def test_the_sdk_is_what_the_client_parser_finds_too(archive_lake: Path) -> None:
    agents = "(SELECT DISTINCT user_agent, client(user_agent) AS parsed FROM events)"
    query = f"""
        SELECT user_agent FROM {agents} WHERE (sdk(user_agent) IS NULL) = (parsed.kind = 'sdk')
            OR split_part(sdk(user_agent), '/', 2) <> parsed.version
    """  # noqa: S608 (the lines above)

    assert asked(archive_lake, query) == []


def test_a_client_of_another_version_has_the_client_parser_as_well(lake: Path) -> None:
    query = "SELECT client('aws-cli/1.7.36 Python/2.6.6').name, sdk('Boto3/1.2 x'), ip_kind('::1')"

    assert in_the_cli(lake / SCRIPT, query) == "AWS CLI,Boto3/1.2,private\n"


def test_a_batch_that_comes_later_is_in_the_views(tmp_path: Path, log_folder: LogFolder) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(tmp_path / "lake", log_folder.root)
    log_folder.put(log_key("1100"), [record(2)])
    ingest_and_check(tmp_path / "lake", log_folder.root)

    assert in_python(tmp_path / "lake" / DATABASE, COUNT) == [(2,)]

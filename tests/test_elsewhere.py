"""A query on the lake, for engines that know nothing of its views: the same answer."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from analyzer.cli import run
from analyzer.elsewhere import elsewhere
from analyzer.engine_tables import TABLES, Engine
from analyzer.errors import QueryError, UsageError
from analyzer.lake import Narrowing, open_lake
from analyzer.local_lake import LocalLakeFiles
from analyzer.queries import names, report_sql
from analyzer.standalone import standing_alone
from tests.conftest import asked, ingest_and_check, log_key, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import LogFolder

CLIENTS = {"fix_first", "key_exchange", "legacy_by_client", "tls13_readiness"}
"""Reports that parse user agents, with functions of DuckDB's own."""

HALF_A_DAY = timedelta(hours=12)

REPORTS = sorted(set(names("reports")) - CLIENTS)
NARROWED = Narrowing(accounts=("111122223333",), regions=("us-east-1", "eu-west-1"))


def refused(report: str, engine: Engine) -> str:
    """Return why a report is not to be had from an engine."""
    if report == "gaps" and engine is not Engine.SPARK:
        return "no exact median"
    return "keeps none" if report == "conflicting_records" else ""


def statements(text: str) -> list[str]:
    """Return the statements of a script, without the comment above them."""
    return re.split(r";\s*\n+", re.sub(r"^--.*\n", "", text, flags=re.MULTILINE).strip(" \n;"))


# ---------------------------------------------------------------- a query that stands alone


@pytest.mark.parametrize(
    ("report", "narrowing"),
    [
        *((report, Narrowing()) for report in REPORTS),
        *((report, NARROWED) for report in ("coverage", "deliveries", "legacy_by_principal")),
    ],
)
def test_a_report_says_the_same_without_views_and_macros(
    archive_lake: Path, report: str, narrowing: Narrowing
) -> None:
    variables = {"accounts": narrowing.accounts, "regions": narrowing.regions}
    alone = standing_alone(report_sql(report), variables).sql("duckdb")

    with open_lake(archive_lake, Narrowing()) as lake:
        found = lake.table(alone)
    with open_lake(archive_lake, narrowing) as lake:
        assert found.to_pylist() == lake.table(report_sql(report)).to_pylist()


@pytest.mark.parametrize(
    "query",
    [
        "FROM events SELECT event_id WHERE event_time >= '2023-06-01' ORDER BY 1 LIMIT 3",
        "WITH events AS (SELECT 1 AS one) SELECT one FROM events",
        "SELECT tlsDetails.tlsVersion AS v, count(*) AS n FROM cloudtrail GROUP BY v ORDER BY v",
        "SELECT eventid FROM cloudtrail_logs WHERE tlsdetails.tlsversion = 'TLSv1' ORDER BY 1",
        "SELECT ip_kind(source_ip_address) AS k, count(*) AS n FROM events GROUP BY ALL ORDER BY k",
    ],
)
def test_a_query_of_ones_own_says_the_same(archive_lake: Path, query: str) -> None:
    assert asked(archive_lake, standing_alone(query, {}).sql("duckdb")) == asked(
        archive_lake, query
    )


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT client(user_agent).name FROM events", "client cannot be translated"),
        ("SELECT userIdentity FROM cloudtrail", "ask `events`"),
        ("WITH CloudTrail AS (SELECT 1 AS a) FROM cloudtrail", "call it otherwise"),
        ("SELECT no_such_column FROM events", "no_such_column"),
        ("SELECT event_id FROM events WHERE aws_region = $region", "-p region=VALUE"),
    ],
)
def test_what_duckdb_alone_can_do_is_refused(query: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        standing_alone(query, {})


@pytest.mark.parametrize("query", ["SELEC 1", "DROP VIEW events", "SELECT 1; SELECT 2"])
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(QueryError):
        standing_alone(query, {})


# ---------------------------------------------------------------- in another engine's SQL


@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("report", REPORTS)
def test_every_statement_for_a_report_is_read_by_the_engines_parser(
    archive_lake: Path, report: str, engine: Engine
) -> None:
    if why := refused(report, engine):
        with pytest.raises(UsageError, match=why):
            elsewhere(report_sql(report), engine, archive_lake, Narrowing())
        return

    text = elsewhere(report_sql(report), engine, archive_lake, NARROWED)
    made, asks = [], []
    for statement in statements(text):
        tree = sqlglot.parse_one(statement, dialect=engine.value)
        if isinstance(tree, exp.Create):
            made.append(tree.find(exp.Table))
        elif not re.match("MSCK|CALL", statement):
            assert isinstance(tree, exp.Query)
            asks.append(tree)

    [query] = asks
    own = {cte.alias for cte in query.find_all(exp.CTE)}
    read = {table.name for table in query.find_all(exp.Table)} - own - {""}
    assert read == {table.name for table in made if table}
    assert not re.search(r"(getvariable|is_legacy|could_tell_tls)\(", text, re.IGNORECASE)


@pytest.mark.parametrize(
    ("engine", "wanted"),
    [
        (Engine.ATHENA, "'projection.month.range' = '2022-10,NOW'"),
        (
            Engine.ATHENA,
            "'storage.location.template' = 's3://BUCKET/PREFIX/events/month=${month}/'",
        ),
        (Engine.ATHENA, "put its place for s3://BUCKET/PREFIX"),
        (Engine.SPARK, "USING parquet\nPARTITIONED BY (month)\nLOCATION 'file:///"),
        (Engine.SPARK, "event_time TIMESTAMP_NTZ,"),
        (Engine.SPARK, "MSCK REPAIR TABLE tlstrail_events;"),
        (Engine.TRINO, "partitioned_by = ARRAY['month']"),
        (Engine.TRINO, "sync_partition_metadata(CURRENT_SCHEMA, 'tlstrail_events', 'FULL');"),
        (Engine.TRINO, "after one was killed, run it again"),
    ],
)
def test_the_tables_are_those_of_the_lake(archive_lake: Path, engine: Engine, wanted: str) -> None:
    assert wanted in elsewhere(
        "SELECT count(*) AS n FROM events", engine, archive_lake, Narrowing()
    )


@pytest.mark.parametrize(
    ("engine", "location"),
    [
        (Engine.ATHENA, "'s3://logs/lake/events/'"),
        (Engine.SPARK, "'s3a://logs/lake/events'"),
        (Engine.TRINO, "'s3://logs/lake/events'"),
    ],
)
def test_a_lake_on_s3_is_read_where_it_lies(
    archive_lake: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, location: str
) -> None:
    monkeypatch.setattr(LocalLakeFiles, "address", "s3://logs/lake")

    text = elsewhere("SELECT count(*) AS n FROM events", engine, archive_lake, Narrowing())

    assert location in text
    assert "BUCKET" not in text


@pytest.mark.parametrize("engine", [Engine.ATHENA, Engine.TRINO])
def test_a_quote_in_the_name_of_a_lake_stays_in_it(
    archive_lake: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setattr(LocalLakeFiles, "address", "s3://logs/ann's")

    text = elsewhere("SELECT event_id FROM events", engine, archive_lake, Narrowing())

    assert "'s3://logs/ann''s/events" in text


@pytest.mark.parametrize("compared", ["=", "<>", "<", "<=", ">", ">="])
def test_a_text_becomes_a_time_where_only_duckdb_takes_it_for_one(
    archive_lake: Path, compared: str
) -> None:
    query = f"SELECT event_id FROM events WHERE event_time {compared} '2024-01-01'"  # noqa: S608

    assert "CAST('2024-01-01' AS TIMESTAMP)" in elsewhere(
        query, Engine.TRINO, archive_lake, Narrowing()
    )


def test_what_was_narrowed_down_is_narrowed_down_there(archive_lake: Path) -> None:
    day = datetime(2023, 1, 5, tzinfo=UTC)
    narrowing = Narrowing(("111122223333", "444455556666"), ("us-east-1",), day, day + HALF_A_DAY)

    text = elsewhere("SELECT event_id FROM events", Engine.TRINO, archive_lake, narrowing)

    asked_about = re.findall(r"'([\d: -]{12,}|[a-z]+-[a-z]+-\d)'", text)
    assert sorted(set(asked_about)) == [
        "111122223333",
        "2023-01-05 00:00:00",
        "2023-01-05 12:00:00",
        "444455556666",
        "us-east-1",
    ]


def test_what_a_query_calls_by_the_name_of_a_table_is_no_table(archive_lake: Path) -> None:
    query = (
        "WITH objects AS (SELECT key FROM objects WHERE status = 'skipped') SELECT * FROM objects"
    )

    asks = statements(elsewhere(query, Engine.TRINO, archive_lake, Narrowing()))[-1]

    tables = [table.name for table in sqlglot.parse_one(asks, dialect="trino").find_all(exp.Table)]
    assert sorted(tables) == ["objects", "tlstrail_objects"]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("SELECT event_name, count(*) FROM events GROUP BY ALL ORDER BY ALL", "1 2"),
        ("FROM events SELECT event_id, event_name ORDER BY ALL DESC", "1 DESC 2 DESC"),
        ("SELECT event_id FROM events UNION SELECT key FROM objects ORDER BY all", "1"),
        ("SELECT list(event_id ORDER BY event_name) AS ids FROM events", "event_name"),
    ],
)
def test_order_by_all_is_by_the_positions_of_what_is_selected(
    archive_lake: Path, query: str, order: str
) -> None:
    asks = statements(elsewhere(query, Engine.TRINO, archive_lake, Narrowing()))[-1]

    found = sqlglot.parse_one(asks, dialect="trino").find_all(exp.Ordered)
    by = [f"{each.this.name}{' DESC' * bool(each.args['desc'])}" for each in found]
    assert " ".join(by) == order


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("event_name SIMILAR TO event_source", "trino has no such match"),
        ("jaccard(event_name, event_source) > 0.5", "trino has no jaccard"),
    ],
)
def test_what_an_engine_does_not_have_is_refused(
    archive_lake: Path, condition: str, why: str
) -> None:
    query = f"SELECT event_id FROM events WHERE {condition}"  # noqa: S608

    with pytest.raises(UsageError, match=why):
        elsewhere(query, Engine.TRINO, archive_lake, Narrowing())


def test_a_lake_without_a_single_time_has_the_months_of_cloudtrail(
    tmp_path: Path, log_folder: LogFolder
) -> None:
    log_folder.put(log_key("1000"), [record(1, eventTime="?")])
    ingest_and_check(tmp_path / "lake", log_folder.root)

    query = "SELECT event_id FROM events"
    athena, trino = (
        elsewhere(query, engine, tmp_path / "lake", Narrowing())
        for engine in (Engine.ATHENA, Engine.TRINO)
    )

    assert "'projection.month.range' = '2013-11,NOW'" in athena
    assert "Records without a time have no month, and are not seen." in athena
    assert "not seen." not in trino


def test_the_command_line_prints_statements_or_exits_with_2(
    archive_lake: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def told(*arguments: str) -> tuple[int, str]:
        return run([*arguments, "--lake", str(archive_lake)]), capfd.readouterr().out

    code, out = told("report", "legacy_by_service", "--explain-for", "athena")
    assert (code, out.count("CREATE EXTERNAL TABLE")) == (0, 1)
    query = "SELECT event_id FROM events WHERE aws_region = $r"
    code, out = told("sql", query, "-p", "r=eu-west-1", "--explain-for", "spark")
    assert (code, "= 'eu-west-1'" in out) == (0, True)
    for refused in (
        ("report", "fix_first", "--explain-for", "trino"),
        ("report", "--explain-for", "trino"),
        ("report", "coverage", "--against", "2023-01-01..2023-02-01", "--explain-for", "trino"),
        ("sql", "SELECT 1", "--dialect", "lake", "--explain-for", "trino"),
        ("report", "coverage", "--explain-for", "oracle"),
    ):
        assert told(*refused) == (2, "")


# ---------------------------------------------------------------- Trino's SQL, read back by DuckDB


@pytest.fixture(scope="module")
def another_engine(archive_lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that knows the lake's Parquet by Trino's tables, and nothing of the views."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in TABLES.values():
            where = f"'{archive_lake}/{table.folder}/**/*.parquet', hive_types_autocast=false"
            columns = table.columns.empty_table()
            if any((archive_lake / table.folder).glob("**/*.parquet")):
                columns = connection.sql(f"FROM read_parquet({where})").to_arrow_table()
            connection.register(table.name, columns)
        for macro in ("xxhash64(x) AS hash(x)", "to_utf8(x) AS x"):
            connection.execute(f"CREATE MACRO {macro}")
        connection.execute(
            "CREATE MACRO array_position(items, item) AS coalesce(list_position(items, item), 0)"
        )
        yield connection


@pytest.mark.parametrize(
    "query",
    [
        *(report_sql(report) for report in REPORTS if not refused(report, Engine.TRINO)),
        "SELECT epoch(max(event_time) - min(event_time)) AS seconds FROM events",
        "SELECT key FROM objects ANTI JOIN events ON objects.key = events.source_key",
        "SELECT count(*) AS calls FROM events WHERE contains(event_name, 'List')",
    ],
    ids=[
        *(report for report in REPORTS if not refused(report, Engine.TRINO)),
        "time",
        "anti",
        "in",
    ],
)
def test_trinos_sql_says_the_same_where_duckdb_reads_it(
    another_engine: duckdb.DuckDBPyConnection, archive_lake: Path, query: str
) -> None:
    text = elsewhere(query, Engine.TRINO, archive_lake, Narrowing())
    [read_back] = sqlglot.transpile(statements(text)[-1], read="trino", write="duckdb")

    found = [list(map(plain, row)) for row in another_engine.execute(read_back).fetchall()]
    wanted = [list(map(plain, row.values())) for row in asked(archive_lake, query)]
    assert sorted(found) == sorted(wanted)


# ---------------------------------------------------------------- a real Spark, where there is one


@dataclass
class Spark:
    """A Spark on this machine."""

    session: object

    def answer(self, text: str) -> list[list[str]]:
        """Run a script and return the rows of its last statement, as texts."""
        for statement in statements(text):
            found = self.session.sql(statement)  # type: ignore[attr-defined]
        return [[plain(value) for value in row] for row in found.collect()]


def plain(value: object) -> str:
    """Return a value as both engines write it; numbers to six places."""
    if isinstance(value, bool) or value is None:
        return str(value)
    try:
        return f"{float(str(value)):.6f}"
    except ValueError:
        return str(value)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    sql = pytest.importorskip("pyspark.sql")
    if not shutil.which("java"):
        pytest.skip("Spark needs Java")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    builder = sql.SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield Spark(session)
    session.stop()


@pytest.mark.parametrize(
    "report", [report for report in REPORTS if not refused(report, Engine.SPARK)]
)
def test_spark_says_what_the_report_says(spark: Spark, archive_lake: Path, report: str) -> None:
    found = spark.answer(elsewhere(report_sql(report), Engine.SPARK, archive_lake, Narrowing()))

    wanted = [list(map(plain, row.values())) for row in asked(archive_lake, report_sql(report))]
    assert sorted(found) == sorted(wanted)

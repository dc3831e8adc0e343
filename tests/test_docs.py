"""docs/sql.md says what the schema says, and its queries run."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from analyzer.schema import COLUMNS, Kind
from analyzer.views import DATABASE
from tests.conftest import asked

TEXT = (Path(__file__).parent.parent / "docs" / "sql.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)


def table_of_columns() -> str:
    rows = (
        f"| `{column.name}` | {column.kind.value.replace('JSON', 'VARCHAR')} "
        f"| `{'.'.join(column.path)}` "
        f"| {'JSON: ' if column.kind is Kind.JSON else ''}{column.meaning} |"
        for column in COLUMNS
    )
    return "\n".join(
        ("| column | type | field of the record | meaning |", "| --- | --- | --- | --- |", *rows)
    )


def test_the_columns_are_those_of_the_schema() -> None:
    shown = TEXT.partition("<!-- columns -->\n")[2].partition("\n<!-- end -->")[0]

    assert shown == table_of_columns()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_worth_having_runs(archive_lake: Path, query: str) -> None:
    asked(archive_lake, query)


def test_there_are_twenty_and_most_have_something_to_say(archive_lake: Path) -> None:
    silent = [query for query in QUERIES if not asked(archive_lake, query)]

    assert len(QUERIES) == 20
    assert len(silent) <= 4, silent


def names_and_types(lake: Path, view: str) -> dict[str, str]:
    return {row["column_name"]: row["column_type"] for row in asked(lake, f"DESCRIBE {view}")}


def documented(marked: str) -> dict[str, str]:
    """Return the columns of a table of the page, with their types; a row may name several."""
    table = TEXT.partition(f"<!-- columns{marked} -->\n")[2].partition("<!-- end -->")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| `?(.+?)`? \|", table, re.MULTILINE)
    return {name: kind for names, kind in rows for name in re.findall(r"\w+", names)}


def test_every_view_is_described(archive_lake: Path) -> None:
    views = [row["name"] for row in asked(archive_lake, "SHOW TABLES")]
    table = TEXT.partition("| view | what a row is |")[2].partition("\n\n")[0]

    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == views


def test_a_database_for_other_clients_has_the_views_that_the_page_names(archive_lake: Path) -> None:
    named = TEXT.partition("Both hold the views ")[2].partition(", the functions")[0]

    with closing(duckdb.connect(str(archive_lake / DATABASE), read_only=True)) as connection:
        views = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
    assert sorted(re.findall(r"`(\w+)`", named)) == views


def test_the_columns_of_events_are_those_that_duckdb_reports(archive_lake: Path) -> None:
    columns = documented("") | documented(": events, besides")

    assert columns == names_and_types(archive_lake, "events")


@pytest.mark.parametrize(
    "views", re.findall(r"<!-- columns: (\w+(?:, \w+)*) -->", TEXT.replace(", besides", ""))
)
def test_the_columns_of_a_view_are_those_that_duckdb_reports(
    archive_lake: Path, views: str
) -> None:
    events = names_and_types(archive_lake, "events")
    for view in set(views.split(", ")) - {"events"}:
        found = names_and_types(archive_lake, view)
        if f"<!-- columns: {view}, besides -->" in TEXT:
            assert found == events | documented(f": {view}, besides")
        else:
            assert found == documented(f": {views}")


def test_the_columns_of_what_is_counted_are_those_that_the_page_says(archive_lake: Path) -> None:
    counts = documented(": version_counts, besides")
    for view, before, more in (
        ("record_counts", "classified_events", {"is_after_2023": "BOOLEAN"}),
        ("legacy_counts", "attributed_events", {"day": "DATE"}),
    ):
        found = names_and_types(archive_lake, view)
        assert found == names_and_types(archive_lake, before) | counts | more

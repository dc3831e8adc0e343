"""docs/sql.md says what the schema says, and its queries run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analyzer.schema import COLUMNS
from tests.conftest import asked

TEXT = (Path(__file__).parent.parent / "docs" / "sql.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)


def table_of_columns() -> str:
    rows = (
        f"| `{column.name}` | {column.kind.value} | `{'.'.join(column.path)}` | {column.meaning} |"
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


@pytest.mark.parametrize("view", ["events", "cloudtrail", "cloudtrail_logs", "objects"])
def test_every_view_is_described(view: str) -> None:
    assert f"| `{view}` |" in TEXT

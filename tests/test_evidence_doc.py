"""What docs/evidence.md explains is what SQL and the verdict have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from analyzer.queries import names, sql
from analyzer.verdict import ENOUGH_COVERAGE, MISSING, judge
from tests.conftest import asked
from tests.test_verdict import CAVEATS, VERDICTS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def text(repository: Path) -> str:
    return (repository / "docs" / "evidence.md").read_text(encoding="utf-8")


def first_cells(text: str, header: str) -> list[str]:
    """Return the names in the first column of the table that has this header."""
    table = text.partition(f"| {header} |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_the_classes_are_those_of_the_sql_in_the_order_in_which_they_apply(
    text: str, lake_of_two: Path
) -> None:
    in_order = re.findall(r"(?:THEN|ELSE) '([^']+)'", sql("views/classified_events"))
    [row] = asked(lake_of_two, "SELECT classes() AS every")

    assert first_cells(text, "class | the record | could it tell?") == in_order
    assert sorted(in_order) == sorted(row["every"])


def test_the_classes_that_could_tell_are_those_of_the_sql(text: str, lake_of_two: Path) -> None:
    rows = asked(lake_of_two, "SELECT c, could_tell_tls(c) AS could FROM unnest(classes()) AS t(c)")

    for row in rows:
        [line] = [line for line in text.splitlines() if line.startswith(f"| `{row['c']}` |")]
        assert line.split("|")[-2].strip().startswith("yes" if row["could"] else "no"), line


def test_the_verdicts_are_those_that_there_are(text: str) -> None:
    listed = first_cells(text, "verdict | what was found")

    assert sorted(listed) == sorted(VERDICTS)
    assert {judge(case).verdict for cases in VERDICTS.values() for case in cases} == set(listed)
    assert text.count(f"{ENOUGH_COVERAGE:g} %") == 2


def test_the_codes_are_those_of_the_verdict(text: str) -> None:
    assert first_cells(text, "code | what is missing") == list(MISSING)
    assert first_cells(text, "code | what cannot be seen") == list(CAVEATS)


def test_every_report_that_is_named_exists(text: str) -> None:
    named = re.findall(r"^- `(\w+)`|`(coverage_by_\w+|blind_spots)`", text, re.MULTILINE)

    assert {a or b for a, b in named} <= set(names("reports"))
    assert len(named) >= 5


def test_every_source_is_cited_and_every_citation_has_its_source(text: str) -> None:
    body, _, sources = text.partition("## Sources")

    cited = set(re.findall(r"\[(\d)\]", body))
    assert cited == set(re.findall(r"^(\d)\. ", sources, re.MULTILINE))

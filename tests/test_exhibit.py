from __future__ import annotations

import base64
import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from analyzer.audit import Section
from analyzer.exhibit import LONGEST_CELL, MOST_ROWS, Exhibit, defused, exhibits, options_of, shown
from analyzer.lake import Narrowing

ROOM = 1_000_000


def section(name: str, /, **columns: list[object]) -> Section:
    return Section(name, name.title(), "Which?", "SELECT", pa.table(columns))


def exhibit_of(**columns: list[object]) -> Exhibit:
    return exhibits([section("answer", **columns)], "", ROOM)[0]


def csv_of(exhibit: Exhibit) -> list[list[str]]:
    head, _, body = exhibit.csv.partition(",")
    assert head == "data:text/csv;charset=utf-8;base64"
    text = base64.b64decode(body).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "formula",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1+1", "－1", "＠A1", "＋1"],  # noqa: RUF001
)
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe(formula: str) -> None:
    assert defused(formula) == f"'{formula}"
    assert csv_of(exhibit_of(text=[formula]))[1] == [f"'{formula}"]


@pytest.mark.parametrize("text", ["", "arn:aws:iam::1:role/a=b", "a+b", "198.51.100.1", "'=1"])
def test_other_cells_are_left_alone(text: str) -> None:
    assert defused(text) == text


def test_numbers_and_times_in_the_csv_are_as_everywhere() -> None:
    exhibit = exhibit_of(
        calls=[-1_234],
        share=[-0.5],
        at=[datetime(2023, 1, 5, tzinfo=UTC).replace(tzinfo=None)],
        names=[["=a", "b"]],
    )

    assert csv_of(exhibit)[1] == ["-1234", "-0.5", "2023-01-05T00:00:00Z", '["=a", "b"]']
    assert exhibit.rows == [["-1,234", "-0.5", "2023-01-05T00:00:00Z", "=a, b"]]


def test_a_long_cell_is_cut_and_says_how_long_it_was() -> None:
    exhibit = exhibit_of(text=["A1" * 524_288])

    wanted = f"{'A1' * (LONGEST_CELL // 2)}… (1,048,576 characters)"
    assert exhibit.rows == [[wanted]]
    assert csv_of(exhibit)[1] == [wanted]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (1_234_567, "1,234,567"),
        (Decimal(12_345), "12,345"),
        ("\u202egnp", "\\u202egnp"),
        ("\x1b[2J", "\\u001b[2J"),
        ([], ""),
    ],
)
def test_a_cell_is_shown_for_people(value: object, text: str) -> None:
    assert shown(value) == text


def test_columns_have_the_kind_that_their_cells_need() -> None:
    exhibit = exhibit_of(calls=[1], id=["111122223333"], name=["x" * 40], agent=["x" * 90])

    assert [column.kind for column in exhibit.columns] == ["n", "t", "", "l"]


def test_small_tables_are_whole_and_large_ones_share_what_is_left() -> None:
    sections = [
        section("small", text=["x" * 50] * 10),
        section("large", text=["y" * 50] * 900),
        section("larger", text=["z" * 50] * 9_000),
    ]
    small, large, larger = exhibits(sections, "", 60_000)

    assert not small.is_cut
    assert large.is_cut
    assert larger.is_cut
    assert len(large.rows) == len(larger.rows) > 100
    assert larger.rows_in_all == 9_000
    assert len(csv_of(larger)) == len(larger.rows) + 1
    assert not any(each.is_cut for each in exhibits(sections[:2], "", ROOM))


def test_a_table_has_no_more_rows_than_a_browser_likes() -> None:
    assert len(exhibit_of(number=list(range(MOST_ROWS + 1))).rows) == MOST_ROWS


def test_an_empty_answer_takes_no_room_and_is_whole() -> None:
    exhibit = exhibits([section("empty", text=[])], "", 0)[0]

    assert exhibit.rows == []
    assert not exhibit.is_cut


def test_the_command_that_gives_all_has_what_the_report_was_asked_with() -> None:
    narrowing = Narrowing(
        ("111122223333",), ("eu-west-1", "us-east-1"), datetime(2023, 1, 1, tzinfo=UTC)
    )
    exhibit = exhibits([section("answer", text=["x"])], options_of(narrowing), ROOM)[0]

    assert exhibit.command == (
        "tlstrail report answer --account 111122223333 --region eu-west-1 --region us-east-1 "
        "--since 2023-01-01T00:00:00Z -o answer.csv"
    )

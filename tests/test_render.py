from __future__ import annotations

import csv
import io
import json
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyzer.render import Format, render

EVERYTHING = """
SELECT
    '012345678901' AS account,
    42 AS number,
    1307::HUGEINT AS huge,
    1.5 AS price,
    0.1::DOUBLE AS ratio,
    true AS yes,
    false AS no,
    NULL AS nothing,
    TIMESTAMP '2023-01-31 23:59:59' AS at,
    TIMESTAMP '2023-01-31 23:59:59.123456' AS exactly,
    TIMESTAMPTZ '2023-01-31 23:59:59+00' AS zoned,
    DATE '2023-01-31' AS day,
    TIME '23:59:59' AS clock,
    INTERVAL '1' DAY + INTERVAL '2' HOUR AS span,
    '\\xAB'::BLOB AS bytes,
    uuid '3d101ada-061c-430a-ae91-743e2d3de92a' AS id,
    ['a', 'ä'] AS list,
    {'a': 1, 'b': NULL} AS struct,
    MAP {'k': 'v'} AS map,
    'ä, "quoted"; | pipe *star* <b>' || chr(10) || 'next' AS text
"""

ALL = pytest.mark.parametrize("form", [form for form in Format if form is not Format.HTML])


def answer_to(query: str, batch: int = 1_000) -> pa.RecordBatchReader:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    reader: pa.RecordBatchReader = connection.sql(query).to_arrow_reader(batch)
    return reader


def rendered(query: str, form: Format, width: int = 200) -> bytes:
    out = io.BytesIO()
    render(answer_to(query), form, out, width)
    return out.getvalue()


def cells(query: str, form: Format) -> list[dict[str, Any]]:
    text = rendered(query, form).decode()
    if form is Format.JSON:
        rows: list[dict[str, Any]] = json.loads(text)
        return rows
    if form is Format.NDJSON:
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_value_is_what_json_has_for_it() -> None:
    [row] = cells(EVERYTHING, Format.JSON)

    assert row.pop("text").startswith('ä, "quoted"')
    assert isinstance(row.pop("span"), str)
    assert row == {
        "account": "012345678901",
        "number": 42,
        "huge": 1307,
        "price": "1.5",
        "ratio": 0.1,
        "yes": True,
        "no": False,
        "nothing": None,
        "at": "2023-01-31T23:59:59Z",
        "exactly": "2023-01-31T23:59:59.123456Z",
        "zoned": "2023-01-31T23:59:59Z",
        "day": "2023-01-31",
        "clock": "23:59:59",
        "bytes": "ab",
        "id": "3d101ada-061c-430a-ae91-743e2d3de92a",
        "list": ["a", "ä"],
        "struct": {"a": 1, "b": None},
        "map": {"k": "v"},
    }


def test_json_and_ndjson_hold_the_same_objects() -> None:
    assert cells(EVERYTHING, Format.JSON) == cells(EVERYTHING, Format.NDJSON)


def test_a_cell_looks_the_same_in_every_format() -> None:
    [as_json], [as_csv] = cells(EVERYTHING, Format.JSON), cells(EVERYTHING, Format.CSV)
    table = rendered(EVERYTHING, Format.TABLE, 2_000).decode()
    markdown = rendered(EVERYTHING, Format.MD).decode().replace("\\", "")

    for name, value in as_json.items():
        if isinstance(value, str):
            assert as_csv[name] == value
        elif value is None:
            assert as_csv[name] == ""
        else:
            assert json.loads(as_csv[name]) == value
        first_line = as_csv[name].partition("\n")[0]
        assert first_line in table, name
        assert first_line in markdown, name


def test_csv_comes_back_whole_through_pythons_csv() -> None:
    query = "SELECT 'a,b\"c' || chr(13) || chr(10) || 'd' AS x, '' AS y, ' z ' AS z"

    assert cells(query, Format.CSV) == [{"x": 'a,b"c\r\nd', "y": "", "z": " z "}]


def test_csv_lines_end_as_lines_do_here() -> None:
    assert rendered("SELECT 1 AS a, 'x' AS b", Format.CSV) == b"a,b\n1,x\n"


def test_markdown_keeps_every_cell_in_its_place() -> None:
    query = "SELECT 'a|b' AS \"x|y\", '<script>' || chr(10) || '*b* `c` [d](e) \\' AS z"

    lines = rendered(query, Format.MD).decode().splitlines()
    assert lines[0] == r"| x\|y | z |"
    assert lines[2] == r"| a\|b | \<script\> \*b\* \`c\` \[d\](e) \\ |"
    assert len(lines) == 3


def test_parquet_keeps_the_types() -> None:
    content = rendered(EVERYTHING, Format.PARQUET)

    table = pq.read_table(io.BytesIO(content))
    assert table.schema.field("account").type == pa.string()
    assert table.schema.field("at").type == pa.timestamp("us")
    assert table.schema.field("number").type == pa.int32()
    assert table.schema.field("list").type == pa.list_(pa.string())
    assert table.schema.field("price").type == pa.decimal128(2, 1)


@ALL
def test_zero_rows_are_no_mistake(form: Format) -> None:
    content = rendered("SELECT 1 AS a, 'x' AS b WHERE false", form)

    expected = {
        Format.CSV: b"a,b\n",
        Format.JSON: b"[]\n",
        Format.NDJSON: b"",
        Format.MD: b"| a | b |\n| --- | --- |\n",
    }
    if form is Format.PARQUET:
        assert pq.read_table(io.BytesIO(content)).num_rows == 0
    elif form is Format.TABLE:
        assert b"a" in content
    else:
        assert content == expected[form]


@ALL
@pytest.mark.parametrize("batch", [1, 2, 7, 2048])
def test_the_size_of_a_batch_changes_nothing(form: Format, batch: int) -> None:
    query = "SELECT i, 'x' || i AS x FROM range(20) AS t(i)"
    one, other = io.BytesIO(), io.BytesIO()

    render(answer_to(query, batch), form, one, 80)
    render(answer_to(query), form, other, 80)
    if form is Format.PARQUET:
        assert pq.read_table(one) == pq.read_table(other)
    else:
        assert one.getvalue() == other.getvalue()


@ALL
@pytest.mark.parametrize(
    "value",
    ["'nan'::DOUBLE", "'-inf'::DOUBLE", "170141183460469231731687303715884105727::HUGEINT"],
)
def test_a_strange_number_is_rendered_and_json_stays_json(form: Format, value: str) -> None:
    content = rendered(f"SELECT {value} AS n", form)

    assert content
    if form in {Format.JSON, Format.NDJSON}:
        json.loads(content, parse_constant=pytest.fail)


@ALL
def test_two_columns_of_one_name_are_both_there(form: Format) -> None:
    content = rendered("SELECT 'one' AS a, 'two' AS a", form)

    if form is Format.PARQUET:
        assert pq.read_table(io.BytesIO(content)).num_columns == 2
    else:
        assert b"one" in content
        assert b"two" in content


def test_a_table_sets_thousands_apart_and_a_pipe_does_not() -> None:
    assert b"1,234,567" in rendered("SELECT 1234567 AS n", Format.TABLE)
    assert b"1234567" in rendered("SELECT 1234567 AS n", Format.CSV)


def test_a_long_table_says_how_to_get_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.render.TABLE_ROWS", 5)
    query = "SELECT i FROM range({}) AS t(i)"

    assert b"The first 5 rows; --format csv" in rendered(query.format(6), Format.TABLE)
    assert b"The first" not in rendered(query.format(5), Format.TABLE)
    assert rendered(query.format(6), Format.CSV).count(b"\n") == 7


def test_a_wide_cell_is_folded_and_not_cut() -> None:
    text = rendered(f"SELECT '{'x' * 300}' AS wide", Format.TABLE, 80).decode()

    assert text.count("x") == 300


@pytest.mark.parametrize("form", [Format.TABLE, Format.MD])
def test_what_commands_a_terminal_or_turns_the_text_around_stands_as_its_number(
    form: Format,
) -> None:
    text = rendered("SELECT chr(27) || '[2J' || chr(8238) || 'gnp.exe' AS agent", form).decode()

    assert "u001b" in text
    assert "u202egnp.exe" in text
    assert not {"\x1b", "\u202e"} & set(text)


def test_programs_get_such_characters_as_they_are() -> None:
    text = rendered("SELECT chr(8238) || 'gnp.exe' AS agent", Format.CSV).decode()

    assert "\u202egnp.exe" in text

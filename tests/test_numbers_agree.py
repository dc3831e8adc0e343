"""The same figures in HTML, Markdown, JSON and on the terminal: each is read back, and compared."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from analyzer.audit import SECTIONS
from analyzer.lake import Narrowing
from analyzer.render import Format
from analyzer.report import ReportSettings, report
from analyzer.store import S3Access

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VERSIONS = {
    "TLSv1": "TLS 1.0",
    "TLSv1.1": "TLS 1.1",
    "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
}


class Page(HTMLParser):
    """What a page shows: the text of every cell by the id of its table, and all other text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.words: list[str] = []
        self._table = ""
        self._cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "h3":
            self._table = dict(attrs).get("id") or ""
        elif tag == "tr":
            self.tables.setdefault(self._table, []).append([])
        elif tag in {"td", "th"}:
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._cell is not None:
            self.tables[self._table][-1].append("".join(self._cell))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.fixture(scope="module")
def written(archive_lake: Path) -> Callable[[Format], str]:
    texts: dict[Format, str] = {}

    def write(form: Format) -> str:
        if form not in texts:
            out = io.BytesIO()
            settings = ReportSettings(
                name=None,
                lake=archive_lake,
                narrowing=Narrowing(),
                against=None,
                form=form,
                alarms=(),
                least_coverage=0,
                access=S3Access(),
            )
            report(settings, out, 4_000)
            texts[form] = out.getvalue().decode()
        return texts[form]

    return write


@pytest.fixture
def in_json(written: Callable[[Format], str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(written(Format.JSON))
    return content


@pytest.fixture
def in_html(written: Callable[[Format], str]) -> Page:
    return Page(written(Format.HTML))


def as_shown(value: object) -> str:
    """What a value of the JSON is on the page."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(as_shown, value))
    return str(value)


def test_every_table_of_the_page_is_that_of_the_json(
    in_json: dict[str, Any], in_html: Page
) -> None:
    compared = 0
    for name in ("timeline", *SECTIONS):
        rows = in_json[name]
        if not rows:
            assert name not in in_html.tables
            continue
        head, *body = in_html.tables[name]
        assert head == list(rows[0]), name
        assert body == [[as_shown(value) for value in row.values()] for row in rows], name
        compared += len(rows)
    assert compared > 100


def test_the_verdict_its_reasons_and_its_caveats_are_the_same_everywhere(
    in_json: dict[str, Any], in_html: Page, written: Callable[[Format], str]
) -> None:
    noted = [each["sentence"] for each in in_json["reasons"] + in_json["caveats"]]
    terminal = " ".join(written(Format.TABLE).split())

    assert noted
    for sentence in (in_json["sentence"], *noted):
        assert sentence in in_html.text
        assert sentence in written(Format.MD)
        assert sentence in terminal


def test_the_evidence_is_the_same_everywhere(
    in_json: dict[str, Any], in_html: Page, written: Callable[[Format], str]
) -> None:
    evidence = in_json["evidence"]
    for text in (in_html.text, written(Format.MD), " ".join(written(Format.TABLE).split())):
        for name in ("records", "records_with_tls_version", "records_that_could_tell"):
            assert re.search(rf"\b{evidence[name]:,}\b", text), name
        for name in ("legacy_calls", "objects_listed", "objects_read", "objects_skipped"):
            assert re.search(rf"\b{evidence[name]:,}\b", text), name
        assert f"{evidence['coverage_percent']:g} %" in text


def counted_versions(text: str, pattern: str) -> dict[str, int]:
    return {
        words: int(calls.replace(",", ""))
        for words, calls in re.findall(pattern, text, re.MULTILINE)
    }


def test_the_versions_are_counted_alike_everywhere(
    in_json: dict[str, Any], in_html: Page, written: Callable[[Format], str]
) -> None:
    wanted: dict[str, int] = {}
    for row in in_json["tls_versions"]:
        absent = "no version recorded" if row["class"] == "absent" else "no version we know"
        words = VERSIONS.get(row["tls_version"], absent)
        wanted[words] = wanted.get(words, 0) + row["calls"]
    words = "TLS 1.[0-3]|no version we know|no version recorded"

    assert sum(wanted.values()) == in_json["evidence"]["records"]
    assert counted_versions(written(Format.TABLE), rf"^  ({words}) +([\d,]+)  ") == wanted
    assert counted_versions(written(Format.MD), rf"^\| ({words}) \| ([\d,]+) \|") == wanted
    head, *months = in_html.tables["timeline"]
    columns = {name: head.index(name) for name in head[1:-1]}
    by_column = {
        name: sum(int(month[place].replace(",", "")) for month in months)
        for name, place in columns.items()
    }
    assert list(by_column.values()) == [
        wanted["TLS 1.0"],
        wanted["TLS 1.1"],
        wanted["no version we know"],
        wanted["TLS 1.2"],
        wanted["TLS 1.3"],
        wanted["no version recorded"],
    ]


def test_who_is_to_be_fixed_first_is_the_same_everywhere(
    in_json: dict[str, Any], in_html: Page, written: Callable[[Format], str]
) -> None:
    for number, row in enumerate(in_json["fix_first"][:3], start=1):
        name = f"{row['client']} on {row['runtime']}" if row["runtime"] else row["client"]
        counted = (
            f"{name}: {row['active_callers']:,} of {row['callers']:,} callers active, "
            f"{row['calls']:,} calls until {row['last_seen'][:10]}"
        )
        assert f"  {number}. {counted}\n" in written(Format.TABLE)
        assert f"{number}. **{counted}**" in written(Format.MD)
        assert (
            f"Active callers: {row['active_callers']:,} of {row['callers']:,} · accounts: "
            f"{row['accounts']:,} · calls: {row['calls']:,} · last seen {row['last_seen']}"
        ) in in_html.text
        for text in (written(Format.TABLE), written(Format.MD), in_html.text):
            assert row["fix"] in text


def test_the_services_are_counted_alike(
    in_json: dict[str, Any], written: Callable[[Format], str]
) -> None:
    named = [
        f"{row['event_source'].removesuffix('.amazonaws.com')} {row['calls']:,}"
        for row in in_json["legacy_by_service"][:4]
    ]

    for form in (Format.TABLE, Format.MD):
        assert f"Services called with TLS 1.0 or 1.1: {', '.join(named)} and 3 more" in written(
            form
        )

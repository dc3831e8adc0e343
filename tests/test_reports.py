"""Each report on the fixture archive: a golden answer, and the same figures by plain Python."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest

from analyzer.lake import Narrowing, open_lake
from analyzer.queries import names, report_sql
from analyzer.render import Format, render

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Json

LEGACY = {"TLSv1", "TLSv1.1"}
CLASSES = {"TLSv1": "legacy", "TLSv1.1": "legacy", "TLSv1.2": "modern", "TLSv1.3": "modern"}


def answer_to(name: str, lake: Path) -> str:
    out = io.BytesIO()
    with open_lake(lake, Narrowing()) as opened, opened.query(report_sql(name)) as answer:
        render(answer, Format.CSV, out, 80)
    return out.getvalue().decode()


def rows_of(text: str) -> list[tuple[str, ...]]:
    return [tuple(row) for row in list(csv.reader(io.StringIO(text)))[1:]]


def text_at(record: Json, *path: str) -> str:
    """Return the text at a path; empty where there is none."""
    value: object = record
    for member in path:
        value = value.get(member) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def tls_version(record: Json) -> str:
    return text_at(record, "tlsDetails", "tlsVersion")


def time_of(record: Json) -> str:
    text = text_at(record, "eventTime")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), "the archive has plain times"
    return text


@pytest.fixture
def legacy(distinct_records: list[Json]) -> list[Json]:
    return [record for record in distinct_records if tls_version(record) in LEGACY]


@pytest.mark.parametrize("name", names("reports"))
def test_a_report_gives_its_golden_answer(
    name: str, archive_lake: Path, archive: Path, repository: Path
) -> None:
    golden = repository / "fixtures" / "answers" / f"{name}.csv"

    found = answer_to(name, archive_lake).replace(str(archive), "ARCHIVE")
    assert found == golden.read_bytes().decode()


def test_no_golden_answer_is_left_without_its_report(repository: Path) -> None:
    answers = {path.name for path in (repository / "fixtures" / "answers").iterdir()}

    assert answers == {f"{name}.csv" for name in names("reports")}


def test_tls_versions_are_those_that_plain_python_counts(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    times = defaultdict(list)
    for record in distinct_records:
        times[tls_version(record)].append(time_of(record))

    wanted = {
        (
            CLASSES.get(version, "unknown" if version else "absent"),
            version,
            str(len(seen)),
            str(round(100 * len(seen) / len(distinct_records), 2)),
            min(seen),
            max(seen),
        )
        for version, seen in times.items()
    }
    found = rows_of(answer_to("tls_versions", archive_lake))
    assert set(found) == wanted
    assert len(found) == len(wanted)
    assert sum(int(row[2]) for row in found if row[0] == "legacy") == 167


def test_legacy_services_are_those_that_plain_python_counts(
    archive_lake: Path, legacy: list[Json]
) -> None:
    times = defaultdict(list)
    for record in legacy:
        times[text_at(record, "eventSource")].append(time_of(record))

    wanted = sorted(
        ((source, str(len(seen)), min(seen), max(seen)) for source, seen in times.items()),
        key=lambda row: (-int(row[1]), row[0]),
    )
    assert rows_of(answer_to("legacy_by_service", archive_lake)) == wanted
    assert [(row[0], row[1]) for row in wanted][:2] == [
        ("ec2.amazonaws.com", "48"),
        ("s3.amazonaws.com", "41"),
    ]


def test_legacy_callers_are_those_that_plain_python_counts(
    archive_lake: Path, legacy: list[Json]
) -> None:
    wanted = Counter(
        (
            text_at(record, "recipientAccountId"),
            time_of(record)[:7],
            text_at(record, "eventSource"),
            text_at(record, "sourceIPAddress"),
            text_at(record, "userAgent"),
            text_at(record, "userIdentity", "arn"),
            text_at(record, "userIdentity", "accessKeyId"),
        )
        for record in legacy
    )

    found = rows_of(answer_to("legacy_callers", archive_lake))
    assert {row[:-1]: int(row[-1]) for row in found} == wanted
    assert len(found) == len(wanted)


def test_legacy_details_are_those_that_plain_python_counts(
    archive_lake: Path, legacy: list[Json]
) -> None:
    wanted = Counter(
        (
            text_at(record, "userIdentity", "accountId"),
            text_at(record, "recipientAccountId"),
            text_at(record, "eventSource"),
            text_at(record, "eventName"),
            text_at(record, "awsRegion"),
            tls_version(record),
            text_at(record, "tlsDetails", "cipherSuite"),
            text_at(record, "userAgent"),
        )
        for record in legacy
    )

    found = rows_of(answer_to("legacy_detail", archive_lake))
    assert {row[:-1]: int(row[-1]) for row in found} == wanted
    assert len(found) == len(wanted)


def test_conflicting_records_are_those_that_plain_python_finds(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    counted = Counter(text_at(record, "eventID") for record in distinct_records)
    wanted = [(name, str(count)) for name, count in sorted(counted.items()) if name and count > 1]

    found = rows_of(answer_to("conflicting_records", archive_lake))
    assert [row[:2] for row in found] == wanted
    assert len(wanted) == 1


def test_every_report_counts_all_legacy_calls(archive_lake: Path) -> None:
    for name in ("legacy_by_service", "legacy_callers", "legacy_detail"):
        with open_lake(archive_lake, Narrowing()) as lake:
            rows = lake.table(report_sql(name)).to_pylist()
        assert sum(row["calls"] for row in rows) == 167, name


@pytest.mark.parametrize("name", names("reports"))
def test_a_reports_first_line_is_its_question(name: str) -> None:
    first = report_sql(name).partition("\n")[0]

    assert first.startswith("-- ")
    assert first.endswith("?")


@pytest.mark.parametrize("name", names("reports"))
def test_a_report_has_a_total_order(name: str, archive_lake: Path) -> None:
    with open_lake(archive_lake, Narrowing()) as lake:
        answers = [lake.table(report_sql(name)).to_pylist() for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]

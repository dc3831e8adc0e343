from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from analyzer.compare import HEADINGS, around, period_of
from analyzer.errors import LakeError, UsageError
from analyzer.lake import Narrowing
from analyzer.queries import names, sql
from analyzer.render import Format
from analyzer.report import ReportSettings, report
from analyzer.store import S3Access
from tests.conftest import LogFolder, ingest_and_check, log_key, record

if TYPE_CHECKING:
    from pathlib import Path


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


JUNE = (at("2023-06-01"), at("2023-07-01"))


def old_call(number: int, day: str, service: str, role: str) -> dict[str, object]:
    return record(
        number,
        eventTime=f"{day}T10:00:00Z",
        eventSource=f"{service}.amazonaws.com",
        userAgent=f"aws-cli/1.{len(role)}.0 Python/2.6.6 Linux/2.6.18-164.el5",
        userIdentity={"type": "Role", "arn": f"arn:aws:iam::111122223333:role/{role}"},
        tlsDetails={"tlsVersion": "TLSv1"},
    )


@pytest.fixture
def lake(log_folder: LogFolder, tmp_path: Path) -> Path:
    """In June ec2 and s3 are called with old TLS; in July ec2 less often, and sqs."""
    log_folder.put(
        log_key("1000"),
        [
            *(old_call(number, "2023-06-05", "ec2", "backup") for number in range(5)),
            old_call(10, "2023-06-30", "s3", "printer"),
            old_call(20, "2023-07-01", "ec2", "backup"),
            *(old_call(number, "2023-07-09", "sqs", "kiosk") for number in range(30, 33)),
            record(40, eventTime="2023-07-10T10:00:00Z", tlsDetails={"tlsVersion": "TLSv1.3"}),
        ],
    )
    ingest_and_check(tmp_path / "lake", log_folder.root)
    return tmp_path / "lake"


def compared(
    lake: Path,
    against: str,
    form: Format = Format.JSON,
    name: str | None = None,
    narrowing: Narrowing = Narrowing(),  # noqa: B008 (frozen)
) -> str:
    out = io.BytesIO()
    settings = ReportSettings(
        name=name,
        lake=lake,
        narrowing=narrowing,
        against=against,
        form=form,
        alarms=(),
        least_coverage=0,
        access=S3Access(),
    )
    report(settings, out, 120)
    return out.getvalue().decode()


def changes(content: str, section: str) -> list[list[object]]:
    return [list(row.values()) for row in json.loads(content)[section]]


def test_what_is_new_stands_before_what_is_still_there_and_what_is_gone(lake: Path) -> None:
    content = compared(lake, "2023-06-01..2023-07-01")

    assert changes(content, "legacy_by_service") == [
        ["new", "sqs.amazonaws.com", 0, 3],
        ["still there", "ec2.amazonaws.com", 5, 1],
        ["gone", "s3.amazonaws.com", 1, 0],
    ]
    assert changes(content, "legacy_by_principal") == [
        ["new", "111122223333", "arn:aws:iam::111122223333:role/kiosk", 0, 3],
        ["still there", "111122223333", "arn:aws:iam::111122223333:role/backup", 5, 1],
        ["gone", "111122223333", "arn:aws:iam::111122223333:role/printer", 1, 0],
    ]
    assert [row[0] for row in changes(content, "legacy_by_client")] == [
        "new",
        "still there",
        "gone",
    ]


def test_the_calls_of_each_section_are_those_of_the_two_verdicts(lake: Path) -> None:
    content = json.loads(compared(lake, "2023-06-01..2023-07-01"))

    assert list(content) == ["before", "after", *HEADINGS]
    for side in ("before", "after"):
        wanted = content[side]["evidence"]["legacy_calls"]
        for name in HEADINGS:
            assert sum(row[f"calls_{side}"] for row in content[name]) == wanted
    assert content["before"]["sentence"].startswith("TLS 1.0 or 1.1 was used: 6 calls")
    assert content["after"]["sentence"].startswith("TLS 1.0 or 1.1 was used: 4 calls")


@pytest.mark.parametrize("form", [Format.TABLE, Format.MD])
def test_people_read_both_verdicts_and_how_many_are_new_or_gone(lake: Path, form: Format) -> None:
    text = compared(lake, "2023-06-01..2023-07-01", form)

    assert "Before: from 2023-06-01 up to 2023-07-01" in text
    assert "After: from 2023-07-01" in text
    assert text.count("1 new, 1 still there, 1 gone") == 3


def test_the_page_of_a_comparison_has_every_row(lake: Path) -> None:
    text = compared(lake, "2023-06-01..2023-07-01", Format.HTML)

    assert "By service: 1 new, 1 still there, 1 gone" in text
    assert text.count("<td class=t>gone</td>") == 3


def test_a_named_report_gives_one_table(lake: Path) -> None:
    assert compared(lake, "2023-06-01..2023-07-01", Format.CSV, "legacy_by_service") == (
        "change,event_source,calls_before,calls_after\n"
        "new,sqs.amazonaws.com,0,3\n"
        "still there,ec2.amazonaws.com,5,1\n"
        "gone,s3.amazonaws.com,1,0\n"
    )


def test_a_report_that_cannot_be_compared_is_refused_with_those_that_can(lake: Path) -> None:
    with pytest.raises(UsageError, match=r"tls_versions cannot .* legacy_by_client, legacy_by_pri"):
        compared(lake, "2023-06-01..2023-07-01", name="tls_versions")


@pytest.mark.parametrize("form", [Format.CSV, Format.NDJSON, Format.PARQUET])
def test_a_format_of_one_table_is_refused(lake: Path, form: Format) -> None:
    with pytest.raises(UsageError, match="tlstrail report legacy_by_client --against"):
        compared(lake, "2023-06-01..2023-07-01", form)


def test_another_lake_is_compared_with_as_well(lake: Path, lake_of_two: Path) -> None:
    content = compared(lake, str(lake_of_two))

    assert ["still there", "ec2.amazonaws.com", 1, 6] in changes(content, "legacy_by_service")
    assert f"Before: {lake_of_two}" in compared(lake, str(lake_of_two), Format.TABLE)
    assert json.loads(content)["before"]["lake"] == str(lake_of_two)


def test_two_periods_without_legacy_calls_have_no_difference(lake: Path) -> None:
    narrowing = Narrowing(since=at("2024-01-01"))
    text = compared(lake, "2022-01-01..2022-02-01", Format.TABLE, narrowing=narrowing)

    assert text.count("none, before or after") == 3


def test_a_period_is_two_times_with_dots_between() -> None:
    assert period_of("2023-06-01..2023-07-01") == JUNE
    assert period_of("2023-06-01T00:00:00Z..2023-07-01T02:00:00+02:00") == JUNE


@pytest.mark.parametrize("path", ["lake", "../lake", "/a/lake..old", "2023-06-01", "./a..b"])
def test_what_is_no_period_is_a_lake(path: str) -> None:
    assert period_of(path) is None


@pytest.mark.parametrize(
    "text",
    [
        "2023-06-01..",
        "..2023-06-01",
        "2023-06-01..now",
        "2023-07-01..2023-06-01",
        "2023-06-01..2023-06-01",
        "foo..bar",
    ],
)
def test_half_a_period_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"a period is FROM\.\.TO"):
        period_of(text)


def test_what_is_meant_as_a_period_is_told_what_is_wrong_with_it() -> None:
    with pytest.raises(
        UsageError, match=r"'foo' is no date or time; .* A lake of that name is \./f"
    ):
        period_of("foo..bar")


def test_what_is_neither_a_period_nor_a_lake_is_told_what_can_be_named(
    lake: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        LakeError, match=r"--against .*nowhere: there is no lake here, and it is no"
    ):
        compared(lake, str(tmp_path / "nowhere"))


def test_without_since_what_comes_after_the_period_is_compared_with_it() -> None:
    accounts = ("111122223333",)
    before, after = around(JUNE, Narrowing(accounts))

    assert before == Narrowing(accounts, (), *JUNE)
    assert after == Narrowing(accounts, (), JUNE[1])


def test_the_later_side_may_be_earlier() -> None:
    narrowing = Narrowing(since=at("2022-01-01"), until=at("2022-02-01"))

    assert around(JUNE, narrowing)[1] == narrowing


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2023-06-15", None),
        ("2023-01-01", None),
        ("2023-01-01", "2023-06-02"),
        (None, "2023-06-15"),
        (None, "2023-07-01"),
    ],
)
def test_sides_that_overlap_or_are_empty_are_refused(since: str | None, until: str | None) -> None:
    narrowing = Narrowing(since=at(since) if since else None, until=at(until) if until else None)

    with pytest.raises(UsageError, match="--against"):
        around(JUNE, narrowing)


def test_every_question_that_can_be_compared_has_its_heading_and_ends_with_its_calls() -> None:
    assert sorted(HEADINGS) == names("compare")
    for name in HEADINGS:
        assert sql(f"compare/{name}").partition("\n")[0].endswith("?")
        assert "calls\nFROM" in sql(f"compare/{name}")

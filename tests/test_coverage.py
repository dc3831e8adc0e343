"""What a record says of TLS: one class each, and the same counts by plain Python."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest

from analyzer.lake import Narrowing, open_lake
from analyzer.queries import names, report_sql, sql
from tests.conftest import LogFolder, asked, ingest_and_check, log_key, record
from tests.test_reports import answer_to, text_at, time_of, tls_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Json

SERVICE = "absent: an AWS service called on your behalf"
CONSOLE = "absent: console"
OLD = "absent: record version before 1.08"
NOT_APPLICABLE = "not applicable"
UNEXPLAINED = "absent: unexplained"
UNKNOWN = "unknown value"

COLUMNS = {
    "legacy": "legacy",
    "modern": "modern",
    UNKNOWN: "unknown_value",
    UNEXPLAINED: "unexplained",
    OLD: "before_1_08",
    SERVICE: "aws_service",
    CONSOLE: "console",
    NOT_APPLICABLE: "not_applicable",
}

CASES: list[tuple[str, Json]] = [
    ("legacy", {"tlsDetails": {"tlsVersion": "TLSv1"}}),
    ("legacy", {"tlsDetails": {"tlsVersion": "TLSv1.1"}}),
    ("legacy", {"tlsDetails": {"tlsVersion": "TLSv1"}, "eventVersion": "1.05"}),
    ("legacy", {"tlsDetails": {"tlsVersion": "TLSv1"}, "eventType": "AwsServiceEvent"}),
    ("legacy", {"tlsDetails": {"tlsVersion": "TLSv1"}, "userIdentity": {"invokedBy": "x"}}),
    ("modern", {"tlsDetails": {"tlsVersion": "TLSv1.2"}}),
    ("modern", {"tlsDetails": {"tlsVersion": "TLSv1.3"}, "sessionCredentialFromConsole": "true"}),
    (UNKNOWN, {"tlsDetails": {"tlsVersion": "tlsVersion"}}),
    (UNKNOWN, {"tlsDetails": {"tlsVersion": "1.3"}}),
    (UNKNOWN, {"tlsDetails": {"tlsVersion": ""}}),
    (UNKNOWN, {"tlsDetails": {"tlsVersion": "SSLv3"}}),
    (UNKNOWN, {"tlsDetails": {"tlsVersion": "TLSv1.0"}}),
    (UNKNOWN, {"tlsDetails": {"tlsVersion": 1.3}}),
    (UNKNOWN, {"tlsDetails": "TLSv1"}),
    (UNKNOWN, {"tlsDetails": {"cipherSuite": "TLS_AES_128_GCM_SHA256"}}),
    (UNKNOWN, {"tlsDetails": {"clientProvidedHostHeader": "ec2.amazonaws.com"}}),
    (UNKNOWN, {"tlsDetails": {"keyExchange": "x25519"}}),
    (NOT_APPLICABLE, {"eventCategory": "Insight"}),
    (NOT_APPLICABLE, {"eventCategory": "NetworkActivity"}),
    (NOT_APPLICABLE, {"eventCategory": "Aggregated", "eventVersion": "1.0"}),
    (NOT_APPLICABLE, {"eventType": "AwsVpceEvent"}),
    (NOT_APPLICABLE, {"eventType": "AwsVpceEvents"}),
    (NOT_APPLICABLE, {"eventType": "AwsServiceEvent", "userIdentity": {"invokedBy": "AWS"}}),
    (SERVICE, {"userIdentity": {"invokedBy": "autoscaling.amazonaws.com"}}),
    (SERVICE, {"userIdentity": {"type": "AWSService"}}),
    (SERVICE, {"userIdentity": {"invokedBy": "ec2.amazonaws.com"}, "eventVersion": "1.05"}),
    (
        SERVICE,
        {"userIdentity": {"invokedBy": "AWS Internal"}, "sessionCredentialFromConsole": "true"},
    ),
    (CONSOLE, {"sessionCredentialFromConsole": "true"}),
    (CONSOLE, {"eventType": "AwsConsoleSignIn"}),
    (CONSOLE, {"eventType": "AwsConsoleAction", "eventVersion": "1.05"}),
    (OLD, {"eventVersion": "1.07"}),
    (OLD, {"eventVersion": "1.1"}),
    (OLD, {"eventVersion": "0.9"}),
    (UNEXPLAINED, {}),
    (UNEXPLAINED, {"eventVersion": "1.10"}),
    (UNEXPLAINED, {"eventVersion": "2.0"}),
    (UNEXPLAINED, {"eventVersion": None}),
    (UNEXPLAINED, {"eventVersion": "latest"}),
    (UNEXPLAINED, {"tlsDetails": None, "userIdentity": None}),
    (UNEXPLAINED, {"userIdentity": {"invokedBy": ""}, "sessionCredentialFromConsole": "false"}),
]


def class_of(record: Json) -> str:
    """Return the class of a record of the fixture archive, by plain Python."""
    version = tls_version(record)
    minor = int(text_at(record, "eventVersion").partition(".")[2])
    conditions = {
        "legacy": version in {"TLSv1", "TLSv1.1"},
        "modern": version in {"TLSv1.2", "TLSv1.3"},
        UNKNOWN: bool(record.get("tlsDetails")),
        NOT_APPLICABLE: text_at(record, "eventType") == "AwsServiceEvent",
        SERVICE: bool(text_at(record, "userIdentity", "invokedBy")),
        CONSOLE: text_at(record, "sessionCredentialFromConsole") == "true",
        OLD: minor < 8,
        UNEXPLAINED: True,
    }
    return next(name for name, holds in conditions.items() if holds)


@pytest.fixture(scope="module")
def lake_of_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of one record for each case; the record's number is the case's."""
    folder = tmp_path_factory.mktemp("classes")
    logs = LogFolder(folder / "bucket")
    logs.put(log_key("1000"), [record(n, **members) for n, (_, members) in enumerate(CASES)])
    ingest_and_check(folder / "lake", logs.root)
    return folder / "lake"


def test_a_record_is_of_the_first_class_that_applies(lake_of_cases: Path) -> None:
    rows = asked(lake_of_cases, "SELECT event_id, class FROM classified_events")

    found = {row["event_id"]: row["class"] for row in rows}
    assert len(rows) == len(CASES)
    for number, (name, members) in enumerate(CASES):
        assert found[f"id-{number}"] == name, members


def test_every_class_is_tried_here(lake_of_cases: Path) -> None:
    [row] = asked(lake_of_cases, "SELECT classes() AS every")

    assert row["every"] == list(COLUMNS)
    assert {name for name, _ in CASES} == set(COLUMNS)


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        (("ELSE 'absent: unexplained'", ""), True),
        (("ELSE 'absent: unexplained'", "ELSE 'no such class'"), True),
        (("FROM events;", "FROM events WHERE tls_version IS NOT NULL;"), True),
        (("FROM events;", "FROM events;"), False),
    ],
)
def test_records_without_a_class_are_seen(
    lake_of_cases: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: tuple[str, str],
    seen: bool,  # noqa: FBT001 (a column of the table above)
) -> None:
    def damaged(name: str) -> str:
        return sql(name).replace(*damage) if name == "views/classified_events" else sql(name)

    monkeypatch.setattr("analyzer.lake.sql", damaged)
    assert bool(asked(lake_of_cases, sql("checks/classes_add_up"))) is seen


def coverage_of(records: list[Json]) -> str:
    """Return the coverage of records as the reports write it, by whole numbers alone."""
    classes = Counter(map(class_of, records))
    telling = classes["legacy"] + classes["modern"]
    could_tell = telling + classes[UNKNOWN] + classes[UNEXPLAINED]
    return str(10_000 * telling // could_tell / 100) if could_tell else ""


def account_of(record: Json) -> str:
    return text_at(record, "recipientAccountId") or text_at(record, "userIdentity", "accountId")


DIMENSIONS: dict[str, Callable[[Json], str]] = {
    "coverage_by_service": lambda record: text_at(record, "eventSource"),
    "coverage_by_account": account_of,
    "coverage_by_region": lambda record: text_at(record, "awsRegion"),
    "coverage_by_month": lambda record: time_of(record)[:7],
    "coverage_by_version": lambda record: text_at(record, "eventVersion"),
    "coverage_by_identity": lambda record: text_at(record, "userIdentity", "type"),
}


def test_every_dimension_is_counted_here() -> None:
    assert set(DIMENSIONS) == {name for name in names("reports") if name.startswith("coverage_by_")}


@pytest.mark.parametrize(("report", "value_of"), DIMENSIONS.items())
def test_coverage_by_each_dimension_is_what_plain_python_counts(
    archive_lake: Path,
    distinct_records: list[Json],
    report: str,
    value_of: Callable[[Json], str],
) -> None:
    by_value = defaultdict(list)
    for found in distinct_records:
        by_value[value_of(found)].append(found)

    rows = list(csv.reader(io.StringIO(answer_to(report, archive_lake))))
    assert rows[0][1:] == ["records", "coverage_percent", *COLUMNS.values()]
    assert sorted(rows[1:]) == sorted(
        [
            value,
            str(len(records)),
            coverage_of(records),
            *(str(Counter(map(class_of, records))[name]) for name in COLUMNS),
        ]
        for value, records in by_value.items()
    )


def test_coverage_is_what_plain_python_counts(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    counted = Counter(map(class_of, distinct_records))

    rows = list(csv.DictReader(io.StringIO(answer_to("coverage", archive_lake))))
    assert {row["class"]: int(row["records"]) for row in rows} == counted
    assert sum(int(row["records"]) for row in rows) == 1_256
    assert [row["class"] for row in rows] == list(COLUMNS)


def test_a_class_without_records_is_shown_with_none(lake_of_two: Path) -> None:
    rows = asked(lake_of_two, report_sql("coverage"))

    assert [(row["class"], row["records"], row["percent"]) for row in rows if row["records"]] == [
        ("legacy", 1, 50.0),
        (UNEXPLAINED, 1, 50.0),
    ]
    assert len(rows) == len(COLUMNS)


def test_blind_spots_are_the_services_that_never_have_tls_details(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    by_service: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for found in distinct_records:
        by_service[text_at(found, "eventSource")][class_of(found)] += 1
    blind = {
        service: counted[UNEXPLAINED]
        for service, counted in by_service.items()
        if counted[UNEXPLAINED] and not counted["legacy"] + counted["modern"] + counted[UNKNOWN]
    }

    rows = asked(archive_lake, report_sql("blind_spots"))
    assert {row["event_source"]: row["could_tell"] for row in rows} == blind
    assert len(blind) == 2


def test_a_service_that_says_something_unknown_is_no_blind_spot(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    placeholder = {"eventSource": "kms.amazonaws.com", "tlsDetails": {"tlsVersion": "-"}}
    nothing = {"eventSource": "sts.amazonaws.com"}
    log_folder.put(log_key("1000"), [record(1, **placeholder), record(2, **nothing)])
    ingest_and_check(tmp_path / "lake", log_folder.root)

    [row] = asked(tmp_path / "lake", report_sql("blind_spots"))
    assert row["event_source"] == "sts.amazonaws.com"


@pytest.mark.parametrize(
    ("telling", "could_tell", "percent"),
    [(0, 0, None), (0, 5, 0.0), (5, 5, 100.0), (99_999, 100_000, 99.99), (29, 100, 29.0)],
)
def test_coverage_is_rounded_down_and_of_nothing_there_is_none(
    lake_of_two: Path, telling: int, could_tell: int, percent: float | None
) -> None:
    [row] = asked(lake_of_two, f"SELECT coverage_of({telling}, {could_tell}) AS percent")

    assert row["percent"] == percent


def test_coverage_is_of_the_records_that_are_asked_about(archive_lake: Path) -> None:
    narrowing = Narrowing(accounts=("444455556666",))
    with open_lake(archive_lake, narrowing) as lake:
        [row] = lake.table(report_sql("coverage_by_account")).to_pylist()

    assert row["account_id"] == "444455556666"

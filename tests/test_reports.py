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
from tests.conftest import asked, ingest_and_check, log_key
from tests.conftest import record as made_up_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.conftest import Json, LogFolder, Rows

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


def test_the_logs_insights_reports_say_what_ours_say_under_their_names(archive_lake: Path) -> None:
    calls = rows_of(answer_to("legacy_detail", archive_lake))
    assert rows_of(answer_to("logs_insights_tls_calls", archive_lake)) == calls
    services = rows_of(answer_to("legacy_by_service", archive_lake))
    assert rows_of(answer_to("logs_insights_tls_services", archive_lake)) == [
        row[:2] for row in services
    ]
    header = answer_to("logs_insights_tls_calls", archive_lake).partition("\n")[0]
    assert header == (
        "userIdentity.accountId,recipientAccountId,eventSource,eventName,awsRegion,"
        "tlsDetails.tlsVersion,tlsDetails.cipherSuite,userAgent,numOutdatedTlsCalls"
    )


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


def test_conflicting_records_are_found_however_far_apart_they_stand(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    log_folder.put(log_key("1000"), [made_up_record(number) for number in range(3_000)])
    other = log_folder.put(
        log_key("1005", "B"), [made_up_record(1_500, readOnly=True), made_up_record("alone")]
    )
    log_folder.put(log_key("1010", "C"), [made_up_record(7, eventTime="2023-09-05T09:58:00Z")])
    ingest_and_check(tmp_path / "lake", log_folder.root)

    rows = asked(tmp_path / "lake", report_sql("conflicting_records"))
    assert [(row["event_id"], row["records"]) for row in rows] == [("id-1500", 2), ("id-7", 2)]
    assert other in rows[0]["source_keys"]


@pytest.mark.parametrize(
    ("name", "held_against"),
    [
        ("legacy_by_service", "<= 'TLSv1.1'"),
        ("legacy_detail", "<= 'TLSv1.1'"),
        ("tls13_readiness", "IS NOT DISTINCT FROM true"),
    ],
)
def test_records_of_other_versions_are_left_out_while_they_are_read(
    archive_lake: Path, name: str, held_against: str
) -> None:
    plan = str(asked(archive_lake, f"EXPLAIN {report_sql(name)}"))
    assert held_against in plan.partition("READ_PARQUET")[2]


def test_ids_of_which_only_the_hashes_are_alike_do_not_conflict(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    records = [made_up_record(number) for number in (7362768, 11043459, 1, 2)]

    rows = answer_on("conflicting_records", records, log_folder, tmp_path / "lake")
    assert rows == []
    by_hash = asked(
        tmp_path / "lake",
        "SELECT list(event_id ORDER BY event_id DESC) AS ids FROM events "
        "GROUP BY hash(event_id) >> 32, hash(event_id) & 65535",
    )
    assert ["id-7362768", "id-11043459"] in [row["ids"] for row in by_hash]


COUNTS_ALL_LEGACY_CALLS = (
    "fix_first",
    "legacy_by_account_region",
    "legacy_by_client",
    "legacy_by_principal",
    "legacy_by_service",
    "legacy_by_source",
    "legacy_callers",
    "legacy_detail",
    "legacy_endpoints",
)


@pytest.mark.parametrize("name", COUNTS_ALL_LEGACY_CALLS)
def test_every_legacy_report_counts_all_legacy_calls(name: str, archive_lake: Path) -> None:
    assert sum(row["calls"] for row in asked(archive_lake, report_sql(name))) == 167


def test_no_legacy_report_is_left_out_of_that_count() -> None:
    assert {name for name in names("reports") if name.startswith("legacy_")} <= set(
        COUNTS_ALL_LEGACY_CALLS
    )


@pytest.mark.parametrize("name", names("reports"))
def test_a_report_on_accounts_that_there_are_not_is_empty(name: str, archive_lake: Path) -> None:
    rows = asked(archive_lake, report_sql(name), Narrowing(accounts=("999999999999",)))

    # Coverage names every class, so that a reader sees those that have no record.
    assert [row for row in rows if row.get("records") != 0] == []


def test_the_timeline_is_the_one_that_plain_python_counts(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    wanted = Counter(
        (
            time_of(record)[:7],
            time_of(record)[:10],
            CLASSES.get(tls_version(record), "unknown" if tls_version(record) else "absent"),
            tls_version(record),
        )
        for record in distinct_records
    )

    found = rows_of(answer_to("tls_timeline", archive_lake))
    assert {row[:-1]: int(row[-1]) for row in found} == wanted
    assert [row[1] for row in found] == sorted(row[1] for row in found)


def account_of(record: Json) -> str:
    return (
        text_at(record, "recipientAccountId")
        or text_at(record, "userIdentity", "accountId")
        or text_at(record, "userIdentity", "sessionContext", "sessionIssuer", "accountId")
    )


def principal_of(record: Json) -> str:
    return (
        text_at(record, "userIdentity", "sessionContext", "sessionIssuer", "arn")
        or text_at(record, "userIdentity", "arn")
        or text_at(record, "userIdentity", "principalId")
        or text_at(record, "userIdentity", "invokedBy")
    )


def service_of(record: Json) -> str:
    return text_at(record, "eventSource")


def seen(records: Sequence[Json], *counted: Callable[[Json], str]) -> tuple[str, ...]:
    """How many different values there are, how many records, and when the first and last were."""
    times = sorted(map(time_of, records))
    distinct = (len(set(map(value, records)) - {""}) for value in counted)
    return (*map(str, distinct), str(len(records)), times[0], times[-1])


def grouped(
    records: Sequence[Json], *keys: Callable[[Json], str]
) -> dict[tuple[str, ...], list[Json]]:
    groups = defaultdict(list)
    for record in records:
        groups[tuple(key(record) for key in keys)].append(record)
    return groups


def test_accounts_and_regions_are_those_that_plain_python_counts(
    archive_lake: Path, legacy: list[Json]
) -> None:
    groups = grouped(legacy, account_of, lambda record: text_at(record, "awsRegion"))

    wanted = {(*key, *seen(group, service_of, principal_of)) for key, group in groups.items()}
    found = rows_of(answer_to("legacy_by_account_region", archive_lake))
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_principals_are_those_that_plain_python_counts(
    archive_lake: Path, legacy: list[Json]
) -> None:
    wanted = {}
    for key, group in grouped(legacy, account_of, principal_of).items():
        days = {time_of(record)[:10] for record in group}
        keys = {text_at(record, "userIdentity", "accessKeyId") for record in group} - {""}
        wanted[key] = (*seen(group), len(days), keys)

    found = {
        (row["account_id"], row["principal"]): (
            str(row["calls"]),
            f"{row['first_seen'].isoformat()}Z",
            f"{row['last_seen'].isoformat()}Z",
            row["days"],
            set(row["last_access_keys"] or ()),
        )
        for row in asked(archive_lake, report_sql("legacy_by_principal"))
    }
    assert found == wanted


def test_sources_are_those_that_plain_python_counts(archive_lake: Path, legacy: list[Json]) -> None:
    groups = grouped(
        legacy,
        lambda record: text_at(record, "sourceIPAddress"),
        lambda record: text_at(record, "vpcEndpointId"),
    )

    wanted = {
        (*key, *seen(group, account_of, principal_of, lambda one: text_at(one, "userAgent")))
        for key, group in groups.items()
    }
    found = rows_of(answer_to("legacy_by_source", archive_lake))
    assert {(row[0], row[2], *row[4:]) for row in found} == wanted
    assert len(found) == len(wanted)


def test_endpoints_are_those_that_plain_python_counts(
    archive_lake: Path, legacy: list[Json]
) -> None:
    groups = grouped(
        legacy,
        lambda record: text_at(record, "tlsDetails", "clientProvidedHostHeader"),
        service_of,
    )

    wanted = {(*key, *seen(group, principal_of)) for key, group in groups.items()}
    assert set(rows_of(answer_to("legacy_endpoints", archive_lake))) == wanted


def test_cipher_suites_are_those_that_plain_python_counts(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    wanted = Counter(
        (tls_version(record), suite)
        for record in distinct_records
        if (suite := text_at(record, "tlsDetails", "cipherSuite"))
    )

    found = rows_of(answer_to("cipher_suites", archive_lake))
    assert {row[:2]: int(row[4]) for row in found} == wanted


def test_key_exchanges_are_those_that_plain_python_counts(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    wanted: Counter[str] = Counter()
    post_quantum: Counter[str] = Counter()
    for found in distinct_records:
        if exchange := text_at(found, "tlsDetails", "keyExchange"):
            wanted[service_of(found)] += 1
            post_quantum[service_of(found)] += exchange == "X25519MLKEM768"

    rows = asked(archive_lake, report_sql("key_exchange"))
    calls: Counter[str] = Counter()
    withstanding: Counter[str] = Counter()
    for row in rows:
        calls[row["event_source"]] += row["calls"]
        withstanding[row["event_source"]] += row["post_quantum_calls"]
    assert calls == wanted
    assert withstanding == post_quantum
    assert sum(withstanding.values()) > 0


def test_calls_after_the_enforcement_are_those_that_plain_python_counts(
    archive_lake: Path, legacy: list[Json]
) -> None:
    after = [record for record in legacy if time_of(record) >= "2024"]

    rows = asked(archive_lake, report_sql("after_enforcement"))
    assert sum(row["calls"] for row in rows) == len(after) == 3
    assert {row["principal"] for row in rows} == set(map(principal_of, after))


def test_data_events_are_those_that_plain_python_counts(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    wanted = Counter(
        service_of(record) for record in distinct_records if record.get("eventCategory") == "Data"
    )

    rows = asked(archive_lake, report_sql("data_events"))
    assert {row["event_source"]: row["data_events"] for row in rows if row["data_events"]} == wanted
    assert sum(row["records"] for row in rows) == len(distinct_records)
    assert "are logged" in rows[0]["note"]


# ---------------------------------------------------------------- what the archive lacks


def answer_on(name: str, records: list[Json], log_folder: LogFolder, lake: Path) -> Rows:
    """Return a report's answer on made-up records."""
    log_folder.put(log_key("1000"), records)
    ingest_and_check(lake, log_folder.root)
    return asked(lake, report_sql(name))


def call(number: int, tls: str, role: str, day: str, agent: str, **members: object) -> Json:
    """A call of a role's session, with a temporary key of its own."""
    issuer = {"type": "Role", "arn": f"arn:aws:iam::111122223333:role/{role}"}
    identity = {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::111122223333:assumed-role/{role}/{number}",
        "accessKeyId": f"ASIA{number:04}",
        "sessionContext": {"sessionIssuer": issuer},
    }
    return made_up_record(
        number,
        eventTime=f"{day}T12:00:00Z",
        userIdentity=identity,
        userAgent=agent,
        tlsDetails={"tlsVersion": tls},
        **members,
    )


JAVA_7 = "aws-sdk-java/1.11.333 Linux/2.6.32 OpenJDK_64-Bit_Server_VM/24.181-b00 java/1.7.0_181"
BOTO_2 = "Boto/2.49.0 Python/2.6.6 Linux/2.6.18-419.el5"


def test_the_client_with_the_most_active_callers_is_to_be_fixed_first(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    records = [
        *(call(number, "TLSv1", "old", "2023-01-05", BOTO_2) for number in range(50)),
        call(50, "TLSv1", "late", "2023-06-30", BOTO_2),
        call(51, "TLSv1", "one", "2023-06-28", JAVA_7),
        call(52, "TLSv1.1", "two", "2023-06-25", JAVA_7.replace("1.11.333", "1.11.334")),
        call(53, "TLSv1.3", "modern", "2023-06-30", "Boto3/1.26.165 Python/3.10.6"),
    ]

    rows = answer_on("fix_first", records, log_folder, tmp_path / "lake")
    found = [(row["client"], row["active_callers"], row["callers"], row["calls"]) for row in rows]
    assert found == [("AWS SDK for Java", 2, 2, 2), ("Boto 2", 1, 2, 51)]
    assert rows[0]["last_principals"] == [
        "arn:aws:iam::111122223333:role/one",
        "arn:aws:iam::111122223333:role/two",
    ]


def test_a_caller_of_two_versions_of_a_client_is_one_caller(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    records = [
        call(1, "TLSv1", "one", "2023-01-05", JAVA_7),
        call(2, "TLSv1", "one", "2023-01-05", JAVA_7.replace("1.11.333", "1.11.334")),
        call(3, "TLSv1", "one", "2023-01-05", JAVA_7 + " vendor/Oracle_Corporation"),
    ]

    [row] = answer_on("fix_first", records, log_folder, tmp_path / "lake")
    assert (row["callers"], row["calls"]) == (1, 3)


def test_of_many_temporary_keys_those_used_last_are_named(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    records = [
        call(number, "TLSv1", "one", f"2023-01-{number:02}", JAVA_7) for number in range(1, 31)
    ]
    records.append(call(15, "TLSv1", "one", "2023-01-29", JAVA_7, eventID="again"))

    [row] = answer_on("legacy_by_principal", records, log_folder, tmp_path / "lake")
    assert (row["access_keys"], row["days"], row["calls"], row["active"]) == (30, 30, 31, True)
    assert row["last_access_keys"][:4] == ["ASIA0030", "ASIA0029", "ASIA0015", "ASIA0028"]
    assert len(row["last_access_keys"]) == 10


def test_who_uses_tls_1_3_as_well_is_ready(log_folder: LogFolder, tmp_path: Path) -> None:
    cli = "aws-cli/2.13.5 Python/3.11.4 Linux/5.15.0 command/"
    records = [
        call(1, "TLSv1.2", "ready", "2023-01-05", f"{cli}s3.ls"),
        call(2, "TLSv1.3", "ready", "2023-01-05", f"{cli}iam.list-users"),
        call(3, "TLSv1.2", "ready", "2023-01-05", JAVA_7),
        call(4, "TLSv1.2", "not yet", "2023-01-05", f"{cli}s3.ls", vpcEndpointId="vpce-1"),
        call(5, "TLSv1.2", "not yet", "2023-01-05", f"{cli}s3.cp"),
        call(6, "TLSv1", "older", "2023-01-05", JAVA_7),
        call(7, "TLSv1.25", "unknown", "2023-01-05", JAVA_7),
    ]

    rows = answer_on("tls13_readiness", records, log_folder, tmp_path / "lake")
    found = [
        (
            row["principal"].rpartition("/")[2],
            row["client"],
            row["calls"],
            row["vpc_endpoint_calls"],
        )
        for row in rows
    ]
    assert found == [("not yet", "AWS CLI", 2, 1), ("ready", "AWS SDK for Java", 1, 0)]


def test_a_source_is_told_with_its_vpc_endpoint(log_folder: LogFolder, tmp_path: Path) -> None:
    endpoint = {"vpcEndpointId": "vpce-1", "vpcEndpointAccountId": "444455556666"}
    records = [
        call(1, "TLSv1", "one", "2023-01-05", JAVA_7, sourceIPAddress="10.0.0.1", **endpoint),
        call(2, "TLSv1", "one", "2023-01-05", JAVA_7, sourceIPAddress="10.0.0.1"),
        call(3, "TLSv1", "one", "2023-01-05", JAVA_7, sourceIPAddress="AWS Internal"),
    ]

    rows = answer_on("legacy_by_source", records, log_folder, tmp_path / "lake")
    found = [(row["source_ip_address"], row["kind"], row["vpc_endpoint_id"]) for row in rows]
    assert found == [
        ("10.0.0.1", "private", "vpce-1"),
        ("10.0.0.1", "private", None),
        ("AWS Internal", "AWS Internal", None),
    ]


def test_an_archive_without_data_events_says_what_cannot_be_checked(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    records = [
        made_up_record(1, eventCategory="Management"),
        made_up_record(2, managementEvent=True),
        made_up_record(3),
    ]

    rows = answer_on("data_events", records, log_folder, tmp_path / "lake")
    assert [row["event_source"] for row in rows] == ["s3.amazonaws.com", "ec2.amazonaws.com"]
    assert [row["data_events"] for row in rows] == [0, 0]
    assert "cannot be checked" in rows[0]["note"]


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

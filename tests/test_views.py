"""The views in AWS's shapes hold what the records hold, under the names and types of AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import asked, ingest_and_check

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Json, LogFolder, Rows

LAKE_TYPES = {
    "eventtime": "TIMESTAMP",
    "readonly": "BOOLEAN",
    "managementevent": "BOOLEAN",
    "sessioncredentialfromconsole": "BOOLEAN",
    "requestparameters": "MAP(VARCHAR, VARCHAR)",
    "responseelements": "MAP(VARCHAR, VARCHAR)",
    "additionaleventdata": "MAP(VARCHAR, VARCHAR)",
    "serviceeventdetails": "MAP(VARCHAR, VARCHAR)",
    "resources": ('STRUCT(accountId VARCHAR, "type" VARCHAR, ARN VARCHAR, ARNPrefix VARCHAR)[]'),
    "addendum": (
        "STRUCT(reason VARCHAR, updatedFields VARCHAR, originalRequestID VARCHAR, "
        "originalEventID VARCHAR)"
    ),
    "tlsdetails": (
        "STRUCT(tlsVersion VARCHAR, cipherSuite VARCHAR, clientProvidedHostHeader VARCHAR, "
        "keyExchange VARCHAR)"
    ),
}


def types_of(lake: Path, view: str) -> dict[str, str]:
    return {
        row["column_name"].lower(): row["column_type"] for row in asked(lake, f"DESCRIBE {view}")
    }


def without_nothing(value: object) -> object:
    """Return a JSON value without members that are null, or empty objects of named fields."""
    if isinstance(value, dict):
        inside = {name: without_nothing(each) for name, each in value.items()}
        return {name: each for name, each in inside.items() if each not in (None, {})}
    return value


def sorted_by_id(rows: Rows, column: str) -> Rows:
    return sorted(rows, key=lambda row: str(row[column]))


def test_the_columns_have_the_types_of_an_event_data_store(archive_lake: Path) -> None:
    found = types_of(archive_lake, "cloudtrail")

    assert {name: found[name] for name in LAKE_TYPES} == LAKE_TYPES
    texts = found.keys() - LAKE_TYPES.keys() - {"useridentity"}
    assert {found[name] for name in texts} == {"VARCHAR"}


@pytest.mark.parametrize("view", ["cloudtrail", "cloudtrail_logs"])
def test_the_twins_have_the_types_of_the_view(archive_lake: Path, view: str) -> None:
    found, flat = types_of(archive_lake, view), types_of(archive_lake, f"twins.{view}_flat")

    shared = found.keys() & flat.keys() - {"resources", "addendum"}
    assert len(shared) > 20
    assert {name: found[name] for name in shared} == {name: flat[name] for name in shared}
    assert found.items() <= types_of(archive_lake, f"twins.{view}_wide").items()


def test_the_columns_of_the_athena_table_are_texts_in_lower_case(archive_lake: Path) -> None:
    found = types_of(archive_lake, "cloudtrail_logs")

    structs = {"useridentity", "tlsdetails", "resources", "addendum"}
    assert {kind for name, kind in found.items() if name not in structs} == {"VARCHAR"}
    names = [row["column_name"] for row in asked(archive_lake, "DESCRIBE cloudtrail_logs")]
    assert names == [name.lower() for name in names]


def test_a_struct_that_the_record_has_nothing_of_is_null(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    query = """
        SELECT count(*)::INT AS records, count(tlsDetails)::INT AS tls,
            count(userIdentity.sessionContext.sessionIssuer)::INT AS issuers,
            count(userIdentity.onBehalfOf)::INT AS behalves
    """
    contexts = [
        (record.get("userIdentity") or {}).get("sessionContext") or {}
        for record in distinct_records
    ]

    wanted = {
        "records": len(distinct_records),
        "tls": sum(bool(record.get("tlsDetails")) for record in distinct_records),
        "issuers": sum(bool(context.get("sessionIssuer")) for context in contexts),
        "behalves": sum(
            bool((record.get("userIdentity") or {}).get("onBehalfOf"))
            for record in distinct_records
        ),
    }
    assert 0 < wanted["tls"] < wanted["issuers"] < wanted["records"]
    for view in ("cloudtrail", "cloudtrail_logs"):
        assert asked(archive_lake, f"{query} FROM {view}") == [wanted]


def test_event_json_is_the_record_as_it_came(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    rows = asked(archive_lake, "SELECT eventJson FROM cloudtrail")

    found = [without_nothing(json.loads(row["eventJson"])) for row in rows]
    wanted = [without_nothing(record) for record in distinct_records]
    assert sorted(map(canonical, found)) == sorted(map(canonical, wanted))


def canonical(record: object) -> str:
    return json.dumps(record, sort_keys=True)


def test_event_json_holds_what_no_column_holds(tmp_path: Path, log_folder: LogFolder) -> None:
    odd = {
        "eventTime": "2023-01-05T09:58:00Z",
        "eventID": "an-id",
        "brandNew": {"of": [1, None]},
        "readOnly": "perhaps",
        "userIdentity": {"type": "Root", "shoeSize": 43},
        "requestParameters": {"kept": None, "list": []},
    }
    log_folder.put("odd.json.gz", [odd])
    ingest_and_check(tmp_path / "lake", log_folder.root)

    [row] = asked(tmp_path / "lake", "SELECT eventJson FROM cloudtrail")
    assert json.loads(row["eventJson"]) == odd


def test_the_athena_table_says_what_the_other_view_says(archive_lake: Path) -> None:
    as_lake = asked(
        archive_lake,
        """
        SELECT eventID AS id, eventTime AS time, userIdentity.arn AS arn, resources[1].arn AS
            resource, element_at(requestParameters, 'bucketName') AS bucket, readOnly AS readonly
        FROM cloudtrail
        """,
    )

    as_athena = asked(
        archive_lake,
        """
        SELECT eventid AS id, CAST(eventtime AS TIMESTAMP) AS time, useridentity.arn AS arn,
            resources[1].arn AS resource, requestparameters ->> '$.bucketName' AS bucket,
            readonly::BOOLEAN AS readonly
        FROM cloudtrail_logs
        """,
    )
    assert sorted_by_id(as_athena, "id") == sorted_by_id(as_lake, "id")


def test_the_partitions_of_an_athena_table_can_be_asked_for(
    archive_lake: Path, distinct_records: list[Json]
) -> None:
    day = distinct_records[0]["eventTime"][:10]
    region = distinct_records[0]["awsRegion"]

    year, month, date = day.split("-")
    [row] = asked(
        archive_lake,
        f"""
        SELECT count(*) AS calls FROM cloudtrail_logs
        WHERE year = '{year}' AND month = '{month}' AND day = '{date}'
            AND "timestamp" = '{year}/{month}/{date}' AND region = '{region}'
        """,  # noqa: S608 (our own fixtures)
    )
    assert row["calls"] == sum(
        record["eventTime"].startswith(day) and record["awsRegion"] == region
        for record in distinct_records
    )

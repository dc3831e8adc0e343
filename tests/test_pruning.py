"""A query on the views in AWS's shapes reads what it names, and its answer is the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import QueryError
from analyzer.schema import EVENTS
from tests.conftest import asked, ingest_and_check, log_key, record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LogFolder


def columns_read(lake: Path, query: str) -> set[str]:
    """Return the columns that DuckDB's plan takes from the Parquet files."""
    [row] = asked(lake, f"EXPLAIN {query}")
    scan = row["explain_value"].partition("Read Parquet")[2]
    return set(re.findall(r"\w+", scan)) & set(EVENTS.names)


def pushed_down(lake: Path, query: str) -> str:
    """Return the filters that DuckDB's plan applies while it reads the Parquet files."""
    [row] = asked(lake, f"EXPLAIN {query}")
    return " ".join(re.sub(r"[│\n]", " ", row["explain_value"].partition("Filters:")[2]).split())


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("eventSource, tlsDetails.tlsVersion FROM cloudtrail", "event_source tls_version"),
        ("c.userIdentity.arn, c.eventName FROM cloudtrail c", "event_name user_identity_arn"),
        (
            "useridentity.sessioncontext.sessionissuer.username, eventname FROM cloudtrail_logs",
            "event_name user_identity_session_issuer_user_name",
        ),
        (
            "awsregion, count(*) FROM cloudtrail_logs WHERE tlsdetails.tlsversion <> '' GROUP BY 1",
            "aws_region tls_version",
        ),
        (
            "count(*) FROM (SELECT *, 1 AS one FROM cloudtrail) WHERE eventSource IS NULL",
            "event_source",
        ),
    ],
)
def test_a_query_reads_only_the_columns_that_it_names(
    archive_lake: Path, query: str, columns: str
) -> None:
    assert columns_read(archive_lake, f"SELECT {query}") == set(columns.split())


@pytest.mark.parametrize(
    ("condition", "pushed"),
    [
        ("cloudtrail WHERE tlsDetails.tlsVersion = 'TLSv1'", "tls_version = 'TLSv1'"),
        ("cloudtrail WHERE eventSource = 's3.amazonaws.com'", "event_source = 's3.amazonaws.com'"),
        ("cloudtrail WHERE eventTime > '2023-01-01 00:00:00'", "event_time > '2023-01-01"),
        ("cloudtrail_logs WHERE eventtime >= '2023-01-01T00:00:00Z'", "event_time >= '2023-01-01"),
        ("cloudtrail_logs WHERE '2023-01-02' > eventtime", "event_time < '2023-01-02"),
        (
            "cloudtrail_logs WHERE eventtime BETWEEN '2023-01-01T00:00:00Z' AND '2023-02-01'",
            "event_time < '2023-02-01",
        ),
        ("cloudtrail_logs WHERE \"timestamp\" = '2023/01/05'", "event_time < '2023-01-06"),
    ],
)
def test_a_filter_is_applied_while_the_parquet_is_read(
    archive_lake: Path, condition: str, pushed: str
) -> None:
    filters = pushed_down(archive_lake, f"SELECT count(eventID) FROM {condition}")  # noqa: S608

    assert pushed in filters


QUERIES = """
SELECT * FROM cloudtrail WHERE tlsDetails.tlsVersion IN ('TLSv1', 'TLSv1.1')

SELECT l.* FROM cloudtrail_logs AS l WHERE l.tlsdetails.tlsversion IN ('TLSv1', 'TLSv1.1')

FROM cloudtrail WHERE tlsDetails.tlsVersion = 'TLSv1'

SELECT DISTINCT tlsDetails.tlsVersion FROM cloudtrail ORDER BY tlsDetails.tlsVersion

SELECT tlsDetails.tlsVersion, tlsDetails FROM cloudtrail WHERE userIdentity.arn LIKE '%a%'

SELECT userIdentity.sessionContext.attributes.creationDate FROM cloudtrail

SELECT "userIdentity"."arn" AS "who?", userIdentity['type'] FROM "CloudTrail"

SELECT 'ä tlsDetails.tlsVersion' AS ä, tlsDetails.cipherSuite -- FROM cloudtrail
FROM /* ö */ cloudtrail

SELECT a.eventID FROM cloudtrail a JOIN cloudtrail b ON a.userIdentity.arn = b.userIdentity.arn
AND a.tlsDetails.tlsVersion < b.tlsDetails.tlsVersion

SELECT *, e.event_id FROM cloudtrail c JOIN events e ON e.event_id = c.eventID WHERE
c.tlsDetails.tlsVersion = 'TLSv1'

SELECT eventName FROM cloudtrail o WHERE EXISTS (SELECT 1 FROM events WHERE event_id = o.eventID
AND tls_version = o.tlsDetails.tlsVersion)

WITH cloudtrail AS (SELECT {'tlsVersion': 'mine'} AS tlsDetails) SELECT tlsDetails.tlsVersion
FROM cloudtrail

WITH mine AS (SELECT {'tlsVersion': 'mine'} AS tlsDetails) SELECT tlsDetails.tlsVersion FROM
mine

SELECT (SELECT max(tlsDetails.tlsVersion) FROM cloudtrail), count(*) FROM cloudtrail_logs WHERE
NOT (eventtime < '2023-01-01') AND eventtime <> '2023-01-05T09:58:00Z'

SELECT c FROM cloudtrail AS c WHERE c.tlsDetails.tlsVersion = 'TLSv1'

SELECT count(*) FROM cloudtrail_logs NATURAL JOIN (SELECT eventid FROM cloudtrail_logs WHERE
tlsdetails.tlsversion = 'TLSv1')

SELECT lower(tlsDetails.tlsVersion), count(DISTINCT userIdentity.arn) FROM cloudtrail GROUP BY 1

SELECT tlsDetails.tlsVersion, userIdentity.arn FROM cloudtrail; -- the end

DESCRIBE SELECT tlsDetails.tlsVersion, userIdentity FROM cloudtrail

SELECT tlsDetails.tlsVersion AS v FROM cloudtrail UNION ALL SELECT tlsdetails.tlsversion FROM
cloudtrail_logs

SELECT count(*) FROM cloudtrail_logs WHERE eventtime <= '2023-01-05T09:58:00Z' OR date =
'2023/02/30' OR eventtime IN ('2023-01-01', '2023-13-45T00:00:00Z')

SELECT tlsDetails.tlsVersion, count(*) FROM cloudtrail GROUP BY tlsDetails.tlsVersion HAVING
max(userIdentity.arn) IS NOT NULL
""".strip().split("\n\n")


@pytest.mark.parametrize("query", QUERIES)
def test_the_answer_is_that_of_the_query_as_it_stands(
    archive_lake: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    pruned = asked(archive_lake, query)

    monkeypatch.setattr("analyzer.lake.prune", lambda _text, _syntax: None)
    as_it_stands = asked(archive_lake, query)
    assert as_it_stands
    assert sorted(map(repr, pruned)) == sorted(map(repr, as_it_stands))


@pytest.mark.parametrize("operator", ["<", "<=", "=", ">", ">=", "<>"])
@pytest.mark.parametrize(
    ("column", "constant"),
    [
        ("eventtime", "2023-01-05T09:58:00Z"),
        ("eventtime", "2023-01-05"),
        ("eventtime", "2023-01-05T09:58:00"),
        ("eventtime", "2023-02-30"),
        ("eventtime", "2023/01/05"),
        ("date", "2023/01/05"),
        ('"timestamp"', "2023-01-05"),
    ],
)
def test_a_time_as_text_is_compared_as_the_text_would_be(
    tmp_path: Path, log_folder: LogFolder, operator: str, column: str, constant: str
) -> None:
    times = (
        *("2023-01-04T23:59:59Z", "2023-01-05T00:00:00Z", "2023-01-05T09:57:59Z"),
        *("2023-01-05T09:58:00Z", "2023-01-05T09:58:01Z", "2023-01-06T00:00:00Z"),
    )
    log_folder.put(log_key("1000"), [record(n, eventTime=time) for n, time in enumerate(times)])
    ingest_and_check(tmp_path / "lake", log_folder.root)

    view = "FROM cloudtrail_logs"
    compared = f"SELECT eventid {view} WHERE {column} {operator} '{constant}' ORDER BY 1"
    as_text = f"SELECT eventid {view} WHERE ({column} || '') {operator} '{constant}' ORDER BY 1"
    assert asked(tmp_path / "lake", compared) == asked(tmp_path / "lake", as_text)


def test_a_query_that_fails_is_told_in_its_own_words(archive_lake: Path) -> None:
    with pytest.raises(QueryError, match=r"nothing does not exist") as failed:
        asked(archive_lake, "SELECT nothing(tlsDetails.tlsVersion) FROM cloudtrail")

    assert "tls_version" not in str(failed.value)

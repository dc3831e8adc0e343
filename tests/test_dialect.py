"""Queries in the SQL of CloudTrail Lake and of Athena run here, and say what they say there."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from analyzer.dialect import Dialect, translate
from analyzer.errors import QueryError
from analyzer.lake import Access, Narrowing, open_lake
from tests.conftest import LogFolder, ingest_and_check, log_key, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from analyzer.lake import Lake
    from tests.conftest import Json

OLD_LAPTOP = {
    "eventTime": "2023-01-05T09:58:00Z",
    "eventSource": "s3.amazonaws.com",
    "eventName": "PutObject",
    "userAgent": "aws-sdk-java/1.7.4 Linux/2.6 java/1.6.0_45",
    "readOnly": False,
    "sessionCredentialFromConsole": "true",
    "userIdentity": {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111122223333:assumed-role/scanner/laptop",
        "accountId": "111122223333",
        "sessionContext": {
            "attributes": {"creationDate": "2023-01-05T08:58:30Z"},
            "sessionIssuer": {"userName": "scanner", "arn": "arn:aws:iam::111122223333:role/s"},
        },
    },
    "tlsDetails": {"tlsVersion": "TLSv1", "cipherSuite": "AES128-SHA"},
    "requestParameters": {
        "bucketName": "scans",
        "key": "2023/01/page 1.tif",
        "acl": {"grants": [{"to": "all", "level": 2}, {"to": "me"}]},
        "tags": ["a", "b", "a"],
        "size": 12,
    },
    "resources": [
        {"ARN": "arn:aws:s3:::scans/2023/01/page 1.tif", "type": "AWS::S3::Object"},
        {"ARN": "arn:aws:s3:::scans", "type": "AWS::S3::Bucket", "accountId": "111122223333"},
    ],
}
NEW_SERVER = {
    "eventTime": "2023-02-07T23:30:00Z",
    "eventSource": "sts.amazonaws.com",
    "eventName": "AssumeRole",
    "readOnly": True,
    "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
    "tlsDetails": {"tlsVersion": "TLSv1.2"},
    "requestParameters": None,
    "errorCode": "AccessDenied",
}
OTHER_ACCOUNT = {
    **OLD_LAPTOP,
    "recipientAccountId": "444455556666",
    "awsRegion": "eu-west-1",
    "eventTime": "2023-03-01T00:00:00Z",
    "requestParameters": {"bucketName": "attic"},
    "resources": [],
    "tlsDetails": {"tlsVersion": "TLSv1.1"},
}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of three records: an old laptop, a new server, and the laptop elsewhere."""
    folder = tmp_path_factory.mktemp("three")
    records: list[Json] = [
        record(number, **members)
        for number, members in enumerate((OLD_LAPTOP, NEW_SERVER, OTHER_ACCOUNT), start=1)
    ]
    LogFolder(folder / "bucket").put(log_key("1000"), records)
    ingest_and_check(folder / "lake", folder / "bucket")
    with open_lake(folder / "lake", Narrowing(), Access(trino=True)) as opened:
        yield opened


def answer(lake: Lake, query: str, dialect: Dialect = Dialect.LAKE) -> pa.Table:
    return lake.table(translate(query, dialect).text)


def values(lake: Lake, query: str, dialect: Dialect = Dialect.LAKE) -> list[tuple[object, ...]]:
    """Return the rows of the answer; dates and times as they are written."""
    columns = [column.to_pylist() for column in answer(lake, query, dialect).columns]
    return [
        tuple(str(each) if isinstance(each, date) else each for each in row)
        for row in zip(*columns, strict=True)
    ]


# ---------------------------------------------------------------- what FROM names


@pytest.mark.parametrize(
    "store",
    [
        "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        '"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"',
        "EXAMPLE-f852-4e8f-8bd1",
        "$EDS_ID",
        "${EDS_ID}",
        "<event_data_store_id>",
        "<Event data store Id>",
        "<EDS ID>",
        "{event_data_store}",
        "event-data-store-ID",
        "my_store",
        "arn:aws:cloudtrail:us-east-1:111122223333:eventdatastore/EXAMPLE-f852-4e8f",
        "FROM <EDS_ID>",
    ],
)
def test_every_event_data_store_is_this_lake(three: Lake, store: str) -> None:
    query = f"""
        /* Replace <EDS ID> -- with the store's id, isn't it? */
        -- FROM nothing
        SELECT count(*) FROM {store}  WHERE eventSource <> 'FROM <x>' AND 1 <2 AND 3> 2;
    """  # noqa: S608 (a placeholder)

    assert values(three, query) == [(3,)]


@pytest.mark.parametrize(
    "table",
    ["cloudtrail_logs", "cloudtrail", "default.my_logs_pp", '"AwsDataCatalog"."db"."logs" AS l'],
)
def test_every_table_of_athena_is_this_lake(three: Lake, table: str) -> None:
    query = f"SELECT count(*) FROM {table} WHERE tlsdetails.tlsversion LIKE 'TLSv1%'"  # noqa: S608

    assert values(three, query, Dialect.ATHENA) == [(3,)]


def test_a_name_of_the_querys_own_stays_its_own(three: Lake) -> None:
    query = """
        WITH busy AS (SELECT eventName, count(*) AS calls FROM $EDS_ID GROUP BY eventName)
        SELECT b.eventName, b.calls FROM busy b JOIN busy ON busy.eventName = b.eventName
        ORDER BY b.calls DESC, 1
    """

    assert values(three, query) == [("PutObject", 2), ("AssumeRole", 1)]


def test_a_table_is_called_by_the_name_it_had(three: Lake) -> None:
    query = "SELECT count(my_logs.eventid) FROM db.my_logs WHERE my_logs.readonly = 'true'"

    assert values(three, query, Dialect.ATHENA) == [(1,)]


# ---------------------------------------------------------------- shapes

SHAPES: list[tuple[str, list[tuple[object, ...]]]] = [
    (
        """SELECT eventSource, TLSDETAILS.tlsversion, COUNT(*) AS calls FROM $EDS_ID
        WHERE eventTime >= '2023-01-01 00:00:00' AND eventTime < '2023-03-01T00:00:00Z'
            AND CAST(REPLACE(tlsDetails.tlsVersion, 'TLSv', '') AS DOUBLE) <= 1.1
        GROUP BY eventSource, tlsDetails.tlsVersion ORDER BY calls DESC""",
        [("s3.amazonaws.com", "TLSv1", 1)],
    ),
    (
        """SELECT useridentity.sessioncontext.sessionissuer.username AS who, year(eventTime) AS y,
            month(eventTime), count(*) FROM $EDS_ID WHERE sessionCredentialFromConsole = true
        GROUP BY 1, 2, 3 HAVING count(*) > 0 ORDER BY y, 3""",
        [("scanner", 2023, 1, 1), ("scanner", 2023, 3, 1)],
    ),
    (
        """SELECT element_at(requestParameters, 'bucketName'), requestParameters['size'],
            json_extract_scalar(element_at(requestParameters, 'acl'), '$.grants[0].to'),
            element_at(resources, 2).arn, resources[1].type, element_at(resources, 9).arn
        FROM $EDS_ID WHERE element_at(requestParameters, 'acl') LIKE '%"level":2%'""",
        [("scans", "12", "all", "arn:aws:s3:::scans", "AWS::S3::Object", None)],
    ),
    (
        """SELECT name, value FROM $EDS_ID CROSS JOIN UNNEST(requestParameters) AS p (name, value)
        WHERE name LIKE '%e%' ORDER BY name, value""",
        [
            ("bucketName", "attic"),
            ("bucketName", "scans"),
            ("key", "2023/01/page 1.tif"),
            ("size", "12"),
        ],
    ),
    (
        """SELECT r.arn, place FROM $EDS_ID
        CROSS JOIN UNNEST(resources) WITH ORDINALITY AS t (r, place) ORDER BY place DESC""",
        [("arn:aws:s3:::scans", 2), ("arn:aws:s3:::scans/2023/01/page 1.tif", 1)],
    ),
    (
        """SELECT kind, arn FROM $EDS_ID e
        CROSS JOIN UNNEST(e.resources) AS t (account, kind, arn, arnprefix) ORDER BY 1""",
        [
            ("AWS::S3::Bucket", "arn:aws:s3:::scans"),
            ("AWS::S3::Object", "arn:aws:s3:::scans/2023/01/page 1.tif"),
        ],
    ),
    (
        """SELECT eventID, t.r.arn FROM $EDS_ID LEFT JOIN UNNEST(resources) AS t (r) ON TRUE
        WHERE t.r.type IS NULL OR t.r.type = 'AWS::S3::Bucket' ORDER BY 1""",
        [("id-1", "arn:aws:s3:::scans"), ("id-2", None), ("id-3", None)],
    ),
    (
        """SELECT g.to_whom, g.level FROM $EDS_ID CROSS JOIN UNNEST(CAST(json_extract(
            element_at(requestParameters, 'acl'), '$.grants'
        ) AS ARRAY(ROW(to_whom VARCHAR, level INTEGER)))) AS t (g) ORDER BY 2""",
        [(None, 2), (None, None)],
    ),
    (
        """SELECT CAST(json_extract(item, '$.to') AS VARCHAR), n FROM $EDS_ID
        CROSS JOIN UNNEST(CAST(
            json_extract(eventJson, '$.requestParameters.acl.grants') AS ARRAY(JSON)
        )) WITH ORDINALITY AS t (item, n) ORDER BY n""",
        [("all", 1), ("me", 2)],
    ),
    (
        """SELECT a, b, n FROM (VALUES (1)) AS v (one)
        CROSS JOIN UNNEST(ARRAY[1, 2], ARRAY['x']) WITH ORDINALITY AS t (a, b, n) ORDER BY n""",
        [(1, "x", 1), (2, None, 2)],
    ),
    (
        """SELECT awsRegion, eventName, count(*), grouping(awsRegion) FROM $EDS_ID
        GROUP BY ROLLUP (awsRegion, eventName) HAVING count(*) > 1 ORDER BY 1, 2, 3""",
        [("us-east-1", None, 2, 0), (None, None, 3, 1)],
    ),
    (
        """SELECT awsRegion, readOnly, count(*) FROM $EDS_ID
        GROUP BY GROUPING SETS ((awsRegion), (readOnly)) ORDER BY 1, 2""",
        [("eu-west-1", None, 1), ("us-east-1", None, 2), (None, False, 2), (None, True, 1)],
    ),
    (
        """SELECT eventID FROM $EDS_ID a WHERE EXISTS (SELECT 1 FROM $EDS_ID b
            WHERE b.userIdentity.arn = a.userIdentity.arn AND b.eventTime > a.eventTime)""",
        [("id-1",)],
    ),
    (
        """SELECT eventID, lag(eventID) OVER (ORDER BY eventTime), row_number() OVER w
        FROM $EDS_ID WINDOW w AS (PARTITION BY eventName ORDER BY eventTime DESC)
        ORDER BY eventTime OFFSET 1 FETCH FIRST 2 ROWS ONLY""",
        [("id-2", "id-1", 1), ("id-3", "id-2", 1)],
    ),
    (
        """SELECT eventName FROM $EDS_ID UNION SELECT errorCode FROM $EDS_ID
        EXCEPT SELECT 'PutObject' ORDER BY 1""",
        [("AccessDenied",), ("AssumeRole",), (None,)],
    ),
    (
        """SELECT DISTINCT "eventName", if(readOnly = 'true', 'reads', 'writes') FROM "store"
        WHERE errorCode IS NULL AND eventName NOT IN (SELECT eventName FROM $EDS_ID WHERE readOnly)
        """,
        [("PutObject", "writes")],
    ),
    (
        """SELECT count(*) FROM $EDS_ID WHERE eventTime > current_timestamp - INTERVAL '7' DAY
            OR eventTime BETWEEN TIMESTAMP '2023-02-08 00:00:00 Europe/Berlin'
            AND from_iso8601_timestamp('2023-02-08T01:00:00+01:00')""",
        [(1,)],
    ),
    (
        """SELECT eventTime AT TIME ZONE 'America/New_York', at_timezone(eventTime, 'Asia/Tokyo'),
            date(eventTime), date_diff('day', eventTime, TIMESTAMP '2023-02-08 23:00:00'),
            date_diff('minute', userIdentity.sessionContext.attributes.creationDate, eventTime)
        FROM $EDS_ID WHERE eventID IN ('id-1', 'id-2') ORDER BY eventTime""",
        [
            ("2023-01-05 04:58:00", "2023-01-05 18:58:00", "2023-01-05", 34, 59),
            ("2023-02-07 18:30:00", "2023-02-08 08:30:00", "2023-02-07", 0, None),
        ],
    ),
    (
        """SELECT max_by(eventName, eventTime), min_by(eventName, eventTime),
            array_agg(eventID ORDER BY eventTime DESC), array_join(array_agg(
                DISTINCT awsRegion ORDER BY awsRegion), ' '), approx_distinct(eventName),
            count_if(readOnly), count(*) FILTER (WHERE errorCode IS NULL),
            approx_percentile(1, 0.5),
            count(*) * 100 / 7, map_agg(eventName, awsRegion)['AssumeRole'],
            cardinality(histogram(eventName)), every(eventID LIKE 'id-%'), max(eventID, 2)
        FROM $EDS_ID""",
        [
            (
                *("PutObject", "PutObject", ["id-3", "id-2", "id-1"], "eu-west-1 us-east-1", 2),
                *(1, 2, 1, 42, "us-east-1", 2, True, ["id-3", "id-2"]),
            )
        ],
    ),
    (
        """SELECT filter(map_keys(requestParameters), k -> k LIKE 'b%'),
            transform(map_values(map_filter(requestParameters, (k, v) -> k = 'size')),
                v -> CAST(v AS INTEGER) + 1),
            any_match(resources, r -> r.type = 'AWS::S3::Bucket'),
            all_match(resources, r -> r.arn LIKE 'arn:%'),
            none_match(resources, r -> r.arn IS NULL),
            reduce(ARRAY[5, 7], 0, (s, x) -> s + x, s -> s * 10),
            transform_values(MAP(ARRAY['a'], ARRAY[1]), (k, v) -> k || CAST(v AS VARCHAR))['a']
        FROM $EDS_ID WHERE eventID = 'id-1'""",
        [(["bucketName"], [13], True, True, True, 120, "a1")],
    ),
    (
        """SELECT count(*) FROM $EDS_ID WHERE eventTime < date_format(now(), '%Y-%m-%d %H:%i:%s')
            AND eventTime BETWEEN concat('2023-01-01', ' 00:00:00') AND '2023-02' || '-28'""",
        [(2,)],
    ),
    (
        """SELECT g.LEVEL, who FROM $EDS_ID CROSS JOIN UNNEST(CAST(json_extract(
            eventJson, '$.requestParameters') AS ROW(
                ACL ROW(grants ARRAY(ROW(LEVEL BIGINT, "TO" VARCHAR))), SIZE BIGINT)
        ).acl.grants) AS t (g) CROSS JOIN UNNEST(ARRAY[g."to"]) AS u (who) ORDER BY 2""",
        [(2, "all"), (None, "me")],
    ),
    (
        """SELECT array_sort(multimap_agg(awsRegion, eventID)['us-east-1']), map_union(
            map(ARRAY[eventID], ARRAY[1]))['id-3'], listagg(eventID, '+') WITHIN GROUP (
            ORDER BY eventTime DESC), approx_distinct(eventID, 0.1) FROM $EDS_ID""",
        [(["id-1", "id-2"], 1, "id-3+id-2+id-1", 3)],
    ),
    (
        """SELECT CAST(eventTime AS VARCHAR), CAST(eventTime AS VARCHAR(10)) FROM $EDS_ID
        WHERE CAST(eventTime AS VARCHAR) LIKE '2023-02-07%'""",
        [("2023-02-07 23:30:00.000", "2023-02-07")],
    ),
]


@pytest.mark.parametrize(("query", "wanted"), SHAPES)
def test_a_query_of_cloudtrail_lake_gives_the_right_answer(
    three: Lake, query: str, wanted: list[tuple[object, ...]]
) -> None:
    assert values(three, query) == wanted


ATHENA_SHAPES: list[tuple[str, list[tuple[object, ...]]]] = [
    (
        """SELECT useridentity.arn, json_extract_scalar(requestparameters, '$.bucketName'),
            awsregion
        FROM cloudtrail_logs WHERE eventtime >= '2023-01-05T00:00:00Z' AND eventtime < '2023-01-06'
            AND region = 'us-east-1' AND year = '2023' AND month IN ('01') AND day = '05'""",
        [("arn:aws:sts::111122223333:assumed-role/scanner/laptop", "scans", "us-east-1")],
    ),
    (
        """SELECT eventid FROM logs WHERE "timestamp" BETWEEN '2023/01/01' AND '2023/02/28'
            AND timestamp > '2023/01/05' AND date = '2023/02/07' AND account = '111122223333'""",
        [("id-2",)],
    ),
    (
        """SELECT date_format(from_iso8601_timestamp(eventtime), '%Y-%m'),
            date_parse(eventtime, '%Y-%m-%dT%H:%i:%sZ') = CAST(eventtime AS TIMESTAMP),
            format_datetime(parse_datetime(eventtime, 'yyyy-MM-dd''T''HH:mm:ssZ'), 'dd/MMM/yyyy'),
            hour(from_iso8601_timestamp(eventtime)), to_iso8601(from_iso8601_timestamp(eventtime))
        FROM logs WHERE readonly = 'true'""",
        [("2023-02", True, "07/Feb/2023", 23, "2023-02-07T23:30:00.000Z")],
    ),
    (
        """SELECT replace(each.entry.arn, 'arn:aws:s3:::'), eventname FROM logs t
        CROSS JOIN UNNEST(t.resources) each (entry) WHERE each.entry.arn LIKE '%/page 1.tif'""",
        [("scans/2023/01/page 1.tif", "PutObject")],
    ),
    (
        """SELECT k, v FROM logs, UNNEST(CAST(json_parse(requestparameters) AS MAP(VARCHAR, JSON)))
            AS t (k, v) WHERE k IN ('size', 'bucketName') AND eventid = 'id-1' ORDER BY k""",
        [("bucketName", '"scans"'), ("size", "12")],
    ),
    (
        """SELECT region_partition, eventid, l.p_account FROM trail l WHERE dt > '2023/01/31'
            AND account_partition IN ('111122223333', '444455556666') ORDER BY date_partition""",
        [("us-east-1", "id-2", "111122223333"), ("eu-west-1", "id-3", "444455556666")],
    ),
    (
        """SELECT region_partition, count(*) AS calls FROM trail
        WHERE date_partition >= date_format(date_add('day', -9000, now()), '%Y/%m/%d')
        GROUP BY region_partition ORDER BY calls""",
        [("eu-west-1", 1), ("us-east-1", 2)],
    ),
    (
        """SELECT eventid FROM trail WHERE dt BETWEEN '2023-01-05' AND '2023-02-07'
            AND "date" >= CAST(DATE '2023-01-06' - INTERVAL '1' DAY AS VARCHAR)
            AND day >= DATE '2023-01-05' AND p_date IN ('2023-02-07', '2023-03-01')
            AND timestamp > date_format(DATE '2023-01-31', '%Y-%m-%d')""",
        [("id-2",)],
    ),
    ("SELECT day, eventid FROM trail WHERE day = '05' AND year = 2023", [("05", "id-1")]),
    (
        """WITH own AS (SELECT eventid, from_iso8601_timestamp(eventtime) AS dt FROM trail)
        SELECT eventid FROM own WHERE dt > TIMESTAMP '2023-02-01 00:00:00' ORDER BY dt DESC""",
        [("id-3",), ("id-2",)],
    ),
    (
        """SELECT resources[2][1], element_at(resources, 1).type FROM trail
        WHERE cardinality(resources) > 0""",
        [("arn:aws:s3:::scans", "AWS::S3::Object")],
    ),
    (
        """SELECT count(*) FROM trail WHERE parse_datetime(eventtime, 'yyyy-MM-dd''T''HH:mm:ss''Z')
            BETWEEN parse_datetime('2023-01-05-00:00', 'YYYY-MM-dd-HH:mm')
            AND parse_datetime('2023-02-08T00:00:00Z', 'yyyy-MM-dd''T''HH:mm:ss''Z') """,
        [(2,)],
    ),
]


@pytest.mark.parametrize(("query", "wanted"), ATHENA_SHAPES)
def test_a_query_of_athena_gives_the_right_answer(
    three: Lake, query: str, wanted: list[tuple[object, ...]]
) -> None:
    assert values(three, query, Dialect.ATHENA) == wanted


# ---------------------------------------------------------------- functions

EXPRESSIONS: list[tuple[str, object]] = [
    ("split('a,b,c', ',')[2]", "b"),
    ("split('a,b,c', ',', 2)", ["a", "b,c"]),
    ("split_part('a,b', ',', 3)", None),
    ("split_to_map('a=1,b=2', ',', '=')['b']", "2"),
    ("replace('banana', 'an')", "ba"),
    ("substr('laptop', -3)", "top"),
    ("strpos('laptop', 'p') + position('top' IN 'laptop')", 7),
    ("concat('a', 'b', 'c') || lpad('7', 3, '0')", "abc007"),
    ("regexp_like('TLSv1.2', '^TLSv1(\\.[01])?$')", False),
    ("regexp_extract('java/1.6.0_45', 'java/(\\d+)\\.(\\d+)', 2)", "6"),
    ("regexp_extract('python', 'java')", None),
    ("regexp_replace('a-b-c', '(\\w)-(\\w)', '$2+$1')", "b+a-c"),
    ("regexp_replace('a1b22', '[0-9]+')", "ab"),
    ("regexp_extract_all('a1b22', '[0-9]+')", ["1", "22"]),
    ("url_extract_host('https://s3.amazonaws.com/x?y=%41#z')", "s3.amazonaws.com"),
    ("url_extract_parameter('https://h/x?q=1&y=%41', 'y')", "A"),
    ("from_utf8(from_base64(to_base64(to_utf8('ä'))))", "ä"),
    ("lower(to_hex(sha256(to_utf8('')))) LIKE 'e3b0c44298fc%'", True),
    ('json_extract_scalar(\'{"a": {"b-c": [true, null]}}\', \'$.a["b-c"][0]\')', "true"),
    ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$[''a'']')", None),
    ("json_extract_scalar('{\"a\": null}', '$.a')", None),
    ("json_extract_scalar('no JSON', '$.a')", None),
    ("CAST(json_extract('{\"a\": \"x\"}', '$.a') AS VARCHAR)", "x"),
    ("CAST(json_extract('{\"a\": \"5\"}', '$.a') AS BIGINT) + 1", 6),
    ("json_format(json_extract('{\"a\": [1, \"b\"]}', '$.a'))", '[1,"b"]'),
    ('json_extract(\'{"a": [{"b": 1}, {"b": 2}]}\', \'$.a[*].b\')', "[1,2]"),
    ('json_size(\'{"a": {"b": 1, "c": 2}}\', \'$.a\')', 2),
    ("json_size('{\"a\": [1, 2, 3], \"b\": 1}', '$.b')", 0),
    ("json_size('{}', '$.b')", None),
    ("json_array_length('[1, 2]') + json_array_length(json_parse('[3]'))", 3),
    ("json_array_length('{}')", None),
    ("json_array_contains('[\"a\", 2]', 'a')", True),
    ("json_value('{\"a\": 1}', 'lax $.a')", "1"),
    ("json_extract_scalar(MAP(ARRAY['a'], ARRAY['b']), '$.a')", "b"),
    ("CAST('a' AS JSON)", '"a"'),
    ("CAST(MAP(ARRAY['a'], ARRAY[1]) AS JSON)", '{"a":1}'),
    ('CAST(json_parse(\'{"a": "x", "b": {"c": 1}}\') AS MAP(VARCHAR, VARCHAR))[\'b\']', '{"c":1}'),
    ('CAST(json_parse(\'{"a": "x"}\') AS ROW(a VARCHAR, b INTEGER)).a', "x"),
    ("CAST(ROW(1, 'y') AS ROW(n INTEGER, s VARCHAR)).s", "y"),
    ("array_distinct(ARRAY['c', 'a', 'c', NULL, NULL])", ["c", "a", None]),
    ("array_sort(ARRAY[3, NULL, 1])", [1, 3, None]),
    ("array_join(ARRAY['a', NULL, 'b'], '-') || array_join(ARRAY['a', NULL], '-', '?')", "a-ba-?"),
    ("array_position(ARRAY['a'], 'b') + cardinality(ARRAY[1, NULL])", 2),
    ("array_except(ARRAY[1, 2, 2], ARRAY[1])", [2]),
    ("array_union(ARRAY[2, 1], ARRAY[1, 3])", [2, 1, 3]),
    ("array_intersect(ARRAY[1, 2], ARRAY[2, 3])", [2]),
    ("arrays_overlap(ARRAY[1], ARRAY[1]) AND contains(ARRAY['x'], 'x')", True),
    ("element_at(ARRAY[1, 2, 3], -1) + slice(ARRAY[1, 2, 3], 2, 2)[1]", 5),
    ("array_sum(zip_with(ARRAY[1, 2], ARRAY[3, 4], (x, y) -> x * y))", 11),
    ("flatten(ARRAY[ARRAY[1], ARRAY[2]])", [1, 2]),
    ("sequence(1, 7, 3)", [1, 4, 7]),
    (
        "map_keys(MAP(ARRAY['k'], ARRAY['v'])) || map_values(MAP(ARRAY['k'], ARRAY['v']))",
        ["k", "v"],
    ),
    ("TRY(CAST('x' AS INTEGER))", None),
    ("TRY_CAST('x' AS INTEGER)", None),
    ("TRY_CAST('no time' AS TIMESTAMP)", None),
    ("coalesce(NULLIF('a', 'a'), 'b')", "b"),
    ("7 / 2", 3),
    ("7 / 2.0", 3.5),
    ("CAST(3.0 AS DOUBLE) / 2", 1.5),
    ("day_of_week(DATE '2023-01-01') * 100 + week(DATE '2023-01-01')", 752),
    ("year_of_week(DATE '2023-01-01')", 2022),
    ("date_trunc('month', TIMESTAMP '2023-03-05 10:00:00')", "2023-03-01 00:00:00"),
    ("date_add('day', -7, TIMESTAMP '2023-03-05 10:00:00')", "2023-02-26 10:00:00"),
    ("date_add('month', 1, DATE '2023-01-31') = DATE '2023-02-28'", True),
    ("date_diff('day', TIMESTAMP '2023-01-01 23:00:00', TIMESTAMP '2023-01-02 01:00:00')", 0),
    ("date_diff('hour', from_unixtime(0), TIMESTAMP '1970-01-02 00:00:00')", 24),
    ("to_unixtime(from_unixtime(1672531200)) = 1672531200", True),
    (
        "from_iso8601_timestamp('2023-01-01T00:00:00.5-02:00')",
        "2023-01-01 02:00:00.500000",
    ),
    ("from_iso8601_date('2023-01-01')", "2023-01-01"),
    ("to_iso8601(DATE '2023-01-01')", "2023-01-01"),
    ("with_timezone(TIMESTAMP '2023-07-01 12:00:00', 'Europe/Berlin')", "2023-07-01 10:00:00"),
    ("date_format(TIMESTAMP '2023-01-05 09:08:07', '%d.%m.%y %H:%i:%s')", "05.01.23 09:08:07"),
    ("date_parse('05/01/2023', '%d/%m/%Y')", "2023-01-05 00:00:00"),
    ("now() > TIMESTAMP '2023-01-01 00:00:00' AND current_date > DATE '2023-01-01'", True),
    ("extract(year FROM DATE '2023-01-01') + quarter(DATE '2023-05-01')", 2025),
    ("last_day_of_month(DATE '2024-02-01')", "2024-02-29"),
    ("(1, 'a') IN ((1, 'a')) AND 'a' IS DISTINCT FROM NULL", True),
    ("date_add('day', -7, DATE '2023-03-05')", "2023-02-26"),
    ("CAST(DATE '2023-03-05' - INTERVAL '7' DAY AS VARCHAR)", "2023-02-26"),
    ("CAST((DATE '2023-03-05') - INTERVAL '7' DAY AS VARCHAR)", "2023-02-26"),
    ("CAST(date(TIMESTAMP '2023-03-05 10:00:00') - INTERVAL '7' DAY AS VARCHAR)", "2023-02-26"),
    ("CAST(date_trunc('month', DATE '2023-03-05') AS VARCHAR)", "2023-03-01"),
    ("CAST(DATE '2023-01-31' + INTERVAL '1' MONTH AS VARCHAR)", "2023-02-28"),
    ("date_trunc('month', DATE '2023-03-05') - INTERVAL '1' HOUR", "2023-02-28 23:00:00"),
    ("extract(DOW FROM DATE '2023-01-01') + extract(YEAR_OF_WEEK FROM DATE '2023-01-01')", 2029),
    ("extract(YOW FROM DATE '2023-01-01')", 2022),
    ("format_datetime(TIMESTAMP '2023-01-05 19:08:07', 'YYYY-ww ''100%''')", "2023-01 100%"),
    ("format_datetime(TIMESTAMP '2023-01-05 19:08:07', 'hh % a')", "07 % PM"),
    ("format_datetime(TIMESTAMP '2023-01-05 19:08:07.045', 'ss.SSS DDD')", "07.045 005"),
    ("format_datetime(TIMESTAMP '2023-01-01 19:08:07', 'xxxx-ww')", "2022-52"),
    (
        "format_datetime(TIMESTAMP '2023-01-05 19:08:07', 'HH:mmZ HH:mmZZ')",
        "19:08+0000 19:08+00:00",
    ),
    ("CAST('10.0.0.9' AS IPADDRESS) < IPADDRESS '10.0.0.10'", True),
    ("TRY_CAST('s3.amazonaws.com' AS IPADDRESS)", None),
    ("IPADDRESS '2001:db8::1' = CAST('2001:0DB8:0:0:0:0:0:1' AS IPADDRESS)", True),
    ("IPADDRESS '::ffff:0a00:1' = IPADDRESS '10.0.0.1'", True),
    ("CAST('::1' AS IPADDRESS) < CAST('1::' AS IPADDRESS)", True),
    ("contains('10.1.0.0/16', IPADDRESS '10.1.2.3')", True),
    ("contains('10.1.0.0/16', IPADDRESS '10.2.2.3')", False),
    ("contains('2001:db8::/32', CAST('2001:db8::7' AS IPADDRESS))", True),
    ("regexp_extract('role/dev/x', 'role/(?<role>[^/]+)', 1)", "dev"),
    ("CAST('TLSv1.2' AS VARCHAR(5))", "TLSv1"),
    ("ROW('a', 1)[2]", 1),
    ("format('%s: %,d (%.1f)', 's3', 1234, 5.75)", "s3: 1,234 (5.8)"),
    ("to_hex(sha1(to_utf8('a'))) LIKE '86F7%'", True),
    ("repeat('a', 2)", ["a", "a"]),
    ("to_milliseconds(INTERVAL '2' SECOND)", 2000),
    ("from_unixtime(0, 'Asia/Tokyo')", "1970-01-01 09:00:00"),
    ("url_extract_port('https://h:8443/x')", 8443),
    ("url_extract_port('https://h/x:1')", None),
    ("contains_sequence(ARRAY[1, 2, 3], ARRAY[2, 3])", True),
    ("array_has_duplicates(ARRAY[1, 1]) AND NOT array_has_duplicates(ARRAY[1, 2])", True),
    ("array_frequency(ARRAY['a', 'a'])['a'] + trim_array(ARRAY[5, 6], 1)[1]", 7),
    ("array_first(ARRAY[1, 2]) * 10 + array_last(ARRAY[1, 2])", 12),
    ("bitwise_left_shift(1, 3) + bitwise_right_shift(8, 2)", 10),
    ("codepoint('a') + hamming_distance('ab', 'ac')", 98),
    ("is_nan(nan()) AND infinity() > e() AND random(5) < 5", True),
]


@pytest.mark.parametrize(("expression", "wanted"), EXPRESSIONS)
def test_a_function_means_what_it_means_in_trino(
    three: Lake, expression: str, wanted: object
) -> None:
    assert values(three, f"SELECT {expression}") == [(wanted,)]


def test_a_column_without_a_name_is_called_by_its_text(three: Lake) -> None:
    found = answer(three, "SELECT split('a', ','), element_at(resources, 1).ARN, eventID FROM s")

    assert found.column_names == ["SPLIT('a', ',')", "arn", "eventID"]


def test_a_star_of_one_source_keeps_its_columns(three: Lake) -> None:
    found = answer(three, "SELECT e.*, one FROM s AS e CROSS JOIN UNNEST(ARRAY[1]) AS u (one)")

    assert found.column_names[:2] == ["eventVersion", "userIdentity"]
    assert found.column_names[-2:] == ["eventJsonChecksum", "one"]


def test_what_is_explained_is_the_translation(three: Lake) -> None:
    [row] = values(three, "EXPLAIN SELECT tlsDetails.tlsVersion FROM $EDS_ID")

    assert "tls_version" in str(row)
    assert "tls_cipher_suite" not in str(row)


def test_a_value_is_bound_to_its_placeholder(three: Lake) -> None:
    translated = translate("SELECT eventName FROM $EDS_ID WHERE eventID = $EVENT_ID", Dialect.LAKE)

    with three.query(translated.text, {"EVENT_ID": "id-2"}) as found:
        assert found.read_all().to_pylist() == [{"eventName": "AssumeRole"}]


# ---------------------------------------------------------------- queries that are not whole


@pytest.mark.parametrize(
    ("query", "wanted", "mended"),
    [
        (
            "SELECT awsRegion, count(*) AS n FROM $EDS_ID GROUP BY awsRegionORDER BY n DESCLIMIT 1",
            [("us-east-1", 2)],
            ("a blank was put before ORDER BY", "a blank was put before LIMIT"),
        ),
        (
            "SELECT eventID FROM <EDS ID> WHERE readOnly = trueSELECT eventID FROM <EDS ID>",
            None,
            (),
        ),
        (
            "SELECT eventID FROM <EDS ID> WHERE (readOnly = 'true' SELECT eventID FROM <EDS ID>",
            None,
            (),
        ),
        (
            "SELECT eventID FROM <EDS ID> WHERE readOnly = 'true'so: select eventID FROM <EDS ID>",
            [("id-2",)],
            ("what follows the first query was left out",),
        ),
        (
            "SELECT eventName, userIdentity.type FROM $EDS_ID GROUP BY eventName ORDER BY 1",
            [("AssumeRole", "AWSService"), ("PutObject", "AssumedRole")],
            ("grouped by userIdentity.type as well",),
        ),
    ],
)
def test_a_damaged_query_is_mended_and_says_so_or_is_refused(
    three: Lake, query: str, wanted: list[tuple[object, ...]] | None, mended: tuple[str, ...]
) -> None:
    if wanted is None:
        with pytest.raises(QueryError):
            translate(query, Dialect.LAKE)
        return

    assert values(three, query) == wanted
    assert translate(query, Dialect.LAKE).mended == mended


@pytest.mark.parametrize("query", [shape for shape, _ in SHAPES])
def test_a_whole_query_is_not_mended(query: str) -> None:
    assert translate(query, Dialect.LAKE).mended == ()


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT FROM WHERE", "line 1, column 17"),
        ("DROP TABLE x", "one that reads"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("", "one statement at a time"),
        ("-- only a comment", "one statement at a time"),
        ("INSERT INTO x SELECT 1", "one that reads"),
        ("SELECT format_datetime(now(), 'kk')", "'kk' that is not known here"),
    ],
)
def test_what_cannot_be_translated_says_why(query: str, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        translate(query, Dialect.LAKE)


# ---------------------------------------------------------------- what a query may not do

FORBIDDEN = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT content FROM s CROSS JOIN read_blob('/etc/passwd') AS t (content)",
    "SELECT * FROM TABLE(read_text('/etc/passwd'))",
    "SELECT * FROM read_parquet('{outside}')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{outside}''')",
    "SELECT write_blob('{outside}', 'x')",
    "SELECT getenv('HOME')",
    "COPY (SELECT 1) TO '{outside}'",
    "EXPLAIN COPY (SELECT 1) TO '{outside}'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{outside}'",
    "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
    "ATTACH '{outside}' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET lock_configuration = false",
    "SET SESSION threads = 1",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CREATE TABLE t AS SELECT 1",
    "INSERT INTO events SELECT * FROM events",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{outside}'",
]


@pytest.mark.parametrize("query", FORBIDDEN)
@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_translated_query_does_nothing_but_read_the_lake(
    three: Lake, tmp_path: Path, query: str, dialect: Dialect
) -> None:
    outside = tmp_path / "outside"

    with pytest.raises(QueryError):
        answer(three, query.format(outside=outside), dialect)
    assert not outside.exists()


@pytest.mark.parametrize("name", ['"/etc/passwd"', "'/etc/passwd'", "'s3://bucket/part.parquet'"])
@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_file_in_from_is_no_more_than_another_name_of_the_lake(
    three: Lake, name: str, dialect: Dialect
) -> None:
    assert values(three, f"SELECT count(*) FROM {name}", dialect) == [(3,)]  # noqa: S608

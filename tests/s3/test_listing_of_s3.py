"""Listing asks for the folders that are in question, and no more often than it must."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import StoreError
from analyzer.listing import Scope, list_objects
from analyzer.s3_store import S3Store
from analyzer.store import S3Access
from tests import PATIENCE
from tests.conftest import objects_of
from tests.s3.buckets import log_key, log_key_at, many_logs, new_bucket
from tests.s3.proxy import Answer, refusal

if TYPE_CHECKING:
    from tests.s3.buckets import Bucket
    from tests.s3.proxy import Proxy, Request

pytestmark = pytest.mark.usefixtures("credentials")

ONE_DAY = Scope(since=datetime(2023, 1, 2, tzinfo=UTC), until=datetime(2023, 1, 3, tzinfo=UTC))


def store_of(bucket: Bucket, proxy: Proxy) -> S3Store:
    return S3Store(f"s3://{bucket.name}/", S3Access(endpoint_url=proxy.endpoint))


def keys(bucket: Bucket, proxy: Proxy, scope: Scope) -> list[str]:
    """Return the keys that are listed, as `Bucket` names them."""
    listed = list_objects(store_of(bucket, proxy), bucket.prefix, scope)
    return [found.key.removeprefix(bucket.url) for found in listed]


def test_a_folder_of_more_than_one_page_is_listed_whole(many: Bucket, proxy: Proxy) -> None:
    listed = keys(many, proxy, Scope())

    assert listed == sorted(many_logs(1_050))
    pages = [request for request in proxy.of("LIST") if "delimiter" not in request.query]
    assert len(pages) == 2


def test_a_question_of_one_day_costs_as_many_lists_however_long_the_archive(
    bucket: Bucket, proxy: Proxy
) -> None:
    days = many_logs(3, minutes_apart=1440)  # the same folders on the way as in the long one
    bucket.put_all(days)
    short = keys(bucket, proxy, ONE_DAY)
    lists_of_short = proxy.counts()["LIST"]
    # From 1 January 2023 on, four an hour: 1,050 of them are ten days and 23 hours.
    long_archive = many_logs(1_050, minutes_apart=15)
    bucket.put_all(long_archive)
    proxy.forget()

    long = keys(bucket, proxy, ONE_DAY)

    assert len(short) == 2  # of the day itself, and of the next, when late records come
    assert len(long) == 2 * 96 + 2
    assert proxy.counts()["LIST"] == lists_of_short


def test_a_question_of_one_day_starts_there_and_stops_after_it(many: Bucket, proxy: Proxy) -> None:
    # The archive is twelve hours of one day: all of it is before what is asked for.
    listed = keys(many, proxy, ONE_DAY)

    assert listed == []
    (request,) = [each for each in proxy.of("LIST") if "start-after" in each.query]
    assert request.query["start-after"].rstrip("/").endswith("us-east-1/2023/01/02")


def test_pages_after_the_last_day_are_not_asked_for(bucket: Bucket, proxy: Proxy) -> None:
    bucket.put_all(many_logs(1_050, minutes_apart=15))

    listed = keys(bucket, proxy, Scope(until=datetime(2023, 1, 1, tzinfo=UTC), late_days=1))

    assert len(listed) == 96
    assert not [each for each in proxy.of("LIST") if "start-after" in each.query]


def test_accounts_and_regions_are_found_folder_by_folder(archive: Bucket, proxy: Proxy) -> None:
    listed = keys(archive, proxy, Scope())

    assert len(listed) == 75  # 76 objects, two of them in one folder that is skipped
    levels = [each.query["prefix"] for each in proxy.of("LIST") if "delimiter" in each.query]
    assert sorted(levels) == [
        "",
        "AWSLogs/",
        "AWSLogs/111122223333/",
        "AWSLogs/111122223333/CloudTrail/",
        "org-trail/",
        "org-trail/AWSLogs/",
        "org-trail/AWSLogs/o-exampleorg1/",
        "org-trail/AWSLogs/o-exampleorg1/012345678901/",
        "org-trail/AWSLogs/o-exampleorg1/012345678901/CloudTrail/",
        "org-trail/AWSLogs/o-exampleorg1/111122223333/",
        "org-trail/AWSLogs/o-exampleorg1/111122223333/CloudTrail/",
        "org-trail/AWSLogs/o-exampleorg1/444455556666/",
        "org-trail/AWSLogs/o-exampleorg1/444455556666/CloudTrail/",
    ]


def test_folders_of_other_accounts_and_regions_are_never_listed(
    archive: Bucket, proxy: Proxy
) -> None:
    scope = Scope(accounts=("012345678901",), regions=("us-east-1",))

    listed = keys(archive, proxy, scope)

    logs = [key for key in listed if "/012345678901/CloudTrail/us-east-1/" in key]
    assert len(logs) == 9
    asked_for = [request.query["prefix"] for request in proxy.of("LIST")]
    assert not [prefix for prefix in asked_for if "111122223333" in prefix]
    assert not [prefix for prefix in asked_for if "444455556666" in prefix]
    assert not [prefix for prefix in asked_for if "ap-northeast-1" in prefix]


def test_folders_of_other_logs_are_named_and_never_listed(archive: Bucket, proxy: Proxy) -> None:
    listed = list_objects(store_of(archive, proxy), "", Scope())

    skipped = {found.key: found.skipped for found in listed if found.key.endswith("/")}
    account = f"{archive.url}AWSLogs/111122223333"
    assert skipped == {
        f"{account}/{kind}/": f"not a CloudTrail log: {kind} (folder, not listed)"
        for kind in (
            "CloudTrail-Digest",
            "CloudTrail-Insight",
            "CloudTrail-NetworkActivity",
            "Config",
            "elasticloadbalancing",
            "vpcflowlogs",
        )
    }
    asked_for = [request.query["prefix"] for request in proxy.of("LIST")]
    assert not [prefix for prefix in asked_for if f"s3://{archive.name}/{prefix}" in skipped]


def test_a_folder_marker_is_named_and_not_read(bucket: Bucket, proxy: Proxy) -> None:
    bucket.put("AWSLogs/111122223333/CloudTrail/us-east-1/", b"")
    bucket.put(log_key(0), b"x")

    listed = list(list_objects(store_of(bucket, proxy), bucket.prefix, Scope()))

    assert [found.key for found in listed if not found.skipped] == [f"{bucket.url}{log_key(0)}"]


MONTHS = [datetime(2022, month, 1, tzinfo=UTC) for month in range(10, 13)]


def three_busy_months() -> dict[str, bytes]:
    """Return logs of which a page holds less than a month, and two less than the second."""
    keys = [
        log_key_at(month + timedelta(minutes=n), "B")
        for month, count in zip(MONTHS, (1_010, 2_010, 1_010), strict=True)
        for n in range(count)
    ]
    return dict.fromkeys(keys, b"x")


@pytest.fixture(scope="session")
def busy(weed: str) -> Bucket:
    """Return a bucket with three months of more than a page each; read only."""
    return new_bucket(weed).put_all(three_busy_months())


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        (Scope(), MONTHS),
        (Scope(since=MONTHS[1]), MONTHS[1:]),
        (Scope(until=MONTHS[2], late_days=0), MONTHS[:2]),
    ],
)
def test_a_long_listing_goes_on_month_by_month_and_lists_nothing_twice(
    busy: Bucket, proxy: Proxy, scope: Scope, wanted: list[datetime]
) -> None:
    listed = keys(busy, proxy, scope)

    months = {f"{month:%Y/%m}/" for month in wanted}
    assert sorted(listed) == [key for key in three_busy_months() if key[42:50] in months]
    below = [each.query["prefix"].partition("us-east-1/")[2] for each in proxy.of("LIST")]
    assert months <= set(below)
    assert not [prefix for prefix in below if prefix.count("/") > 2]  # not by day


def test_regions_are_listed_side_by_side(bucket: Bucket, proxy: Proxy) -> None:
    regions = [f"eu-west-{number}" for number in range(1, 5)]
    bucket.put_all({log_key(0, region=region): b"x" for region in regions})
    together = Barrier(4)  # passes only when all four are asked for at the same time

    def wait_for_the_others(request: Request) -> None:
        if request.verb == "LIST" and "eu-west-" in request.query["prefix"]:
            together.wait(timeout=PATIENCE)

    proxy.rules.append(wait_for_the_others)
    assert len(keys(bucket, proxy, Scope())) == 4


def test_a_refusal_in_the_middle_of_a_listing_stops_all_of_it(bucket: Bucket, proxy: Proxy) -> None:
    regions = [f"eu-west-{number}" for number in range(1, 5)]
    bucket.put_all({log_key(0, region=region): b"x" for region in regions})

    def refuse_one(request: Request) -> Answer | None:
        refused = request.verb == "LIST" and "eu-west-3" in request.query["prefix"]
        return refusal(403, "InvalidAccessKeyId") if refused else None

    proxy.rules.append(refuse_one)
    with pytest.raises(StoreError, match="InvalidAccessKeyId: the access key id is not known"):
        keys(bucket, proxy, Scope())


def test_a_server_that_does_not_know_startafter_is_not_asked_for_ever(proxy: Proxy) -> None:
    body = (
        "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key><ETag>e</ETag>"
        "<Size>1</Size><LastModified>2023-01-01T00:00:00Z</LastModified></Contents>"
        "</ListBucketResult>"
    )
    proxy.answer("LIST", "", Answer(200, body.encode(), {"Content-Type": "application/xml"}))
    store = S3Store("s3://trail/", S3Access(endpoint_url=proxy.endpoint))

    with pytest.raises(StoreError, match="lists what comes before StartAfter"):
        objects_of(store)

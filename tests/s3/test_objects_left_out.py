"""An object that S3 does not give is named and asked for again; the others are in the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.s3.buckets import FEW, archived_under, log_of_one_record, new_bucket
from tests.s3.commands import rows, statuses
from tests.s3.proxy import Answer, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy

pytestmark = pytest.mark.usefixtures("credentials")

LOGS = archived_under(FEW)
ONE = next(iter(LOGS))


def outcome(lake: Path, key: str) -> tuple[object, object]:
    """Return the status and the reason that the ledger has of one object."""
    (row,) = [row for row in rows(lake, "FROM objects") if str(row["key"]).endswith(key)]
    return row["status"], row["reason"]


def test_an_object_in_glacier_is_archived_and_not_asked_for(
    moto: str, moto_proxy: Proxy, lake: Path, ingest: Command
) -> None:
    bucket = new_bucket(moto).put_all(LOGS)
    bucket.put(ONE, LOGS[ONE], StorageClass="GLACIER")

    done = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)

    assert done.code == 4, done.stderr
    assert f"archived: {bucket.url}{ONE}: in storage class GLACIER; restore it first" in done.stderr
    assert statuses(lake) == {"archived": 1, "ingested": 8}
    assert not [request for request in moto_proxy.of("GET") if ONE in request.key]


def test_an_archived_object_that_the_listing_does_not_show_is_archived_too(
    moto: str, moto_proxy: Proxy, lake: Path, ingest: Command
) -> None:
    # Intelligent-Tiering's archive tiers are such: only GetObject tells.
    bucket = new_bucket(moto).put_all(LOGS)
    bucket.put(ONE, LOGS[ONE], StorageClass="GLACIER")
    moto_proxy.replace("LIST", b"GLACIER", b"INTELLIGENT_TIERING")

    done = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)

    assert done.code == 4, done.stderr
    assert outcome(lake, ONE) == ("archived", "InvalidObjectState: restore it first")
    assert statuses(lake) == {"archived": 1, "ingested": 8}


def test_a_restored_object_is_read_though_its_class_stays(
    few_logs: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    archived = b"<StorageClass>GLACIER</StorageClass>"
    restored = archived + (
        b"<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
        b"<RestoreExpiryDate>2030-01-01T00:00:00Z</RestoreExpiryDate></RestoreStatus>"
    )
    standard = b"<StorageClass>STANDARD</StorageClass>"
    proxy.replace("LIST", standard, archived)
    before = ingest(few_logs.url)
    proxy.changes.clear()
    proxy.replace("LIST", standard, restored)

    done = ingest(few_logs.url)

    assert before.code == 4
    assert done.code == 0, done.stderr
    assert statuses(lake) == {"ingested": 9}


def test_an_object_that_goes_after_it_was_listed_is_missing(
    few_logs: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    proxy.before("GET", lambda: few_logs.delete(ONE))

    done = ingest(few_logs.url)

    assert done.code == 4
    assert f"missing: {few_logs.url}{ONE}: NoSuchKey: gone since it was listed" in done.stderr
    assert statuses(lake) == {"missing": 1, "ingested": 8}


def test_an_object_that_changes_after_it_was_listed_is_taken_by_the_next_run(
    few_logs: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    proxy.before("GET", lambda: few_logs.put(ONE, log_of_one_record(1)))

    first = ingest(few_logs.url)
    was = outcome(lake, ONE)
    second = ingest(few_logs.url)

    assert first.code == 4
    assert was == ("refused", "PreconditionFailed: changed since it was listed")
    assert second.code == 0, second.stderr
    assert statuses(lake) == {"ingested": 9}
    assert rows(lake, "SELECT event_id FROM events WHERE event_id = 'id-1'")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "AccessDenied: the credentials need s3:GetObject"),
        (400, "KMS.DisabledException: S3 did not give it"),
    ],
)
def test_an_object_that_is_denied_is_refused_with_s3s_own_code_and_asked_for_again(  # noqa: PLR0913, PLR0917
    few_logs: Bucket, proxy: Proxy, lake: Path, ingest: Command, status: int, reason: str
) -> None:  # fmt: skip
    proxy.answer("GET", ONE, refusal(status, reason.partition(":")[0]))

    first = ingest(few_logs.url)
    was = outcome(lake, ONE)
    still = ingest(few_logs.url)
    proxy.rules.clear()
    last = ingest(few_logs.url)

    assert (first.code, still.code, last.code) == (4, 4, 0), last.stderr
    assert was[0] == "refused"
    assert str(was[1]).startswith(reason)
    assert f"refused: {few_logs.url}{ONE}: {reason}" in first.stderr
    assert statuses(lake) == {"ingested": 9}


def test_a_server_that_is_busy_for_a_moment_is_asked_again(
    few_logs: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    proxy.answer("GET", ONE, refusal(503, "SlowDown"), times=2)
    proxy.answer("LIST", "", refusal(503, "SlowDown"), times=1)

    done = ingest(few_logs.url)

    assert done.code == 0, done.stderr
    assert statuses(lake) == {"ingested": 9}


def test_an_answer_that_is_cut_off_is_asked_for_again(
    few_logs: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    headers = {"ETag": few_logs.etag(ONE), "Last-Modified": "Wed, 01 Mar 2023 07:28:00 GMT"}
    proxy.answer("GET", ONE, Answer(200, LOGS[ONE], headers, cut_after=100), times=1)

    done = ingest(few_logs.url)

    assert done.code == 0, done.stderr
    assert statuses(lake) == {"ingested": 9}


@pytest.mark.parametrize(
    "name",
    ["org//AWSLogs/", "/AWSLogs/", "a+b c/100%25/é/{x}~'&=?#/AWSLogs/", "tab\there\\/AWSLogs/"],
)
def test_keys_of_any_shape_are_read(
    moto: str, moto_proxy: Proxy, lake: Path, ingest: Command, name: str
) -> None:
    bucket = new_bucket(moto)
    bucket.put(f"{name}{ONE.partition('AWSLogs/')[2]}", LOGS[ONE])

    done = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)

    assert done.code == 0, done.stderr
    assert statuses(lake) == {"ingested": 1}


def test_an_object_of_an_odd_name_is_left_out_by_the_same_rules(
    moto: str, moto_proxy: Proxy, lake: Path, ingest: Command
) -> None:
    # boto3 reads the names that obstore does not take, and words its errors otherwise.
    bucket = new_bucket(moto)
    keys = {f"org/{key.replace('CloudTrail/', 'CloudTrail//')}": LOGS[key] for key in LOGS}
    for key, body in keys.items():
        bucket.put(key, body)
    archived, gone, denied, changed, *_ = keys
    bucket.put(archived, keys[archived], StorageClass="GLACIER")
    moto_proxy.replace("LIST", b"GLACIER", b"INTELLIGENT_TIERING")
    moto_proxy.answer("GET", denied, refusal(403, "AccessDenied"))

    def change() -> None:
        bucket.delete(gone)
        bucket.put(changed, log_of_one_record(1))

    moto_proxy.before("GET", change)
    done = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)

    assert done.code == 4, done.stderr
    assert outcome(lake, archived)[0] == "archived"
    assert outcome(lake, gone)[0] == "missing"
    assert outcome(lake, changed) == ("refused", "PreconditionFailed: changed since it was listed")
    assert str(outcome(lake, denied)[1]).startswith("AccessDenied: ")
    assert statuses(lake) == {"archived": 1, "missing": 1, "refused": 2, "ingested": 5}

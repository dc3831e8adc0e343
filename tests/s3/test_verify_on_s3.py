"""An archive in S3 is verified with the signatures that S3 keeps, and with AWS's own keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import ExitCode
from tests.s3.buckets import new_bucket
from tests.s3.commands import rows
from tests.s3.proxy import Answer, Request, refusal
from tests.trail import Trail, fingerprint, key_file, public_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command, Finished
    from tests.s3.proxy import Proxy

pytestmark = pytest.mark.usefixtures("credentials")

FAILED = "INVALID: signature verification failed"


def deliver(trail: Trail, bucket: Bucket, *, signed: bool = True) -> Trail:
    """Upload all of a trail, its signatures as metadata as CloudTrail does."""
    for key, body in trail.objects.items():
        metadata = {}
        if signed and key in trail.signatures:
            metadata = {"signature": trail.signatures[key], "signature-algorithm": "SHA256withRSA"}
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=body, Metadata=metadata)
    return trail


@pytest.fixture
def trail(bucket: Bucket) -> Trail:
    """Three hours of a trail that delivers into the bucket."""
    return Trail(bucket=bucket.name, prefix=bucket.prefix).hours(3)


@pytest.fixture
def delivered(trail: Trail, bucket: Bucket) -> Trail:
    """The trail, uploaded."""
    return deliver(trail, bucket)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return key_file(tmp_path / "keys.json", 1)


@pytest.fixture
def verify(run: Command, bucket: Bucket, proxy: Proxy, lake: Path) -> Callable[..., Finished]:
    """Return `tlstrail verify` of the bucket, its answer as json."""

    def here(*arguments: object) -> Finished:
        options = ("--lake", lake, "--workers", 1, "--endpoint-url", proxy.endpoint)
        return run("verify", bucket.url, *options, "--format", "json", *arguments)

    return here


def findings(done: Finished) -> dict[str, str]:
    found: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return {row["key"].rpartition("/")[2]: row["verdict"] for row in found}


def name(key: str) -> str:
    return key.rpartition("/")[2]


def test_the_newest_digest_is_checked_by_the_signature_in_its_metadata(
    delivered: Trail, verify: Command, keys: Path, proxy: Proxy
) -> None:
    done = verify("--keys", keys)

    content = json.loads(done.stdout)
    assert (done.code, content["verdict"]) == (ExitCode.DONE, "valid")
    assert (content["digests_signed"], content["digests_without_proof"]) == (3, 0)
    heads = [request.key for request in proxy.of("HEAD") if request.key]
    assert heads == [delivered.digests[2]], "the others' signatures stand in their successors"


@pytest.mark.parametrize("lost", [True, False])
def test_a_newest_digest_whose_signature_is_lost_or_wrong_is_invalid(
    trail: Trail, bucket: Bucket, verify: Command, keys: Path, *, lost: bool
) -> None:
    trail.signatures[trail.digests[2]] = "00" * 256
    deliver(trail, bucket, signed=not lost)

    done = verify("--keys", keys)
    found = findings(done)
    assert done.code == ExitCode.INCOMPLETE
    assert [found[name(key)] for key in trail.digests] == ["valid", "valid", FAILED]


def test_a_copy_in_another_bucket_has_been_moved(
    bucket: Bucket, verify: Command, keys: Path
) -> None:
    trail = Trail(bucket="the-original", prefix=bucket.prefix).hours(2)
    deliver(trail, bucket)

    found = findings(verify("--keys", keys))
    moved = "INVALID: has been moved from its original location"
    assert [found[name(key)] for key in trail.digests] == [moved, moved]


def test_a_chain_that_comes_from_another_bucket_names_what_is_not_here(
    trail: Trail, bucket: Bucket, verify: Command, keys: Path
) -> None:
    before = trail.digests[-1]
    trail.objects.clear()
    assert trail.previous
    trail.previous = ("old-bucket", *trail.previous[1:])
    trail.hour()
    deliver(trail, bucket)

    done = verify("--keys", keys)
    [missing] = [row for row in json.loads(done.stdout)["findings"] if row["verdict"] != "valid"]
    assert (missing["key"], missing["verdict"]) == (
        f"s3://old-bucket/{before}",
        "INVALID: not found",
    )


@pytest.fixture
def ingested(delivered: Trail, bucket: Bucket, ingest: Command, proxy: Proxy) -> Trail:
    """The trail, uploaded and read into the lake."""
    ingest(bucket.url)
    proxy.forget()
    return delivered


def test_what_ingest_has_read_from_s3_is_not_read_again(
    ingested: Trail, verify: Command, keys: Path, proxy: Proxy, lake: Path
) -> None:

    done = verify("--keys", keys)

    content = json.loads(done.stdout)
    assert (done.code, content["hashes_from_ledger"], content["hashes_read"]) == (0, 6, 0)
    assert {request.key for request in proxy.of("GET") if request.key} == set(ingested.digests)
    assert rows(lake, "SELECT count(*) AS digests FROM digests") == [{"digests": 3}]


def test_an_object_that_is_gone_after_the_listing_is_not_found(
    delivered: Trail, bucket: Bucket, verify: Command, keys: Path, proxy: Proxy
) -> None:
    gone = delivered.logs[4]

    def delete_it(request: Request) -> None:
        if request.verb == "GET" and "/CloudTrail/" in request.key:
            bucket.client.delete_object(Bucket=bucket.name, Key=gone)

    proxy.rules.append(delete_it)
    assert findings(verify("--keys", keys))[name(gone)] == "INVALID: not found"


def test_archived_objects_are_named_and_not_read(
    moto: str, run: Command, tmp_path: Path, keys: Path
) -> None:
    bucket = new_bucket(moto)
    trail = deliver(Trail(bucket=bucket.name).hours(3), bucket)
    for key in (trail.digests[0], trail.logs[5]):
        bucket.client.put_object(
            Bucket=bucket.name, Key=key, Body=trail.objects[key], StorageClass="GLACIER"
        )

    options = ("--lake", tmp_path / "none", "--workers", 1, "--endpoint-url", moto, "--keys", keys)
    done = run("verify", bucket.url, *options, "--format", "json")
    found = findings(done)
    archived = "not read: in storage class GLACIER; restore it first"
    assert done.code == ExitCode.INCOMPLETE
    assert (found[name(trail.digests[0])], found[name(trail.logs[5])]) == (archived, archived)
    assert found[name(trail.digests[1])] == "valid"


def test_a_bucket_that_refuses_is_3(verify: Command, proxy: Proxy) -> None:
    proxy.answer("LIST", "", Answer(403, b"<Error><Code>AccessDenied</Code></Error>"))

    done = verify()
    assert (done.code, done.stdout) == (ExitCode.STORE_REFUSED, "")
    assert "AccessDenied" in done.stderr


# ---------------------------------------------------------------- AWS's keys


@pytest.fixture
def cloudtrail(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the proxy be CloudTrail too; return the Regions that it was asked in."""
    asked: list[str] = []

    def list_public_keys(request: Request) -> Answer | None:
        if "ListPublicKeys" not in (request.header("x-amz-target") or ""):
            return None
        asked.append(request.authorization.partition("/cloudtrail/")[0].rpartition("/")[2])
        key = {
            "Value": public_key(),
            "Fingerprint": fingerprint(),
            "ValidityStartTime": 1672876800.0,
            "ValidityEndTime": 1675555200.0,
        }
        body = json.dumps({"PublicKeyList": [key]}).encode()
        return Answer(200, body, {"Content-Type": "application/x-amz-json-1.1"})

    proxy.rules.append(list_public_keys)
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", proxy.endpoint)
    return asked


def test_keys_are_asked_of_each_region(
    delivered: Trail, bucket: Bucket, verify: Command, cloudtrail: list[str], tmp_path: Path
) -> None:
    other = Trail(bucket=bucket.name, prefix=bucket.prefix, region="eu-west-1").hours(1)
    deliver(other, bucket)

    content = json.loads(verify("--save-keys", tmp_path / "saved.json").stdout)
    assert (content["verdict"], content["digests_signed"]) == ("valid", len(delivered.digests) + 1)
    assert cloudtrail == ["eu-west-1", "us-east-1"]


def test_saved_keys_verify_a_copy_without_aws(
    delivered: Trail, verify: Command, run: Command, cloudtrail: list[str], tmp_path: Path
) -> None:
    verify("--save-keys", tmp_path / "saved.json")
    copy = delivered.write(tmp_path / "copy")

    options = ("--lake", tmp_path / "none", "--format", "json")
    done = run("verify", copy, "--keys", tmp_path / "saved.json", *options)
    assert json.loads(done.stdout)["digests_signed"] == 2
    assert cloudtrail == ["us-east-1"]


@pytest.mark.usefixtures("delivered")
def test_a_region_that_gives_no_keys_is_3_and_says_what_is_needed(
    verify: Command, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", proxy.endpoint)
    body = json.dumps({"__type": "AccessDeniedException", "message": "no"}).encode()
    proxy.rules.append(
        lambda request: Answer(400, body) if request.header("x-amz-target") else None
    )

    done = verify("--save-keys", tmp_path / "saved.json")
    assert (done.code, done.stdout) == (ExitCode.STORE_REFUSED, "")
    assert "CloudTrail in us-east-1 gave no public keys" in done.stderr
    assert "cloudtrail:ListPublicKeys" in done.stderr
    assert not (tmp_path / "saved.json").exists()


def test_keys_and_save_keys_together_are_refused(verify: Command, tmp_path: Path) -> None:
    assert verify("--keys", tmp_path, "--save-keys", tmp_path).code == ExitCode.USAGE


@pytest.mark.usefixtures("delivered")
def test_requests_that_had_to_be_made_again_are_counted(
    verify: Command, keys: Path, proxy: Proxy
) -> None:
    proxy.answer("GET", "", refusal(503, "SlowDown"), times=2)

    done = verify("--keys", keys)

    assert done.code == ExitCode.DONE
    assert done.stderr.endswith("\n2 requests made again\n")

"""What an ingest left out as archived is named for a restore, asked for, and then ingested."""

from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pytest

from analyzer.restore import Archived, write_manifest
from tests import PATIENCE
from tests.s3.buckets import FEW, Bucket, archived_under, new_bucket
from tests.s3.commands import ROOT, rows, statuses
from tests.s3.proxy import refusal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy

pytestmark = pytest.mark.usefixtures("credentials")

LOGS = archived_under(FEW)
FROZEN = dict(zip(list(LOGS)[:3], ("GLACIER", "GLACIER", "DEEP_ARCHIVE"), strict=True))


@pytest.fixture
def frozen(credentials: None, moto: str, moto_proxy: Proxy, lake: Path, ingest: Command) -> Bucket:
    """Return a bucket with three archived logs of nine, ingested."""
    del credentials
    bucket = new_bucket(moto).put_all(LOGS)
    for key, storage_class in FROZEN.items():
        bucket.put(key, LOGS[key], StorageClass=storage_class)
    done = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)
    assert done.code == 4, done.stderr
    assert "archived objects can be restored: tlstrail restore" in done.stderr
    assert statuses(lake) == {"archived": 3, "ingested": 6}
    moto_proxy.forget()
    return bucket


@pytest.fixture
def restore(run: Command, lake: Path, moto_proxy: Proxy) -> Command:
    """Return `tlstrail restore` of the lake's archived objects."""
    return lambda *arguments: run(
        "restore", "--lake", lake, "--endpoint-url", moto_proxy.endpoint, *arguments
    )


def restored_by(proxy: Proxy) -> set[str]:
    return {request.key for request in proxy.of("POST") if "restore" in request.query}


def test_the_manifest_names_bucket_and_key_of_what_is_archived(
    frozen: Bucket, restore: Command, moto_proxy: Proxy
) -> None:
    done = restore()

    named = [(bucket, unquote(key)) for bucket, key in csv.reader(io.StringIO(done.stdout))]
    assert named == [(frozen.name, key) for key in sorted(FROZEN)]
    assert "3 archived objects" in done.stderr
    assert done.code == 0
    assert moto_proxy.requests == []


def test_a_key_of_any_shape_is_itself_in_the_manifest() -> None:
    key, out = 'a b/é+,"x"/100%20=?#.json.gz', io.BytesIO()
    rows = {"key": [f"s3://trail/{key}"], "storage_class": ["GLACIER"], "size": [1]}

    write_manifest(Archived("trail", pa.table(rows)), out)

    [named] = csv.reader(io.StringIO(out.getvalue().decode()))
    assert [named[0], *map(unquote, named[1:])] == ["trail", key]


@pytest.mark.usefixtures("frozen")
def test_the_manifest_is_narrowed_down_like_anything_else(restore: Command, tmp_path: Path) -> None:
    deep = restore("--storage-class", "DEEP_ARCHIVE", "-o", tmp_path / "manifest.csv")
    of_nothing = (
        ("--region", "eu-west-1"),
        ("--account", "999999999999"),
        ("--since", "2030-01-01"),
        ("--until", "2000-01-01"),
    )
    elsewhere = restore("s3://another-bucket")

    assert (tmp_path / "manifest.csv").read_text().count("\n") == 1
    assert (deep.code, deep.stdout) == (0, "")
    for arguments in of_nothing:
        done = restore(*arguments)
        assert (done.code, done.stdout) == (0, "")
        assert "nothing that was asked about is archived" in done.stderr
    assert (elsewhere.code, elsewhere.stdout) == (2, "")
    assert "s3://another-bucket: no object of the lake's ledger begins so" in elsewhere.stderr


def test_what_a_key_does_not_say_is_not_ruled_out(
    frozen: Bucket, restore: Command, ingest: Command, moto_proxy: Proxy
) -> None:
    frozen.put("copied/by-hand.json.gz", next(iter(LOGS.values())), StorageClass="GLACIER")
    ingest(frozen.url, "--endpoint-url", moto_proxy.endpoint)

    scope = ("--account", "999999999999", "--region", "x", "--since", "2030-01-01")
    assert restore(*scope).stdout == f"{frozen.name},copied/by-hand.json.gz\n"
    assert "1 archived object is in the manifest" in restore("--until", "2000-01-01").stderr


def test_a_restore_is_asked_for_and_the_next_ingest_takes_it(
    frozen: Bucket, restore: Command, ingest: Command, moto_proxy: Proxy, lake: Path
) -> None:
    done = restore("--request", "--days", 3, "--yes", "--request-payer")

    assert done.code == 0, done.stderr
    asked = [request for request in moto_proxy.of("POST") if "restore" in request.query]
    assert {request.header("x-amz-request-payer") for request in asked} == {"requester"}
    # Two of GLACIER by Bulk are free, one of DEEP_ARCHIVE costs 0.000025 dollars.
    assert "2 objects of GLACIER" in done.stderr
    assert "1 object of DEEP_ARCHIVE" in done.stderr
    assert "within 48 hours" in done.stderr
    assert "3 restores asked for. Ingest again when they are done" in done.stderr
    assert restored_by(moto_proxy) == set(FROZEN)

    # moto restores at once, and lists as S3 does without the optional attribute.
    for storage_class in (b"GLACIER", b"DEEP_ARCHIVE"):
        shown = b"<StorageClass>%b</StorageClass>" % storage_class
        ready = b"<RestoreStatus><RestoreExpiryDate>2030-01-01T00:00:00Z</RestoreExpiryDate>"
        moto_proxy.replace("LIST", shown, shown + ready + b"</RestoreStatus>")
    again = ingest(frozen.url, "--endpoint-url", moto_proxy.endpoint)

    assert again.code == 0, again.stderr
    assert statuses(lake) == {"ingested": 9}


@pytest.mark.usefixtures("frozen")
def test_what_is_under_way_is_fine_and_what_is_refused_is_named(
    restore: Command, moto_proxy: Proxy
) -> None:
    first, second, _ = FROZEN
    moto_proxy.answer("POST", first, refusal(409, "RestoreAlreadyInProgress"))
    moto_proxy.answer("POST", second, refusal(403, "AccessDenied"))

    done = restore("--request", "--yes")

    assert done.code == 4
    assert "1 restores asked for, 1 under way already" in done.stderr
    assert f"{second}: AccessDenied" in done.stderr


@pytest.mark.usefixtures("frozen")
def test_a_store_that_refuses_as_a_whole_stops_the_asking(
    restore: Command, moto_proxy: Proxy
) -> None:
    moto_proxy.answer("POST", "", refusal(403, "InvalidAccessKeyId"))

    done = restore("--request", "--yes")

    assert done.code == 3
    assert "InvalidAccessKeyId" in done.stderr


@pytest.mark.usefixtures("frozen")
def test_nothing_is_asked_for_without_a_yes(restore: Command, moto_proxy: Proxy) -> None:
    done = restore("--request")

    assert done.code == 2
    assert "say --yes where nobody can be asked" in done.stderr
    assert moto_proxy.of("POST") == []


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(("answer", "asked"), [("\n", 0), ("y\n", 3)])
def test_a_person_is_shown_the_price_and_asked(
    lake: Path, moto_proxy: Proxy, answer: str, asked: int
) -> None:
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "analyzer", "restore", "--lake", str(lake), "--request"]
    command += ["--endpoint-url", moto_proxy.endpoint]
    os.write(terminal, answer.encode())
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    os.close(terminal)
    os.close(theirs)

    assert done.returncode == 0, done.stderr
    assert "restore them for $0.000025 and the storage of the copies? [y/N]" in done.stderr
    assert len(moto_proxy.of("POST")) == asked


@pytest.mark.usefixtures("frozen")
def test_a_tier_that_a_class_does_not_have_is_refused_before_anything_is_asked(
    restore: Command, moto_proxy: Proxy
) -> None:
    done = restore("--request", "--tier", "Expedited", "--yes")

    assert done.code == 2
    assert "DEEP_ARCHIVE is not restored by Expedited" in done.stderr
    assert moto_proxy.of("POST") == []


def test_what_intelligent_tiering_archived_is_asked_for_without_days_and_read_when_it_is_back(
    moto: str, moto_proxy: Proxy, lake: Path, ingest: Command, restore: Command
) -> None:
    bucket = new_bucket(moto).put_all(LOGS)
    one, two, *_ = LOGS
    bucket.put(one, LOGS[one], StorageClass="GLACIER")
    bucket.put(two, LOGS[two], StorageClass="GLACIER")
    moto_proxy.replace("LIST", b"GLACIER", b"INTELLIGENT_TIERING")
    first = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)
    moto_proxy.forget()
    still = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)
    asked_again = [request.key for request in moto_proxy.of("GET") if request.key in {one, two}]

    done = restore("--request", "--days", 3, "--yes")
    for key in (one, two):
        bucket.put(key, LOGS[key], StorageClass="STANDARD")  # it is in a frequent tier now
    last = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)

    assert (first.code, still.code, last.code) == (4, 4, 0), last.stderr
    assert sorted(asked_again) == sorted([one, two])  # once a run
    assert "2 restores asked for" in done.stderr
    assert statuses(lake) == {"ingested": 9}


def test_one_job_does_not_take_both_kinds_of_archive_and_only_one_of_them_takes_days(
    moto: str,
    moto_proxy: Proxy,
    ingest: Command,
    restore: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = new_bucket(moto).put_all(LOGS)
    one, two, *_ = LOGS
    bucket.put(one, LOGS[one], StorageClass="GLACIER")
    bucket.put(two, LOGS[two], StorageClass="DEEP_ARCHIVE")
    moto_proxy.replace("LIST", b"DEEP_ARCHIVE", b"INTELLIGENT_TIERING")
    ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)

    both = restore()
    apart = restore("--storage-class", "GLACIER")

    assert (both.code, both.stdout) == (2, "")
    assert "1 of GLACIER, 1 of INTELLIGENT_TIERING" in both.stderr
    assert apart.stdout.count("\n") == 1

    wanted: dict[str, object] = {}

    def note(*_: object, **request: Any) -> None:  # noqa: ANN401
        wanted[request["Key"]] = request["RestoreRequest"]

    monkeypatch.setattr("analyzer.restore._restore", note)
    restore("--request", "--tier", "Standard", "--days", 3, "--yes")
    parameters = {"GlacierJobParameters": {"Tier": "Standard"}}
    assert wanted == {one: {**parameters, "Days": 3}, two: parameters}


def test_an_object_of_glacier_instant_retrieval_is_read_like_any_other(
    moto: str, moto_proxy: Proxy, lake: Path, ingest: Command
) -> None:
    bucket = new_bucket(moto).put_all(LOGS)
    one = next(iter(LOGS))
    bucket.put(one, LOGS[one], StorageClass="GLACIER_IR")

    done = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)

    assert done.code == 0, done.stderr
    assert statuses(lake) == {"ingested": 9}
    [row] = rows(lake, "SELECT status FROM objects WHERE storage_class = 'GLACIER_IR'")
    assert row["status"] == "ingested"


def test_objects_of_several_buckets_are_restored_one_bucket_at_a_time(
    moto: str, moto_proxy: Proxy, ingest: Command, restore: Command
) -> None:
    one_bucket = new_bucket(moto)
    longer = Bucket(f"{one_bucket.name}-copy", one_bucket.client)
    longer.client.create_bucket(Bucket=longer.name)
    buckets = [one_bucket.put_all(LOGS), longer.put_all(LOGS)]
    one = next(iter(LOGS))
    for bucket in buckets:
        bucket.put(one, LOGS[one], StorageClass="GLACIER")
        ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)

    both, first = restore(), restore(f"s3://{one_bucket.name}")

    assert both.code == 2
    assert "several buckets" in both.stderr
    assert f"as in: tlstrail restore s3://{one_bucket.name}\n" in both.stderr
    assert first.stdout.startswith(f"{one_bucket.name},")

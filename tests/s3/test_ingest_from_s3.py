"""An archive in S3 gives the lake that its copy on disk gives, and is read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.s3.buckets import (
    ARCHIVE,
    FEW,
    SECRET_KEY,
    archived_under,
    folder_of,
    many_logs,
)
from tests.s3.commands import content, rows, run_process, statuses
from tests.s3.proxy import refusal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy

pytestmark = pytest.mark.usefixtures("credentials")

OTHER_LOGS = "org-trail/AWSLogs/o-exampleorg1/012345678901/CloudTrail/ap-northeast-1/"


def test_a_bucket_gives_the_same_lake_as_its_copy_on_disk(
    archive: Bucket, proxy: Proxy, lake: Path, run: Command, tmp_path: Path
) -> None:
    run("ingest", ARCHIVE, "--lake", tmp_path / "lake-of-copy", "--workers", 1)

    done = run_process(
        *("ingest", archive.url, "--lake", lake, "--workers", 1),
        *("--endpoint-url", proxy.endpoint),
    )

    assert done.code == 0, done.stderr
    assert done.stdout == ""
    assert content(lake, archive.url) == content(tmp_path / "lake-of-copy", f"{ARCHIVE}/")


def test_two_workers_share_an_archive_of_several_batches(
    many: Bucket, proxy: Proxy, lake: Path, run: Command, tmp_path: Path
) -> None:
    copy = folder_of(tmp_path / "copy", many_logs(1_050))
    run("ingest", copy, "--lake", tmp_path / "lake-of-copy", "--workers", 1)

    done = run_process(
        *("ingest", many.url, "--lake", lake, "--workers", 2),
        *("--endpoint-url", proxy.endpoint),
    )

    assert done.code == 0, done.stderr
    assert content(lake, many.url) == content(tmp_path / "lake-of-copy", f"{copy}/")
    assert proxy.counts()["GET"] == 1_050


def test_a_second_run_reads_no_object_and_changes_nothing(
    few_logs: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    ingest(few_logs.url)
    gets, files = proxy.counts()["GET"], _files(lake)
    proxy.forget()

    again = ingest(few_logs.url)

    assert gets == 9
    assert again.code == 0, again.stderr
    assert "nothing new" in again.stderr
    assert proxy.counts()["GET"] == 0
    assert _files(lake) == files


def test_a_dry_run_reads_no_object_and_makes_no_lake(
    few_logs: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    done = ingest(few_logs.url, "--dry-run")

    assert done.code == 0
    assert "9 objects listed" in done.stderr
    assert proxy.counts()["GET"] == 0
    assert not lake.exists()


def test_an_overwritten_object_takes_the_place_of_its_earlier_rows(
    few_logs: Bucket, lake: Path, tmp_path: Path, run: Command, ingest: Command
) -> None:
    logs = archived_under(FEW)
    changed = next(iter(logs))
    logs[changed] = next(iter(archived_under(OTHER_LOGS).values()))
    copy = folder_of(tmp_path / "copy", logs)
    ingest(few_logs.url)

    few_logs.put(changed, logs[changed])
    done = ingest(few_logs.url)

    assert done.code == 0, done.stderr
    run("ingest", copy, "--lake", tmp_path / "lake-of-copy", "--workers", 1)
    assert content(lake, few_logs.url) == content(tmp_path / "lake-of-copy", f"{copy}/")


def test_a_refused_object_is_taken_once_it_is_repaired(
    few_logs: Bucket, lake: Path, ingest: Command
) -> None:
    broken, whole = next(iter(archived_under(FEW).items()))
    few_logs.put(broken, whole[:-20])

    first = ingest(few_logs.url)
    few_logs.put(broken, whole)
    second = ingest(few_logs.url)

    assert first.code == 4
    assert f"refused: {few_logs.url}{broken}: " in first.stderr
    assert second.code == 0, second.stderr
    assert statuses(lake) == {"ingested": 9}


def test_a_prefix_is_all_that_is_looked_at(
    archive: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    done = ingest(f"{archive.url}org-trail")

    assert done.code == 0, done.stderr
    assert all(request.query["prefix"].startswith("org-trail/") for request in proxy.of("LIST"))
    sources = rows(lake, "SELECT DISTINCT source_key FROM events")
    assert all(str(row["source_key"]).startswith(f"{archive.url}org-trail/") for row in sources)


def test_an_object_that_s3_calls_encoded_is_taken_as_it_is_stored(
    bucket: Bucket, lake: Path, ingest: Command
) -> None:
    # CloudTrail itself writes its objects with these headers.
    for key, body in archived_under(FEW).items():
        bucket.put(key, body, ContentEncoding="gzip", ContentType="application/json")

    done = ingest(bucket.url)

    assert done.code == 0, done.stderr
    assert statuses(lake) == {"ingested": 9}


def test_the_requester_agrees_to_pay_in_every_request_when_asked_to(
    few_logs: Bucket, proxy: Proxy, ingest: Command
) -> None:
    done = ingest(few_logs.url, "--request-payer")

    assert done.code == 0, done.stderr
    payers = {
        request.verb: request.header("x-amz-request-payer")
        for request in proxy.requests
        if request.verb in {"LIST", "GET"}
    }
    assert payers == {"LIST": "requester", "GET": "requester"}


def test_the_secret_is_in_nothing_that_is_left_behind(
    few_logs: Bucket, proxy: Proxy, lake: Path, run: Command, ingest: Command
) -> None:
    few_logs.put(f"{FEW}2023/01/01/broken.json.gz", b"no gzip")
    proxy.answer("GET", "20230601", refusal(403, "AccessDenied"))

    left_out = ingest(few_logs.url)
    proxy.answer("LIST", "", refusal(403, "AccessDenied"))
    refused = ingest(few_logs.url)
    shown = run("status", "--lake", lake)

    assert (left_out.code, refused.code) == (4, 3)
    talk = "".join(f"{done.stdout}{done.stderr}" for done in (left_out, refused, shown))
    assert SECRET_KEY not in talk
    assert not [path for path, body in _files(lake).items() if SECRET_KEY.encode() in body]
    assert SECRET_KEY not in str(content(lake, ""))


def _files(lake: Path) -> dict[str, bytes]:
    return {
        path.relative_to(lake).as_posix(): path.read_bytes()
        for path in lake.rglob("*")
        if path.is_file()
    }

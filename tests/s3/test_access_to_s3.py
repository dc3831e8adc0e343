"""Who may read: profiles, the environment, roles; and one clear line for whoever may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer import s3_connection
from analyzer.s3_retries import Retries
from tests.s3.buckets import ACCESS_KEY, FEW, SECRET_KEY, archived_under, new_bucket
from tests.s3.commands import run_process, statuses
from tests.s3.proxy import Answer, proxy_before, refusal
from tests.s3.servers import free_ports

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command, Finished
    from tests.s3.proxy import Proxy

ROLE = "arn:aws:iam::111122223333:role/archive-reader"


def profile(environment: Path, name: str, **settings: str) -> None:
    """Write a profile into the shared credentials file."""
    lines = "".join(f"{setting} = {value}\n" for setting, value in settings.items())
    with environment.joinpath("credentials").open("a") as file:
        file.write(f"[{name}]\n{lines}")


def test_credentials_of_a_profile_are_taken(
    few_logs: Bucket, proxy: Proxy, lake: Path, environment: Path
) -> None:
    profile(environment, "auditor", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)

    done = run_process(
        *("ingest", few_logs.url, "--lake", lake, "--workers", 1),
        *("--endpoint-url", proxy.endpoint, "--profile", "auditor"),
    )

    assert done.code == 0, done.stderr
    assert statuses(lake) == {"ingested": 9}


def test_a_profile_that_is_asked_for_goes_before_the_environment(
    few_logs: Bucket,
    proxy: Proxy,
    environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    ingest: Command,
) -> None:
    profile(environment, "auditor", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE0001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    done = ingest(few_logs.url, "--profile", "auditor")

    assert done.code == 0, done.stderr
    assert all(ACCESS_KEY in request.authorization for request in proxy.requests)


def test_the_endpoint_of_a_profile_is_where_objects_are_listed_and_read(
    few_logs: Bucket, proxy: Proxy, environment: Path, lake: Path, run: Command
) -> None:
    profile(
        environment,
        "auditor",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        endpoint_url=proxy.endpoint,
    )

    done = run("ingest", few_logs.url, "--lake", lake, "--workers", 1, "--profile", "auditor")

    assert done.code == 0, done.stderr
    assert proxy.counts()["GET"] == 9


@pytest.mark.usefixtures("credentials")
def test_the_endpoint_that_is_asked_for_goes_before_the_environment(
    few_logs: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, ingest: Command
) -> None:
    # obstore reads these by itself, and would rather have the first than what it is given.
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", closed_endpoint())
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed_endpoint())
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")

    done = ingest(few_logs.url, "--endpoint-url", proxy.endpoint)

    assert done.code == 0, done.stderr
    assert proxy.counts()["GET"] == 9


@pytest.mark.usefixtures("credentials")
def test_a_role_is_assumed_for_listing_and_for_reading(
    moto: str,
    moto_proxy: Proxy,
    lake: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Command,
) -> None:
    bucket = new_bucket(moto).put_all(archived_under(FEW))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_proxy.endpoint)

    done = run(
        *("ingest", bucket.url, "--lake", lake, "--workers", 1),
        *("--endpoint-url", moto_proxy.endpoint, "--role-arn", ROLE),
    )

    assert done.code == 0, done.stderr
    assert statuses(lake) == {"ingested": 9}
    by_user = [request for request in moto_proxy.requests if ACCESS_KEY in request.authorization]
    by_role = [request for request in moto_proxy.requests if "ASIA" in request.authorization]
    assert {request.method for request in by_user} == {"POST"}
    assert {request.verb for request in by_role} == {"LIST", "HEAD", "GET"}


@pytest.mark.usefixtures("credentials")
def test_a_role_that_may_not_be_assumed_is_named_as_the_reason(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, ingest: Command
) -> None:
    denied = Answer(
        403,
        b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not "
        b"authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>",
        {"Content-Type": "text/xml"},
    )
    proxy.answer("POST", "", denied)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", proxy.endpoint)

    done = ingest("s3://any-bucket", "--role-arn", ROLE)

    assert_refused(done, "AssumeRole: AccessDenied: not authorized to perform: sts:AssumeRole")
    assert "s3:ListBucket" not in done.stderr


@pytest.mark.parametrize("options", [(), ("--role-arn", ROLE)])
def test_no_credentials_are_one_line_that_says_where_to_get_them(
    few_logs: Bucket, proxy: Proxy, ingest: Command, options: tuple[str, ...]
) -> None:
    done = ingest(few_logs.url, *options)

    assert_refused(done, "no AWS credentials found; give --profile or set AWS_PROFILE")
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("access_key", "secret_key", "words"),
    [
        (ACCESS_KEY, "wrong", "SignatureDoesNotMatch: the secret access key is wrong"),
        ("AKIANOBODY0000000001", SECRET_KEY, "InvalidAccessKeyId: the access key id is not known"),
    ],
)
def test_wrong_credentials_are_refused_in_one_line(
    environment: Path, ingest: Command, access_key: str, secret_key: str, words: str
) -> None:
    profile(environment, "wrong", aws_access_key_id=access_key, aws_secret_access_key=secret_key)

    done = ingest("s3://any-bucket", "--profile", "wrong")

    assert_refused(done, words)


def test_a_refused_run_leaves_nothing_in_the_way_of_the_next(
    few_logs: Bucket, lake: Path, environment: Path, ingest: Command
) -> None:
    profile(environment, "wrong", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY)
    profile(environment, "right", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)

    wrong = ingest(few_logs.url, "--profile", "wrong")
    right = ingest(few_logs.url, "--profile", "right")

    assert (wrong.code, right.code) == (3, 0), right.stderr
    assert statuses(lake) == {"ingested": 9}


@pytest.mark.usefixtures("credentials")
def test_a_bucket_that_is_not_there_is_named(ingest: Command) -> None:
    done = ingest("s3://no-such-bucket/org")

    assert_refused(done, "s3://no-such-bucket/: NoSuchBucket: there is no bucket of this name")


@pytest.mark.usefixtures("credentials")
def test_who_may_not_list_is_told_the_permission_that_is_missing(
    proxy: Proxy, ingest: Command
) -> None:
    proxy.answer("LIST", "", refusal(403, "AccessDenied"))

    done = ingest("s3://any-bucket")

    assert_refused(done, "AccessDenied: access denied: the credentials need s3:ListBucket")


@pytest.mark.usefixtures("credentials")
def test_an_endpoint_that_nobody_listens_on_is_given_up_soon(
    ingest: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[int] = []  # besides botocore's own tries
    monkeypatch.setattr(Retries, "count", lambda _, times: again.append(times))
    endpoint = closed_endpoint()

    done = ingest("s3://any-bucket", "--endpoint-url", endpoint)

    assert_refused(done, f"s3://any-bucket/: cannot reach {endpoint}")
    assert again == []


def test_an_unknown_profile_is_named(ingest: Command) -> None:
    done = ingest("s3://any-bucket", "--profile", "nobody")

    assert_refused(done, "The config profile (nobody) could not be found")


def test_a_settings_file_that_cannot_be_read_is_named(environment: Path, ingest: Command) -> None:
    environment.joinpath("config").write_text("no section\n")

    done = ingest("s3://any-bucket")

    assert_refused(done, str(environment / "config"))


@pytest.mark.usefixtures("credentials")
def test_a_name_that_no_bucket_can_have_is_refused_in_one_line(ingest: Command) -> None:
    done = ingest("s3://Not a bucket")

    assert_refused(done, "Invalid bucket name")


@pytest.mark.usefixtures("credentials")
def test_an_endpoint_without_a_scheme_is_a_mistake_in_usage(ingest: Command) -> None:
    done = ingest("s3://any-bucket", "--endpoint-url", "127.0.0.1:9000")

    assert (done.code, done.stdout) == (2, "")
    assert "an endpoint begins with http:// or https://" in done.stderr


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(400, "ExpiredToken"), "ExpiredToken: the credentials have expired"),
        (refusal(403, "InvalidAccessKeyId"), "InvalidAccessKeyId: the access key id is not known"),
        (refusal(403, "SignatureDoesNotMatch"), "SignatureDoesNotMatch: "),
        (refusal(403, "RequestTimeTooSkewed"), "RequestTimeTooSkewed: this machine's clock"),
        (refusal(404, "NoSuchBucket"), "NoSuchBucket: there is no bucket of this name"),
        (refusal(301, "PermanentRedirect"), "the bucket is in another Region"),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
@pytest.mark.usefixtures("credentials")
def test_a_refusal_of_the_whole_store_while_reading_is_not_put_on_the_objects(
    few_logs: Bucket, proxy: Proxy, ingest: Command, answer: Answer, words: str
) -> None:
    proxy.answer("GET", "", answer)

    done = ingest(few_logs.url, "--quiet")

    assert_refused(done, words)


@pytest.mark.usefixtures("credentials")
def test_a_run_goes_on_after_a_refusal_in_the_same_process(
    few_logs: Bucket, proxy: Proxy, lake: Path, monkeypatch: pytest.MonkeyPatch, ingest: Command
) -> None:
    monkeypatch.setattr(s3_connection, "REFUSED_SECONDS", 0)
    proxy.answer("GET", "", refusal(400, "ExpiredToken"))

    refused = ingest(few_logs.url)
    proxy.rules.clear()
    taken = ingest(few_logs.url)

    assert (refused.code, taken.code) == (3, 0), taken.stderr
    assert statuses(lake) == {"ingested": 9}


@pytest.mark.usefixtures("credentials")
def test_a_refusal_in_a_worker_process_is_one_line_too(many: Bucket, weed: str, lake: Path) -> None:
    with proxy_before(weed) as proxy:
        proxy.answer("GET", "", refusal(400, "ExpiredToken"))

        done = run_process(
            *("ingest", many.url, "--lake", lake, "--workers", 2, "--quiet"),
            *("--endpoint-url", proxy.endpoint),
        )

    assert_refused(done, "ExpiredToken: the credentials have expired")


def assert_refused(done: Finished, words: str) -> None:
    """The store refused, and said so in one line and nothing else."""
    assert done.code == 3, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("tlstrail: s3://")
    assert words in done.stderr


def closed_endpoint() -> str:
    """Return an endpoint that nobody listens on."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"

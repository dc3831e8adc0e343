"""Every way to credentials that boto3 knows leads to listing and reading; none leaves a trace."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from analyzer.batch import Task
from analyzer.errors import StoreError
from analyzer.s3_store import S3Store
from analyzer.source import parse_source
from analyzer.store import S3Access
from tests import PATIENCE
from tests.s3.buckets import FEW, archived_under, new_bucket
from tests.s3.commands import ROOT, content, rows, run_process, statuses
from tests.s3.proxy import Answer, proxy_before, refusal
from tests.s3.test_s3_store import self_signed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy, Request

ROLE = "arn:aws:iam::111122223333:role/archive-reader"
KEY, SECRET, TOKEN = "ASIASEEN000000000001", "secret/of+a/role", "a-token-of-a-session"


@pytest.fixture(scope="module")
def logs_on_moto(moto: str) -> Bucket:
    """Return a bucket of nine logs; moto takes whoever comes for somebody."""
    return new_bucket(moto).put_all(archived_under(FEW))


def in_json(**fields: object) -> Answer:
    return Answer(200, json.dumps(fields).encode(), {"Content-Type": "application/json"})


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def names_of_signers(proxy: Proxy, *verbs: str) -> set[str]:
    """Return the access keys that requests of these verbs were signed with."""
    return {
        request.authorization.partition("Credential=")[2].partition("/")[0]
        for request in proxy.requests
        if request.verb in verbs
    }


def assert_all_read_with(proxy: Proxy, key: str, lake: Path) -> None:
    assert statuses(lake) == {"ingested": 9}
    assert names_of_signers(proxy, "LIST", "GET") - {""} == {key}


def instance(request: Request) -> Answer | None:
    """Answer as the metadata service of an EC2 instance with a role does (IMDSv2)."""
    place = request.target.removeprefix("/latest/")
    if place == "api/token":
        return Answer(200, b"imds-token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    if place == "meta-data/iam/security-credentials/":
        return Answer(200, b"archive-reader")
    if place == "meta-data/iam/security-credentials/archive-reader":
        return in_json(
            Code="Success",
            AccessKeyId=KEY,
            SecretAccessKey=SECRET,
            Token=TOKEN,
            Expiration=f"{in_an_hour():%Y-%m-%dT%H:%M:%SZ}",
        )
    return None


def test_an_instance_gives_its_role(
    logs_on_moto: Bucket, moto_proxy: Proxy, lake: Path, ingest: Command,
    monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", moto_proxy.endpoint)
    moto_proxy.rules.append(instance)

    done = ingest(logs_on_moto.url, "--endpoint-url", moto_proxy.endpoint)

    assert done.code == 0, done.stderr
    assert_all_read_with(moto_proxy, KEY, lake)


def test_a_container_gives_its_role(
    logs_on_moto: Bucket, moto_proxy: Proxy, lake: Path, ingest: Command,
    monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    uri = f"{moto_proxy.endpoint}/container-credentials"
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
    given = in_json(
        AccessKeyId=KEY,
        SecretAccessKey=SECRET,
        Token=TOKEN,
        Expiration=f"{in_an_hour():%Y-%m-%dT%H:%M:%SZ}",
    )
    moto_proxy.rules.append(
        lambda request: given if request.target == "/container-credentials" else None
    )

    done = ingest(logs_on_moto.url, "--endpoint-url", moto_proxy.endpoint)

    assert done.code == 0, done.stderr
    assert_all_read_with(moto_proxy, KEY, lake)


def test_a_profile_of_sso_that_has_logged_in_is_taken(
    logs_on_moto: Bucket, moto_proxy: Proxy, lake: Path, environment: Path,
    monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    environment.joinpath("config").write_text(
        "[profile auditor]\nsso_session = company\nsso_account_id = 111122223333\n"
        "sso_role_name = ArchiveReader\nregion = us-east-1\n"
        "[sso-session company]\nsso_region = us-east-1\nsso_start_url = https://example.org/start\n"
    )
    cache = environment.parent / ".aws" / "sso" / "cache"  # where `aws sso login` leaves it
    cache.mkdir(parents=True)
    name = hashlib.sha1(b"company", usedforsecurity=False).hexdigest()
    token = {"accessToken": "portal-token", "expiresAt": f"{in_an_hour():%Y-%m-%dT%H:%M:%SZ}"}
    cache.joinpath(f"{name}.json").write_text(json.dumps(token))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", moto_proxy.endpoint)
    role = {
        "accessKeyId": KEY,
        "secretAccessKey": SECRET,
        "sessionToken": TOKEN,
        "expiration": int(in_an_hour().timestamp() * 1_000),
    }
    asked: list[Request] = []

    def portal(request: Request) -> Answer | None:
        if not request.target.startswith("/federation/credentials"):
            return None
        asked.append(request)
        return in_json(roleCredentials=role)

    moto_proxy.rules.append(portal)

    done = run_process(
        *("ingest", logs_on_moto.url, "--lake", lake, "--workers", 1),
        *("--endpoint-url", moto_proxy.endpoint, "--profile", "auditor"),
    )

    assert done.code == 0, done.stderr
    assert_all_read_with(moto_proxy, KEY, lake)
    assert asked[0].query == {"role_name": "ArchiveReader", "account_id": "111122223333"}
    assert asked[0].header("x-amz-sso_bearer_token") == "portal-token"


def assumed(request: Request) -> Answer | None:
    """Answer AssumeRole."""
    if request.method != "POST":
        return None
    body = (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
        f"<SessionToken>{TOKEN}</SessionToken>"
        f"<Expiration>{in_an_hour():%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
        f"<AssumedRoleUser><Arn>{ROLE}/me</Arn><AssumedRoleId>AROA:me</AssumedRoleId>"
        "</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    )
    return Answer(200, body.encode(), {"Content-Type": "text/xml"})


@pytest.fixture
def role(moto_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """Return a proxy that gives a role to whoever asks."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_proxy.endpoint)
    moto_proxy.rules.append(assumed)
    return moto_proxy


@pytest.mark.usefixtures("credentials")
def test_a_role_is_assumed_under_the_name_and_the_external_id_that_are_given(
    logs_on_moto: Bucket, role: Proxy, lake: Path, ingest: Command
) -> None:
    done = ingest(
        *(logs_on_moto.url, "--endpoint-url", role.endpoint, "--role-arn", ROLE),
        *("--external-id", "agreed-on", "--role-session-name", "tls-audit"),
    )

    assert done.code == 0, done.stderr
    assert_all_read_with(role, KEY, lake)
    assert role.forms
    assert all(b"ExternalId=agreed-on" in form for form in role.forms)
    assert all(b"RoleSessionName=tls-audit" in form for form in role.forms)


@pytest.mark.usefixtures("credentials")
def test_an_answer_of_sts_that_is_none_is_one_line(moto_proxy: Proxy, role: Proxy) -> None:
    moto_proxy.rules.insert(0, lambda request: Answer(403) if request.method == "POST" else None)
    store = S3Store("s3://any-bucket/", S3Access(endpoint_url=role.endpoint, role_arn=ROLE))

    with pytest.raises(StoreError, match="an answer came that is not AWS's"):
        store.folder("")


def test_an_external_id_without_a_role_is_a_mistake_in_usage(ingest: Command) -> None:
    done = ingest("s3://any-bucket", "--external-id", "agreed-on")

    assert done.code == 2
    assert "--external-id goes with --role-arn" in done.stderr


def test_a_code_of_mfa_is_asked_for_once_for_all_processes(
    logs_on_moto: Bucket, role: Proxy, lake: Path, environment: Path
) -> None:
    environment.joinpath("credentials").write_text(
        "[base]\naws_access_key_id = AKIABASE000000000001\naws_secret_access_key = base\n"
    )
    environment.joinpath("config").write_text(
        f"[profile auditor]\nrole_arn = {ROLE}\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::111122223333:mfa/me\nregion = us-east-1\n"
    )
    command = [
        *(sys.executable, "-m", "analyzer", "ingest", logs_on_moto.url, "--lake", str(lake)),
        *("--workers", "1", "--endpoint-url", role.endpoint, "--profile", "auditor"),
    ]

    # Without a terminal, getpass takes the code from stdin; the second process gets none.
    runs = [
        subprocess.run(
            command, cwd=ROOT, input=code, text=True, capture_output=True, timeout=PATIENCE,
            start_new_session=True, check=False,
        )
        for code in ("123456\n", "")
    ]  # fmt: skip

    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert role.counts()["POST"] == 1
    assert b"TokenCode=123456" in role.forms[0]
    assert_all_read_with(role, KEY, lake)


@pytest.mark.usefixtures("credentials")
def test_an_authority_that_is_not_known_is_refused(
    few_logs: Bucket, weed: str, ingest: Command, tmp_path: Path
) -> None:
    with proxy_before(weed, self_signed(tmp_path / "own.pem")) as proxy:
        done = ingest(few_logs.url, "--endpoint-url", proxy.endpoint)

    assert done.code == 3
    assert "SSL validation failed" in done.stderr
    assert done.stderr.count("\n") == 1


SECRETS = [KEY, SECRET, TOKEN, "AKIACALLER0000000001", "callers/secret", "callers-token", "agreed"]


@pytest.mark.parametrize("workers", [1, 2])
def test_no_credential_is_in_anything_that_is_said_or_left_behind(
    logs_on_moto: Bucket, role: Proxy, lake: Path, workers: int,
    monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRETS[3])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS[4])
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRETS[5])
    echo = "".join(f"<AWSAccessKeyId>{secret}</AWSAccessKeyId>" for secret in SECRETS)
    arguments = [
        *("ingest", logs_on_moto.url, "--lake", lake, "--workers", workers),
        *("--endpoint-url", role.endpoint, "--role-arn", ROLE, "--external-id", "agreed"),
    ]
    role.answer("GET", "012345678901_CloudTrail_us-east-1_2022", refusal(403, "AccessDenied", echo))

    left_out = run_process(*arguments)
    files = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()}
    told = str(content(lake, "")) + str(rows(lake, "FROM objects"))
    role.answer("LIST", "", refusal(400, "ExpiredToken", echo))
    refused = run_process(*arguments)
    role.rules.insert(0, lambda request: Answer(403) if request.method == "POST" else None)
    no_role = run_process(*arguments)
    shown = run_process("status", "--lake", lake)

    assert (left_out.code, refused.code, no_role.code) == (4, 3, 3), no_role.stderr
    said = "".join(done.stdout + done.stderr for done in (left_out, refused, no_role, shown))
    for secret in SECRETS:
        assert secret not in said
        assert secret not in told
        assert not [path for path, body in files.items() if secret.encode() in body]


def test_what_a_worker_is_told_holds_no_credential(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    access = S3Access(role_arn=ROLE, external_id="agreed-on")

    task = Task(parse_source("s3://any-bucket", access), tmp_path, 1)
    told = pickle.dumps(task)

    assert not [secret for secret in (KEY, SECRET, TOKEN) if secret.encode() in told]
    assert "agreed-on" not in repr(task)

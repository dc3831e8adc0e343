"""The S3 store keeps the promises of `Store`, as the local one does, and its own about S3."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from ipaddress import ip_address
from itertools import product
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from analyzer import s3_connection, s3_errors, s3_retries
from analyzer.errors import StoreError
from analyzer.local_store import LocalStore
from analyzer.s3_connection import session_of
from analyzer.s3_store import S3Store
from analyzer.store import NotFetched, S3Access
from tests import PATIENCE
from tests.conftest import objects_of
from tests.s3.buckets import folder_of, new_bucket
from tests.s3.proxy import Answer, proxy_before, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from botocore.client import BaseClient

    from analyzer.store import Store
    from tests.s3.buckets import Bucket
    from tests.s3.proxy import Proxy, Request

pytestmark = pytest.mark.usefixtures("credentials")

MODIFIED = "Wed, 01 Mar 2023 07:28:00 GMT"
ROLE = "arn:aws:iam::111122223333:role/archive-reader"

TREE = [
    "AWSLogs-old/a.gz",
    "AWSLogs/1/b.gz",
    "AWSLogs/1/c d+e%20f.gz",
    "AWSLogs/10/a.gz",
    "AWSLogs/2/.hidden",
    "AWSLogs/2/x/y/z.gz",
    "AWSLogs/2/x/z.gz",
    "AWSLogs/é/ü.gz",
    "AWSLogs0/a.gz",
    "README.txt",
]


@pytest.fixture(scope="session")
def tree_on_s3(moto: str) -> Bucket:
    """Return a bucket that holds TREE."""
    return new_bucket(moto).put_all({key: key.encode() for key in TREE})


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return a store that holds TREE, of each kind."""
    if request.param == "local":
        bodies = {key: key.encode() for key in TREE}
        return LocalStore(f"{folder_of(tmp_path / 'tree', bodies)}/")
    bucket: Bucket = request.getfixturevalue("tree_on_s3")
    return S3Store(bucket.url, S3Access(endpoint_url=bucket.client.meta.endpoint_url))


def test_a_folder_shows_what_lies_directly_in_it(store: Store) -> None:
    top, inner = store.folder(""), store.folder("AWSLogs/2/")

    assert top.folders == ("AWSLogs-old/", "AWSLogs/", "AWSLogs0/")
    assert [found.key for found in top.objects] == ["README.txt"]
    assert inner.folders == ("AWSLogs/2/x/",)
    assert [found.key for found in inner.objects] == ["AWSLogs/2/.hidden"]


def test_a_stretch_holds_the_keys_between_its_bounds(store: Store) -> None:
    prefixes = ["", "AWSLogs/", "AWSLogs/2/"]
    afters = ["", "AWSLogs/1/b.gz", "AWSLogs/2", "AWSLogs/2/x/y/", "B"]
    befores = [None, "AWSLogs/2", "AWSLogs/2/x/z.gz", "AWSLogs0/a.gz"]

    for prefix, after, before in product(prefixes, afters, befores):
        keys = [found.key for found in objects_of(store, prefix, after, before)]

        assert sorted(keys) == sorted(
            key
            for key in TREE
            if key.startswith(prefix) and key > after and (before is None or key < before)
        )


def test_an_object_is_read_by_the_etag_it_was_listed_with(store: Store) -> None:
    bodies = {found.key: store.get(found.key, found.etag) for found in objects_of(store)}

    assert bodies == {key: key.encode() for key in TREE}


def test_an_object_is_not_read_by_another_etag(store: Store) -> None:
    with pytest.raises(NotFetched, match="changed since it was listed") as caught:
        store.get("README.txt", '"another"')

    assert (caught.value.status, caught.value.retry) == ("refused", True)


def test_an_object_that_is_not_there_is_missing(store: Store) -> None:
    with pytest.raises(NotFetched, match="gone since it was listed") as caught:
        store.get("AWSLogs/1/never.gz", '"any"')

    assert caught.value.status == "missing"


@pytest.mark.parametrize(
    ("bucket", "region", "url"),
    [
        ("trail", "eu-west-1", "https://trail.s3.eu-west-1.amazonaws.com"),
        ("trail", "us-east-1", "https://trail.s3.amazonaws.com"),
        ("trail", "us-gov-west-1", "https://trail.s3.us-gov-west-1.amazonaws.com"),
        ("trail", "cn-north-1", "https://trail.s3.cn-north-1.amazonaws.com.cn"),
        ("trail.example.org", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/trail.example.org"),
    ],
)
def test_objects_are_asked_of_the_host_that_boto3_lists_from(
    bucket: str, region: str, url: str
) -> None:
    store = S3Store(f"s3://{bucket}/", S3Access(region_name=region))
    answer_head(store, region)

    assert store._connection._located() == (region, url)  # noqa: SLF001 (no AWS to be asked here)


@pytest.mark.parametrize(
    ("region", "fips", "dual_stack", "url"),
    [
        ("us-east-1", True, False, "https://trail.s3-fips.us-east-1.amazonaws.com"),
        ("us-west-2", False, True, "https://trail.s3.dualstack.us-west-2.amazonaws.com"),
        ("us-west-2", True, True, "https://trail.s3-fips.dualstack.us-west-2.amazonaws.com"),
        ("us-gov-east-1", True, False, "https://trail.s3-fips.us-gov-east-1.amazonaws.com"),
        (
            "cn-northwest-1",
            False,
            True,
            "https://trail.s3.dualstack.cn-northwest-1.amazonaws.com.cn",
        ),
    ],
)
def test_objects_are_asked_of_fips_and_dual_stack_hosts_where_boto3_is_to(
    monkeypatch: pytest.MonkeyPatch, region: str, url: str, *, fips: bool, dual_stack: bool
) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", str(fips).lower())
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", str(dual_stack).lower())
    store = S3Store("s3://trail/", S3Access(region_name=region))
    answer_head(store, region)

    assert store._connection._located() == (region, url)  # noqa: SLF001 (no AWS to be asked here)


def test_objects_are_asked_of_the_vpc_endpoint_that_is_named() -> None:
    endpoint = "https://bucket.vpce-0123-abc.s3.eu-west-1.vpce.amazonaws.com"
    store = S3Store("s3://trail/", S3Access(region_name="eu-west-1", endpoint_url=endpoint))
    answer_head(store, "eu-west-1")

    _, url = store._connection._located()  # noqa: SLF001 (no AWS to be asked here)

    assert url == f"{endpoint}/trail"


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "https://sts.us-east-1.amazonaws.com"),
        ("aws-us-gov", "https://sts.us-gov-east-1.amazonaws.com"),
        ("aws-cn", "https://sts.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_role_is_assumed_in_its_own_partition(
    partition: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def note(client: BaseClient, _request: object) -> None:
        asked.append(client.meta.endpoint_url)

    monkeypatch.setattr(s3_connection, "create_assume_role_refresher", note)

    session_of(S3Access(role_arn=f"arn:{partition}:iam::111122223333:role/archive-reader"))

    assert asked == [host]


def test_the_region_is_learnt_by_who_may_not_ask_for_it() -> None:
    store = S3Store("s3://trail/", S3Access(region_name="eu-west-1"))
    answer_head(store, "eu-west-1", status=403)

    assert store._connection._located()[0] == "eu-west-1"  # noqa: SLF001 (no AWS to be asked here)


def answer_head(store: S3Store, region: str, status: int = 200) -> None:
    """Let botocore find this answer to HeadBucket instead of sending the request."""

    class Nothing(BytesIO):
        def stream(self) -> list[bytes]:
            return []

    headers = HTTPHeaders.from_dict({"x-amz-bucket-region": region})

    def answer(**_: object) -> Any:  # noqa: ANN401 (botocore's stubs expect nothing)
        return AWSResponse("", status, headers, Nothing())

    events = store._connection.client.meta.events  # noqa: SLF001 (the only way in, short of a network)
    events.register_last("before-send.s3.HeadBucket", answer)


class Sts:
    """Answers AssumeRole with credentials that are about to expire, new ones each time."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, request: Request) -> Answer | None:
        if request.method != "POST":
            return None
        self.given += 1
        expiration = datetime.now(UTC) + timedelta(minutes=2)
        body = (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>ASIA{self.given:016}</AccessKeyId>"
            "<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>"
            f"<Expiration>{expiration:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
        return Answer(200, body.encode(), {"Content-Type": "text/xml"})


def page(request: Request) -> Answer | None:
    """Answer a listing with two pages of one object each."""
    if request.verb != "LIST":
        return None
    last = "start-after" in request.query
    more = "" if last else "<NextContinuationToken>next</NextContinuationToken>"
    body = (
        f"<ListBucketResult><IsTruncated>{'false' if last else 'true'}</IsTruncated>{more}"
        f"<Contents><Key>{'b' if last else 'a'}</Key><ETag>&quot;e&quot;</ETag><Size>1</Size>"
        "<LastModified>2023-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>"
    )
    return Answer(200, body.encode(), {"Content-Type": "application/xml"})


def keys_signed_with(proxy: Proxy, verb: str) -> list[str]:
    return [request.authorization.partition("Credential=")[2][:20] for request in proxy.of(verb)]


def test_the_credentials_of_a_role_are_renewed_during_a_listing(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", proxy.endpoint)
    proxy.rules += [Sts(), page]
    store = S3Store("s3://trail/", S3Access(endpoint_url=proxy.endpoint, role_arn=ROLE))

    listed = [found.key for found in objects_of(store)]

    assert listed == ["a", "b"]
    first, second = keys_signed_with(proxy, "LIST")
    assert first < second


def test_the_credentials_of_a_role_are_renewed_between_objects(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", proxy.endpoint)
    monkeypatch.setattr(s3_connection, "CREDENTIALS_KEPT", timedelta(seconds=1))
    proxy.rules.append(Sts())
    headers = {"ETag": '"e"', "Last-Modified": MODIFIED}
    proxy.answer("HEAD", "", Answer(200))
    proxy.answer("GET", "", Answer(200, b"x", headers))
    store = S3Store("s3://trail/", S3Access(endpoint_url=proxy.endpoint, role_arn=ROLE))

    store.get("a", '"e"')
    time.sleep(0.15)  # obstore asks for new credentials ten times a second at most
    store.get("b", '"e"')

    first, second = keys_signed_with(proxy, "GET")
    assert first < second


def test_credentials_that_cannot_be_renewed_stop_the_run(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", proxy.endpoint)
    monkeypatch.setattr(s3_connection, "CREDENTIALS_KEPT", timedelta(seconds=1))
    proxy.answer("HEAD", "", Answer(200))
    sts = Sts()
    proxy.rules.append(lambda request: sts(request) if sts.given < 3 else None)
    expired = b"<Error><Code>ExpiredTokenException</Code><Message>expired</Message></Error>"
    proxy.answer("POST", "", Answer(403, b"<ErrorResponse>%b</ErrorResponse>" % expired))
    proxy.answer("GET", "", Answer(200, b"x", {"ETag": '"e"', "Last-Modified": MODIFIED}))
    store = S3Store("s3://trail/", S3Access(endpoint_url=proxy.endpoint, role_arn=ROLE))

    def read_on() -> None:
        for number in range(5):
            store.get(f"{number}", '"e"')
            time.sleep(0.15)

    with pytest.raises(StoreError, match=r"^s3://trail/: AssumeRole: ExpiredTokenException: ex"):
        read_on()


def test_the_etag_is_sent_as_it_was_listed(few_logs: Bucket, proxy: Proxy) -> None:
    store = S3Store(f"s3://{few_logs.name}/", S3Access(endpoint_url=proxy.endpoint))
    listed = objects_of(store, few_logs.prefix)[0]

    store.get(listed.key, listed.etag)

    (request,) = proxy.of("GET")
    assert listed.etag.startswith('"')
    assert request.header("if-match") == listed.etag


def test_many_threads_connect_once(few_logs: Bucket, proxy: Proxy) -> None:
    store = S3Store(f"s3://{few_logs.name}/", S3Access(endpoint_url=proxy.endpoint))
    listed = objects_of(store, few_logs.prefix)
    reader = S3Store(f"s3://{few_logs.name}/", S3Access(endpoint_url=proxy.endpoint))

    with ThreadPoolExecutor(9) as threads:
        bodies = list(threads.map(lambda found: reader.get(found.key, found.etag), listed))

    assert len(bodies) == 9
    assert proxy.counts()["HEAD"] <= 2  # a second one where the server names another Region


def test_a_server_that_goes_away_stops_the_run(
    few_logs: Bucket, weed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_retries, "ATTEMPTS", 2)
    with proxy_before(weed) as proxy:
        store = S3Store(f"s3://{few_logs.name}/", S3Access(endpoint_url=proxy.endpoint))
        first, second, *_ = objects_of(store, few_logs.prefix)
        store.get(first.key, first.etag)

    with pytest.raises(StoreError, match="Connect: it cannot be reached"):
        store.get(second.key, second.etag)


def test_a_server_that_falls_silent_stops_the_run(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_retries, "ATTEMPTS", 2)
    monkeypatch.setattr(s3_errors, "GIVEN_UP_IN_A_ROW", 1)
    monkeypatch.setattr(s3_connection, "READ_TIMEOUT", timedelta(seconds=1.5))
    over = Event()
    store = S3Store("s3://trail/", S3Access(endpoint_url=proxy.endpoint))
    proxy.answer("HEAD", "", Answer(200))

    def silence(request: Request) -> None:
        if request.verb == "GET":
            over.wait(PATIENCE)

    proxy.rules.append(silence)
    with pytest.raises(StoreError, match="Timeout: S3 does not answer, nor 1 objects"):
        store.get("a", '"e"')
    over.set()


def test_what_is_asked_for_just_after_a_refusal_is_not_asked_of_s3(
    few_logs: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_connection, "REFUSED_SECONDS", PATIENCE)
    store = S3Store(f"s3://{few_logs.name}/", S3Access(endpoint_url=proxy.endpoint))
    listed = objects_of(store, few_logs.prefix)
    proxy.answer("GET", "", refusal(400, "ExpiredToken"))

    for found in listed:
        with pytest.raises(StoreError, match="ExpiredToken: the credentials have expired"):
            store.get(found.key, found.etag)

    assert proxy.counts()["GET"] == 1


def test_an_authority_of_ones_own_is_trusted_for_listing_and_for_reading(
    few_logs: Bucket, weed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path / "own.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))

    with proxy_before(weed, certificate) as proxy:
        store = S3Store(f"s3://{few_logs.name}/", S3Access(endpoint_url=proxy.endpoint))
        listed = objects_of(store, few_logs.prefix)[0]
        body = store.get(listed.key, listed.etag)

    assert proxy.endpoint.startswith("https:")
    assert len(body) == listed.size


def self_signed(path: Path) -> Path:
    """Write a key, and a certificate of 127.0.0.1 that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_metadata_is_what_the_writer_stored_beside_the_bytes(weed: str, bucket: Bucket) -> None:
    key = f"{bucket.prefix}digest.json.gz"
    bucket.client.put_object(
        Bucket=bucket.name, Key=key, Body=b"", Metadata={"signature": "ab01", "other": "x"}
    )
    store = S3Store(f"s3://{bucket.name}/", S3Access(endpoint_url=weed))

    assert store.metadata(key) == {"signature": "ab01", "other": "x"}
    assert store.metadata(f"{key}.gone") == {}


def test_metadata_that_is_denied_is_a_refusal(bucket: Bucket, proxy: Proxy) -> None:
    proxy.answer("HEAD", "digest", Answer(403))
    store = S3Store(f"s3://{bucket.name}/", S3Access(endpoint_url=proxy.endpoint))

    with pytest.raises(StoreError, match="HeadObject"):
        store.metadata(f"{bucket.prefix}digest.json.gz")


def test_a_copy_on_disk_has_no_metadata(tmp_path: Path) -> None:
    store: Store = LocalStore(f"{folder_of(tmp_path, {'a': b''})}/")

    assert store.metadata("a") is None

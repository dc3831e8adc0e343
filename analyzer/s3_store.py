"""An S3 bucket as a store: boto3 lists (it alone shows what is archived), obstore moves bytes.

boto3 costs 1.6 ms of CPU an object, obstore 0.15 ms; both use the credentials and the
endpoint that boto3 resolves: environment, profile, SSO, role, instance metadata.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
import obstore
from boto3.session import Session
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
    create_assume_role_refresher,
)
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
)
from obstore.exceptions import BaseError, PreconditionError, UnauthenticatedError
from obstore.store import S3Store as ObjectStore

from analyzer.errors import StoreError, UsageError
from analyzer.store import Folder, NotFetched, StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef
    from obstore.store import ClientConfig, RetryConfig, S3Credential

    from analyzer.store import S3Access

# These storage classes answer GetObject only after a restore.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/archived-objects.html
ARCHIVED_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})

CREDENTIALS_KEPT = timedelta(minutes=10)
"""botocore renews credentials before they have fewer minutes left; obstore, which asks for
new ones five minutes before the end of this time, must not keep them for longer."""

READ_TIMEOUT = timedelta(seconds=60)
RETRIES: RetryConfig = {"max_retries": 8, "retry_timeout": timedelta(minutes=2)}

REFUSED_SECONDS = 5
"""How long a refusal of the whole store is taken to hold for what is asked for meanwhile."""

# Where obstore's error says what happened: S3's own code, or how the connection failed.
_CAUSE = re.compile(r"<Code>([\w.]+)</Code>|\bkind: (Connect|Timeout)\b|\binner: (BareRedirect)\b")

_ELSEWHERE = "the bucket is in another Region; give --region-name"

# Refusals that no object is to blame for, and what they mean for the person who reads them.
_ADVICE = {
    "NoSuchBucket": "there is no bucket of this name",
    "404": "there is no bucket of this name",
    "AllAccessDisabled": "all access to the bucket is disabled",
    "InvalidAccessKeyId": "the access key id is not known",
    "SignatureDoesNotMatch": "the secret access key is wrong",
    "ExpiredToken": "the credentials have expired",
    "InvalidToken": "the session token is not valid",
    "TokenRefreshRequired": "the session token must be renewed",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "PermanentRedirect": _ELSEWHERE,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "BareRedirect": _ELSEWHERE,
    "Connect": "it cannot be reached",
    "Timeout": "it does not answer",
    "UnauthenticatedError": "the credentials were not accepted",
}

_DENIED = "access denied: the credentials need s3:ListBucket on the bucket"
_LISTING_ADVICE = _ADVICE | {"AccessDenied": _DENIED, "403": _DENIED}

# What becomes of one object that S3 would not give; any other code is a refusal.
_OUTCOMES = {
    "NoSuchKey": ("missing", "gone since it was listed"),
    "PreconditionFailed": ("refused", "changed since it was listed"),
    "InvalidObjectState": ("archived", "restore it first"),
    "AccessDenied": (
        "refused",
        "the credentials need s3:GetObject, and kms:Decrypt where it is encrypted",
    ),
}


class S3Store:
    """The bucket of `root` (`s3://bucket/`). Connects on the first request."""

    reads_in_flight = 48  # obstore's throughput is nearly flat from here on

    def __init__(self, root: str, access: S3Access) -> None:
        """`access` says how to reach S3 beyond what boto3 finds by itself."""
        self.root = root
        self._bucket = root.removeprefix("s3://").rstrip("/")
        self._access = access
        self._connecting = Lock()
        self._refused: tuple[str, float] | None = None

    def folder(self, prefix: str) -> Folder:
        """Return what lies directly in `prefix`."""
        folders: list[str] = []
        objects: list[StoredObject] = []
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            folders += [common["Prefix"] for common in page.get("CommonPrefixes", [])]
            objects += [_stored(item) for item in page.get("Contents", [])]
        return Folder(tuple(folders), tuple(objects))

    def objects(self, prefix: str, after: str, before: str | None) -> Iterator[StoredObject]:
        """Yield everything below `prefix` with `after` < key < `before`, in order of key."""
        start = {"StartAfter": after} if after else {}
        for page in self._pages(Prefix=prefix, **start):
            for item in page.get("Contents", []):
                if before is not None and item["Key"] >= before:
                    return
                yield _stored(item)

    def get(self, key: str, etag: str) -> bytes:
        """Return the object's bytes if it still has this ETag."""
        self._stop_if_just_refused()
        try:
            return self._bytes(key, etag)
        except StoreError as error:
            self._refused = str(error), time.monotonic()
            raise

    def metadata(self, key: str) -> Mapping[str, str]:
        """Return what its writer stored beside the object's bytes; nothing if it is gone."""
        payer: Any = {"RequestPayer": "requester"} if self._access.request_payer else {}
        with self._refusals():
            with self._connecting:
                client = self._client
            try:
                return client.head_object(Bucket=self._bucket, Key=key, **payer)["Metadata"]
            except ClientError as error:
                if error.operation_name != "HeadObject" or _code(error) != "404":
                    raise
                return {}

    def _stop_if_just_refused(self) -> None:
        """Spare what was asked for at the same time from finding out by itself."""
        if self._refused is not None:
            reason, at = self._refused
            if time.monotonic() < at + REFUSED_SECONDS:
                raise StoreError(reason)

    def _bytes(self, key: str, etag: str) -> bytes:
        if key.startswith("/"):  # obstore would ask for the key without it
            return self._bytes_by_boto3(key, etag)
        try:
            return obstore.get(self._objects, key, options={"if_match": etag}).bytes().to_bytes()
        except ValueError:  # a key that obstore does not take, such as one with "//" in it
            return self._bytes_by_boto3(key, etag)
        except FileNotFoundError as error:
            raise self._not_given(_cause(error) or "NoSuchKey") from error
        except PreconditionError as error:
            raise self._not_given("PreconditionFailed") from error
        except BaseError as error:
            if isinstance(error, UnauthenticatedError):
                self._credential()  # raises why there is none, where it is that
            raise self._not_given(_cause(error) or type(error).__name__) from error

    def _bytes_by_boto3(self, key: str, etag: str) -> bytes:
        payer: Any = {"RequestPayer": "requester"} if self._access.request_payer else {}
        with self._refusals():
            with self._connecting:
                client = self._client
            try:
                answer = client.get_object(Bucket=self._bucket, Key=key, IfMatch=etag, **payer)
                return answer["Body"].read()
            except ClientError as error:
                if error.operation_name != "GetObject":  # but one that asks for credentials
                    raise
                raise self._not_given(_code(error)) from error

    def _not_given(self, code: str) -> StoreError | NotFetched:
        """Return what an object that was not given says of the store, or of the object alone."""
        if advice := _ADVICE.get(code):
            return StoreError(f"{self.root}: {code}: {advice}")
        status, reason = _OUTCOMES.get(code, ("refused", "S3 did not give it"))
        return NotFetched(status, f"{code}: {reason}")

    def _pages(self, **request: Any) -> Iterator[ListObjectsV2OutputTypeDef]:  # noqa: ANN401
        """Yield pages of at most 1,000 keys."""
        if self._access.request_payer:
            request["RequestPayer"] = "requester"
        with self._refusals():
            yield from self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket,
                OptionalObjectAttributes=["RestoreStatus"],
                **request,
            )

    @cached_property
    def _botocore(self) -> botocore.session.Session:
        return botocore.session.Session(profile=self._access.profile)

    @cached_property
    def _session(self) -> Session:
        return session_of(self._access, self._botocore)

    @cached_property
    def _client(self) -> S3Client:
        return self._connected(self._session.region_name)

    def _connected(self, region_name: str | None) -> S3Client:
        if self._session.get_credentials() is None:
            raise NoCredentialsError
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 4},
            connect_timeout=10,
            read_timeout=READ_TIMEOUT.total_seconds(),
        )
        try:
            return self._session.client(
                "s3",
                region_name=region_name,
                endpoint_url=self._access.endpoint_url,
                config=config,
            )
        except ValueError as error:  # botocore's word for an endpoint that is no URL
            raise UsageError(f"{error}; an endpoint begins with http:// or https://") from error

    @property
    def _objects(self) -> ObjectStore:
        """The same bucket through obstore; the first of several threads connects."""
        with self._connecting:
            return self._obstore

    @cached_property
    def _obstore(self) -> ObjectStore:
        self._stop_if_just_refused()
        with self._refusals():
            region, url = self._located()
        client_options: ClientConfig = {
            "allow_http": True,
            "read_timeout": READ_TIMEOUT,
            "timeout": timedelta(minutes=10),
        }
        ca_bundle = self._botocore.get_config_variable("ca_bundle")
        if ca_bundle and url.startswith("https:") and Path(ca_bundle).is_file():
            client_options["root_certificate"] = Path(ca_bundle).read_bytes()
        # What is given here has precedence over the AWS_… variables that obstore reads.
        return ObjectStore(
            self._bucket,
            region=region,
            aws_endpoint_url_s3=url,
            virtual_hosted_style_request=True,  # the URL is the bucket's, whatever its style
            credential_provider=self._credential,
            skip_signature=False,
            request_payer=self._access.request_payer,
            client_options=client_options,
            retry_config=RETRIES,
        )

    def _located(self) -> tuple[str, str]:
        """Return the bucket's Region and URL, which boto3 finds and obstore must be told."""
        headers, url = _head(self._client, self._bucket)
        region = headers.get("x-amz-bucket-region") or self._session.region_name or "us-east-1"
        if region != self._client.meta.region_name:
            _, url = _head(self._connected(region), self._bucket)
        return region, url

    def _credential(self) -> S3Credential:
        """Return credentials for obstore, which asks again before they expire."""
        with self._refusals():
            credentials = self._session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            current = credentials.get_frozen_credentials()
        if current.access_key is None or current.secret_key is None:
            raise StoreError(f"{self.root}: the credentials are not whole")
        return {
            "access_key_id": current.access_key,
            "secret_access_key": current.secret_key,
            "token": current.token,
            "expires_at": datetime.now(UTC) + CREDENTIALS_KEPT,
        }

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Translate what boto3 raises into one line that says what to do."""
        try:
            yield
        except NoCredentialsError as error:
            raise StoreError(
                f"{self.root}: no AWS credentials found; give --profile or set AWS_PROFILE, "
                "or log in as your organization does (aws sso login)"
            ) from error
        except EndpointConnectionError as error:
            url = urlsplit(error.kwargs["endpoint_url"])
            raise StoreError(f"{self.root}: cannot reach {url.scheme}://{url.netloc}") from error
        except ClientError as error:
            raise StoreError(f"{self.root}: {_explained(error)}") from error
        except BotoCoreError as error:
            raise StoreError(f"{self.root}: {' '.join(str(error).split())}") from error


def session_of(access: S3Access, base: botocore.session.Session | None = None) -> Session:
    """Return the session that everything is signed by; a role's credentials are renewed in time."""
    base = base or botocore.session.Session(profile=access.profile)
    session = Session(botocore_session=base, region_name=access.region_name)
    if access.role_arn is None:
        return session
    sts = session.client("sts", region_name=session.region_name or "us-east-1")
    request = {"RoleArn": access.role_arn, "RoleSessionName": "tlstrail"}
    role = _Role(create_assume_role_refresher(sts, request))
    assumed = botocore.session.Session(profile=access.profile)
    assumed.register_component("credential_provider", CredentialResolver([role]))
    return Session(botocore_session=assumed, region_name=session.region_name)


class _Role(CredentialProvider):
    """Credentials of a role, which botocore renews before they expire."""

    METHOD = "assume-role"

    def __init__(self, assume: Any) -> None:  # noqa: ANN401 (as botocore types it)
        super().__init__()
        self._credentials = DeferredRefreshableCredentials(assume, self.METHOD)

    def load(self) -> DeferredRefreshableCredentials:
        return self._credentials


def _head(client: S3Client, bucket: str) -> tuple[Mapping[str, str], str]:
    """Return the headers that a bucket answers with, and the URL that botocore gives it.

    That is a host of its own or a path of an endpoint, by botocore's rules for Regions,
    partitions, dots in names and settings. Who may not ask is told the Region all the same.
    """
    urls: list[str] = []

    def note(request: AWSPreparedRequest, **_: object) -> None:
        urls.append(request.url)

    client.meta.events.register_first("before-send.s3.HeadBucket", note)
    try:
        answer: Mapping[str, Any] = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if _code(error) == "404":
            raise
        answer = error.response
    return answer["ResponseMetadata"]["HTTPHeaders"], urls[-1].rstrip("/")


def _stored(item: ObjectTypeDef) -> StoredObject:
    """Return a listed object; a restored copy keeps its class, and is not archived."""
    storage_class = item.get("StorageClass", "STANDARD")
    restored = "RestoreExpiryDate" in item.get("RestoreStatus", {})
    return StoredObject(
        key=item["Key"],
        etag=item["ETag"],
        size=item["Size"],
        last_modified=item["LastModified"],
        storage_class=storage_class,
        archived=storage_class in ARCHIVED_CLASSES and not restored,
    )


def _cause(error: Exception) -> str | None:
    """Return what obstore's error names as its cause, if it names one."""
    match = _CAUSE.search(str(error))
    return match[match.lastindex or 0] if match else None


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _explained(error: ClientError) -> str:
    """Return what was refused; the credentials' own services explain it in their own words."""
    code, words = _code(error), error.response.get("Error", {}).get("Message", "")
    if error.operation_name in {"ListObjectsV2", "HeadBucket"}:
        return f"{code}: {_LISTING_ADVICE.get(code, words)}"
    return f"{error.operation_name}: {code or 'Unknown'}: {words}"

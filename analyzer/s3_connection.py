"""How S3 is reached: the session that signs, boto3's client, and the same bucket through obstore.

Both clients use the credentials and the endpoint that boto3 resolves: environment, profile,
SSO, role, instance metadata.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import botocore.session
from boto3.session import Session
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
    create_assume_role_refresher,
    create_credential_resolver,
)
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.utils import JSONFileCache
from obstore.store import S3Store as ObjectStore

from analyzer.errors import StoreError, UsageError
from analyzer.s3_errors import code_of, refusals
from analyzer.s3_pages import parse_pages_fast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_s3.client import S3Client
    from obstore.store import ClientConfig, S3Credential

    from analyzer.store import S3Access

CREDENTIALS_KEPT = timedelta(minutes=10)
"""botocore renews credentials before they have fewer minutes left; obstore, which asks for
new ones five minutes before the end of this time, must not keep them for longer."""

LISTINGS_IN_FLIGHT = 32
"""So many listings are asked for at a time, each on a connection of its own."""

READ_TIMEOUT = timedelta(seconds=60)

REFUSED_SECONDS = 5
"""How long a refusal of the whole store is taken to hold for what is asked for meanwhile."""


class S3Connection:
    """A bucket and who asks for it. Connects on the first request; for many threads."""

    def __init__(self, root: str, access: S3Access) -> None:
        """`root` is `s3://bucket/`; `access` says what boto3 does not find by itself."""
        self.root = root
        self.bucket = root.removeprefix("s3://").rstrip("/")
        self.access = access
        self.generation = 0
        """How often new credentials have taken the place of expired ones."""
        self._renewing = False
        self._connecting = Lock()
        self._refused: tuple[str, float] | None = None

    @property
    def client(self) -> S3Client:
        """boto3's client; the first of several threads connects."""
        with self._connecting:
            return self._client

    @property
    def objects(self) -> ObjectStore:
        """The same bucket through obstore; the first of several threads connects."""
        with self._connecting:
            return self._objects

    def renew(self, seen: int) -> bool:
        """Look for credentials anew, as those of generation `seen` have been refused.

        boto3 renews in time what it knows the end of. This is for what it does not: a profile
        that somebody has logged in to again, a session that was ended early, a clock that is
        wrong. Returns whether there are others now.
        """
        with self._connecting, refusals(self.root):
            if self.generation != seen:
                return True
            old = self._keys()
            self._renewing = True
            for made in ("_botocore", "session", "_client", "_objects"):
                vars(self).pop(made, None)
            self.generation += self._keys() != old
            return self.generation != seen

    def _keys(self) -> object:
        credentials = self.session.get_credentials()
        return credentials and credentials.get_frozen_credentials()

    def refused(self, error: StoreError) -> None:
        """Remember that the store refused as a whole."""
        self._refused = str(error), time.monotonic()

    def stop_if_just_refused(self) -> None:
        """Spare what was asked for at the same time from finding out by itself."""
        if self._refused is not None:
            reason, at = self._refused
            if time.monotonic() < at + REFUSED_SECONDS:
                raise StoreError(reason)

    @cached_property
    def _botocore(self) -> botocore.session.Session:
        return base_session(self.access.profile, anew=self._renewing)

    @cached_property
    def session(self) -> Session:
        """What everything is signed by."""
        return session_of(self.access, self._botocore)

    @cached_property
    def _client(self) -> S3Client:
        client = self._connected(self.session.region_name)
        parse_pages_fast(client)
        return client

    def _connected(self, region_name: str | None) -> S3Client:
        if self.session.get_credentials() is None:
            raise NoCredentialsError
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 4},
            connect_timeout=10,
            read_timeout=READ_TIMEOUT.total_seconds(),
            max_pool_connections=LISTINGS_IN_FLIGHT,
        )
        try:
            return self.session.client(
                "s3",
                region_name=region_name,
                endpoint_url=self.access.endpoint_url,
                config=config,
            )
        except ValueError as error:  # botocore's word for an endpoint that is no URL
            raise UsageError(f"{error}; an endpoint begins with http:// or https://") from error

    @cached_property
    def _objects(self) -> ObjectStore:
        self.stop_if_just_refused()
        with refusals(self.root):
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
            self.bucket,
            region=region,
            aws_endpoint_url_s3=url,
            virtual_hosted_style_request=True,  # the URL is the bucket's, whatever its style
            credential_provider=self.credential,
            skip_signature=False,
            request_payer=self.access.request_payer,
            client_options=client_options,
            retry_config={"max_retries": 0},  # `Retries` asks again, and counts
        )

    def _located(self) -> tuple[str, str]:
        """Return the bucket's Region and URL, which boto3 finds and obstore must be told."""
        headers, url = _head(self._client, self.bucket)
        region = headers.get("x-amz-bucket-region") or self.session.region_name or "us-east-1"
        if region != self._client.meta.region_name:
            _, url = _head(self._connected(region), self.bucket)
        return region, url

    def credential(self) -> S3Credential:
        """Return credentials for obstore, which asks again before they expire."""
        with refusals(self.root):
            credentials = self.session.get_credentials()
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


def base_session(profile: str | None, *, anew: bool = False) -> botocore.session.Session:
    """Return the session of a profile; a code of MFA is asked for once, by the driver.

    Every worker process makes a session of its own. Where a profile asks for a code, the
    credentials of its role are kept where the AWS CLI keeps them, but not looked for `anew`.
    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html#cli-configure-role-cache
    """
    session = botocore.session.Session(profile=profile)
    profiles = session.full_config.get("profiles", {}).values()
    if not anew and any("mfa_serial" in settings for settings in profiles):
        cache: Any = JSONFileCache(Path("~/.aws/cli/cache").expanduser())
        resolver = create_credential_resolver(session, cache=cache)
        session.register_component("credential_provider", resolver)
    return session


def session_of(access: S3Access, base: botocore.session.Session | None = None) -> Session:
    """Return the session that everything is signed by; a role's credentials are renewed in time."""
    base = base or base_session(access.profile)
    session = Session(botocore_session=base, region_name=access.region_name)
    if access.role_arn is None:
        return session
    sts = session.client("sts", region_name=session.region_name or _region_of(access.role_arn))
    request = {"RoleArn": access.role_arn, "RoleSessionName": access.role_session_name}
    if access.external_id:
        request["ExternalId"] = access.external_id
    role = _Role(create_assume_role_refresher(sts, request))
    assumed = botocore.session.Session(profile=access.profile)
    assumed.register_component("credential_provider", CredentialResolver([role]))
    return Session(botocore_session=assumed, region_name=session.region_name)


def _region_of(arn: str) -> str:
    """Return a Region of the partition that an ARN names, each of which has an STS of its own."""
    partition = arn.partition(":")[2].partition(":")[0]
    elsewhere = Session().get_available_regions("sts", partition) if partition != "aws" else ()
    return next(iter(elsewhere), "us-east-1")


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
        if code_of(error) == "404":
            raise
        answer = error.response
    return answer["ResponseMetadata"]["HTTPHeaders"], urls[-1].rstrip("/")

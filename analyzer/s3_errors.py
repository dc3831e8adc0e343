"""What S3 says no with, and what that means: for the whole store, or for one object alone.

boto3 raises what it was answered; obstore's errors name S3's code in their text. Here both
become one line that says what to do.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
)

from analyzer.errors import StoreError
from analyzer.store import NotFetched

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def not_given(root: str, code: str) -> StoreError | NotFetched:
    """Return what an object that was not given says of the store, or of the object alone."""
    if advice := _ADVICE.get(code):
        return StoreError(f"{root}: {code}: {advice}")
    status, reason = _OUTCOMES.get(code, ("refused", "S3 did not give it"))
    return NotFetched(status, f"{code}: {reason}")


@contextmanager
def refusals(root: str) -> Iterator[None]:
    """Translate what boto3 raises into one line that says what to do."""
    try:
        yield
    except NoCredentialsError as error:
        raise StoreError(
            f"{root}: no AWS credentials found; give --profile or set AWS_PROFILE, "
            "or log in as your organization does (aws sso login)"
        ) from error
    except EndpointConnectionError as error:
        url = urlsplit(error.kwargs["endpoint_url"])
        raise StoreError(f"{root}: cannot reach {url.scheme}://{url.netloc}") from error
    except ClientError as error:
        raise StoreError(f"{root}: {_explained(error)}") from error
    except BotoCoreError as error:
        raise StoreError(f"{root}: {' '.join(str(error).split())}") from error


def cause(error: Exception) -> str | None:
    """Return what obstore's error names as its cause, if it names one."""
    match = _CAUSE.search(str(error))
    return match[match.lastindex or 0] if match else None


def code_of(error: ClientError) -> str:
    """Return S3's own code, or the status of an answer without a body."""
    return error.response.get("Error", {}).get("Code", "")


def _explained(error: ClientError) -> str:
    """Return what was refused; the credentials' own services explain it in their own words."""
    code, words = code_of(error), error.response.get("Error", {}).get("Message", "")
    if error.operation_name in {"ListObjectsV2", "HeadBucket"}:
        return f"{code}: {_LISTING_ADVICE.get(code, words)}"
    return f"{error.operation_name}: {code or 'Unknown'}: {words}"

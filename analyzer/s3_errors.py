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
    HTTPClientError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError

from analyzer.errors import StoreError
from analyzer.s3_retries import PASSING, NotNow
from analyzer.store import ListingDenied, NotFetched

if TYPE_CHECKING:
    from collections.abc import Iterator

GIVEN_UP_IN_A_ROW = 10
"""So many objects that S3 did not give for all asking, and none that it gave: it is S3."""

# Where obstore's error says what happened, the most telling first: S3's own code, a redirect to
# nowhere, how the connection failed (the outermost word), the status of an answer without a body.
_CAUSES = [
    re.compile(words)
    for words in (
        r"<Code>([\w.]+)</Code>",
        r"inner: (BareRedirect)",
        r"kind: (Connect|Timeout|Interrupted|Request)",
        r"status code: (\d{3})",
    )
]

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
    "UnauthenticatedError": "the credentials were not accepted",
}

_DENIED = "access denied: the credentials need s3:ListBucket on the bucket"
_LISTING_ADVICE = _ADVICE | {"AccessDenied": _DENIED, "403": _DENIED}

# Credentials that were good, and that a new session may have good ones in place of.
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})

# What becomes of one object that S3 would not give; any other code is a refusal.
_OUTCOMES = {
    "NoSuchKey": ("missing", "gone since it was listed"),
    "PreconditionFailed": ("refused", "changed since it was listed"),
    "InvalidObjectState": ("archived", "restore it first"),
    "AccessDenied": (
        "refused",
        "the credentials need s3:GetObject, and kms:Decrypt where it is encrypted",
    ),
    "Timeout": ("refused", "S3 does not answer"),
    "Interrupted": ("refused", "the connection broke off each time"),
    "Incomplete": ("refused", "what came was not of the size that was listed"),
}


class CredentialsExpired(StoreError):
    """The store refused credentials that were good; a new session may bring new ones."""


def not_given(root: str, code: str) -> StoreError | NotFetched | NotNow:
    """Return what an object that was not given says of the store, or of the object alone."""
    if code in PASSING:
        return NotNow(code)
    if code in _EXPIRED:
        return CredentialsExpired(f"{root}: {code}: {_ADVICE['ExpiredToken']}")
    if advice := _ADVICE.get(code):
        return StoreError(f"{root}: {code}: {advice}")
    return NotFetched(*_outcome(code))


def given_up(root: str, code: str, in_a_row: int) -> StoreError | NotFetched:
    """Return what it means that asking again did not help, with so many objects by now.

    One object alone may be at fault; a server that cannot be reached, or that has answered
    for none of many, is.
    """
    if code == "Connect":
        return StoreError(f"{root}: {code}: {_ADVICE[code]}")
    status, reason = _outcome(code)
    if in_a_row >= GIVEN_UP_IN_A_ROW:
        return StoreError(f"{root}: {reason}, nor {GIVEN_UP_IN_A_ROW} objects in a row")
    return NotFetched(status, reason)


def _outcome(code: str) -> tuple[str, str]:
    status, reason = _OUTCOMES.get(code, ("refused", "S3 did not give it"))
    return status, f"{code}: {reason}"


@contextmanager
def refusals(root: str, prefix: str = "") -> Iterator[None]:
    """Translate what boto3 raises into one line that says what to do.

    `prefix` is what is being listed, which is named where that alone is denied.
    """
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
        code, listing = code_of(error), error.operation_name == "ListObjectsV2"
        if listing and code in {"AccessDenied", "403"}:
            raise ListingDenied(f"{root}{prefix}: {_explained(error)}") from error
        refused = CredentialsExpired if listing and code in _EXPIRED else StoreError
        raise refused(f"{root}: {_explained(error)}") from error
    except ResponseParserError as error:
        raise StoreError(f"{root}: an answer came that is not AWS's, from a proxy maybe") from error
    except EOFError as error:
        raise StoreError(
            f"{root}: the profile asks for a code of MFA, and there is no terminal to ask on"
        ) from error
    except BotoCoreError as error:
        raise StoreError(f"{root}: {' '.join(str(error).split())}") from error


@contextmanager
def listing_not_now() -> Iterator[None]:
    """Tell what a listing may get when it is asked for once more, after all of botocore's tries.

    An endpoint that cannot be reached is no such case: most often it was never the right one.
    """
    try:
        yield
    except ClientError as error:
        if code_of(error) in PASSING:
            raise NotNow(code_of(error)) from error
        raise
    except HTTPClientError as error:
        raise NotNow("Interrupted") from error


def cause(error: Exception) -> str | None:
    """Return what obstore's error names as its cause, if it names one."""
    text = str(error)
    matches = (pattern.search(text) for pattern in _CAUSES)
    return next((match[1] for match in matches if match), None)


def code_of(error: ClientError) -> str:
    """Return S3's own code, or the status of an answer without a body."""
    return error.response.get("Error", {}).get("Code", "")


def _explained(error: ClientError) -> str:
    """Return what was refused; the credentials' own services explain it in their own words."""
    code, words = code_of(error), error.response.get("Error", {}).get("Message", "")
    if error.operation_name in {"ListObjectsV2", "HeadBucket"}:
        return f"{code}: {_LISTING_ADVICE.get(code, words)}"
    return f"{error.operation_name}: {code or 'Unknown'}: {words}"

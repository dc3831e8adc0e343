"""The columns of `events` and of the ledger: names, types, where they come from, what they mean.

Declared once and never inferred: decode, flatten, write, the empty lake, the
documentation and the tests all read it here.

Source of the fields: the CloudTrail record contents and userIdentity pages,
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
(`annotation`, `ec2IssuedInVpc` and `credentialsIssuedToVersion` stand in AWS's
Lake schema or in real records only.)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_VERSION = 1


class Kind(Enum):
    """What a field must be in the record to become its column; anything else goes to `extra`."""

    TEXT = "VARCHAR"  # a JSON string
    TIME = "TIMESTAMP"  # a JSON string in CloudTrail's time format, UTC
    FLAG = "BOOLEAN"  # true or false
    JSON = "JSON"  # any JSON value, kept as its text


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `events`, and the member of the record that it holds."""

    name: str
    path: tuple[str, ...]
    kind: Kind
    meaning: str


def _at(parent: str, *fields: tuple[str, str, str], kind: Kind = Kind.TEXT) -> Iterator[Column]:
    """Columns for members of `parent`, given as (member, column, meaning)."""
    above = tuple(parent.split(".")) if parent else ()
    for member, name, meaning in fields:
        yield Column(name, (*above, member), kind, meaning)


COLUMNS: tuple[Column, ...] = (
    Column("event_time", ("eventTime",), Kind.TIME, "when the call was completed, UTC"),
    *_at(
        "",
        ("eventID", "event_id", "CloudTrail's id of the record; the key of deduplication"),
        ("eventVersion", "event_version", "version of the record format; tlsDetails since 1.08"),
        ("eventSource", "event_source", "the service that was called"),
        ("eventName", "event_name", "the API operation"),
        ("eventType", "event_type", "AwsApiCall, AwsServiceEvent, AwsConsoleSignIn, …"),
        ("eventCategory", "event_category", "Management, Data, NetworkActivity, Insight"),
        ("awsRegion", "aws_region", "the Region the call was made to"),
        ("sourceIPAddress", "source_ip_address", "IP, AWS service name or `AWS Internal`"),
        ("userAgent", "user_agent", "what the client says it is; at most 1 KB"),
        ("errorCode", "error_code", "the AWS error, if the call failed"),
        ("errorMessage", "error_message", "the error's description"),
        ("requestID", "request_id", "the service's id of the request"),
        ("apiVersion", "api_version", "the API version of the call"),
        ("recipientAccountId", "recipient_account_id", "the account that received the record"),
        ("sharedEventID", "shared_event_id", "the same in every account's copy of one action"),
        ("vpcEndpointId", "vpc_endpoint_id", "the VPC endpoint the call came through"),
        ("vpcEndpointAccountId", "vpc_endpoint_account_id", "the owner of that VPC endpoint"),
        (
            "sessionCredentialFromConsole",
            "session_credential_from_console",
            '"true" when the call came from a console session',
        ),
    ),
    *_at(
        "",
        ("readOnly", "read_only", "whether the operation changes nothing"),
        ("managementEvent", "management_event", "whether it is a management event"),
        kind=Kind.FLAG,
    ),
    *_at(
        "tlsDetails",
        ("tlsVersion", "tls_version", "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"),
        ("cipherSuite", "tls_cipher_suite", "OpenSSL name up to TLS 1.2, IANA name for TLS 1.3"),
        (
            "clientProvidedHostHeader",
            "tls_client_provided_host_header",
            "the host name that the client asked for",
        ),
        ("keyExchange", "tls_key_exchange", "the key exchange group, on newer records"),
    ),
    *_at(
        "userIdentity",
        ("type", "user_identity_type", "Root, IAMUser, AssumedRole, AWSService, …"),
        ("principalId", "user_identity_principal_id", "unique id of the caller"),
        ("arn", "user_identity_arn", "ARN of the caller"),
        ("accountId", "user_identity_account_id", "the account that owns the caller"),
        ("accessKeyId", "user_identity_access_key_id", "the access key that signed the request"),
        ("userName", "user_identity_user_name", "friendly name of the caller"),
        ("invokedBy", "user_identity_invoked_by", "the AWS service that called on its behalf"),
        ("identityProvider", "user_identity_identity_provider", "SAML or web identity provider"),
        ("credentialId", "user_identity_credential_id", "id of the bearer token"),
    ),
    *_at(
        "userIdentity.sessionContext",
        ("sourceIdentity", "user_identity_source_identity", "identity set when the role was taken"),
        ("ec2RoleDelivery", "user_identity_ec2_role_delivery", "IMDS version: 1.0 or 2.0"),
        ("assumedRoot", "user_identity_assumed_root", "whether a root session was assumed"),
        ("ec2IssuedInVpc", "user_identity_ec2_issued_in_vpc", "the VPC of the instance role"),
    ),
    *_at(
        "userIdentity.sessionContext.attributes",
        ("creationDate", "user_identity_session_creation_date", "when the session was made"),
        ("mfaAuthenticated", "user_identity_session_mfa_authenticated", '"true" with MFA'),
    ),
    *_at(
        "userIdentity.sessionContext.sessionIssuer",
        ("type", "user_identity_session_issuer_type", "Root, IAMUser or Role"),
        ("principalId", "user_identity_session_issuer_principal_id", "id of the issuer"),
        ("arn", "user_identity_session_issuer_arn", "ARN of the role or user behind the session"),
        ("accountId", "user_identity_session_issuer_account_id", "the account of the issuer"),
        ("userName", "user_identity_session_issuer_user_name", "name of the role or user"),
    ),
    *_at(
        "userIdentity.sessionContext.webIdFederationData",
        ("federatedProvider", "user_identity_web_id_federated_provider", "the web provider"),
    ),
    *_at(
        "userIdentity.sessionContext.webIdFederationData",
        ("attributes", "user_identity_web_id_attributes", "what the provider says of the user"),
        kind=Kind.JSON,
    ),
    *_at(
        "userIdentity.onBehalfOf",
        ("userId", "user_identity_on_behalf_of_user_id", "the IAM Identity Center user"),
        ("identityStoreArn", "user_identity_on_behalf_of_identity_store_arn", "its store"),
    ),
    *_at(
        "userIdentity.inScopeOf",
        ("sourceArn", "user_identity_in_scope_of_source_arn", "the resource acted for"),
        ("sourceAccount", "user_identity_in_scope_of_source_account", "that resource's owner"),
        ("issuerType", "user_identity_in_scope_of_issuer_type", "the service that issued"),
        (
            "credentialsIssuedTo",
            "user_identity_in_scope_of_credentials_issued_to",
            "the resource that the credentials were issued to",
        ),
        (
            "credentialsIssuedToVersion",
            "user_identity_in_scope_of_credentials_issued_to_version",
            "and its version",
        ),
    ),
    *_at(
        "userIdentity.invokedByDelegate",
        ("accountId", "user_identity_invoked_by_delegate_account_id", "the delegate's account"),
    ),
    *_at(
        "",
        ("requestParameters", "request_parameters", "the parameters of the call"),
        ("responseElements", "response_elements", "the answer, for calls that change something"),
        ("additionalEventData", "additional_event_data", "what else the service has to say"),
        ("serviceEventDetails", "service_event_details", "what happened, for service events"),
        ("resources", "resources", "the resources touched: [{ARN, accountId, type}]"),
        ("addendum", "addendum", "why and how the record was delivered late or updated"),
        ("edgeDeviceDetails", "edge_device_details", "the device, for S3 on Outposts and Snow"),
        ("insightDetails", "insight_details", "the unusual activity, for Insights records"),
        ("eventContext", "event_context", "tags and context keys; CloudTrail Lake only"),
        ("annotation", "annotation", "user provided annotation"),
        kind=Kind.JSON,
    ),
)

DISTINCT_COLUMNS = frozenset({"event_id", "request_id", "shared_event_id"})
"""Nearly every value of these stands once: a dictionary would cost time and save no space."""

ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.timestamp("us"),
    Kind.FLAG: pa.bool_(),
    Kind.JSON: pa.string(),
}

EVENTS = pa.schema(
    {column.name: ARROW_TYPES[column.kind] for column in COLUMNS}
    | {"extra": pa.string(), "source_key": pa.string()}
)
"""The rows of `events`. `extra` is JSON text of what is unknown or not of the documented
type; `source_key` is the object that the row came from."""

DICTIONARY_COLUMNS = [
    *(
        column.name
        for column in COLUMNS
        if column.kind is Kind.TEXT and column.name not in DISTINCT_COLUMNS
    ),
    "source_key",
]
"""Texts that stand more than once: kept as positions in a dictionary on the way to Parquet."""

JSON_COLUMNS = [*(column.name for column in COLUMNS if column.kind is Kind.JSON), "extra"]
"""JSON texts, as they came but for the white space between tokens."""

_LEDGER_TYPES: dict[str, pa.DataType] = {
    "key": pa.string(),
    "etag": pa.string(),
    "size": pa.int64(),
    "last_modified": pa.timestamp("us"),
    "storage_class": pa.string(),
    "account_id": pa.string(),
    "region": pa.string(),
    "delivered_at": pa.timestamp("us"),
    "status": pa.string(),
    "reason": pa.string(),
    "records": pa.int64(),
    "duplicates": pa.int64(),
    "duplicate_of": pa.list_(pa.string()),
    "retry": pa.bool_(),
    "sha256": pa.string(),
    "part": pa.string(),
    "ingested_at": pa.timestamp("us"),
}
LEDGER = pa.schema(_LEDGER_TYPES)
"""One row per source object (key, ETag) ever listed. `size` is compressed bytes; `sha256` is of
the decompressed bytes, in hex; `records` counts those in the object, `duplicates` those of them
that the lake already had, kept from the objects named in `duplicate_of`; `retry` means: read it
again next time even if it has not changed."""

_DIGEST_TYPES: dict[str, pa.DataType] = {
    "account_id": pa.string(),
    "region": pa.string(),
    "trail": pa.string(),
    "home_region": pa.string(),
    "backfill": pa.bool_(),
    "digest_start": pa.timestamp("us"),
    "digest_end": pa.timestamp("us"),
    "digest_key": pa.string(),
    "verdict": pa.string(),
    "proof": pa.string(),
    "log_files": pa.int64(),
}
DIGESTS = pa.schema(_DIGEST_TYPES)
"""One row per digest that `verify` met, and per digest that a later one names and that is not
there. `proof` is what vouches for it: `signature`, `hash` (its successor states it) or `none`."""

_DIGEST_LOG_TYPES: dict[str, pa.DataType] = {
    "account_id": pa.string(),
    "region": pa.string(),
    "delivered_at": pa.timestamp("us"),
    "key": pa.string(),
    "sha256": pa.string(),
    "digest_key": pa.string(),
    "verdict": pa.string(),
}
DIGEST_LOGS = pa.schema(_DIGEST_LOG_TYPES)
"""One row per log file that a digest lists; `key` is where it lies in the archive, or should."""


Tree: TypeAlias = dict[str, "Kind | Tree"]


@cache
def tree() -> Tree:
    """Return the documented shape of a record, nested as the record is."""
    root: Tree = {}
    for column in COLUMNS:
        level = root
        for member in column.path[:-1]:
            below = level.setdefault(member, {})
            if isinstance(below, Kind):
                raise TypeError(f"{column.name}: {member} is a column itself")
            level = below
        level[column.path[-1]] = column.kind
    return root

"""The options that several commands share, as frozen dataclasses.

What they are turned into is imported by the methods, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 (cyclopts reads it)
from typing import TYPE_CHECKING, Annotated, Literal, get_args, get_type_hints

from cyclopts import Group, Parameter

from analyzer.errors import UsageError
from analyzer.shards import Shard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.lake import Narrowing
    from analyzer.lake_place import LakePlace
    from analyzer.render import Format
    from analyzer.store import S3Access

_SCOPE = Group("What to look at", sort_key=1)
_S3 = Group("S3", sort_key=2)


def _utc(_type: object, tokens: Sequence[object]) -> datetime:
    """Read a date or a timestamp; without an offset it is UTC."""
    text = str(getattr(tokens[0], "value", tokens[0]))
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@Parameter(name="*", group=_S3)
@dataclass(frozen=True)
class S3Options:
    """How to reach S3, beyond what boto3 finds in the environment."""

    profile: Annotated[str | None, Parameter(help="AWS profile, SSO ones included.")] = None
    region_name: Annotated[str | None, Parameter(help="Region of the bucket.")] = None
    endpoint_url: Annotated[str | None, Parameter(help="Another S3-compatible server.")] = None
    request_payer: Annotated[
        bool,
        Parameter(
            help="Agree to pay, for requester-pays buckets.", negative="", show_default=False
        ),
    ] = False
    role_arn: Annotated[str | None, Parameter(help="Role to assume.")] = None
    external_id: Annotated[
        str | None, Parameter(help="With --role-arn, where the role's owner asks for one.")
    ] = None
    role_session_name: Annotated[
        str, Parameter(help="With --role-arn: the name that CloudTrail will show.")
    ] = "tlstrail"

    def access(self) -> S3Access:
        """Return how to reach S3."""
        from analyzer.store import S3Access

        if self.external_id and not self.role_arn:
            raise UsageError("--external-id goes with --role-arn")
        return S3Access(
            profile=self.profile,
            region_name=self.region_name,
            endpoint_url=self.endpoint_url,
            request_payer=self.request_payer,
            role_arn=self.role_arn,
            external_id=self.external_id,
            role_session_name=self.role_session_name,
        )


def shard_of(_type: object, tokens: Sequence[object]) -> Shard:
    """Read `3/8`; or `auto/8` in an array job of AWS Batch, which counts from 0.

    https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
    """
    text = str(getattr(tokens[0], "value", tokens[0]))
    asked, _, count = text.partition("/")
    index = os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX")
    if asked == "auto" and index is None:
        raise UsageError(f"--shard {text}: there is no AWS_BATCH_JOB_ARRAY_INDEX here")
    number = str(int(index or 0) + 1) if asked == "auto" else asked
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UsageError(f"--shard {text}: name one from 1/N to N/N, such as 3/8")
    return Shard(int(number), int(count))


@Parameter(name="*")
@dataclass(frozen=True)
class LakeOption:
    """Where the lake is."""

    lake: Annotated[
        str,
        Parameter(env_var="TLSTRAIL_LAKE", help="Folder of the lake, or s3://bucket/prefix."),
    ] = "lake"
    lake_profile: Annotated[
        str | None,
        Parameter(
            env_var="TLSTRAIL_LAKE_PROFILE",
            help="AWS profile that reaches the lake, instead of the options for S3.",
        ),
    ] = None

    def place(self, s3: S3Options) -> LakePlace:
        """Return where the lake is, and how it is reached."""
        from analyzer.lake_place import parse_place
        from analyzer.store import S3Access

        own = S3Access(self.lake_profile) if self.lake_profile else None
        return parse_place(self.lake, own or s3.access())


@Parameter(name="*", group=_SCOPE)
@dataclass(frozen=True)
class ScopeOptions:
    """Accounts, Regions and times; empty means all."""

    account: Annotated[
        tuple[str, ...],
        Parameter(help="Account id, 12 digits; repeatable.", negative="", show_default=False),
    ] = ()
    region: Annotated[
        tuple[str, ...],
        Parameter(help="Region, such as eu-west-1; repeatable.", negative="", show_default=False),
    ] = ()
    since: Annotated[
        datetime | None, Parameter(converter=_utc, help="From this date or time on, UTC.")
    ] = None
    until: Annotated[
        datetime | None, Parameter(converter=_utc, help="Up to, not including it, UTC.")
    ] = None

    def __post_init__(self) -> None:
        """Refuse what can only be a mistake."""
        for account in self.account:
            if not (account.isdecimal() and len(account) == 12):  # noqa: PLR2004
                raise UsageError(f"--account {account}: an account id has 12 digits")
        if self.since and self.until and self.since >= self.until:
            raise UsageError("--since must be before --until, which is not included")

    def narrowing(self) -> Narrowing:
        """Return the records that are asked about."""
        from analyzer.lake import Narrowing

        return Narrowing(self.account, self.region, self.since, self.until)


SeveralTables = Literal["table", "json", "md"]
OneTable = Literal["table", "csv", "json", "ndjson", "md", "parquet"]

_HOW = Parameter(help="How it is written; by the ending of --output, or as a table, without.")


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOptions:
    """How and where the answer is written, in any of the formats."""

    format: Annotated[Literal[OneTable, "html"] | None, _HOW] = None
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="File to write; stdout without.")
    ] = None

    def form(self) -> Format:
        """Return how the answer is written. Raises `UsageError` where that is not on offer."""
        from analyzer.render import Format

        ending = self.output.suffix.removeprefix(".") if self.output else ""
        form = Format(self.format or (ending if ending in set(Format) else Format.TABLE))
        if form not in (offered := self._offered()):
            raise UsageError(
                f"-o {self.output}: this is written as {', '.join(offered[:-1])} or {offered[-1]}, "
                f"and not as {form}; name one of them with --format"
            )
        if form is Format.PARQUET and self.output is None and sys.stdout.isatty():
            raise UsageError("parquet is no text for a terminal; name a file with -o")
        return form

    @classmethod
    def _offered(cls) -> tuple[str, ...]:
        """The formats that --format offers."""
        choices, _none = get_args(get_type_hints(cls)["format"])
        return get_args(choices)


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOfOneTable(OutputOptions):
    """How and where an answer is written that is one table."""

    format: Annotated[OneTable | None, _HOW] = None


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOfSeveralTables(OutputOptions):
    """How and where an answer is written that is several tables."""

    format: Annotated[SeveralTables | None, _HOW] = None


ExplainForOption = Annotated[
    Literal["athena", "spark", "trino"] | None,
    Parameter(
        help="Ask nothing, and print how this engine is asked the same of the lake's Parquet: "
        "tables for it, and the query in its SQL."
    ),
]


def cores() -> int:
    """The cores that this process may use, where the system tells; macOS and Windows do not."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

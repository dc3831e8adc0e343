"""Parses, and nothing else: options into a frozen settings object, one call, an exit code.

stdout is data, stderr is talk. DuckDB, Arrow and boto3 are imported by the commands that
need them, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, cast

from cyclopts import App, CycloptsError, Group, Parameter
from rich.console import Console

from analyzer import __version__
from analyzer.errors import ExitCode, StoreError, TlstrailError, UsageError
from analyzer.interrupts import ctrl_c_counts
from analyzer.shards import Shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.commit import Tally
    from analyzer.ingest import IngestSettings, IngestSummary
    from analyzer.inventory import Inventory
    from analyzer.lake import Narrowing
    from analyzer.lake_place import LakePlace
    from analyzer.ledger import Outcome
    from analyzer.render import Format
    from analyzer.restore import Archived, Tier
    from analyzer.source import Source
    from analyzer.store import S3Access

NAMED_ON_STDERR = 20
"""So many left-out objects are named after a run; `tlstrail status` names all."""

MEBIBYTE = 1024 * 1024

WIDTH_OF_A_PIPE = 4_000

HELD_BYTES = 64 * MEBIBYTE
"""An answer on its way to stdout is held in memory up to this size, and on disk beyond it."""

app = App(
    name="tlstrail",
    help=(
        'Who connected to AWS with TLS 1.0 or 1.1, since when, and is "nobody" proven? '
        "Answers from the CloudTrail archive you already have, in S3 or copied to disk."
    ),
    help_epilogue=(
        "Exit codes: 0 done · 1 a query failed · 2 usage · 3 the store refused · 4 finished, but "
        "objects were left out or are not valid (they are named) · 5 no usable lake · 6 the report "
        "was written, and --fail-on found cause for alarm · 130 interrupted"
    ),
    version=f"tlstrail {__version__}",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

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


def _shard(_type: object, tokens: Sequence[object]) -> Shard:
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


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOptions:
    """How and where the answer is written."""

    format: Annotated[
        Literal["table", "csv", "json", "ndjson", "md", "html", "parquet"] | None,
        Parameter(help="How it is written; by the ending of --output, or as a table, without."),
    ] = None
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="File to write; stdout without.")
    ] = None

    def form(self) -> Format:
        """Return how the answer is written."""
        from analyzer.render import Format

        ending = self.output.suffix.removeprefix(".") if self.output else ""
        form = Format(self.format or (ending if ending in set(Format) else Format.TABLE))
        if form is Format.PARQUET and self.output is None and sys.stdout.isatty():
            raise UsageError("parquet is no text for a terminal; name a file with -o")
        return form


ExplainForOption = Annotated[
    Literal["athena", "spark", "trino"] | None,
    Parameter(
        help="Ask nothing, and print how this engine is asked the same of the lake's Parquet: "
        "tables for it, and the query in its SQL."
    ),
]


@app.command(name="ingest")
def ingest_command(
    source: str,
    /,
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    late_days: int = 1,
    workers: int | None = None,
    scheduler: str | None = None,
    shard: Annotated[
        Shard | None, Parameter(converter=_shard, n_tokens=1, accepts_keys=False)
    ] = None,
    max_object_size: int = 256,
    inventory: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    output: OutputOptions = OutputOptions(),
    compact: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False)
    ] = False,
) -> ExitCode:
    """Bring an archive's records into the lake; run it again for what is new.

    For example:

    ```
    tlstrail ingest s3://my-trail-bucket --lake ./lake
    tlstrail ingest s3://my-trail-bucket/org --account 111122223333 --since 2023-01-01
    tlstrail ingest ./copy-of-the-bucket
    ```

    Parameters
    ----------
    source
        s3://bucket/prefix, or a folder with a copy of it; CloudWatch Logs exports of a trail's
        log group, and what Event history downloads as JSON, are read as well.
    late_days
        With --until: how many days later an object may hold earlier records.
    workers
        Processes; as many as there are cores without it.
    scheduler
        tcp://host:8786 of a Dask cluster whose workers are to do the work (docs/cluster.md).
    shard
        3/8 reads the third of eight slices, by account, Region and month of delivery; auto/8
        takes the one of AWS_BATCH_JOB_ARRAY_INDEX.
    max_object_size
        How many MiB one object may decompress to; a larger one is refused.
    inventory
        The manifest.json of an S3 Inventory of the bucket, s3://… or a copy with its files: what
        there is, is taken from it, and nothing is listed.
    dry_run
        Only print the plan: what would be read, how long it takes and what S3 charges for it;
        as a table, or with --format json.
    compact
        Merge the lake's small parts at the end, as `tlstrail compact` does.
    quiet
        Say nothing but what was left out.
    """
    from analyzer.ingest import IngestSettings, ingest
    from analyzer.listing import Scope
    from analyzer.progress import watching
    from analyzer.source import parse_source

    if (workers is not None and workers < 1) or max_object_size < 1 or late_days < 0:
        raise UsageError("--workers and --max-object-size are 1 or more, --late-days 0 or more")
    where = parse_source(source, s3.access())
    talk = _stderr()
    if scheduler and workers:
        raise UsageError("--scheduler has workers of its own; leave out --workers")
    settings = IngestSettings(
        source=where,
        lake=lake.place(s3),
        scope=Scope(scope.account, scope.region, scope.since, scope.until, late_days, shard),
        workers=workers or _cores(),
        max_object_bytes=max_object_size * MEBIBYTE,
        inventory=_inventory(inventory, where, talk) if inventory else None,
        scheduler=scheduler,
    )
    if dry_run:
        return _preview(settings, output, quiet=quiet)
    if output != OutputOptions():
        raise UsageError("--format and --output are for the plan, with --dry-run")
    with watching(talk, quiet=quiet) as watcher:
        summary = ingest(settings, watcher, lambda: datetime.now(UTC))
    code = _conclude(summary, settings, talk, quiet=quiet)
    if compact:
        _compact(settings.lake, talk, quiet=quiet)
    return code


@app.command(name="restore")
def restore_command(
    source: str = "",
    /,
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    storage_class: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    request: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    tier: Literal["Bulk", "Standard", "Expedited"] = "Bulk",
    days: int = 7,
    yes: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> ExitCode:
    """Name the archived objects that an ingest left out, for a restore, or ask S3 for it.

    For example:

    ```
    tlstrail restore --lake ./lake -o manifest.csv
    tlstrail restore --lake ./lake --request --tier Bulk --days 7
    ```

    Without --request it writes a manifest for S3 Batch Operations and asks S3 for nothing. With it,
    it shows the price, waits for a yes, and asks. Ingest again when the objects are restored.
    --since and --until are times of delivery.

    Parameters
    ----------
    source
        Only what begins so, as in s3://bucket/prefix.
    output
        File for the manifest; stdout without.
    storage_class
        GLACIER, DEEP_ARCHIVE or INTELLIGENT_TIERING; repeatable.
    request
        Ask S3 for the restore.
    tier
        How fast, and how dear: see the plan of `tlstrail ingest --dry-run`.
    days
        How long the restored copies stay; objects of INTELLIGENT_TIERING stay for good.
    yes
        Do not wait for a yes.
    """
    from analyzer.restore import Asked, Tier, archived, write_manifest

    if days < 1:
        raise UsageError("--days is 1 or more")
    found = archived(lake.place(s3), Asked(source, scope.narrowing(), storage_class))
    if found is None:
        _say("nothing that was asked about is archived")
        return ExitCode.DONE
    if request:
        return _request(found, s3.access(), Tier(tier), days, yes=yes)
    with _written(output) as out:
        write_manifest(found, out)
    _say(f"{len(found.rows):,} archived objects of s3://{found.bucket} are in the manifest")
    return ExitCode.DONE


@app.command(name="compact")
def compact_command(
    *,
    lake: LakeOption = LakeOption(),
    s3: S3Options = S3Options(),
    orphans: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    older_than: float = 24,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False)
    ] = False,
) -> ExitCode:
    """Merge the small parts of each month into large ones: a smaller lake, that opens faster.

    Changes no row. May be interrupted at any time; run it again to go on.

    For example:

    ```
    tlstrail compact --lake ./lake
    tlstrail compact --lake s3://bucket/lake --orphans
    ```

    Parameters
    ----------
    orphans
        Instead, delete what runs that were killed have left in a lake on S3: parts that no commit
        names, and that are old enough to be of no run that is under way.
    older_than
        With --orphans: how many hours old they must be.
    quiet
        Say nothing.
    """
    if older_than < 1:
        raise UsageError("--older-than is 1 hour or more: a younger part may yet be committed")
    if orphans:
        _remove_orphans(lake.place(s3), older_than, quiet=quiet)
    else:
        _compact(lake.place(s3), _stderr(), quiet=quiet)
    return ExitCode.DONE


@app.command(name="verify")
def verify_command(
    source: str,
    /,
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    output: OutputOptions = OutputOptions(),
    keys: Annotated[Path | None, Parameter(negative="")] = None,
    save_keys: Annotated[Path | None, Parameter(negative="")] = None,
    everything: Annotated[bool, Parameter(name="--all", negative="", show_default=False)] = False,
    workers: int | None = None,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False)
    ] = False,
) -> ExitCode:
    """Check an archive, or a copy of it, against CloudTrail's own digests.

    For example:

    ```
    tlstrail verify s3://my-trail-bucket --save-keys keys.json
    tlstrail verify ./copy-of-the-bucket --keys keys.json --since 2023-01-01
    ```

    Takes the hashes of what the lake has read from its ledger, and records the verdicts in it,
    if there is a lake. --since and --until are times of delivery. Exits with 0 when everything
    is valid, and with 4 when anything is not: changed, missing, in no digest, in a gap between
    digests, or when there are no digests at all.

    Parameters
    ----------
    source
        s3://bucket/prefix, or a folder with a copy of it.
    keys
        File of public keys, by --save-keys or `aws cloudtrail list-public-keys`. Without keys,
        only hashes are checked.
    save_keys
        Ask CloudTrail for the public keys, add them to this file, and check with them.
    everything
        Show what is valid, too.
    workers
        Processes; as many as there are cores without it.
    quiet
        Say nothing of the progress.
    """
    from analyzer.listing import Scope
    from analyzer.progress import watching_stages
    from analyzer.source import parse_source
    from analyzer.verified import write_verified
    from analyzer.verify import VerifySettings, verified

    if workers is not None and workers < 1:
        raise UsageError("--workers is 1 or more")
    if keys and save_keys:
        raise UsageError("--save-keys checks with the keys in its file; leave out --keys")
    settings = VerifySettings(
        source=parse_source(source, s3.access()),
        lake=lake.place(s3),
        scope=Scope(scope.account, scope.region, scope.since, scope.until, late_days=0),
        workers=workers or _cores(),
        keys=keys,
        save_keys=save_keys,
    )
    form = output.form()
    with ExitStack() as stack:
        with watching_stages(_stderr(), quiet=quiet) as watcher:
            done = verified(settings, watcher, lambda: datetime.now(UTC))
            found = stack.enter_context(done)
        with _written(output.output) as out:
            write_verified(found, form, out, _width(), everything=everything)
        return found.exit_code


@app.command(name="report")
def report_command(
    name: str | None = None,
    /,
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    output: OutputOptions = OutputOptions(),
    against: str | None = None,
    fail_on: Annotated[
        tuple[Literal["legacy", "incomplete", "low-coverage"], ...],
        Parameter(negative="", show_default=False),
    ] = (),
    least_coverage: float = 95,
    explain_for: ExplainForOption = None,
) -> ExitCode:
    """Print the audit, one report by its name, or what has changed since.

    For example:

    ```
    tlstrail report
    tlstrail report --format html -o audit.html
    tlstrail report legacy_callers --since 2023-01-01 --format csv -o callers.csv
    tlstrail report --against 2023-06-01..2023-07-01
    tlstrail report --fail-on legacy --fail-on incomplete
    ```

    Parameters
    ----------
    name
        A report: tls_versions, tls_timeline, fix_first, legacy_by_account_region,
        legacy_by_client, legacy_by_principal, legacy_by_service, legacy_by_source,
        legacy_callers, legacy_detail, legacy_endpoints, after_enforcement, cipher_suites,
        conflicting_records, data_events, key_exchange, tls13_readiness;
        logs_insights_tls_calls, logs_insights_tls_services; coverage,
        coverage_by_service, coverage_by_account, coverage_by_region, coverage_by_month,
        coverage_by_version, coverage_by_identity, blind_spots; deliveries, gaps,
        accounts_without_objects, trail_shape, undelivered. The audit without it.
    against
        A period FROM..TO of the same lake, or another lake, to compare with. Without --since,
        what comes after the period is compared with it.
    fail_on
        Exit with 6 if there is a legacy call, if the verdict is incomplete, or if too few records
        say their TLS version; repeatable. The report is written all the same.
    least_coverage
        For --fail-on low-coverage: so many percent of the records that could say their TLS version
        must do so.
    """
    from analyzer.alarm import Alarm
    from analyzer.queries import report_sql
    from analyzer.report import ReportSettings, report

    if explain_for:
        if name is None or against is not None:
            raise UsageError("--explain-for takes one report by its name, and no --against")
        text = report_sql(name)
        return _explained(text, explain_for, lake.place(s3), scope.narrowing(), output.output)
    if name and against is None:
        report_sql(name)  # a name that is none is told before a lake is opened
    settings = ReportSettings(
        name=name,
        lake=lake.place(s3),
        narrowing=scope.narrowing(),
        against=against,
        form=output.form(),
        alarms=tuple(map(Alarm, fail_on)),
        least_coverage=least_coverage,
        access=s3.access(),
    )
    with _written(output.output) as out:
        alarms = report(settings, out, _width())
    for alarm in alarms:
        _say(alarm)
    return ExitCode.ALARM if alarms else ExitCode.DONE


@app.command(name="sql")
def sql_command(
    query: str | None = None,
    /,
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    output: OutputOptions = OutputOptions(),
    file: Annotated[Path | None, Parameter(name=["--file", "-f"])] = None,
    parameter: Annotated[
        tuple[str, ...],
        Parameter(name=["--parameter", "-p"], negative="", show_default=False),
    ] = (),
    dialect: Literal["duckdb", "lake", "athena"] = "duckdb",
    allow_external: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    explain_for: ExplainForOption = None,
) -> ExitCode:
    """Ask the lake in SQL, over events, cloudtrail, cloudtrail_logs, objects and digests.

    For example:

    ```
    tlstrail sql "SELECT tls_version, count(*) FROM events GROUP BY ALL"
    tlstrail sql 'SELECT count(*) FROM events WHERE aws_region = $region' -p region=eu-west-1
    tlstrail sql --dialect lake --file console-sample.sql --format csv
    tlstrail sql --dialect athena "SELECT useridentity.arn FROM cloudtrail_logs LIMIT 5"
    tlstrail sql --explain-for spark "SELECT count(*) FROM events WHERE legacy(tls_version)"
    ```

    Parameters
    ----------
    query
        One statement that reads; without it, standard input is read.
    file
        A file with the statement.
    parameter
        name=value, a text that stands for $name in the statement; repeatable.
    dialect
        Whose SQL it is: DuckDB's, CloudTrail Lake's (any event data store is this lake), or
        Athena's (any table is cloudtrail_logs).
    allow_external
        Let it read other files and the network, and COPY to files.
    """
    from analyzer.lake import Access, open_lake
    from analyzer.render import render

    text, parameters = _statement(query, file), _parameters(parameter)
    if explain_for:
        if dialect != "duckdb":
            raise UsageError("--explain-for takes a query in DuckDB's SQL, and no --dialect")
        narrowing = scope.narrowing()
        return _explained(text, explain_for, lake.place(s3), narrowing, output.output, parameters)
    if dialect != "duckdb":
        text = _translated(text, dialect)
    access = Access(allow_external, trino=dialect != "duckdb")
    with (
        open_lake(lake.place(s3), scope.narrowing(), access) as opened,
        opened.query(text, parameters) as answer,
        _written(output.output) as out,
    ):
        render(answer, output.form(), out, _width())
    return ExitCode.DONE


@app.command(name="shell")
def shell_command(
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    dialect: Literal["duckdb", "lake", "athena"] = "duckdb",
    plain: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> ExitCode:
    """Wander through the lake: in Harlequin where it is installed, else in a line editor.

    Parameters
    ----------
    dialect
        Whose SQL it is, in the line editor.
    plain
        The line editor, whatever is installed.
    """
    import importlib.util

    from analyzer.shell import converse

    place = lake.place(s3)
    narrowed = scope != ScopeOptions() or dialect != "duckdb"
    # Harlequin's DuckDB has no access to S3 but by an extension, which would have to be fetched.
    if not plain and not narrowed and isinstance(place, Path):
        if importlib.util.find_spec("harlequin"):
            return _harlequin(place)
        _say("a full screen comes with: pip install 'tlstrail[shell]'")
    from analyzer.lake import Access, open_lake
    from analyzer.render import Format, render

    with open_lake(place, scope.narrowing(), Access(trino=dialect != "duckdb")) as opened:

        def answer(statement: str) -> str:
            text = statement if dialect == "duckdb" else _translated(statement, dialect)
            written = io.BytesIO()
            with opened.query(text) as found:
                render(found, Format.TABLE, written, _width())
            return written.getvalue().decode()

        converse(answer, opened.names(), sys.stdout.write, _history())
    return ExitCode.DONE


@app.command(name="views")
def views_command(*, lake: LakeOption = LakeOption(), s3: S3Options = S3Options()) -> ExitCode:
    """Write lake.duckdb and lake.sql anew: the views, for other clients of DuckDB.

    An ingest writes them; this does where the lake was moved, or another client needs them. For
    a lake on S3 it is lake.sql alone.
    """
    from analyzer.lake_place import lake_files
    from analyzer.manifest import exclusive, read_lake
    from analyzer.views import write_views

    files = lake_files(lake.place(s3))
    read_lake(files)
    with exclusive(files):
        written = write_views(files)
    state = "written" if written else "as they should be"
    names = "lake.sql" if files.shared else "lake.duckdb and lake.sql"
    _say(f"{files.place}/{names}: {state}")
    return ExitCode.DONE


@app.command(name="status")
def status_command(
    *,
    lake: LakeOption = LakeOption(),
    s3: S3Options = S3Options(),
    output: OutputOptions = OutputOptions(),
    check: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> ExitCode:
    """Print what became of every object that was ever listed.

    Exits with 4 when objects were left out, and names them.

    Parameters
    ----------
    check
        Also prove that the figures add up; reads the whole lake.
    """
    from analyzer.status import status, write_status

    with _written(output.output) as out:
        found = status(lake.place(s3), check=check)
        write_status(found, output.form(), out, _width())
    return found.exit_code


def _statement(query: str | None, file: Path | None) -> str:
    """Return the one statement that was given: as an argument, in a file or on stdin."""
    if file is not None and query is not None:
        raise UsageError("a statement and --file; name one of them")
    try:
        if file is not None:
            return file.read_text(encoding="utf-8-sig")
        if query is None and sys.stdin.isatty():
            raise UsageError("no statement; give it as an argument, with --file or on stdin")
        return sys.stdin.read() if query is None else query
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file or 'the standard input'}: cannot be read: {error}") from error


def _explained(
    text: str,
    engine: Literal["athena", "spark", "trino"],
    lake: LakePlace,
    narrowing: Narrowing,
    path: Path | None,
    parameters: dict[str, str] | None = None,
) -> ExitCode:
    """Print the statements that ask another engine a query on the lake's Parquet."""
    from analyzer.elsewhere import Engine, elsewhere

    statements = elsewhere(text, Engine(engine), lake, narrowing, parameters)
    with _written(path) as out:
        out.write(statements.encode())
    return ExitCode.DONE


def _translated(text: str, dialect: Literal["lake", "athena"]) -> str:
    """Return a query as DuckDB's SQL, and say what had to be mended in it."""
    from analyzer.dialect import Dialect, translate

    translation = translate(text, Dialect(dialect))
    for mended in translation.mended:
        _say(f"the query was mended: {mended}")
    return translation.text


def _harlequin(lake: Path) -> ExitCode:
    """Start Harlequin on a database file of the lake's views, made for this once."""
    from analyzer.lake_place import lake_files
    from analyzer.views import write_database

    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "lake.duckdb"
        write_database(lake_files(lake), database)
        command = [sys.executable, "-m", "harlequin", "--adapter", "duckdb", "--read-only"]
        return ExitCode(subprocess.run([*command, str(database)], check=False).returncode)  # noqa: S603


def _history() -> Path:
    """Where the line editor keeps what was typed."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "tlstrail" / "history"


def _parameters(pairs: Sequence[str]) -> dict[str, str] | None:
    """Return what each name=value stands for."""
    found = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    if len(found) < len(pairs):
        raise UsageError("each --parameter is name=value, and no name stands twice")
    return found or None


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    try:
        with ctrl_c_counts():
            code = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _say(f"{error}\nSee: tlstrail --help")
        return ExitCode.USAGE
    except TlstrailError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted; the lake is whole: run the same command again to go on")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    return int(code) if isinstance(code, int) else ExitCode.DONE


def _request(found: Archived, access: S3Access, tier: Tier, days: int, *, yes: bool) -> ExitCode:
    """Say what a restore costs, and ask for it after a yes."""
    from analyzer.preview import dollars, sized
    from analyzer.progress import counting
    from analyzer.restore import refuse_tier, request

    refuse_tier(found, tier)
    prices = found.price(tier)
    for row in prices:
        objects = f"{row['objects']:,} objects of {row['storage_class']}"
        time = f"by {tier} within {row['hours']:g} hours"
        _say(f"{objects}, {sized(row['stored_bytes'])}, {time}: {dollars(row['usd'])}")
    total = dollars(sum(row["usd"] for row in prices))
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("a restore costs money; say --yes where nobody can be asked")
        question = f"restore them for {total} and the storage of the copies? [y/N] "
        _stderr().print(question, end="", markup=False, soft_wrap=True)
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            _say("nothing was asked for")
            return ExitCode.DONE
    with counting(_stderr(), "asking", len(found.rows)) as done:
        answered = request(found, access, tier, days, done)
    said = [f"{answered.requested:,} restores asked for"]
    said += [f"{count:,} {why}" for why, count in sorted(answered.fine.items())]
    _say(f"{', '.join(said)}. Ingest again when they are done")
    for key, code in answered.refused[:NAMED_ON_STDERR]:
        _say(f"refused: {key}: {code}")
    if len(answered.refused) > NAMED_ON_STDERR:
        _say(f"… and {len(answered.refused) - NAMED_ON_STDERR:,} more were refused")
    return ExitCode.INCOMPLETE if answered.refused else ExitCode.DONE


def _inventory(url: str, source: Source, talk: Console) -> Inventory:
    """Open an inventory, and say how old it is and what it does not tell."""
    from analyzer.inventory import open_inventory

    found = open_inventory(url, source)
    line = f"inventory of {found.at:%Y-%m-%d %H:%M} UTC; what came later is not in it"
    if found.missing:
        line += f". It lacks {', '.join(found.missing)}"
    talk.print(line, markup=False, soft_wrap=True)
    return found


def _preview(settings: IngestSettings, output: OutputOptions, *, quiet: bool) -> ExitCode:
    """Print what an ingest would do."""
    from analyzer.preview import preview, write_preview
    from analyzer.progress import watching

    form = output.form()
    with watching(_stderr(), quiet=quiet) as watcher:
        found = preview(settings, watcher)
    with _written(output.output) as out:
        write_preview(found, form, out, _width())
    return _name_not_listed(found.not_listed, _stderr())


def _conclude(
    summary: IngestSummary, settings: IngestSettings, talk: Console, *, quiet: bool
) -> ExitCode:
    """Say what a run did, name what it left out, and return the exit code."""
    tally = summary.tally
    if not quiet:
        talk.print(_done(tally, settings.lake), markup=False, soft_wrap=True)
    _name_left_out(tally.left_out, talk)
    if summary.left_out_before:
        talk.print(
            f"{len(summary.left_out_before):,} objects were left out before and have not "
            f"changed; see: tlstrail status --lake {settings.lake}",
            markup=False,
            soft_wrap=True,
        )
    code = _name_not_listed(summary.not_listed, talk)
    return ExitCode.INCOMPLETE if tally.left_out or summary.left_out_before else code


def _name_not_listed(not_listed: Sequence[str], talk: Console) -> ExitCode:
    """Name what may not be listed; it makes a run, and a plan, incomplete."""
    for denied in not_listed:
        talk.print(f"not listed: {denied}", markup=False, highlight=False, soft_wrap=True)
    return ExitCode.INCOMPLETE if not_listed else ExitCode.DONE


def _compact(lake: LakePlace, talk: Console, *, quiet: bool) -> None:
    """Compact a lake, and say what it was before and after."""
    from analyzer.compact import compact
    from analyzer.lake_place import lake_files
    from analyzer.progress import compacting, sentence_of_compaction

    with compacting(talk, quiet=quiet) as merging:
        done = compact(lake_files(lake), merging)
    if not quiet:
        talk.print(sentence_of_compaction(done), markup=False, soft_wrap=True)


def _remove_orphans(lake: LakePlace, hours: float, *, quiet: bool) -> None:
    """Delete what no commit names and is so old, and name it."""
    from analyzer.lake_place import lake_files
    from analyzer.orphans import remove_orphans

    removed = remove_orphans(lake_files(lake), datetime.now(UTC) - timedelta(hours=hours))
    if quiet:
        return
    talk = _stderr()
    for each in removed:
        line = f"deleted: {each.path}, {each.bytes:,} bytes, of {each.modified:%Y-%m-%d %H:%M} UTC"
        talk.print(line, markup=False, soft_wrap=True)
    together = sum(each.bytes for each in removed)
    talk.print(f"{len(removed):,} orphans deleted, {together:,} bytes", soft_wrap=True)


def _done(tally: Tally, lake: LakePlace) -> str:
    if not tally.statuses:
        return f"nothing new; {lake} is up to date"
    elsewhere = (
        f" {tally.elsewhere:,} more were taken by another tlstrail meanwhile."
        if tally.elsewhere
        else ""
    )
    statuses = ", ".join(f"{count:,} {status}" for status, count in tally.statuses.items())
    return (
        f"{tally.records:,} records read, {tally.duplicates:,} of them duplicates; objects: "
        f"{statuses}{_again(tally)}.{elsewhere} Next: tlstrail report --lake {lake}"
    )


def _again(tally: Tally) -> str:
    return f"; {tally.retries:,} requests made again" if tally.retries else ""


def _name_left_out(left_out: Sequence[Outcome], talk: Console) -> None:
    for outcome in left_out[:NAMED_ON_STDERR]:
        line = f"{outcome.status}: {outcome.log_object.key}: {outcome.reason}"
        talk.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(left_out) > NAMED_ON_STDERR:
        talk.print(f"… and {len(left_out) - NAMED_ON_STDERR:,} more; tlstrail status names all")
    if any(outcome.status == "archived" for outcome in left_out):
        talk.print("archived objects can be restored: tlstrail restore --help")


@contextmanager
def _written(path: Path | None) -> Iterator[BinaryIO]:
    """Yield where the answer goes: stdout, or a file that appears only when it is whole.

    What fits into memory reaches stdout when it is complete, so that a query that fails on
    the way leaves it empty.
    """
    if path is None or (path.exists() and not path.is_file() and not path.is_dir()):
        with tempfile.SpooledTemporaryFile(HELD_BYTES) as held:
            yield cast("BinaryIO", held)
            held.seek(0)
            _copy(cast("BinaryIO", held), path)
        return
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _copy(held: BinaryIO, path: Path | None) -> None:
    try:
        with open(path or sys.stdout.fileno(), "wb", closefd=path is not None) as out:
            shutil.copyfileobj(held, out)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = path or "the standard output"
        raise StoreError(f"{where}: cannot be written: {error.strerror}") from error


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)


def _say(line: str) -> None:
    _stderr().print(f"tlstrail: {line}", markup=False, soft_wrap=True)


def _cores() -> int:
    """The cores that this process may use, where the system tells; macOS and Windows do not."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _width() -> int:
    """The terminal's width; so wide that nothing folds where a program reads."""
    return Console().width if sys.stdout.isatty() else WIDTH_OF_A_PIPE

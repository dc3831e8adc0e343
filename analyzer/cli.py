"""Parses, and nothing else: options into a frozen settings object, one call, an exit code.

stdout is data, stderr is talk. DuckDB, Arrow and boto3 are imported by the commands that
need them, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, cast

from cyclopts import App, CycloptsError, Group, Parameter
from rich.console import Console

from analyzer import __version__
from analyzer.errors import ExitCode, StoreError, TlstrailError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from analyzer.commit import Tally
    from analyzer.ingest import IngestSettings, IngestSummary
    from analyzer.lake import Narrowing
    from analyzer.ledger import Outcome
    from analyzer.render import Format

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
        "objects were left out or are not valid (they are named) · 5 no usable lake · "
        "130 interrupted"
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


@Parameter(name="*")
@dataclass(frozen=True)
class LakeOption:
    """Where the lake is."""

    lake: Annotated[
        Path, Parameter(env_var="TLSTRAIL_LAKE", help="Folder of the lake.", negative="")
    ] = Path("lake")


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


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOptions:
    """How and where the answer is written."""

    format: Annotated[
        Literal["table", "csv", "json", "ndjson", "md", "parquet"] | None,
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
    max_object_size: int = 256,
    dry_run: Annotated[bool, Parameter(negative="", show_default=False)] = False,
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
        s3://bucket/prefix, or a folder with a copy of it.
    late_days
        With --until: how many days later an object may hold earlier records.
    workers
        Processes; as many as there are cores without it.
    max_object_size
        How many MiB one object may decompress to; a larger one is refused.
    dry_run
        Only say what would be read.
    compact
        Merge the lake's small parts at the end, as `tlstrail compact` does.
    quiet
        Say nothing but what was left out.
    """
    from analyzer.ingest import IngestSettings, ingest, preview
    from analyzer.listing import Scope
    from analyzer.progress import sentence_of, watching
    from analyzer.source import parse_source
    from analyzer.store import S3Access

    if (workers is not None and workers < 1) or max_object_size < 1 or late_days < 0:
        raise UsageError("--workers and --max-object-size are 1 or more, --late-days 0 or more")
    access = S3Access(s3.profile, s3.region_name, s3.endpoint_url, s3.request_payer, s3.role_arn)
    settings = IngestSettings(
        source=parse_source(source, access),
        lake=lake.lake,
        scope=Scope(scope.account, scope.region, scope.since, scope.until, late_days),
        workers=workers or _cores(),
        max_object_bytes=max_object_size * MEBIBYTE,
    )
    talk = _stderr()
    with watching(talk, quiet=quiet) as watcher:
        if dry_run:
            talk.print(sentence_of(preview(settings, watcher)), markup=False, soft_wrap=True)
            return ExitCode.DONE
        summary = ingest(settings, watcher, lambda: datetime.now(UTC))
    code = _conclude(summary, settings, talk, quiet=quiet)
    if compact:
        _compact(settings.lake, talk, quiet=quiet)
    return code


@app.command(name="compact")
def compact_command(
    *,
    lake: LakeOption = LakeOption(),
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False)
    ] = False,
) -> ExitCode:
    """Merge the small parts of each month into large ones: a smaller lake, that opens faster.

    Changes no row. May be interrupted at any time; run it again to go on.

    For example:

    ```
    tlstrail compact --lake ./lake
    ```

    Parameters
    ----------
    quiet
        Say nothing.
    """
    _compact(lake.lake, _stderr(), quiet=quiet)
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
    from analyzer.store import S3Access
    from analyzer.verified import write_verified
    from analyzer.verify import VerifySettings, verified

    if workers is not None and workers < 1:
        raise UsageError("--workers is 1 or more")
    if keys and save_keys:
        raise UsageError("--save-keys checks with the keys in its file; leave out --keys")
    access = S3Access(s3.profile, s3.region_name, s3.endpoint_url, s3.request_payer, s3.role_arn)
    settings = VerifySettings(
        source=parse_source(source, access),
        lake=lake.lake,
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
    output: OutputOptions = OutputOptions(),
) -> ExitCode:
    """Print the audit, or one report by its name.

    For example:

    ```
    tlstrail report
    tlstrail report legacy_callers --since 2023-01-01 --format csv -o callers.csv
    ```

    Parameters
    ----------
    name
        A report: tls_versions, tls_timeline, fix_first, legacy_by_account_region,
        legacy_by_client, legacy_by_principal, legacy_by_service, legacy_by_source,
        legacy_callers, legacy_detail, legacy_endpoints, after_enforcement, cipher_suites,
        conflicting_records, data_events, key_exchange, tls13_readiness; coverage,
        coverage_by_service, coverage_by_account, coverage_by_region, coverage_by_month,
        coverage_by_version, coverage_by_identity, blind_spots; deliveries, gaps,
        accounts_without_objects, trail_shape, undelivered. The audit without it.
    """
    from analyzer.audit import audit
    from analyzer.audit_text import render_audit
    from analyzer.lake import open_lake
    from analyzer.queries import report_sql
    from analyzer.render import render

    question = report_sql(name) if name else None
    with open_lake(lake.lake, scope.narrowing()) as opened, _written(output.output) as out:
        if question is None:
            render_audit(audit(opened), output.form(), out, _width())
        else:
            with opened.query(question) as answer:
                render(answer, output.form(), out, _width())
    return ExitCode.DONE


@app.command(name="sql")
def sql_command(
    query: str,
    /,
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    output: OutputOptions = OutputOptions(),
) -> ExitCode:
    """Ask the lake in DuckDB's SQL, over events, cloudtrail, objects and digests.

    For example:

    ```
    tlstrail sql "SELECT tls_version, count(*) FROM events GROUP BY ALL"
    tlstrail sql "SELECT eventSource, tlsDetails.tlsVersion FROM cloudtrail LIMIT 5"
    ```

    Parameters
    ----------
    query
        One statement that reads.
    """
    from analyzer.lake import open_lake
    from analyzer.render import render

    with (
        open_lake(lake.lake, scope.narrowing()) as opened,
        opened.query(query) as answer,
        _written(output.output) as out,
    ):
        render(answer, output.form(), out, _width())
    return ExitCode.DONE


@app.command(name="status")
def status_command(
    *,
    lake: LakeOption = LakeOption(),
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
        found = status(lake.lake, check=check)
        write_status(found, output.form(), out, _width())
    return found.exit_code


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    try:
        with _ctrl_c_counts():
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


@contextmanager
def _ctrl_c_counts() -> Iterator[None]:
    """Let nothing hide a Ctrl-C: DuckDB makes a RuntimeError of one that comes in a query."""
    pressed = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, note)
    try:
        yield
    except Exception as error:
        if pressed.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)


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
    left_out = tally.left_out or summary.left_out_before
    return ExitCode.INCOMPLETE if left_out else ExitCode.DONE


def _compact(lake: Path, talk: Console, *, quiet: bool) -> None:
    """Compact a lake, and say what it was before and after."""
    from analyzer.compact import compact
    from analyzer.lake_files import LakeFiles
    from analyzer.progress import compacting, sentence_of_compaction

    with compacting(talk, quiet=quiet) as merging:
        done = compact(LakeFiles(lake), merging)
    if not quiet:
        talk.print(sentence_of_compaction(done), markup=False, soft_wrap=True)


def _done(tally: Tally, lake: Path) -> str:
    if not tally.statuses:
        return f"nothing new; {lake} is up to date"
    statuses = ", ".join(f"{count:,} {status}" for status, count in tally.statuses.items())
    return (
        f"{tally.records:,} records read, {tally.duplicates:,} of them duplicates; objects: "
        f"{statuses}. Next: tlstrail report --lake {lake}"
    )


def _name_left_out(left_out: Sequence[Outcome], talk: Console) -> None:
    for outcome in left_out[:NAMED_ON_STDERR]:
        line = f"{outcome.status}: {outcome.log_object.key}: {outcome.reason}"
        talk.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(left_out) > NAMED_ON_STDERR:
        talk.print(f"… and {len(left_out) - NAMED_ON_STDERR:,} more; tlstrail status names all")


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

"""The commands that ask: verify, report, sql, shell, views, status.

DuckDB, Arrow and boto3 are imported by the commands that need them, so that `--help` answers
at once.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from analyzer.errors import ExitCode, UsageError
from analyzer.options import (
    ExplainForOption,
    LakeOption,
    OutputOfOneTable,
    OutputOfSeveralTables,
    OutputOptions,
    S3Options,
    ScopeOptions,
    cores,
)
from analyzer.terminal import say, stderr, width, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.lake import Narrowing
    from analyzer.lake_place import LakePlace


def verify_command(
    source: str,
    /,
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    output: OutputOfOneTable = OutputOfOneTable(),
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
        workers=workers or cores(),
        keys=keys,
        save_keys=save_keys,
    )
    form = output.form()
    with ExitStack() as stack:
        with watching_stages(stderr(), quiet=quiet) as watcher:
            done = verified(settings, watcher, lambda: datetime.now(UTC))
            found = stack.enter_context(done)
        with written(output.output) as out:
            write_verified(found, form, out, width(), everything=everything)
        return found.exit_code


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
        _require_no_format(output)
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
    with written(output.output) as out:
        alarms = report(settings, out, width())
    for alarm in alarms:
        say(alarm)
    return ExitCode.ALARM if alarms else ExitCode.DONE


def sql_command(
    query: str | None = None,
    /,
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    output: OutputOfOneTable = OutputOfOneTable(),
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
    form = output.form()
    if explain_for:
        _require_no_format(output)
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
        written(output.output) as out,
    ):
        render(answer, form, out, width())
    return ExitCode.DONE


def shell_command(
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    dialect: Literal["duckdb", "lake", "athena"] = "duckdb",
    plain: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> ExitCode:
    """Wander through the lake: in Harlequin where it is installed, else in a line editor.

    It is for a terminal; `tlstrail sql` answers what comes by a pipe.

    Parameters
    ----------
    dialect
        Whose SQL it is, in the line editor.
    plain
        The line editor, whatever is installed.
    """
    import importlib.util

    if not sys.stdin.isatty():
        raise UsageError("the shell is for a terminal; what comes by a pipe is for: tlstrail sql")
    from analyzer.shell import converse

    place = lake.place(s3)
    narrowed = scope != ScopeOptions() or dialect != "duckdb"
    # Harlequin's DuckDB has no access to S3 but by an extension, which would have to be fetched.
    if not plain and not narrowed and isinstance(place, Path):
        if importlib.util.find_spec("harlequin"):
            return _harlequin(place)
        say("a full screen comes with: pip install 'tlstrail[shell]'")
    from analyzer.lake import Access, open_lake
    from analyzer.render import Format, render

    with open_lake(place, scope.narrowing(), Access(trino=dialect != "duckdb")) as opened:

        def answer(statement: str) -> str:
            text = statement if dialect == "duckdb" else _translated(statement, dialect)
            written = io.BytesIO()
            with opened.query(text) as found:
                render(found, Format.TABLE, written, width())
            return written.getvalue().decode()

        converse(answer, opened.names(), sys.stdout.write, _history())
    return ExitCode.DONE


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
    say(f"{files.place}/{names}: {state}")
    return ExitCode.DONE


def status_command(
    *,
    lake: LakeOption = LakeOption(),
    s3: S3Options = S3Options(),
    output: OutputOfSeveralTables = OutputOfSeveralTables(),
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

    form = output.form()
    with written(output.output) as out:
        found = status(lake.place(s3), check=check)
        write_status(found, form, out, width())
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


def _require_no_format(output: OutputOptions) -> None:
    """Refuse a format for what is written as SQL."""
    if output.format is not None:
        raise UsageError("--explain-for prints SQL; leave out --format")


def _explained(
    text: str,
    engine: Literal["athena", "spark", "trino"],
    lake: LakePlace,
    narrowing: Narrowing,
    path: Path | None,
    parameters: dict[str, str] | None = None,
) -> ExitCode:
    """Print the statements that ask another engine a query on the lake's Parquet."""
    from analyzer.elsewhere import elsewhere
    from analyzer.engine_tables import Engine

    statements = elsewhere(text, Engine(engine), lake, narrowing, parameters)
    with written(path) as out:
        out.write(statements.encode())
    return ExitCode.DONE


def _translated(text: str, dialect: Literal["lake", "athena"]) -> str:
    """Return a query as DuckDB's SQL, and say what had to be mended in it."""
    from analyzer.dialect import Dialect, translate

    translation = translate(text, Dialect(dialect))
    for mended in translation.mended:
        say(f"the query was mended: {mended}")
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

"""The commands that fill a lake and keep it in order: ingest, restore, compact.

DuckDB, Arrow and boto3 are imported by the commands that need them, so that `--help` answers
at once.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path  # noqa: TC003 (cyclopts reads it)
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from analyzer.errors import ExitCode, UsageError
from analyzer.options import (
    LakeOption,
    OutputOfSeveralTables,
    S3Options,
    ScopeOptions,
    cores,
    shard_of,
)
from analyzer.shards import Shard  # noqa: TC001 (cyclopts reads it)
from analyzer.terminal import say, stderr, width, written
from analyzer.wording import counted, dollars, sized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from analyzer.commit import Tally
    from analyzer.ingest import IngestSettings, IngestSummary
    from analyzer.inventory import Inventory
    from analyzer.lake_place import LakePlace
    from analyzer.ledger import Outcome
    from analyzer.render import Format
    from analyzer.restore import Archived, Tier
    from analyzer.source import Source
    from analyzer.store import S3Access

MEBIBYTE = 1024 * 1024

ORPHAN_HOURS = 24.0
"""What no commit names and is so old belongs to no run that is under way."""

NAMED_ON_STDERR = 20
"""So many left-out objects are named after a run; `tlstrail status` names all."""


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
        Shard | None, Parameter(converter=shard_of, n_tokens=1, accepts_keys=False)
    ] = None,
    max_object_size: int = 256,
    inventory: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    output: OutputOfSeveralTables = OutputOfSeveralTables(),
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
    from analyzer.executors import expect_lanes

    if not (dry_run or scheduler):
        expect_lanes(workers or cores())
    from analyzer.ingest import IngestSettings, ingest
    from analyzer.listing import Scope
    from analyzer.progress import watching
    from analyzer.source import parse_source

    if (workers is not None and workers < 1) or max_object_size < 1 or late_days < 0:
        raise UsageError("--workers and --max-object-size are 1 or more, --late-days 0 or more")
    if scheduler and workers:
        raise UsageError("--scheduler has workers of its own; leave out --workers")
    if not dry_run and output != OutputOfSeveralTables():
        raise UsageError("--format and --output are for the plan, with --dry-run")
    form = output.form()
    where = parse_source(source, s3.access())
    talk = stderr()
    settings = IngestSettings(
        source=where,
        lake=lake.place(s3),
        scope=Scope(scope.account, scope.region, scope.since, scope.until, late_days, shard),
        workers=workers or cores(),
        max_object_bytes=max_object_size * MEBIBYTE,
        inventory=_inventory(inventory, where, talk) if inventory else None,
        scheduler=scheduler,
    )
    if dry_run:
        return _preview(settings, form, output.output, quiet=quiet)
    with watching(talk, quiet=quiet) as watcher:
        summary = ingest(settings, watcher, lambda: datetime.now(UTC))
    code = _conclude(summary, settings, talk, quiet=quiet)
    if compact:
        _compact(settings.lake, talk, quiet=quiet)
    return code


def restore_command(
    source: str = "",
    /,
    *,
    lake: LakeOption = LakeOption(),
    scope: ScopeOptions = ScopeOptions(),
    s3: S3Options = S3Options(),
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    storage_class: Annotated[
        tuple[Literal["GLACIER", "DEEP_ARCHIVE", "INTELLIGENT_TIERING"], ...],
        Parameter(negative="", show_default=False),
    ] = (),
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
        say("nothing that was asked about is archived; there is nothing to restore")
        return ExitCode.DONE
    if request:
        return _request(found, s3.access(), Tier(tier), days, yes=yes)
    with written(output) as out:
        write_manifest(found, out)
    in_it = counted(len(found.rows), "archived object is", "archived objects are")
    say(f"{in_it} in the manifest, of s3://{found.bucket}")
    return ExitCode.DONE


def compact_command(
    *,
    lake: LakeOption = LakeOption(),
    s3: S3Options = S3Options(),
    orphans: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    older_than: float | None = None,
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
        With --orphans: how many hours old they must be; 24 without it.
    quiet
        Say nothing.
    """
    if older_than is not None and not orphans:
        raise UsageError("--older-than is for --orphans")
    if older_than is not None and older_than < 1:
        raise UsageError("--older-than is 1 hour or more: a younger part may yet be committed")
    if orphans:
        _remove_orphans(lake.place(s3), older_than or ORPHAN_HOURS, quiet=quiet)
    else:
        _compact(lake.place(s3), stderr(), quiet=quiet)
    return ExitCode.DONE


def _request(found: Archived, access: S3Access, tier: Tier, days: int, *, yes: bool) -> ExitCode:
    """Say what a restore costs, and ask for it after a yes."""
    from analyzer.progress import counting
    from analyzer.restore import refuse_tier, request

    refuse_tier(found, tier)
    prices = found.price(tier)
    for row in prices:
        objects = f"{counted(row['objects'], 'object')} of {row['storage_class']}"
        time = f"by {tier} within {row['hours']:g} hours"
        say(f"{objects}, {sized(row['stored_bytes'])}, {time}: {dollars(row['usd'])}")
    total = dollars(sum(row["usd"] for row in prices))
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("a restore costs money; say --yes where nobody can be asked")
        question = f"restore them for {total} and the storage of the copies? [y/N] "
        stderr().print(question, end="", markup=False, soft_wrap=True)
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            say("nothing was asked for")
            return ExitCode.DONE
    with counting(stderr(), "asking", len(found.rows)) as done:
        answered = request(found, access, tier, days, done)
    said = [f"{answered.requested:,} restores asked for"]
    said += [f"{count:,} {why}" for why, count in sorted(answered.fine.items())]
    say(f"{', '.join(said)}. Ingest again when they are done")
    for key, code in answered.refused[:NAMED_ON_STDERR]:
        say(f"refused: {key}: {code}")
    if len(answered.refused) > NAMED_ON_STDERR:
        say(f"… and {len(answered.refused) - NAMED_ON_STDERR:,} more were refused")
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


def _preview(settings: IngestSettings, form: Format, path: Path | None, *, quiet: bool) -> ExitCode:
    """Print what an ingest would do."""
    from analyzer.preview import preview, write_preview
    from analyzer.progress import watching

    with watching(stderr(), quiet=quiet) as watcher:
        found = preview(settings, watcher)
    with written(path) as out:
        write_preview(found, form, out, width())
    return _name_not_listed(found.not_listed, stderr())


def _conclude(
    summary: IngestSummary, settings: IngestSettings, talk: Console, *, quiet: bool
) -> ExitCode:
    """Say what a run did, name what it left out, and return the exit code."""
    tally = summary.tally
    if not quiet:
        talk.print(_done(tally, settings.lake), markup=False, soft_wrap=True)
    _name_left_out(tally.left_out, settings.lake, talk)
    if summary.left_out_before:
        talk.print(
            f"{counted(summary.left_out_before, 'object was', 'objects were')} left out before and "
            f"not changed since; see: tlstrail status --lake {quote(str(settings.lake))}",
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
    talk = stderr()
    for each in removed:
        line = f"deleted: {each.path}, {each.bytes:,} bytes, of {each.modified:%Y-%m-%d %H:%M} UTC"
        talk.print(line, markup=False, soft_wrap=True)
    together = sum(each.bytes for each in removed)
    talk.print(f"{counted(len(removed), 'orphan')} deleted, {together:,} bytes", soft_wrap=True)


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
        f"{counted(tally.records, 'record')} read, {tally.duplicates:,} of them duplicates; "
        f"objects: {statuses}{_again(tally)}.{elsewhere} "
        f"Next: tlstrail report --lake {quote(str(lake))}"
    )


def _again(tally: Tally) -> str:
    return f"; {counted(tally.retries, 'request')} made again" if tally.retries else ""


def _name_left_out(left_out: Sequence[Outcome], lake: LakePlace, talk: Console) -> None:
    for outcome in left_out[:NAMED_ON_STDERR]:
        line = f"{outcome.status}: {outcome.log_object.key}: {outcome.reason}"
        talk.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(left_out) > NAMED_ON_STDERR:
        line = f"… and {len(left_out) - NAMED_ON_STDERR:,} more; tlstrail status names all"
        talk.print(line, soft_wrap=True)
    if any(outcome.status == "archived" for outcome in left_out):
        line = f"archived objects can be restored: tlstrail restore --lake {quote(str(lake))}"
        talk.print(line, markup=False, soft_wrap=True)

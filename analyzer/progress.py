"""What a person sees while it runs: a live line on a terminal, plain lines elsewhere, or nothing.

All of it goes to stderr; stdout is for data.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from analyzer.wording import counted, sized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from analyzer.cluster import Cluster
    from analyzer.commit import Tally
    from analyzer.compact import Compaction, Size
    from analyzer.ingest import Watcher
    from analyzer.plan import Totals
    from analyzer.verify import Watcher as Stages

SECONDS_BETWEEN_LINES = 10
_MEGABYTE = 1_000_000


class Silence:
    """Says nothing."""

    def joined(self, cluster: Cluster) -> None:
        """Say nothing."""

    def listed(self, objects: int) -> None:
        """Say nothing."""

    def planned(self, totals: Totals) -> None:
        """Say nothing."""

    def committed(self, tally: Tally) -> None:
        """Say nothing."""


class PlainLines:
    """A line when something is settled, and every ten seconds in between."""

    def __init__(self, console: Console) -> None:
        """Lines go to `console`."""
        self._console = console
        self._rate = _Rate()
        self._to_read = 0
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES

    def joined(self, cluster: Cluster) -> None:
        """Say who does the work, and where one can watch them."""
        self._say(sentence_of_cluster(cluster))

    def listed(self, objects: int) -> None:
        """Say how far the listing is."""
        if self._due():
            self._say(
                f"listing: {objects:,} objects so far, {self._rate.each(objects):,.0f} a second"
            )

    def planned(self, totals: Totals) -> None:
        """Say what is to be done."""
        self._rate = _Rate()
        self._to_read = totals.to_read
        self._say(sentence_of(totals))

    def committed(self, tally: Tally) -> None:
        """Say how far it is, and how long it will take."""
        read = tally.read
        if read == self._to_read or self._due():
            left = self._rate.seconds_left(read, self._to_read)
            self._say(f"{read:,} of {self._to_read:,} objects, {self._rate.of(tally)}, {left} left")

    def _due(self) -> bool:
        if time.monotonic() < self._next_line:
            return False
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        return True

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


class LiveLine:
    """A progress bar with rates and the time left."""

    def __init__(self, progress: Progress) -> None:
        """`progress` is running."""
        self._progress = progress
        self._rate = _Rate()
        self._task = progress.add_task("listing", total=None, facts="")

    def joined(self, cluster: Cluster) -> None:
        """Say who does the work, and where one can watch them."""
        self._progress.console.print(sentence_of_cluster(cluster), markup=False, highlight=False)

    def listed(self, objects: int) -> None:
        """Show how far the listing is."""
        facts = f"{self._rate.each(objects):,.0f} objects/s"
        self._progress.update(self._task, completed=objects, facts=facts)

    def planned(self, totals: Totals) -> None:
        """Show what is to be done, and start the bar."""
        self._rate = _Rate()
        self._progress.console.print(sentence_of(totals), markup=False, highlight=False)
        self._progress.reset(self._task, total=totals.to_read, description="reading", facts="")

    def committed(self, tally: Tally) -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=tally.read, facts=self._rate.of(tally))


class _Rate:
    """How fast it goes, since this was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def of(self, tally: Tally) -> str:
        seconds = max(time.monotonic() - self._start, 0.001)
        refused = f", {len(tally.left_out):,} left out" if tally.left_out else ""
        speed = f"{tally.json_bytes / seconds / _MEGABYTE:,.0f} MB/s"
        again = _made_again(tally.retries)
        return f"{tally.records / seconds:,.0f} events/s, {speed}{refused}{again}"

    def each(self, done: int) -> float:
        return done / max(time.monotonic() - self._start, 0.001)

    def seconds_left(self, done: int, total: int) -> str:
        seconds = time.monotonic() - self._start
        left = round(seconds * (total - done) / done) if done else 0
        return f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"


def sentence_of_cluster(cluster: Cluster) -> str:
    """Return who does the work, and where one can watch them, as one sentence."""
    workers = counted(len(cluster), "worker thread")
    return f"{workers} at {cluster.address}; dashboard: {cluster.dashboard}"


def sentence_of(totals: Totals) -> str:
    """Return what was listed, and what of it is to be read, as one sentence."""
    where = f"{counted(totals.accounts, 'account')}, {counted(totals.regions, 'Region')}"
    span = (
        f", delivered {totals.first_delivered:%Y-%m-%d} to {totals.last_delivered:%Y-%m-%d}"
        if totals.first_delivered and totals.last_delivered
        else ""
    )
    return (
        f"{counted(totals.listed, 'object')} listed ({where}{span}): {totals.to_read:,} to read "
        f"({sized(totals.bytes_to_read)}), {totals.skipped:,} skipped, "
        f"{totals.archived:,} archived, "
        f"{totals.listed - totals.to_read - totals.skipped - totals.archived:,} in the lake already"
    )


def _columns(*counts: ProgressColumn) -> tuple[ProgressColumn, ...]:
    """Return what a live line shows: the work, a bar, `counts`, the time and the time left."""
    return (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        *counts,
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )


@contextmanager
def watching(console: Console, *, quiet: bool) -> Iterator[Watcher]:
    """Yield the watcher that suits `console`, which writes to stderr."""
    if quiet:
        yield Silence()
    elif not console.is_terminal:
        yield PlainLines(console)
    else:
        columns = _columns(MofNCompleteColumn(), TextColumn("objects · {task.fields[facts]}"))
        with Progress(*columns, console=console) as progress:
            yield LiveLine(progress)


@contextmanager
def compacting(console: Console, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield who is to be told how many bytes of how many have been merged."""
    columns = _columns(DownloadColumn())
    hidden = quiet or not console.is_terminal
    with Progress(*columns, console=console, disable=hidden) as progress:
        task = progress.add_task("compacting", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def counting(console: Console, doing: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield who is to be told how many of `total` are done."""
    columns = _columns(MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda done: progress.update(task, completed=done)


def sentence_of_compaction(done: Compaction) -> str:
    """Return what a lake was before a compaction and is after it, as one sentence."""
    before, after = (
        (done.events_before, done.objects_before),
        (done.events_after, done.objects_after),
    )
    if before == after:
        return (
            f"nothing to merge: {_sized(done.events_before)} of events, "
            f"{_sized(done.objects_before)} of the ledger"
        )
    return (
        f"events: {_merged(done.events_before, done.events_after)}; "
        f"ledger: {_merged(done.objects_before, done.objects_after)}"
    )


def _merged(before: Size, after: Size) -> str:
    if before == after:
        return f"{_sized(before)}, nothing to merge"
    return f"{_sized(before)} became {_sized(after)}"


def _sized(size: Size) -> str:
    return f"{counted(size.parts, 'part')} ({sized(size.bytes)})"


class SilentStages:
    """Says nothing of a verification."""

    def begins(self, stage: str, total: int | None = None) -> None:
        """Say nothing."""

    def reached(self, count: int) -> None:
        """Say nothing."""

    def retried(self, more: int) -> None:
        """Say nothing."""


class PlainStages:
    """A line when a stage begins, and every ten seconds in between."""

    def __init__(self, console: Console) -> None:
        """Lines go to `console`."""
        self._console = console
        self._stage = ""
        self._total: int | None = None
        self._next_line = time.monotonic()
        self.again = 0
        """How many requests had to be made again."""

    def begins(self, stage: str, total: int | None = None) -> None:
        """Say what begins."""
        self._stage, self._total = stage, total
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        self._say(stage if total is None else f"{stage}: {total:,}")

    def reached(self, count: int) -> None:
        """Say how far it is."""
        if time.monotonic() < self._next_line:
            return
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        of = "" if self._total is None else f" of {self._total:,}"
        self._say(f"{self._stage}: {count:,}{of}{_made_again(self.again)}")

    def retried(self, more: int) -> None:
        """Keep it for the next line."""
        self.again += more

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


class LiveStages:
    """A progress bar for each stage in turn."""

    def __init__(self, progress: Progress) -> None:
        """`progress` is running."""
        self._progress = progress
        self._task = progress.add_task("", total=None, facts="")
        self.again = 0
        """How many requests had to be made again."""

    def begins(self, stage: str, total: int | None = None) -> None:
        """Start the bar anew."""
        self._progress.reset(self._task, total=total, description=stage)

    def reached(self, count: int) -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=count)

    def retried(self, more: int) -> None:
        """Show how many there were."""
        self.again += more
        self._progress.update(self._task, facts=_made_again(self.again))


def _made_again(requests: int) -> str:
    return f", {requests:,} requests made again" if requests else ""


@contextmanager
def watching_stages(console: Console, *, quiet: bool) -> Iterator[Stages]:
    """Yield the watcher of a verification that suits `console`, which writes to stderr."""
    if quiet:
        yield SilentStages()
        return
    with Progress(
        *_columns(MofNCompleteColumn(), TextColumn("{task.fields[facts]}")),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        stages = LiveStages(progress) if console.is_terminal else PlainStages(console)
        yield stages
    if stages.again:
        console.print(f"{stages.again:,} requests made again", soft_wrap=True)

"""A written batch becomes part of the lake: deduplicated against it, recorded, made visible.

Only the driver commits, one batch after another, so that each sees all before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from analyzer import ledger, manifest
from analyzer.batch import Batch, new_id
from analyzer.dedupe import LakeDeduper, by_object, near_parts, without_objects
from analyzer.errors import Overtaken, part_gone
from analyzer.ledger import LEFT_OUT, TAKEN, Outcome, Replacement, Status
from analyzer.manifest import Change, Manifest, Part
from analyzer.rivals import Rivals, without
from analyzer.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from analyzer.batch import WrittenBatch
    from analyzer.copies import Copy
    from analyzer.lake_files import LakeFiles
    from analyzer.listing import LogObject
    from analyzer.manifest import Reading
    from analyzer.shards import Shard

TOGETHER_ON_S3 = 8
"""So many batches make one commit of a shared lake: a commit to S3 is four requests one after
another, and all who write to the lake wait for each other's."""

PARTS_FOR_EACH_BATCH = 2_000
"""A commit names all parts, so one more batch waits for it with so many more parts in the lake."""

MOST_TOGETHER = 256
"""No more than this is to be read again after a run was killed: some two minutes of one worker."""

_NOTHING = Replacement((), frozenset(), frozenset())


@dataclass(slots=True)
class Tally:
    """What has been committed so far."""

    elsewhere: int = 0
    """How many objects another tlstrail has taken meanwhile, into the same lake."""
    read: int = 0
    """How many of the objects that the plan wanted read have been."""
    statuses: Counter[Status] = field(default_factory=Counter)
    left_out: list[Outcome] = field(default_factory=list)
    records: int = 0
    duplicates: int = 0
    stored_bytes: int = 0
    json_bytes: int = 0
    retries: int = 0
    """How many requests had to be made again."""
    cpu_seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count the outcomes of one commit."""
        for outcome in outcomes:
            self.statuses[outcome.status] += 1
            self.records += outcome.records
            self.duplicates += outcome.duplicates
            self.stored_bytes += outcome.log_object.size
            if outcome.status in LEFT_OUT:
                self.left_out.append(outcome)

    def add_work(self, written: WrittenBatch) -> None:
        """Count what it took to read and write a batch that is committed."""
        self.read += len(written.batch.objects) - len(written.batch.dependents)
        self.json_bytes += written.json_bytes
        self.retries += written.retries
        for stage, seconds in written.cpu_seconds.items():
            self.cpu_seconds[stage] += seconds


class Committer:
    """Makes batches visible. `lake` is the manifest of the last commit, `tally` what came in."""

    def __init__(
        self,
        files: LakeFiles,
        lake: Manifest,
        source: str,
        now: Callable[[], datetime],
        planned: Callable[[pa.Table], pa.Table],
    ) -> None:
        """The caller holds the lake's lock for as long as this is used.

        `lake` is what was planned on, and `planned` returns those of the ledger's rows that
        the plan is about: others may write to a lake on S3 at the same time.
        """
        self.lake = lake
        self.tally = Tally()
        self._files = files
        self._source = source
        self._now = now
        self._deduper = LakeDeduper(files)
        self._lost: set[str] = set()
        """Objects of this run of which the lake had records already."""
        self._rivals = Rivals(files, planned)
        self._made: set[str] = set()
        """What was written for the commit that is being tried, and for tries that failed."""

    def batches_a_commit(self) -> int:
        """Return how many batches are worth one commit: what it costs grows with the lake."""
        least = TOGETHER_ON_S3 if self._files.shared else 1
        return min(MOST_TOGETHER, max(least, len(self.lake.events) // PARTS_FOR_EACH_BATCH))

    def commit(self, *arrived: WrittenBatch) -> None:
        """Make written batches visible together, in place of what was known of their objects."""
        self._in_turn(lambda: self._commit(arrived))

    def _commit(self, arrived: Sequence[WrittenBatch]) -> None:
        group, outcomes, elsewhere = self._apart(arrived)
        known = frozenset[str]().union(*(written.batch.known for written in group))
        forgotten = self._forget(known, outcomes)
        self._note(forgotten.added)
        taken = [each.log_object.key for each in outcomes if each.status in TAKEN]
        old, rewritten = self._without(forgotten.batches, taken)
        # All parts are gone through once, and not for each batch: there may be very many.
        standing = near_parts(
            [part for part in self.lake.events if part.path not in old] + rewritten,
            frozenset().union(
                *(part.hours for written in group for part in written.parts),
                *(written.copies.hours for written in group),
            ),
        )
        self._note(rewritten)
        parts: list[Part] = []
        copies: list[Copy] = []
        for written in group:
            kept, dropped = self._deduplicate(written, [*standing, *parts])
            parts += kept
            copies += dropped
        self._note(parts)
        self._lost.update(copy.key for copy in copies)
        for written in group:
            copies += self._deduper.with_keepers(
                written.copies, written.copied_ids, [*standing, *parts], self._lost
            )
        self._publish(
            _count_copies(outcomes, copies),
            Change(
                events=(*rewritten, *parts),
                objects=forgotten.added,
                removed=forgotten.removed | old,
            ),
        )
        self.tally.elsewhere += elsewhere
        for written in group:
            self.tally.add_work(written)

    def _apart(
        self, arrived: Sequence[WrittenBatch]
    ) -> tuple[list[WrittenBatch], list[Outcome], int]:
        """Return batches and outcomes without what others have taken, and how much that is."""
        group: list[WrittenBatch] = []
        outcomes: list[Outcome] = []
        elsewhere = 0
        for each in arrived:
            self._note(each.parts)
            batch, mine, theirs = self._rivals.apart(each.batch, each.outcomes)
            group.append(without(self._files, replace(each, batch=batch), theirs))
            self._note(group[-1].parts)
            self._lost.update(theirs)
            outcomes += mine
            elsewhere += len(theirs)
        return group, outcomes, elsewhere

    def replace(self, written: WrittenBatch) -> None:
        """Make a batch visible that replaces records; all of it was read, or nothing changes."""
        dependents = written.batch.dependents
        unread = [
            each
            for each in written.outcomes
            if each.log_object.key in dependents and each.status not in TAKEN
        ]
        if not unread:
            self._in_turn(lambda: self._replace(written))
            return
        reason = (
            f"has changed, and keeps its old records: {unread[0].log_object.key}, which shares "
            f"records with it, cannot be read again ({unread[0].reason})"
        )
        held_back = [
            Outcome(each.log_object, Status.REFUSED, reason, retry=True)
            for each in written.outcomes
            if each.log_object.key not in dependents
        ]
        self._files.delete([part.path for part in written.parts])
        self.record(written.batch, held_back)
        self.tally.read += len(held_back)

    def _replace(self, written: WrittenBatch) -> None:
        self._rivals.require_untouched(written.batch)
        self._commit([written])

    def settle(self, outcomes: Sequence[Outcome]) -> list[LogObject]:
        """Record new versions that replace no record, and return the objects whose versions do.

        One does not when it cannot be read, and the old records stay; nor when it
        decompresses to the same bytes as before: the archive was copied, not changed.
        """
        before = ledger.taken_before(
            self._files, self.lake.objects, [each.log_object for each in outcomes]
        )
        settled, replacing = [], []
        for outcome in outcomes:
            row = before.get((outcome.log_object.key, outcome.sha256))
            if row is not None:
                settled.append(ledger.renewed(outcome, row))
            elif outcome.status in TAKEN:
                replacing.append(outcome.log_object)
            else:
                settled.append(outcome)
        objects = tuple(each.log_object for each in settled)
        keys = frozenset(log_object.key for log_object in objects)
        self.record(Batch(new_id(), objects, known=keys), settled)
        self.tally.read += len(settled)
        return replacing

    def with_duplicates(self) -> pa.Table:
        """Return the ledger's rows of objects of which records were dropped, as of now."""
        return ledger.with_duplicates(self._files, self.lake.objects)

    def record(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Make outcomes visible of objects that were not read."""
        if outcomes:
            self._in_turn(lambda: self._record(batch, outcomes))

    def _record(self, arrived: Batch, outcomes: Sequence[Outcome]) -> None:
        batch, mine, _ = self._rivals.apart(arrived, outcomes)
        forgotten = self._forget(batch.known, mine)
        self._note(forgotten.added)
        self._publish(mine, Change(objects=forgotten.added, removed=forgotten.removed))

    def finish(self, reading: Reading, shard: Shard | None = None) -> None:
        """Record that all of `reading` has been read, or a shard of it, unless that is known."""
        self._in_turn(lambda: self._finish(reading, shard))

    def _finish(self, reading: Reading, shard: Shard | None) -> None:
        known = self.lake
        is_known = set(manifest.with_reading(known.readings, reading)) == set(known.readings)
        if not is_known and known.having_read(reading, shard) != known:
            change = Change(source=self._source, reading=reading, shard=shard)
            self.lake = manifest.commit(self._files, known, change)

    def _in_turn(self, attempt: Callable[[], None]) -> None:
        """Commit on top of the last commit; where another has come first, on top of that one."""
        turns = Turns()
        is_behind = False
        while True:
            try:
                if is_behind:
                    self._catch_up()
                attempt()
            except Overtaken as error:
                turns.wait(error)
            except FileNotFoundError as error:  # a later commit has taken the part out
                if manifest.newest(self._files).number == self.lake.number:
                    raise part_gone(self._files.place, error) from error
                turns.wait(error)
            else:
                self._made.clear()
                return
            is_behind = True

    def _catch_up(self) -> None:
        newest = manifest.newest(self._files)
        self._rivals.take_in(self.lake, newest)
        self.lake = newest

    def _note(self, parts: Iterable[Part]) -> None:
        """Remember what is to be deleted again where no commit names it."""
        self._made.update(part.path for part in parts)

    def _publish(self, outcomes: Sequence[Outcome], change: Change) -> None:
        """Commit a change with its ledger rows; without a row, nothing is left of it."""
        if not outcomes:
            self._files.delete(self._made - self.lake.paths())
            return
        part_id = new_id()
        recorded = ledger.write_ledger(self._files, part_id, outcomes, self._now())
        self._note(recorded)
        objects = (*change.objects, *recorded)
        removed = change.removed
        merged = ledger.merge(
            self._files,
            [part for part in (*self.lake.objects, *objects) if part.path not in removed],
            f"{part_id}-merged",
            ledger.MERGED_AT_ONCE,
        )
        if merged is not None:
            pa.default_memory_pool().release_unused()
            removed = removed | merged.removed
            objects = (*(part for part in objects if part.path not in removed), *merged.added)
            self._note(merged.added)
        if unnamed := self._made - {part.path for part in (*change.events, *objects)}:
            removed |= unnamed - self.lake.paths()
        self.lake = manifest.commit(
            self._files,
            self.lake,
            Change(change.events, objects, removed, self._source),
        )
        self.tally.add(outcomes)

    def _forget(self, known: frozenset[str], outcomes: Iterable[Outcome]) -> Replacement:
        """Take what the ledger knew of these objects out of it."""
        if not known:
            return _NOTHING
        seen_before = [each for each in outcomes if each.log_object.key in known]
        return ledger.forget(
            self._files,
            self.lake.objects,
            taken=[each.log_object for each in seen_before if each.status in TAKEN],
            left_out=[each.log_object for each in seen_before if each.status not in TAKEN],
        )

    def _without(
        self, batches: frozenset[str], keys: Sequence[str]
    ) -> tuple[frozenset[str], list[Part]]:
        """Return the parts of `batches` that hold rows of `keys`, and what replaces them."""
        old, rewritten = set(), []
        for part in self.lake.events if batches else ():
            if not part.batches.isdisjoint(batches):
                rest = without_objects(self._files, part, keys)
                if rest is not part:
                    old.add(part.path)
                if rest is not None and rest is not part:
                    rewritten.append(rest)
        return frozenset(old), rewritten

    def _deduplicate(
        self, written: WrittenBatch, standing: Sequence[Part]
    ) -> tuple[list[Part], list[Copy]]:
        """Return the parts without what `standing` has, and what was dropped."""
        kept: list[Part] = []
        copies: list[Copy] = []
        for part in written.parts:
            clearance = written.copies.clearance
            rest, dropped = self._deduper.drop_copies(part, standing, clearance)
            if rest is not None:
                kept.append(rest)
            copies += dropped
        return kept, copies


def _count_copies(outcomes: Iterable[Outcome], copies: Iterable[Copy]) -> list[Outcome]:
    """Return the outcomes with what was dropped from each object added to them."""
    gathered = by_object(copies)
    return [
        msgspec.structs.replace(
            outcome,
            duplicates=gathered[outcome.log_object.key].dropped,
            duplicate_of=tuple(sorted(gathered[outcome.log_object.key].kept_by)),
        )
        if outcome.log_object.key in gathered
        else outcome
        for outcome in outcomes
    ]

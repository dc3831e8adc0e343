"""What others have committed to the lake since this run planned, where several write to one.

Shards of one archive share no object, and then nothing here is of concern. Two that ingest the
same objects are told apart by the ledger: what another has taken is left out of a batch.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzer import ledger
from analyzer.dedupe import without_objects
from analyzer.errors import LakeError
from analyzer.ledger import TAKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa

    from analyzer.batch import Batch, WrittenBatch
    from analyzer.lake_files import LakeFiles
    from analyzer.ledger import Outcome
    from analyzer.manifest import Manifest, Part


class Rivals:
    """The ledger's rows of others, as far as this run meant to write such rows itself."""

    def __init__(self, files: LakeFiles, planned: Callable[[pa.Table], pa.Table]) -> None:
        """Nobody has committed yet. `planned` returns the rows whose `key` the run looks at."""
        self._files = files
        self._planned = planned
        self._versions: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        """By key: the ETags that the ledger has of it, and whether it was taken."""
        self._leaning: defaultdict[str, set[str]] = defaultdict(set)
        """By key: whose duplicates are in the lake only by its records."""

    def take_in(self, base: Manifest, newest: Manifest) -> None:
        """Learn what has come into the ledger since `base`. Raises `FileNotFoundError`."""
        found: set[tuple[str, str, bool]] = set()
        for rows in self._read(newest.objects, base):
            leaning = zip(rows["key"].to_pylist(), rows["duplicate_of"].to_pylist(), strict=True)
            for key, keepers in leaning:
                for keeper in keepers or ():
                    self._leaning[str(keeper)].add(str(key))
            found.update(self._versions_in(rows))
        if found:  # others merge the ledger's parts, too, and so old rows come again
            with suppress(FileNotFoundError):
                for rows in self._read(base.objects, newest):
                    found.difference_update(self._versions_in(rows))
        for key, etag, is_taken in found:
            self._versions[key][etag] = is_taken

    def _read(self, parts: Iterable[Part], other: Manifest) -> Iterator[pa.Table]:
        """Yield the ledger's rows of those parts that `other` does not name."""
        columns = ["key", "etag", "status", "duplicate_of"]
        apart = [part for part in parts if part.path not in other.paths()]
        return ledger.read_parts(self._files, apart, columns)

    def _versions_in(self, rows: pa.Table) -> Iterator[tuple[str, str, bool]]:
        """Yield key, ETag and whether it was taken, of what this run looks at."""
        for row in self._planned(rows.select(["key", "etag", "status"])).to_pylist():
            yield row["key"], row["etag"], row["status"] in TAKEN

    def apart(
        self, batch: Batch, outcomes: Sequence[Outcome]
    ) -> tuple[Batch, Sequence[Outcome], frozenset[str]]:
        """Return a batch and its outcomes without what others have taken, and those keys.

        Of what they left out, their row is known, and this run's takes its place. Raises
        `LakeError` for an object of which they have taken another version.
        """
        theirs, known = set(), set(batch.known)
        for outcome in outcomes:
            log_object = outcome.log_object
            versions = self._versions.get(log_object.key)
            if versions is None or log_object.key in batch.dependents:
                continue
            if versions.get(log_object.etag):
                theirs.add(log_object.key)
            elif any(versions.values()) and outcome.status in TAKEN:
                raise self._changed(log_object.key)
            else:
                known.add(log_object.key)
        mine = [each for each in outcomes if each.log_object.key not in theirs]
        return replace(batch, known=frozenset(known)), mine, frozenset(theirs)

    def require_untouched(self, batch: Batch) -> None:
        """Raise `LakeError` where records of a batch that replaces some are not as they were."""
        keys = {log_object.key for log_object in batch.objects}
        for log_object in batch.objects:
            is_theirs = self._versions.get(log_object.key, {}).get(log_object.etag)
            if self._leaning.get(log_object.key, set()) - keys or (
                is_theirs and log_object.key not in batch.dependents
            ):
                raise self._changed(log_object.key)

    def _changed(self, key: str) -> LakeError:
        return LakeError(
            f"{self._files.place}: another tlstrail has meanwhile committed what has to do with "
            f"{key}, which has changed; what was committed before stays: run again to go on"
        )


def without(files: LakeFiles, written: WrittenBatch, keys: frozenset[str]) -> WrittenBatch:
    """Return a written batch without the rows and the copies of some objects."""
    if not keys:
        return written
    found = written.copies
    kept = [number for number, copy in enumerate(found.copies) if copy.key not in keys]
    return replace(
        written,
        parts=tuple(_rest(files, written.parts, keys)),
        copies=replace(
            found,
            positions=tuple(found.positions[number] for number in kept),
            copies=tuple(found.copies[number] for number in kept),
        ),
        copied_ids=tuple(written.copied_ids[number] for number in kept),
    )


def _rest(files: LakeFiles, parts: Iterable[Part], keys: frozenset[str]) -> Iterable[Part]:
    rests = (without_objects(files, part, keys) for part in parts)
    return (rest for rest in rests if rest is not None)

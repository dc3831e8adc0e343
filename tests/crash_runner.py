"""Ingests a small archive again and again, killed each time at another moment; see test_crash.py.

    python crash_runner.py ingest …                            the command line, in small batches;
                                                               it stops itself before the commit
                                                               that PAUSED_BEFORE_COMMIT names
    python crash_runner.py moments SCENARIO FOLDER SHARD OF    kill, look, run again, compare

A moment is what changes the folder of the lake: a file opened for writing, written, renamed or
deleted, a folder made. Audit hooks tell of them, and a writer of our own kills in the middle of
a write; the program under test is as it is, but for the size of its batches. Every run is a
fork of this process, which has imported everything and never started a thread.
"""

from __future__ import annotations

import gc
import gzip
import io
import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from analyzer import ledger, plan
from analyzer.cli import run
from tests.processes import pause_before_commit

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from _typeshed import ReadableBuffer

    from analyzer.lake_place import LakePlace

FIXTURES = Path(__file__).parents[1] / "fixtures" / "archive"

OBJECTS_IN_A_BATCH = 2
MERGED_AT_ONCE = 3

TRUNCATED = "a log that ends in the middle"

# The name of an object is its minute of delivery; its content, the letters of its records.
# Small letters are records of December, capital ones of January; y is x in other words.
FIRST = {
    "10": "abC",
    "12": "dabx",  # copies of its own batch
    "14": "eb",
    "16": TRUNCATED,
    "18": "fbaDyEC",  # third copies, and one of another batch
    "20": "",
}
NEW = {
    "05": "gah",  # delivered before everything that the lake has
    "16": "jc",  # the truncated log, repaired
    "24": "hbi",
    "28": "hgeG",
}
CHANGED = {
    "03": "akl",  # new, and holds what 10 is about to lose
    "10": "bCm",  # 12 and 18 must give back a
    "18": "yfn",  # the last E and D are gone
    "24": "hbi",  # written anew, and nothing else
    "30": "nE",
}
SCENARIOS: dict[str, tuple[list[dict[str, str]], dict[str, str]]] = {
    "a new lake": ([], FIRST),
    "new objects": ([FIRST], NEW),
    "changed objects": ([FIRST, NEW], CHANGED),
    "a compaction": ([FIRST, NEW], {}),
}
"""What was ingested before, and what comes in the run that is killed."""


@dataclass(frozen=True)
class State:
    """What a reader of a lake sees."""

    commit: int
    rows: list[str]
    ledger: list[str]
    broken: list[str]
    """The checks that do not hold."""


@dataclass
class Moments:
    """Counts what touches the lake, and kills this process at the moment `kill_at`."""

    lake: Path
    kill_at: int | None = None
    copies: Path | None = None
    """Where to copy the lake to after each commit."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    """(what, file) of each moment so far."""
    _copy_as: str | None = None
    _is_copying: bool = False

    def watch(self) -> None:
        """Watch this process from now on; there is no way back."""
        opened: Callable[..., IO[Any]] = io.open

        def watched_open(file: object, mode: str = "r", *args: object, **more: object) -> IO[Any]:
            if mode == "wb" and self._inside(file) and not self._is_copying:
                return KilledWriter(io.FileIO(os.fspath(file), "wb"), self)  # type: ignore[call-overload]
            return opened(file, mode, *args, **more)

        io.open = watched_open  # type: ignore[assignment]
        sys.addaudithook(self._audit)

    def next_is_the_last(self) -> bool:
        """Whether the moment that is about to be counted is the one to kill at."""
        return len(self.seen) == self.kill_at

    def count(self, what: str, path: object) -> None:
        """Count a moment, and kill at it, before anything has happened."""
        if self.next_is_the_last():
            die()
        name = Path(os.path.abspath(os.fsdecode(path)))  # type: ignore[arg-type]  # noqa: PTH100
        self.copy_commit()
        self.seen.append((what, name.relative_to(self.lake).as_posix()))
        if what == "rename to" and name.parent.name == "commits":
            self._copy_as = name.stem

    def copy_commit(self) -> None:
        """Copy the lake if the moment before made a commit visible."""
        if self.copies is not None and self._copy_as is not None:
            self._is_copying = True
            shutil.copytree(self.lake, self.copies / self._copy_as)
            self._is_copying, self._copy_as = False, None

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_copying or not arguments or not self._inside(arguments[0]):
            return
        path = arguments[0]
        if event == "open":
            if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.count("open", path)
        elif event == "os.rename":
            self.count("rename to", arguments[1])
        elif event == "os.mkdir":
            if not Path(path).exists():
                self.count("mkdir", path)
        elif event == "os.remove":
            if Path(path).exists():
                self.count("remove", path)
        elif event in {"os.link", "os.symlink", "os.rmdir", "os.truncate", "shutil.rmtree"}:
            self.count(event, path)

    def _inside(self, path: object) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 (must not touch the disk)
        return name == str(self.lake) or name.startswith(f"{self.lake}/")


class KilledWriter(io.BufferedWriter):
    """A file of the lake, which may be killed when half of a write is on the disk."""

    def __init__(self, raw: io.FileIO, moments: Moments) -> None:
        super().__init__(raw)
        self._moments = moments

    def write(self, content: ReadableBuffer) -> int:
        if self._moments.next_is_the_last():
            everything = memoryview(content).cast("B")
            super().write(everything[: len(everything) // 2])
            self.flush()
            die()
        self._moments.count("write", self.raw.name)  # type: ignore[attr-defined]
        return super().write(content)


def die() -> NoReturn:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def ingest(source: Path, lake: Path) -> int:
    """Run the command line and return its exit code."""
    command = ["ingest", str(source), "--lake", str(lake), "--workers", "1", "--quiet"]
    return run(command)


def compact(_source: Path, lake: Path) -> int:
    """Run the command line and return its exit code."""
    return run(["compact", "--lake", str(lake), "--quiet"])


def put(archive: Path, objects: dict[str, str], version: int) -> None:
    """Write objects into the archive, with times of change that are always the same."""
    records = records_by_letter()
    for minute, letters in objects.items():
        name = f"111122223333_CloudTrail_us-east-1_20230101T00{minute}Z_{minute}.json.gz"
        path = archive / "AWSLogs/111122223333/CloudTrail/us-east-1/2023/01/01" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        held = [] if letters == TRUNCATED else [records[letter] for letter in letters]
        body = gzip.compress(json.dumps({"Records": held}).encode(), mtime=0)
        path.write_bytes(body[:-9] if letters == TRUNCATED else body)
        os.utime(path, (1_700_000_000 + version, 1_700_000_000 + version))
    (archive / "README.txt").write_text("no log")
    os.utime(archive / "README.txt", (1_700_000_000, 1_700_000_000))


def records_by_letter() -> dict[str, dict[str, Any]]:
    """Return records of the fixtures by the letters that stand for them here."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(FIXTURES.rglob("*_CloudTrail_*.json.gz")):
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]:
            if "eventID" in record:
                found.setdefault(record["eventID"], record)
    letters: dict[str, dict[str, Any]] = {}
    for month, names in ("2022-12", "abcdefghijklmnopqrstuvwx"), ("2023-01", "ABCDEFG"):
        of_month = [each for each in found.values() if each["eventTime"].startswith(month)]
        letters.update(zip(names, of_month, strict=False))
    letters["y"] = letters["x"] | {"userAgent": "the same eventID with another content"}
    return letters


def expected_ids(stages: list[dict[str, str]]) -> list[str]:
    """Return the event id of every distinct record that the archive holds in the end."""
    objects: dict[str, str] = {}
    for stage in stages:
        objects |= stage
    letters = {letter for held in objects.values() if held != TRUNCATED for letter in held}
    records = records_by_letter()
    return sorted(records[letter]["eventID"] for letter in letters)


def seen_by_a_reader(root: LakePlace, *, check: bool = True) -> State:
    """Open the lake as a reader does, and return all of it."""
    from analyzer.lake import Narrowing, open_lake  # noqa: PLC0415 (in a fork: it has threads)
    from analyzer.queries import names, sql  # noqa: PLC0415

    checks = names("checks") if check else []
    with open_lake(root, Narrowing()) as lake:
        return State(
            commit=lake.committed.number,
            rows=_lines(lake.table("FROM event_rows")),
            ledger=_lines(lake.table("SELECT * EXCLUDE (part, ingested_at) FROM objects")),
            broken=[name for name in checks if len(lake.table(sql(f"checks/{name}")))],
        )


def _lines(rows: pa.Table) -> list[str]:
    return sorted(json.dumps(row, default=str) for row in rows.to_pylist())


def left_behind(root: Path) -> list[str]:
    """Return the files in a lake's folder that do not belong to it."""
    from analyzer.local_lake import LocalLakeFiles  # noqa: PLC0415
    from analyzer.manifest import KEPT_COMMITS, read_lake  # noqa: PLC0415
    from analyzer.views import DATABASE, SCRIPT  # noqa: PLC0415

    belonging = read_lake(LocalLakeFiles(root)).paths() | {"lake.json", ".lock", DATABASE, SCRIPT}
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    commits = sorted(name for name in files if name.startswith("commits/"))
    return sorted(files - belonging - set(commits[-KEPT_COMMITS:]))


def in_a_fork(call: Callable[[], object], result: Path) -> int:
    """Run `call` in a fork, with its answer as JSON in `result`, and return the wait status."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = 1
    try:
        os.dup2(os.open(result.with_suffix(".stderr"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        result.write_text(json.dumps(call(), default=vars))
        code = 0
    except BaseException:  # noqa: BLE001 (it is the end of the fork)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class ForkFailed(Exception):
    """A fork ended with an error; its stderr is the message."""


class Scenario:
    """A lake before the run that is killed, and the states that the run leads through."""

    def __init__(self, name: str, folder: Path) -> None:
        """Make the archive and the lake, and run once without a kill."""
        self.folder = folder
        self.archive = folder / "archive"
        self.before = folder / "before"
        self._result = folder / "result.json"
        stages, self._killed_stage = SCENARIOS[name]
        self._command = compact if name == "a compaction" else ingest
        self._stages = [*stages, self._killed_stage]
        for version, stage in enumerate(stages):
            put(self.archive, stage, version)
            self._call(lambda: ingest(self.archive, self.before))
        put(self.archive, self._killed_stage, len(stages))
        self._warm_up()
        self.states: dict[int, State] = {}
        self.seen: list[tuple[str, str]] = []
        self.exit_code = self._reference()

    def moments(self) -> list[int]:
        """Return at which moments to kill: at all but writes, of which each file has one.

        Which write it is differs from file to file. To the next run a file is unfinished
        whatever there is of it.
        """
        writes: dict[str, list[int]] = {}
        kills = []
        for number, (what, path) in enumerate(self.seen):
            if what == "write":
                writes.setdefault(path, []).append(number)
            else:
                kills.append(number)
        chosen = [of_file[turn * 7 % len(of_file)] for turn, of_file in enumerate(writes.values())]
        return sorted(kills + chosen)

    def kill_at(self, moment: int) -> list[str]:
        """Kill a run at `moment`, look, run again, and return what is wrong then."""
        lake = self._lake()
        status = in_a_fork(lambda: self._killed(lake, moment), self._result)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            return [f"the run ended with status {status} before it was killed"]
        try:
            wrong = self._wrong(self._call(lambda: self._looked_at_and_run_again(lake)))
        except ForkFailed as failure:
            return [str(failure)]
        if not wrong:
            shutil.rmtree(lake)
        return wrong

    def _wrong(self, found: dict[str, Any]) -> list[str]:
        crashed = State(**found["crashed"]) if found["crashed"] else None
        after, last = State(**found["after"]), self.states[max(self.states)]
        wrong = []
        if crashed is None and min(self.states):
            wrong.append("the lake could not be read after the kill")
        if crashed is not None:
            wrong += differences("after the kill", crashed, self.states.get(crashed.commit))
        wrong += differences("in the end", after, last)
        wrong += [f"left behind: {path}" for path in found["left_behind"]]
        if found["exit_code"] != self.exit_code:
            wrong.append(f"exit code {found['exit_code']} instead of {self.exit_code}")
        return wrong

    def _looked_at_and_run_again(self, lake: Path) -> dict[str, object]:
        # Without lake.json there is no lake, and nothing to be read.
        crashed = seen_by_a_reader(lake) if (lake / "lake.json").exists() else None
        exit_code = self._command(self.archive, lake)
        return {
            "crashed": crashed,
            "exit_code": exit_code,
            # It has to be equal to what a run without a kill made, where the checks hold.
            "after": seen_by_a_reader(lake, check=False),
            "left_behind": left_behind(lake),
        }

    def _killed(self, lake: Path, moment: int) -> None:
        Moments(lake, kill_at=moment).watch()
        self._command(self.archive, lake)

    def _reference(self) -> int:
        """Run without a kill; keep what a reader sees after each commit."""
        lake, copies = self._lake(), self.folder / "commits"
        copies.mkdir()
        result = self._call(lambda: self._counted(lake, copies))
        self.seen = [(what, path) for what, path in result["seen"]]
        if self.before.exists():
            shutil.copytree(self.before, copies / "before")
        for copy in sorted(copies.iterdir()):
            state = State(**self._call(partial(seen_by_a_reader, copy)))
            self.states[state.commit] = state
            if state.broken:
                raise AssertionError(f"commit {state.commit} does not hold: {state.broken}")
        self.states.setdefault(0, State(0, [], [], []))
        if self.before.exists():
            del self.states[0]
        last = self.states[max(self.states)]
        ids = sorted(json.loads(row)["event_id"] for row in last.rows)
        if ids != expected_ids(self._stages):
            raise AssertionError("the run without a kill has not every record of the archive once")
        not_seen = self._not_seen(lake)
        if not_seen:
            raise AssertionError(f"written past the audit hook: {not_seen}")
        shutil.rmtree(lake)
        return int(result["exit_code"])

    def _not_seen(self, lake: Path) -> set[str]:
        """Return the files of the lake whose making was not noticed."""
        touched = {path for what, path in self.seen if what in {"open", "rename to"}}
        files = {path.relative_to(lake).as_posix() for path in lake.rglob("*") if path.is_file()}
        old = {
            path.relative_to(self.before).as_posix()
            for path in self.before.rglob("*")
            if path.is_file()
        }
        return files - touched - old

    def _counted(self, lake: Path, copies: Path) -> dict[str, object]:
        moments = Moments(lake, copies=copies)
        moments.watch()
        exit_code = self._command(self.archive, lake)
        moments.copy_commit()
        return {"exit_code": exit_code, "seen": moments.seen}

    def _warm_up(self) -> None:
        """Import here what a run imports, so that each fork has it already."""

        def imported() -> list[str]:
            lake = self._lake()
            self._command(self.archive, lake)
            seen_by_a_reader(lake)
            left_behind(lake)
            return list(sys.modules)

        for name in self._call(imported):
            with suppress(ImportError):
                import_module(name)
        gc.freeze()  # else a collection in a fork would copy all that the forks share

    def _lake(self) -> Path:
        """Return a fresh copy of the lake as it was before the run."""
        lake = self.folder / "lake"
        shutil.rmtree(lake, ignore_errors=True)
        if self.before.exists():
            shutil.copytree(self.before, lake)
        return lake

    def _call(self, call: Callable[[], object]) -> Any:  # noqa: ANN401 (it is JSON)
        """Return what `call` returns in a fork."""
        if in_a_fork(call, self._result):
            raise ForkFailed(self._result.with_suffix(".stderr").read_text())
        return json.loads(self._result.read_text())


def differences(when: str, state: State, wanted: State | None) -> list[str]:
    """Return how a state differs from the wanted one, in a few lines."""
    if wanted is None:
        return [f"{when}: commit {state.commit} is none of the run without a kill"]
    wrong = [f"{when}: {name} does not hold" for name in state.broken]
    for what, have, want in (
        ("row", state.rows, wanted.rows),
        ("ledger row", state.ledger, wanted.ledger),
    ):
        lost, extra = Counter(want) - Counter(have), Counter(have) - Counter(want)
        for line, instead in zip_longest(list(lost)[:3], list(extra)[:3], fillvalue="{}"):
            wrong.append(f"{when}: {what} {_unlike(line, instead)}")
    return wrong


def _unlike(line: str, instead: str) -> str:
    """Return in which columns two rows differ."""
    wanted, found = json.loads(line), json.loads(instead)
    columns = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    return ", ".join(f"{name}: {found.get(name)} for {wanted.get(name)}" for name in columns)


def kill_at_every_moment(name: str, folder: Path, shard: int, shards: int) -> None:
    """Kill at this shard's moments, and print what was wrong as JSON."""
    scenario = Scenario(name, folder)
    wrong: dict[str, list[str]] = {}
    moments = scenario.moments()
    for moment in moments[shard::shards]:
        what, path = scenario.seen[moment]
        if found := scenario.kill_at(moment):
            wrong[f"moment {moment}, {what} {path}"] = found
    kinds = Counter(scenario.seen[moment][0] for moment in moments[shard::shards])
    print(json.dumps({"killed": kinds, "of": len(moments), "wrong": wrong}))  # noqa: T201


def main() -> int:
    """Do what the command line says."""
    ledger.MERGED_AT_ONCE = MERGED_AT_ONCE
    plan.BATCH_OBJECTS = OBJECTS_IN_A_BATCH
    if sys.argv[1] == "ingest":
        plan.BATCH_OBJECTS = 5  # of the archive of the fixtures
        if number := os.environ.get("PAUSED_BEFORE_COMMIT"):
            pause_before_commit(int(number))
        return run(sys.argv[1:])
    _, _, name, folder, shard, shards = sys.argv
    kill_at_every_moment(name, Path(folder).absolute(), int(shard), int(shards))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Of two who commit at once to a lake on S3 one does, and the other goes on from there."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from analyzer import manifest
from analyzer.compact import compact
from analyzer.errors import ExitCode, LakeError, Overtaken
from analyzer.ingest import IngestSettings, ingest
from analyzer.lake_place import S3Place, lake_files
from analyzer.listing import Scope
from analyzer.manifest import Change, Manifest, Part
from analyzer.orphans import orphans, remove_orphans
from analyzer.progress import Silence
from analyzer.source import parse_source
from analyzer.status import status
from analyzer.store import S3Access
from analyzer.turns import MOST_TURNS, Turns
from tests import PATIENCE
from tests.conftest import (
    NOW,
    LogFolder,
    asked,
    ids_of,
    ingest_and_check,
    ledger_of,
    log_key,
    record,
)
from tests.processes import ended_with_the_test
from tests.s3.buckets import ARCHIVE
from tests.s3.commands import content, rows
from tests.s3.lakes import keys_below, not_named, place_in
from tests.s3.proxy import Answer, refusal

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from analyzer.commit import Tally
    from analyzer.lake_files import StoredFile
    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy, Request

pytestmark = pytest.mark.usefixtures("credentials")

RUNNER = Path(__file__).parents[1] / "crash_runner.py"


class Overtake(Protocol):
    """Something that lets another act before one's own next commit, or another request."""

    def __call__(self, act: Callable[[], object], verb: str = ..., key_part: str = ...) -> None: ...


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait long for a turn."""
    monkeypatch.setattr("analyzer.turns.LONGEST_WAIT_SECONDS", 0.01)


@pytest.fixture
def place(bucket: Bucket, proxy: Proxy) -> S3Place:
    """Where the lake is, by way of the proxy."""
    return place_in(bucket, proxy.endpoint)


@pytest.fixture
def directly(bucket: Bucket, weed: str) -> S3Place:
    """The same lake, reached past the proxy: another's way to it."""
    return place_in(bucket, weed)


@pytest.fixture
def overtake(proxy: Proxy) -> Overtake:
    """A function that lets another act just before the next commit is put, once; or the like."""

    def before_the_next(
        act: Callable[[], object], verb: str = "PUT", key_part: str = "/commits/"
    ) -> None:
        left = iter(range(1))

        def rule(request: Request) -> None:
            is_meant = request.verb == verb and key_part in request.key
            if is_meant and next(left, None) is not None:
                act()

        proxy.rules.append(rule)

    return before_the_next


def part(number: int) -> Part:
    return Part(f"events/month=2023-01/part-{number}.parquet", 1, 1)


def test_of_two_commits_of_one_number_the_first_is_the_lake(directly: S3Place) -> None:
    one, two = lake_files(directly), lake_files(directly)
    base = manifest.commit(one, Manifest(), Change(source="/both/"))

    first = manifest.commit(one, base, Change(events=(part(1),)))
    with pytest.raises(Overtaken, match="another tlstrail has written commit 2 to this lake"):
        manifest.commit(two, base, Change(events=(part(2),)))
    assert manifest.newest(two) == first


def test_a_number_that_is_free_again_is_not_taken_for_a_commit(directly: S3Place) -> None:
    files = lake_files(directly)
    base = lake = manifest.commit(files, Manifest(), Change())
    for number in range(4):  # by now the second commit has been deleted as an old one
        lake = manifest.commit(files, lake, Change(events=(part(number),)))

    with pytest.raises(Overtaken):
        manifest.commit(files, base, Change(events=(part(9),)))
    assert manifest.newest(files) == lake
    assert len(files.names("commits", "*.json")) == manifest.KEPT_COMMITS


def test_a_commit_that_others_have_built_on_by_then_is_one(
    directly: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = lake_files(directly)
    base = manifest.commit(files, Manifest(), Change())
    write_new = type(files).write_new

    def overtaken_after_it(self: object, path: str, content: bytes) -> None:
        write_new(self, path, content)  # type: ignore[arg-type]
        monkeypatch.undo()
        manifest.commit(files, manifest.newest(files), Change(events=(part(2),)))

    monkeypatch.setattr(type(files), "write_new", overtaken_after_it)
    manifest.commit(files, base, Change(events=(part(1),)))
    assert manifest.newest(files).paths() == {part(1).path, part(2).path}


def test_a_file_that_went_again_after_it_was_in_the_way_was_anothers(
    place: S3Place, bucket: Bucket, proxy: Proxy
) -> None:
    bucket.put("lake/commits/0000000001.json", b"theirs")
    proxy.before("GET", lambda: bucket.delete("lake/commits/0000000001.json"))

    with pytest.raises(FileExistsError):
        lake_files(place).write_new("commits/0000000001.json", b"ours")
    assert keys_below(bucket) == {}


def test_of_two_who_make_a_lake_at_once_the_first_names_it(
    place: S3Place, directly: S3Place, overtake: Overtake
) -> None:
    overtake(lambda: manifest.create(lake_files(directly)), key_part="/lake.json")
    heads = []
    overtake(lambda: heads.append(manifest.read_head(lake_files(directly))), key_part="/lake.json")

    manifest.create(lake_files(place))
    assert heads == [manifest.read_head(lake_files(directly))]


@pytest.mark.parametrize(
    "instead",
    [refusal(503, "SlowDown"), Answer(200, reset=True), refusal(500, "InternalError")],
    ids=["slow down", "hung up", "internal error"],
)
def test_a_commit_whose_answer_was_lost_is_known_for_ones_own(
    instead: Answer, place: S3Place, directly: S3Place, proxy: Proxy, log_folder: LogFolder
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    proxy.lose("PUT", "/commits/", instead)

    summary = ingest_and_check(place, log_folder.root)
    assert (summary.tally.records, summary.tally.elsewhere) == (1, 0)
    puts = [each.key.rpartition("/")[2] for each in proxy.of("PUT") if "/commits/" in each.key]
    assert puts == ["0000000001.json", "0000000001.json", "0000000002.json"]
    assert ids_of(directly) == ["id-1"]


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
def test_a_conflict_after_which_nothing_is_there_is_nobodys_commit(
    code: str, place: S3Place, bucket: Bucket, proxy: Proxy
) -> None:
    files = lake_files(place)
    for key in ("/lake.json", "/commits/"):
        proxy.answer("PUT", key, refusal(409, code), times=1)

    manifest.create(files)
    assert "lake/lake.json" in keys_below(bucket)
    assert manifest.commit(files, Manifest(), Change()) == manifest.read_lake(files)


def test_another_objects_commit_comes_first_and_both_are_in_the_lake(
    place: S3Place, directly: S3Place, overtake: Overtake, log_folder: LogFolder, tmp_path: Path
) -> None:
    other = LogFolder(tmp_path / "other")
    other.put(log_key("1001"), [record(2), record(1), record("theirs")])
    log_folder.put(log_key("1000"), [record(1), record("mine"), record(2)])
    overtake(lambda: ingest_and_check(directly, other.root))

    tally = ingest_and_check(place, log_folder.root).tally
    assert (tally.statuses.total(), tally.records, tally.duplicates) == (1, 3, 2)
    assert ids_of(directly) == ["id-1", "id-2", "id-mine", "id-theirs"]
    assert {row["duplicates"] for row in ledger_of(directly).values()} == {0, 2}
    assert not_named(lake_files(directly)) == []


def test_an_object_that_another_has_taken_meanwhile_is_in_the_lake_once(
    place: S3Place, directly: S3Place, overtake: Overtake, log_folder: LogFolder
) -> None:
    nameless = {"eventVersion": "1.08", "eventTime": "2023-01-05T09:58:00Z"}
    log_folder.put(log_key("1000"), [record(1), nameless])
    both = Scope(until=NOW)
    overtake(lambda: ingest_and_check(directly, log_folder.root))
    log_folder.put(log_key("1001", account="444455556666"), [record(2), record(1)])

    summary = ingest_and_check(place, log_folder.root, both)
    assert summary.tally.elsewhere == 2
    assert len(asked(directly, "FROM events")) == 3
    assert len(ledger_of(directly)) == 2
    assert not_named(lake_files(directly)) == []


def test_of_a_later_batch_that_is_partly_anothers_nothing_else_is_left(  # noqa: PLR0913, PLR0917
    place: S3Place,
    directly: S3Place,
    overtake: Overtake,
    log_folder: LogFolder,
    at_once: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once(2)
    monkeypatch.setattr("analyzer.commit.TOGETHER_ON_S3", 1)
    for minute in ("1000", "1001", "1002"):
        log_folder.put(log_key(minute), [record(minute)])
    log_folder.put(log_key("1003", account="444455556666"), [record("1003"), record("a copy")])

    def theirs_taken() -> None:
        log_folder.put(log_key("1004"), [record("a copy")])
        ingest_and_check(directly, log_folder.root, Scope(("111122223333",)))

    overtake(theirs_taken)
    assert ingest_and_check(place, log_folder.root).tally.elsewhere == 3
    assert len(asked(directly, "FROM events")) == 5
    assert not_named(lake_files(directly)) == []


def test_what_another_has_left_out_is_taken_over(
    place: S3Place, directly: S3Place, overtake: Overtake, log_folder: LogFolder
) -> None:
    key = log_folder.put(log_key("1000"), [record(1)])
    stat = Path(key).stat()

    def refused_by_another() -> None:
        settings = settings_of(directly, log_folder.root, max_object_bytes=10)
        assert ingest(settings, Silence(), lambda: NOW).tally.left_out

    overtake(refused_by_another)
    ingest_and_check(place, log_folder.root)
    assert [row["status"] for row in ledger_of(directly).values()] == ["ingested"]
    assert (ids_of(directly), stat.st_size > 10) == (["id-1"], True)


def test_another_version_of_an_object_is_no_matter_for_guessing(
    place: S3Place, directly: S3Place, overtake: Overtake, log_folder: LogFolder
) -> None:
    key = log_key("1000")
    log_folder.put(key, [record(1)])

    def changed_and_taken() -> None:
        log_folder.put(key, [record(1), record(2)])
        ingest_and_check(directly, log_folder.root)

    overtake(changed_and_taken)
    with pytest.raises(LakeError, match=r"another tlstrail has meanwhile committed .*run again"):
        ingest_and_check(place, log_folder.root)
    assert ids_of(directly) == ["id-1", "id-2"]
    ingest_and_check(place, log_folder.root)
    assert ids_of(directly) == ["id-1", "id-2"]


@pytest.mark.parametrize("merged_at_once", [64, 2], ids=["as they are", "merged with old ones"])
def test_records_are_replaced_on_top_of_what_others_have_added(  # noqa: PLR0913, PLR0917
    merged_at_once: int,
    place: S3Place,
    directly: S3Place,
    overtake: Overtake,
    log_folder: LogFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = LogFolder(tmp_path / "other")
    other.put(log_key("1001"), [record("theirs")])
    log_folder.put(log_key("1000"), [record(1), record(2)])
    log_folder.put(log_key("1002"), [record("stays")])
    ingest_and_check(place, log_folder.root)
    log_folder.put(log_key("1000"), [record(1), record(3)])
    monkeypatch.setattr("analyzer.ledger.MERGED_AT_ONCE", merged_at_once)
    overtake(lambda: ingest_and_check(directly, other.root))

    ingest_and_check(place, log_folder.root)
    assert ids_of(directly) == ["id-1", "id-3", "id-stays", "id-theirs"]
    assert not_named(lake_files(directly)) == []


def test_records_that_others_lean_on_by_now_are_not_replaced_unread(
    place: S3Place, directly: S3Place, overtake: Overtake, log_folder: LogFolder
) -> None:
    others = Scope(("444455556666",))
    log_folder.put(log_key("1000"), [record(1), record(2)])
    ingest_and_check(place, log_folder.root)
    log_folder.put(log_key("1000"), [record(1), record(3)])
    # A copy, which is dropped for the one that is about to go.
    log_folder.put(log_key("1001", account="444455556666"), [record(2)])
    overtake(lambda: ingest_and_check(directly, log_folder.root, others))

    with pytest.raises(LakeError, match=r"another tlstrail has meanwhile committed .*run again"):
        ingest_and_check(place, log_folder.root, Scope(("111122223333",)))
    assert ids_of(directly) == ["id-1", "id-2"]
    ingest_and_check(place, log_folder.root)
    assert ids_of(directly) == ["id-1", "id-2", "id-3"]


def test_what_was_read_again_in_vain_is_not_left_behind(
    directly: S3Place, log_folder: LogFolder
) -> None:
    log_folder.put(log_key("1000"), [record(1), record(2)])
    shared = log_folder.put(log_key("1001"), [record(2), record(3)])
    ingest_and_check(directly, log_folder.root)
    log_folder.put(log_key("1000"), [record(1)])
    Path(shared).unlink()

    assert len(ingest_and_check(directly, log_folder.root).tally.left_out) == 1
    assert ids_of(directly) == ["id-1", "id-2", "id-3"]
    assert not_named(lake_files(directly)) == []


def test_a_compaction_goes_on_top_of_what_others_have_added(
    place: S3Place, directly: S3Place, overtake: Overtake, log_folder: LogFolder
) -> None:
    for minute in ("1000", "1001"):
        log_folder.put(log_key(minute), [record(minute)])
        ingest_and_check(directly, log_folder.root)
    log_folder.put(log_key("1002"), [record("1002")])
    overtake(lambda: ingest_and_check(directly, log_folder.root))

    done = compact(lake_files(place), lambda _done, _total: None)
    assert (done.events_before.parts, done.events_after.parts) == (2, 2)
    assert ids_of(directly) == ["id-1000", "id-1001", "id-1002"]
    status(directly, check=True)


def test_two_compactions_at_once_merge_each_part_once(
    place: S3Place, directly: S3Place, overtake: Overtake, log_folder: LogFolder
) -> None:
    for minute in ("1000", "1001"):
        log_folder.put(log_key(minute), [record(minute)])
        ingest_and_check(directly, log_folder.root)
    overtake(lambda: compact(lake_files(directly), lambda _done, _total: None))

    compact(lake_files(place), lambda _done, _total: None)
    assert ids_of(directly) == ["id-1000", "id-1001"]
    assert not_named(lake_files(directly)) == []
    status(directly, check=True)


@pytest.mark.parametrize(
    ("verb", "key_part"), [("PUT", "/commits/"), ("GET", "/events/")], ids=["commit", "comparison"]
)
def test_an_ingest_goes_on_when_a_compaction_takes_parts_from_under_it(  # noqa: PLR0913, PLR0917
    verb: str,
    key_part: str,
    place: S3Place,
    directly: S3Place,
    overtake: Overtake,
    log_folder: LogFolder,
) -> None:
    for minute in ("1000", "1001"):
        log_folder.put(log_key(minute), [record(minute)])
        ingest_and_check(directly, log_folder.root)
    log_folder.put(log_key("1002"), [record("1002"), record("1000")])
    overtake(lambda: compact(lake_files(directly), lambda _done, _total: None), verb, key_part)

    ingest_and_check(place, log_folder.root)
    assert ids_of(directly) == ["id-1000", "id-1001", "id-1002"]
    assert not_named(lake_files(directly)) == []


def test_who_is_overtaken_again_waits_for_longer_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("analyzer.turns.LONGEST_WAIT_SECONDS", 5)
    monkeypatch.setattr("analyzer.turns.random.uniform", lambda least, most: (least, most))
    waits: list[object] = []
    turns = Turns(waits.append)

    for _ in range(8):
        turns.wait(Overtaken("commit 7"))
    assert waits == [(0, most) for most in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5)]


def test_a_part_that_no_commit_took_out_and_that_is_gone_is_not_waited_for(
    directly: S3Place, log_folder: LogFolder
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(directly, log_folder.root)
    files = lake_files(directly)
    files.delete([each.path for each in manifest.newest(files).events])

    log_folder.put(log_key("1001"), [record(1)])
    with pytest.raises(LakeError, match=r"part-.*: a part is gone"):
        ingest_and_check(directly, log_folder.root)


def test_whoever_is_overtaken_each_time_says_so_in_the_end() -> None:
    waits: list[float] = []
    turns = Turns(waits.append)

    for _ in range(MOST_TURNS - 1):
        turns.wait(Overtaken("commit 7"))
    with pytest.raises(Overtaken, match=f"commit 7; it was overtaken {MOST_TURNS} times"):
        turns.wait(Overtaken("commit 7"))
    assert len(waits) == MOST_TURNS - 1


@pytest.mark.parametrize("regions", [("us-east-1", "eu-west-1"), ()], ids=["shards", "the same"])
def test_processes_side_by_side_make_the_lake_of_one(
    regions: tuple[str, ...], directly: S3Place, tmp_path: Path
) -> None:
    ingest_and_check(tmp_path / "lake", ARCHIVE)
    scopes: list[tuple[str, ...]]
    scopes = [("--region", region) for region in regions] or [(), ()]
    command = [sys.executable, str(RUNNER), "ingest", str(ARCHIVE), "--quiet", "--workers", "1"]
    reach = ["--lake", directly.url, "--endpoint-url", str(directly.access.endpoint_url)]
    environment = os.environ | {"PYTHONPATH": str(RUNNER.parents[1])}

    with ExitStack() as stack:
        runs = [
            stack.enter_context(
                ended_with_the_test(
                    subprocess.Popen(
                        [*command, *reach, *scope], env=environment, stderr=subprocess.PIPE
                    )
                )
            )
            for scope in scopes
        ]
        said = [run.communicate(timeout=PATIENCE)[1] for run in runs]
    assert [run.returncode for run in runs] == [ExitCode.DONE] * 2, said
    ingest_and_check(directly, ARCHIVE)  # what neither was asked for
    ours, single = content(directly, ""), content(tmp_path / "lake", "")
    sources = [[row.pop("source_key") for row in rows] for rows, _ in (ours, single)]
    assert sorted(map(str, ours[0])) == sorted(map(str, single[0]))
    assert len(sources[0]) == len(sources[1])
    assert [row["key"] for row in ours[1]] == [row["key"] for row in single[1]]


def test_a_commit_asks_for_no_more_than_the_documentation_says(
    place: S3Place,
    proxy: Proxy,
    log_folder: LogFolder,
    at_once: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once(1)
    monkeypatch.setattr("analyzer.commit.TOGETHER_ON_S3", 1)
    commits: list[Counter[str]] = []

    class Watching(Silence):
        def committed(self, tally: Tally) -> None:
            del tally
            commits.append(proxy.counts())
            proxy.forget()

    for hour in range(5):
        time = f"2023-01-0{hour + 1}T09:58:00Z"
        months = [
            record(f"{hour}a", eventTime=time),
            record(f"{hour}b", eventTime="2023-02" + time[7:]),
        ]
        log_folder.put(log_key(f"1{hour}00"), months)
    ingest_and_check(place, log_folder.root, watcher=Watching())
    # The last batch's parts were put while the one before it was committed.
    assert commits[2:4] == [{"PUT": 4, "LIST": 1, "POST": 1}] * 2


def test_eight_batches_make_one_commit(
    place: S3Place, log_folder: LogFolder, at_once: Callable[[int], None]
) -> None:
    at_once(1)
    for hour in range(9):
        log_folder.put(log_key(f"1{hour}00"), [record(hour)])

    ingest_and_check(place, log_folder.root)

    # Eight batches, the ninth, and that all has been read.
    assert manifest.newest(lake_files(place)).number == 3
    assert len(rows(place, "FROM events")) == 9


def test_a_copy_in_other_words_is_found_in_another_batch_of_the_same_commit(
    place: S3Place, log_folder: LogFolder, at_once: Callable[[int], None]
) -> None:
    at_once(1)
    spread = json.dumps({"Records": [record(1)]}, indent=1).encode()
    log_folder.put(log_key("1000"), [record(1)])
    log_folder.put_bytes(log_key("1100"), gzip.compress(spread, mtime=0))

    ingest_and_check(place, log_folder.root)

    assert len(rows(place, "FROM events")) == 1
    assert rows(place, "SELECT sum(duplicates)::INT AS n FROM objects") == [{"n": 1}]


def test_passing_faults_change_nothing(
    place: S3Place,
    directly: S3Place,
    proxy: Proxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("analyzer.plan.BATCH_OBJECTS", 12)
    monkeypatch.setattr("analyzer.s3_retries.time.sleep", lambda _seconds: None)
    faults = [refusal(503, "SlowDown"), Answer(200, reset=True), refusal(500, "InternalError")]
    proxy.disturb(faults, one_in=10)

    ingest_and_check(place, ARCHIVE)
    compact(lake_files(place), lambda _done, _total: None)
    ingest_and_check(tmp_path / "lake", ARCHIVE)
    assert content(directly, "") == content(tmp_path / "lake", "")
    assert {"PUT", "GET"} <= set(proxy.faults)


def test_s3_that_takes_no_commit_is_3_and_the_lake_is_as_it_was(
    place: S3Place,
    proxy: Proxy,
    run: Command,
    log_folder: LogFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("analyzer.s3_retries.time.sleep", lambda _seconds: None)
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(place, log_folder.root)
    log_folder.put(log_key("1001"), [record(2)])
    proxy.answer("PUT", "/commits/", refusal(503, "SlowDown"))

    done = run(
        "ingest", log_folder.root, "--workers", 1, "--lake", place, "--endpoint-url", proxy.endpoint
    )
    assert (done.code, done.stdout) == (ExitCode.STORE_REFUSED, "")
    assert "commits/0000000003.json: cannot be written: SlowDown" in done.stderr
    assert ids_of(place) == ["id-1"]
    proxy.rules.clear()
    ingest_and_check(place, log_folder.root)
    assert ids_of(place) == ["id-1", "id-2"]


def test_orphans_are_deleted_when_they_are_old_and_counted_until_then(
    directly: S3Place, bucket: Bucket, run: Command, log_folder: LogFolder
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(directly, log_folder.root)
    files = lake_files(directly)
    left = [
        "digest_logs/part-dead.parquet",
        "digests/part-dead.parquet",
        "events/month=2023-01/part-dead.parquet",
        "objects/part-dead.parquet",
    ]
    for path in left:
        bucket.put(f"lake/{path}", b"of a run that was killed")
    bucket.put("lake/events/README.md", b"somebody else's")
    bucket.put("lake/commits/0000000000.json", b"{}")
    found = orphans(files)
    reach = ("--lake", directly.url, "--endpoint-url", directly.access.endpoint_url)

    assert sorted(each.path for each in found.files) == left
    told = run("status", *reach)
    assert "4 files, 96 bytes, belong to no commit" in told.stdout
    young = run("compact", "--orphans", *reach)
    assert "0 orphans deleted, 0 bytes" in young.stderr
    later = max(each.modified for each in found.files) + timedelta(seconds=1)
    assert sorted(each.path for each in remove_orphans(files, later)) == left
    kept = keys_below(bucket)
    assert not [key for key in kept if "dead" in key or "0000000000" in key]
    assert kept["lake/events/README.md"] == b"somebody else's"
    assert ids_of(directly) == ["id-1"]


def test_a_part_that_is_committed_while_the_files_are_listed_is_no_orphan(
    directly: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = lake_files(directly)
    manifest.create(files)
    files.write(part(1).path, b"of a run that is about to commit")
    listed = type(files).listed

    def then_committed(self: object, folder: str) -> Iterator[StoredFile]:
        yield from listed(self, folder)  # type: ignore[arg-type]
        if folder == "events":
            manifest.commit(files, Manifest(), Change(events=(part(1),)))

    assert [each.path for each in orphans(files).files] == [part(1).path]
    monkeypatch.setattr(type(files), "listed", then_committed)
    assert orphans(files).files == ()


def test_the_commits_that_are_kept_are_found_while_others_pass(
    place: S3Place, directly: S3Place, overtake: Overtake
) -> None:
    files = lake_files(directly)
    manifest.commit(files, Manifest(), Change())

    def two_commits() -> None:
        for number in range(2):
            manifest.commit(files, manifest.newest(files), Change(events=(part(number),)))

    overtake(two_commits, "GET")
    assert [each.number for each in manifest.kept_commits(lake_files(place))] == [2, 3]


def test_an_hour_is_the_youngest_that_an_orphan_can_be_deleted_at(run: Command) -> None:
    done = run("compact", "--orphans", "--older-than", "0.5", "--lake", "s3://bucket/lake")

    assert (done.code, "--older-than is 1 hour or more" in done.stderr) == (ExitCode.USAGE, True)


def test_the_ledgers_old_parts_wait_for_those_who_have_opened_the_lake(
    directly: S3Place, log_folder: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.ledger.MERGED_AT_ONCE", 2)
    files = lake_files(directly)
    for minute in ("1000", "1001"):
        log_folder.put(log_key(minute), [record(minute)])
        ingest_and_check(directly, log_folder.root)
    opened = manifest.newest(files)
    for minute in ("1002", "1003"):
        log_folder.put(log_key(minute), [record(minute)])
        ingest_and_check(directly, log_folder.root)

    assert not opened.paths() & {each.path for each in manifest.newest(files).objects}
    assert remove_orphans(files, datetime.now(UTC) + timedelta(days=1)) == []
    assert set(files.sizes(opened.paths())) == opened.paths()
    monkeypatch.setattr(manifest, "KEPT_RETIRED", timedelta(0))
    manifest.open_for_writing(files)
    assert not set(files.sizes(opened.paths())) & {each.path for each in opened.objects}
    assert manifest.commit(files, manifest.newest(files), Change()).retired == ()


def test_events_that_a_killed_commit_took_out_go_with_the_next_and_the_ledgers_parts_wait(
    directly: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, ledger = lake_files(directly), Part("objects/part-1.parquet", 1, 1)
    manifest.create(files)
    for each in (part(1), ledger):
        files.write(each.path, b"x")
    base = manifest.commit(files, Manifest(), Change(events=(part(1),), objects=(ledger,)))
    with monkeypatch.context() as patch:
        patch.setattr(type(files), "delete", lambda *_: None)
        manifest.commit(files, base, Change(removed=frozenset({part(1).path, ledger.path})))

    manifest.open_for_writing(files)
    assert set(files.sizes([part(1).path, ledger.path])) == {ledger.path}
    monkeypatch.setattr(manifest, "KEPT_RETIRED", timedelta(0))
    remove_orphans(files, datetime(2023, 1, 1, tzinfo=UTC))
    assert files.sizes([ledger.path]) == {}


def settings_of(place: S3Place, source: Path, *, max_object_bytes: int) -> IngestSettings:
    return IngestSettings(
        source=parse_source(str(source), S3Access()),
        lake=place,
        scope=Scope(),
        workers=1,
        max_object_bytes=max_object_bytes,
    )

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from analyzer import manifest
from analyzer.commit import Committer
from analyzer.errors import LakeError, Overtaken, StoreError, UsageError
from analyzer.local_lake import LocalLakeFiles
from analyzer.manifest import Change, Manifest, Part
from tests.conftest import NOW, ids_of, ingest_and_check, log_key, record, records_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LogFolder

HOLD_THE_LOCK = """
import sys
from pathlib import Path
from analyzer import manifest
from analyzer.local_lake import LocalLakeFiles
with manifest.exclusive(LocalLakeFiles(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lake(tmp_path: Path, log_folder: LogFolder) -> Path:
    """A lake of one commit."""
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(tmp_path / "lake", log_folder.root)
    return tmp_path / "lake"


def part(number: int) -> Part:
    return Part(f"events/month=2023-01/part-{number}.parquet", 1, 1)


def test_the_newest_manifest_is_the_lake(tmp_path: Path) -> None:
    files = LocalLakeFiles(tmp_path)

    lake = manifest.commit(files, Manifest(), Change(events=(part(1),), source="/a/"))
    lake = manifest.commit(files, lake, Change(objects=(part(2),), source="/b/"))
    assert manifest.newest(files) == lake
    assert (lake.number, lake.paths()) == (2, {part(1).path, part(2).path})
    assert lake.sources == ("/a/", "/b/")


def test_what_the_digests_say_stays_until_it_is_replaced(tmp_path: Path) -> None:
    files = LocalLakeFiles(tmp_path)
    first, second = (Part(f"digests/part-{number}.parquet", 1, 1) for number in (1, 2))
    logs = Part("digest_logs/part-1.parquet", 1, 1)

    lake = manifest.commit(files, Manifest(), Change(digests=(first,), digest_logs=(logs,)))
    lake = manifest.commit(files, lake, Change(events=(part(1),)))
    assert (lake.digests, lake.digest_logs) == ((first,), (logs,))
    assert lake.paths() == {first.path, logs.path, part(1).path}

    lake = manifest.commit(files, lake, Change(digests=(second,), removed=frozenset({first.path})))
    assert manifest.newest(files) == lake
    assert (lake.digests, lake.digest_logs) == ((second,), (logs,))


def test_a_commit_beyond_the_ninth_is_newer_than_the_ninth(tmp_path: Path) -> None:
    files = LocalLakeFiles(tmp_path)
    lake = Manifest(number=8)

    for number in (9, 10, 11):
        lake = manifest.commit(files, lake, Change())
        assert manifest.newest(files).number == number


def test_a_commit_knows_the_last_commits_that_it_is_built_on(tmp_path: Path) -> None:
    before = tuple(f"id-{number}" for number in range(manifest.KEPT_IDS))

    lake = manifest.commit(LocalLakeFiles(tmp_path), Manifest(ids=before), Change())
    assert lake.ids[:-1] == before[1:]
    assert lake.ids[-1] not in before


def test_in_a_folder_too_a_commit_does_not_take_anothers_place(tmp_path: Path) -> None:
    files = LocalLakeFiles(tmp_path)
    first = manifest.commit(files, Manifest(), Change(source="/first/"))

    with pytest.raises(Overtaken, match="another tlstrail has written commit 1 to this lake"):
        manifest.commit(files, Manifest(), Change(source="/second/"))
    assert manifest.newest(files) == first


def test_what_a_commit_takes_out_is_gone_and_the_rest_stays(tmp_path: Path) -> None:
    files = LocalLakeFiles(tmp_path)
    for number in (1, 2):
        files.write(part(number).path, b"x")
    lake = manifest.commit(files, Manifest(), Change(events=(part(1), part(2))))

    lake = manifest.commit(files, lake, Change(removed=frozenset({part(1).path})))
    assert lake.paths() == {part(2).path}
    assert files.names("events", "*/*") == [part(2).path]


def test_the_manifest_of_the_commit_before_stays_for_readers(tmp_path: Path) -> None:
    files = LocalLakeFiles(tmp_path)
    lake = Manifest()

    for number in range(1, 6):
        lake = manifest.commit(files, lake, Change())
        kept = [f"commits/{n:010}.json" for n in range(max(1, number - 1), number + 1)]
        assert files.names("commits", "*") == kept


def test_a_reader_overtaken_by_two_commits_reads_the_newest(tmp_path: Path) -> None:
    lake = manifest.commit(LocalLakeFiles(tmp_path), Manifest(), Change())

    class Behind(LocalLakeFiles):
        def read(self, path: str) -> bytes:
            """Let two commits pass between the listing and the reading, once."""
            if path.endswith("0000000001.json"):
                for _ in range(2):
                    newest = manifest.newest(LocalLakeFiles(tmp_path))
                    manifest.commit(LocalLakeFiles(tmp_path), newest, Change(source="/later/"))
            return super().read(path)

    found = manifest.newest(Behind(tmp_path))
    assert (lake.number, found.number, found.sources) == (1, 3, ("/later/",))


@pytest.mark.parametrize("version", ["format_version", "schema_version"])
def test_a_newer_lake_is_refused_for_reading_and_writing(
    lake: Path, log_folder: LogFolder, version: str
) -> None:
    head = json.loads((lake / "lake.json").read_bytes())
    (lake / "lake.json").write_text(json.dumps({**head, version: 99, "made_by": "tlstrail 9"}))
    before = sorted(lake.rglob("*"))

    with pytest.raises(LakeError, match=r"written by tlstrail 9 in format .*99.*upgrade"):
        records_of(lake)
    with pytest.raises(LakeError, match="upgrade"):
        ingest_and_check(lake, log_folder.root)
    assert sorted(lake.rglob("*")) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format_version": "1"}'])
def test_a_damaged_head_is_named(lake: Path, content: bytes) -> None:
    (lake / "lake.json").write_bytes(content)

    with pytest.raises(LakeError, match=r"lake.json cannot be read"):
        records_of(lake)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"number": "1"}'])
def test_a_damaged_commit_is_named(lake: Path, content: bytes) -> None:
    newest = max((lake / "commits").iterdir())
    newest.write_bytes(content)

    with pytest.raises(LakeError, match=f"{newest.stem}.json cannot be read"):
        records_of(lake)


def test_members_that_a_later_version_adds_to_a_manifest_are_passed_over(lake: Path) -> None:
    newest = max((lake / "commits").iterdir())
    newest.write_text(json.dumps({**json.loads(newest.read_bytes()), "added_later": [1]}))

    assert ids_of(lake) == ["id-1"]


def test_what_an_interrupted_run_left_behind_is_not_read_and_then_removed(
    lake: Path, log_folder: LogFolder
) -> None:
    [events] = lake.glob("events/*/*.parquet")
    [objects] = lake.glob("objects/*.parquet")
    orphans = [
        events.with_name("part-0123456789abcdef.parquet"),
        events.with_name("part-0123456789abcdef.1.parquet"),
        events.with_name("part-0123456789abcdef.parquet.unfinished"),
        objects.with_name("part-0123456789abcdef.parquet"),
        lake / "digests" / "part-0123456789abcdef.parquet",
        lake / "digest_logs" / "part-0123456789abcdef.parquet",
        lake / "commits" / "0000000000.json",
        lake / "commits" / "0000000099.json.unfinished",
        lake / "lake.json.unfinished",
    ]
    for orphan in orphans:
        orphan.parent.mkdir(exist_ok=True)
        orphan.write_bytes(events.read_bytes())

    assert ids_of(lake) == ["id-1"]
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1"]
    assert not any(orphan.exists() for orphan in orphans)


def test_a_run_killed_before_the_lake_was_made_stands_in_nobodys_way(
    tmp_path: Path, log_folder: LogFolder
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "lake.json.unfinished").write_bytes(b'{"form')
    (tmp_path / "lake" / ".lock").touch()

    ingest_and_check(tmp_path / "lake", log_folder.root)
    assert ids_of(tmp_path / "lake") == ["id-1"]


def test_somebody_elses_folder_is_refused_and_left_alone(
    tmp_path: Path, log_folder: LogFolder
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    (tmp_path / "home" / "events").mkdir(parents=True)
    letter = tmp_path / "home" / "events" / "part-x.parquet"
    letter.write_text("dear diary")

    with pytest.raises(LakeError, match=r"holds events and no lake\.json, so it is not a lake"):
        ingest_and_check(tmp_path / "home", log_folder.root)
    assert letter.read_text() == "dear diary"


def test_somebody_elses_files_in_a_lake_are_left_alone(lake: Path, log_folder: LogFolder) -> None:
    strangers = [lake / "notes.txt", lake / "events" / "README.md", lake / "commits" / "x.txt"]
    for stranger in strangers:
        stranger.write_text("mine")
    log_folder.put(log_key("1001"), [record(2)])

    ingest_and_check(lake, log_folder.root)
    assert [stranger.read_text() for stranger in strangers] == ["mine"] * 3


def test_a_file_that_cannot_take_its_place_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "lake.json" / "in the way").mkdir(parents=True)

    with pytest.raises(StoreError, match=r"lake\.json: cannot be written: .*nothing half-written"):
        LocalLakeFiles(tmp_path).write("lake.json", b"{}")
    assert list(tmp_path.glob("*.unfinished")) == []


def test_a_source_that_is_no_archive_leaves_no_lake_behind(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(UsageError, match="no CloudTrail objects under"):
        ingest_and_check(tmp_path / "lake", tmp_path / "empty")
    assert not (tmp_path / "lake" / "lake.json").exists()


def test_a_second_ingest_at_the_same_time_is_refused_until_the_first_ends(
    lake: Path, log_folder: LogFolder, repository: Path
) -> None:
    log_folder.put(log_key("1001"), [record(2)])

    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(lake)],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LakeError, match="another tlstrail is writing to this lake"):
            ingest_and_check(lake, log_folder.root)
        assert ids_of(lake) == ["id-1"]
        other.kill()
        other.wait()
    ingest_and_check(lake, log_folder.root)
    assert ids_of(lake) == ["id-1", "id-2"]


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("events/month=2023-01/part-ab.parquet", "events/month=2023-01/part-ab.1-"),
        ("events/month=2023-01/part-ab.9.parquet", "events/month=2023-01/part-ab.10-"),
        ("events/month=2023-01/part-ab.9-c0de.parquet", "events/month=2023-01/part-ab.10-"),
    ],
)
def test_a_part_written_anew_has_another_name_and_the_same_batch(path: str, after: str) -> None:
    anew = manifest.next_generation(path)

    assert (anew.startswith(after), anew.endswith(".parquet")) == (True, True)
    assert manifest.batch_of(path) == manifest.batch_of(anew) == "ab"


def test_two_who_write_a_part_anew_at_the_same_time_write_two_files() -> None:
    path = "events/month=2023-01/part-ab.1-c0de.parquet"

    assert manifest.next_generation(path) != manifest.next_generation(path)


@pytest.mark.parametrize(("parts", "batches"), [(0, 1), (3_999, 1), (4_000, 2), (1_000_000, 256)])
def test_one_commit_is_of_more_batches_where_a_lake_has_many_parts(
    tmp_path: Path, parts: int, batches: int
) -> None:
    lake = Manifest(events=(Part("events/month=2023-01/part-a.parquet", 1, 1),) * parts)
    committer = Committer(LocalLakeFiles(tmp_path), lake, "/", lambda: NOW, lambda rows: rows)

    assert committer.batches_a_commit() == batches

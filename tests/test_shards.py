"""Shards of an archive have nothing in common and leave nothing, and none passes for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.cli import run
from analyzer.errors import ExitCode
from analyzer.lake import Narrowing, open_lake
from analyzer.listing import Scope, list_objects
from analyzer.local_store import LocalStore
from analyzer.manifest import Manifest, Reading
from analyzer.shards import Shard, piece_of
from tests.conftest import ingest_and_check, log_key, record, records_of
from tests.test_readings import not_all_read

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.store import Page, Stretch
    from tests.conftest import LogFolder

MONTHS = ("2022/12", "2023/01", "2023/02")
ACCOUNTS = ("111122223333", "444455556666")


class Watched(LocalStore):
    """A folder, and what was listed of it."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"{root}/")
        self.listed: list[str] = []

    def page(self, stretch: Stretch) -> Page:
        self.listed.append(stretch.prefix)
        return super().page(stretch)


@given(
    of=st.integers(1, 20),
    account=st.one_of(st.none(), st.from_regex(r"\A[0-9]{12}\Z")),
    region=st.one_of(st.none(), st.sampled_from(["us-east-1", "eu-west-1"])),
    month=st.one_of(st.none(), st.dates().map(lambda day: f"{day:%Y-%m}")),
)
def test_every_piece_is_in_exactly_one_shard(
    of: int, account: str | None, region: str | None, month: str | None
) -> None:
    piece = piece_of("", account, region, month)

    assert sum(Shard(number, of).takes(piece) for number in range(1, of + 1)) == 1


@pytest.fixture
def odd_folder(log_folder: LogFolder) -> LogFolder:
    """Three months of two accounts, and what else lies in buckets."""
    for account in ACCOUNTS:
        for month in MONTHS:
            for day in ("01", "31"):
                log_folder.put(
                    log_key("0000", account=account, day=f"{month}/{day}"),
                    [record(f"{account}{month}{day}")],
                )
    region = f"AWSLogs/{ACCOUNTS[0]}/CloudTrail/eu-west-1"
    name = log_key("0000").rpartition("/")[2]
    log_folder.put(f"{region}/{name}", [record("a flattened copy")])
    log_folder.put(f"AWSLogs/{ACCOUNTS[1]}/CloudTrail/eu-west-1/old/{name}", [record("odd")])
    log_folder.put(f"AWSLogs/{ACCOUNTS[1]}/CloudTrail/eu-west-2/2023/{name}", [record("a year")])
    log_folder.put_bytes(f"AWSLogs/{ACCOUNTS[0]}/Config/us-east-1/x.json.gz", b"")
    log_folder.put_bytes("README.txt", b"")
    return log_folder


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=8,
)
@given(of=st.integers(1, 12))
def test_the_shards_of_an_archive_list_each_object_once(odd_folder: LogFolder, of: int) -> None:
    store = LocalStore(f"{odd_folder.root}/")

    listed = [
        log_object
        for number in range(1, of + 1)
        for log_object in list_objects(store, "", Scope(shard=Shard(number, of)))
    ]

    everything = list_objects(store, "", Scope())
    assert sorted(each.key for each in listed) == sorted(each.key for each in everything)


def test_a_shard_lists_no_month_that_is_not_in_it(odd_folder: LogFolder) -> None:
    region = f"AWSLogs/{ACCOUNTS[0]}/CloudTrail/us-east-1/"

    listed = []
    for number in (1, 2, 3):
        store = Watched(odd_folder.root)
        list(list_objects(store, "", Scope(shard=Shard(number, 3))))
        listed += [prefix for prefix in store.listed if prefix.startswith(region)]

    of_months = [prefix for prefix in listed if prefix.count("/") <= region.count("/") + 2]
    assert sorted(of_months) == [f"{region}{month}/" for month in MONTHS]


def test_which_shard_a_piece_is_in_never_changes() -> None:
    pieces = [piece_of(log_key("0000", day=f"2023/{month:02}/05")) for month in range(1, 13)]

    assert pieces[0] == "111122223333/us-east-1/2023-01"
    assert [shard_of(piece, 8) for piece in pieces] == [7, 3, 6, 6, 8, 2, 1, 4, 6, 8, 8, 8]


def shard_of(piece: str, of: int) -> int:
    return next(number for number in range(1, of + 1) if Shard(number, of).takes(piece))


def test_only_all_shards_together_have_read_all(odd_folder: LogFolder, tmp_path: Path) -> None:
    lake, whole = tmp_path / "lake", tmp_path / "whole"
    unread = []
    for number in (3, 1, 1, 2):
        ingest_and_check(lake, odd_folder.root, Scope(shard=Shard(number, 3)))
        unread.append(not_all_read(lake))

    assert unread == [1, 1, 1, 0]
    ingest_and_check(whole, odd_folder.root)
    assert [row["event_id"] for row in records_of(lake)] == [
        row["event_id"] for row in records_of(whole)
    ]
    with open_lake(lake, Narrowing()) as opened:
        assert opened.committed.shards == ()


def test_shards_of_another_number_or_another_reading_do_not_add_up() -> None:
    lake = Manifest()
    reading, other = Reading("/a/"), Reading("/a/", accounts=("111122223333",))

    for shard, of_what in (
        (Shard(1, 2), reading),
        (Shard(2, 3), reading),
        (Shard(2, 2), other),
    ):
        lake = lake.having_read(of_what, shard)

    assert lake.readings == ()
    assert lake.having_read(reading, Shard(2, 2)).readings == (reading,)
    third = Manifest().having_read(reading, Shard(1, 3))
    assert third.having_read(reading, Shard(2, 2)).readings == ()


@pytest.mark.parametrize("shard", ["0/8", "9/8", "1/0", "3", "x/8", "1/x", "-1/8", "auto/8"])
def test_a_shard_that_is_none_is_refused(
    shard: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_BATCH_JOB_ARRAY_INDEX", raising=False)

    assert run(["ingest", "s3://bucket", f"--shard={shard}"]) == ExitCode.USAGE
    assert f"--shard {shard}: " in capsys.readouterr().err


def test_an_array_job_counts_from_0_and_its_shards_from_1(
    odd_folder: LogFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in ("0", "1"):
        monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", index)
        lake = ["--lake", str(tmp_path / "lake"), "--workers", "1", "--quiet"]

        assert run(["ingest", str(odd_folder.root), "--shard", "auto/2", *lake]) == ExitCode.DONE

    assert not_all_read(tmp_path / "lake") == 0

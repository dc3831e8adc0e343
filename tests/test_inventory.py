from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import StoreError, UsageError
from analyzer.inventory import open_inventory
from analyzer.listing import LogObject, Scope
from analyzer.shards import Shard
from analyzer.source import parse_source
from analyzer.store import S3Access
from tests.conftest import log_key
from tests.inventories import AT, MODIFIED, Item, inventory, saved

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = ["CSV", "Parquet", "ORC"]
LOG = log_key("1000")


def listed(manifest: Path, source: str = "s3://trail", scope: Scope = Scope()) -> list[LogObject]:  # noqa: B008 (frozen)
    found = open_inventory(str(manifest), parse_source(source, S3Access()))
    return [LogObject(*row) for rows in found.rows(scope) for row in rows]


def keys(found: list[LogObject]) -> list[str]:
    return [each.key.removeprefix("s3://trail/") for each in found]


@pytest.mark.parametrize("etag", ["abc", '"abc"'])
@pytest.mark.parametrize("file_format", FORMATS)
def test_an_object_is_what_a_listing_would_say_of_it(
    tmp_path: Path, file_format: str, etag: str
) -> None:
    manifest = saved(tmp_path, inventory("trail", [Item(LOG, etag, 12)], file_format))

    assert listed(manifest) == [
        LogObject(
            key=f"s3://trail/{LOG}",
            etag='"abc"',
            size=12,
            last_modified=MODIFIED,
            storage_class="STANDARD",
            archived=False,
            account_id="111122223333",
            region="us-east-1",
            delivered_at=datetime(2023, 1, 5, 10, 0, tzinfo=UTC),
        )
    ]


@pytest.mark.parametrize("file_format", FORMATS)
def test_only_the_latest_version_counts_and_no_delete_marker(
    tmp_path: Path, file_format: str
) -> None:
    items = [
        Item(LOG, "old", is_latest=False),
        Item(LOG, "new"),
        Item(log_key("1001"), None, None, None, is_delete_marker=True),
        Item(log_key("1001"), "deleted", is_latest=False),
    ]
    manifest = saved(tmp_path, inventory("trail", items, file_format))

    assert [each.etag for each in listed(manifest)] == ['"new"']


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_archived_is_known_by_its_class_or_its_access_tier(
    tmp_path: Path, file_format: str
) -> None:
    items = [
        Item(log_key("1000"), "a", storage_class="GLACIER"),
        Item(log_key("1001"), "b", storage_class="DEEP_ARCHIVE"),
        Item(log_key("1002"), "c", storage_class="INTELLIGENT_TIERING", tier="ARCHIVE"),
        Item(log_key("1003"), "d", storage_class="INTELLIGENT_TIERING", tier="DEEP_ARCHIVE"),
        Item(log_key("1004"), "e", storage_class="INTELLIGENT_TIERING", tier="INFREQUENT"),
        Item(log_key("1005"), "f", storage_class="GLACIER_IR"),
        Item(log_key("1006"), "g"),
    ]
    manifest = saved(tmp_path, inventory("trail", items, file_format))

    assert [each.archived for each in listed(manifest)] == [True] * 4 + [False] * 3


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("name", ["a+b c/100%25/é/{x}~'&=?#", "plain", 'quoted "x", y'])
def test_a_prefix_of_any_shape_is_itself(tmp_path: Path, file_format: str, name: str) -> None:
    items = [Item(f"{name}/{LOG}", "a"), Item(f"other/{LOG}", "b")]
    manifest = saved(tmp_path, inventory("trail", items, file_format))

    assert keys(listed(manifest, f"s3://trail/{name}")) == [f"{name}/{LOG}"]


@pytest.mark.parametrize("file_format", FORMATS)
def test_several_files_are_one_inventory_each_read_piece_by_piece(
    tmp_path: Path, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.inventory.COPIED_AT_ONCE", 100)
    monkeypatch.setattr("analyzer.inventory_files.ROWS_AT_ONCE", 3)
    items = [Item(log_key(f"10{minute:02}"), "a") for minute in range(40)]
    manifest = saved(tmp_path, inventory("trail", items, file_format, files=3))

    assert keys(listed(manifest)) == [each.key for each in items]


def test_folders_of_other_logs_are_named_once(tmp_path: Path) -> None:
    account = "AWSLogs/111122223333"
    items = [
        Item(f"{account}/CloudTrail-Digest/us-east-1/2023/01/05/x.json.gz", "a"),
        Item(f"{account}/Config/us-east-1/1.json.gz", "b"),
        Item(f"{account}/Config/us-east-1/2.json.gz", "c"),
        Item(LOG, "d"),
        Item(f"{account}/CloudTrail/readme.txt", "e"),
    ]
    manifest = saved(tmp_path, inventory("trail", items))

    found = listed(manifest)
    skipped = {
        key.removeprefix(f"{account}/"): each.skipped
        for key, each in zip(keys(found), found, strict=True)
        if each.skipped
    }
    assert set(skipped) == {"CloudTrail-Digest/", "Config/", "CloudTrail/readme.txt"}
    assert len(found) == 4
    assert skipped["Config/"] == "not a CloudTrail log: Config (folder, not listed)"


def test_the_scope_is_that_of_a_listing(tmp_path: Path) -> None:
    places = [
        ("111122223333", "us-east-1", "2023/01/05"),
        ("111122223333", "eu-west-1", "2023/01/05"),
        ("444455556666", "us-east-1", "2023/01/05"),
        ("111122223333", "us-east-1", "2023/01/07"),
    ]
    items = [Item(log_key("1000", account=a, region=r, day=d), "e") for a, r, d in places]
    items.append(Item("AWSLogs/444455556666/Config/us-east-1/1.json.gz", "e"))
    manifest = saved(tmp_path, inventory("trail", items))

    scope = Scope(("111122223333",), ("us-east-1",), until=datetime(2023, 1, 6, tzinfo=UTC))
    assert keys(listed(manifest, scope=scope)) == [items[0].key]


def test_shards_have_nothing_in_common_and_leave_nothing(tmp_path: Path) -> None:
    months = [f"2023/{month:02}/05" for month in range(1, 13)]
    items = [Item(log_key("1000", day=day), "e") for day in months]
    items += [Item(f"AWSLogs/111122223333/{kind}/x.gz", "e") for kind in ("Config", "vpcflowlogs")]
    manifest = saved(tmp_path, inventory("trail", items))

    whole = keys(listed(manifest))
    shards = [keys(listed(manifest, scope=Scope(shard=Shard(n, 3)))) for n in (1, 2, 3)]
    assert sorted(key for shard in shards for key in shard) == sorted(whole)
    assert len(whole) == 14
    assert all(shards)


def test_a_copy_is_found_with_its_files_right_beside_it(tmp_path: Path) -> None:
    manifest = saved(tmp_path / "bucket", inventory("trail", [Item(LOG, "a")]))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (manifest, manifest.parents[1] / "data" / "0.csv"):
        shutil.copy(path, copy)

    assert keys(listed(copy / "manifest.json")) == [LOG]


def test_what_an_inventory_does_not_tell_is_named(tmp_path: Path) -> None:
    versions = ("is_latest", "is_delete_marker")
    lacking = ("last_modified_date", "intelligent_tiering_access_tier", *versions)
    manifest = saved(tmp_path, inventory("trail", [Item(LOG, "a")], without=lacking))
    found = open_inventory(str(manifest), parse_source("s3://trail", S3Access()))

    assert found.missing == ("LastModifiedDate", "IntelligentTieringAccessTier")
    assert found.at == AT
    assert listed(manifest)[0].last_modified is None


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_inventory_without_what_is_needed_is_refused(tmp_path: Path, file_format: str) -> None:
    items = [Item(LOG, "a")]
    bodies = inventory("trail", items, file_format, without=("e_tag", "storage_class"))

    with pytest.raises(UsageError, match="lacks ETag, StorageClass; add these fields"):
        listed(saved(tmp_path, bodies))


def test_an_inventory_of_another_bucket_is_refused(tmp_path: Path) -> None:
    manifest = saved(tmp_path, inventory("other", [Item(LOG, "a")]))

    with pytest.raises(UsageError, match="is of the bucket other, and not of trail"):
        listed(manifest)


def test_a_file_that_is_not_what_the_manifest_says_stops_the_run(tmp_path: Path) -> None:
    manifest = saved(tmp_path, inventory("trail", [Item(LOG, "a")]))
    (manifest.parents[1] / "data" / "0.csv").write_bytes(b"")

    with pytest.raises(StoreError, match=r"0\.csv: its MD5 is d41d8cd98f00b204e9800998ecf8427e"):
        listed(manifest)


def test_an_inventory_in_another_format_is_refused(tmp_path: Path) -> None:
    manifest = saved(tmp_path, inventory("trail", [Item(LOG, "a")]))
    manifest.write_text(manifest.read_text().replace('"CSV"', '"Avro"'))

    with pytest.raises(UsageError, match="CSV, Parquet or ORC; this one is Avro"):
        listed(manifest)


def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"{tmp_path}: cannot be read: Is a directory"):
        listed(tmp_path)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    manifest = saved(tmp_path, inventory("trail", [Item(LOG, "a")]))
    (manifest.parents[1] / "data" / "0.csv").unlink()

    with pytest.raises(UsageError, match=r"0\.csv: there is no such file"):
        listed(manifest)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_damaged_file_is_named(tmp_path: Path, file_format: str) -> None:
    manifest = saved(tmp_path, inventory("trail", [Item(LOG, "a")], file_format))
    text = manifest.read_text()
    manifest.write_text(text.replace("MD5checksum", "unchecked"))
    [file] = (manifest.parents[1] / "data").iterdir()
    file.write_bytes(file.read_bytes()[:20])

    with pytest.raises(StoreError, match=f"data/0.{file_format.lower()}: cannot be read"):
        listed(manifest)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sourceBucket": 1}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)

    with pytest.raises(UsageError, match=r"is not the manifest\.json of an S3 Inventory"):
        listed(path)


def test_a_folder_has_no_inventory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the source is a folder"):
        listed(tmp_path / "manifest.json", str(tmp_path))

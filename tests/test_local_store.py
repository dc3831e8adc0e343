from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import StoreError
from analyzer.local_store import LocalStore
from analyzer.store import NotFetched, Stretch
from tests.conftest import ingest_and_check, log_bytes, objects_of, record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LogFolder

# What sorts otherwise by folder than by key: "a-b" < "a/" and "a.x" < "a/", but "a0" > "a/".
NAMES = ["a/z", "a-b", "a.x", "a0", "a/b/c", "a/b.d", "Z", "ä", "a/ü", "~", "0", "😀"]


@pytest.fixture
def store(log_folder: LogFolder) -> LocalStore:
    for name in NAMES:
        log_folder.put_bytes(name, name.encode())
    return LocalStore(f"{log_folder.root}/")


def keys(
    store: LocalStore, prefix: str = "", after: str = "", before: str | None = None
) -> list[str]:
    return sorted(stored.key for stored in objects_of(store, prefix, after, before))


def test_every_file_is_listed_once(store: LocalStore) -> None:
    assert keys(store) == sorted(NAMES)


def test_a_page_is_a_folder_in_the_order_in_which_s3_lists_it(store: LocalStore) -> None:
    page = store.page(Stretch("", "a/b", "~"))

    assert [stored.key for stored in page.objects] == ["a0"]
    assert page.rest == (Stretch("a/", "a/b", "~"),)


@pytest.mark.parametrize("after", ["", "a", "a-b", "a.x", "a/", "a/b", "a/b.d", "a/b/c", "b", "~"])
@pytest.mark.parametrize("before", [None, "a", "a/", "a/b/c", "a/c", "a0", "~~"])
def test_both_bounds_are_exclusive_and_cut_through_folders(
    store: LocalStore, after: str, before: str | None
) -> None:
    def within(name: str) -> bool:
        return name > after and (before is None or name < before)

    assert keys(store, after=after, before=before) == sorted(filter(within, NAMES))


def test_a_prefix_is_a_folder(store: LocalStore) -> None:
    assert keys(store, "a/") == ["a/b.d", "a/b/c", "a/z", "a/ü"]


def test_one_level_tells_folders_from_objects(store: LocalStore) -> None:
    level = store.folder("a/")

    assert level.folders == ("a/b/",)
    assert [stored.key for stored in level.objects] == ["a/b.d", "a/z", "a/ü"]


def test_an_object_has_its_size_and_its_bytes(store: LocalStore) -> None:
    stored = objects_of(store, "a/", "a/y", None)[0]

    assert (stored.key, stored.size, stored.archived) == ("a/z", 3, False)
    assert store.get(stored.key, stored.etag) == b"a/z"


def test_what_has_changed_since_it_was_listed_is_not_read(
    store: LocalStore, log_folder: LogFolder
) -> None:
    stored = objects_of(store, "a/", "a/y", None)[0]
    log_folder.put_bytes("a/z", b"another content")

    with pytest.raises(NotFetched, match="changed since it was listed") as refusal:
        store.get(stored.key, stored.etag)
    assert (refusal.value.status, refusal.value.retry) == ("refused", True)


def test_another_content_of_the_same_size_has_another_etag(
    store: LocalStore, log_folder: LogFolder
) -> None:
    before = objects_of(store, "a/", "a/y", None)[0]
    path = log_folder.root / "a/z"
    path.write_bytes(b"a/y")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))

    assert objects_of(store, "a/", "a/y", None)[0].etag != before.etag


def test_what_is_gone_since_it_was_listed_is_missing(
    store: LocalStore, log_folder: LogFolder
) -> None:
    stored = objects_of(store, "a/", "a/y", None)[0]
    log_folder.delete("a/z")

    with pytest.raises(NotFetched, match="gone since it was listed") as refusal:
        store.get(stored.key, stored.etag)
    assert refusal.value.status == "missing"


def test_what_cannot_be_read_is_refused_with_the_systems_word(
    store: LocalStore, log_folder: LogFolder
) -> None:
    stored = objects_of(store, "a/", "a/y", None)[0]
    log_folder.delete("a/z")
    (log_folder.root / "a/z").mkdir()

    with pytest.raises(NotFetched, match="cannot be read: Is a directory") as refusal:
        store.get(stored.key, stored.etag)
    assert refusal.value.status == "refused"


def test_a_folder_that_cannot_be_read_is_the_stores_refusal(store: LocalStore) -> None:
    with pytest.raises(StoreError, match="nowhere/: cannot be read: No such file"):
        store.folder("nowhere/")


def test_what_is_neither_file_nor_folder_is_not_listed(
    store: LocalStore, log_folder: LogFolder
) -> None:
    os.mkfifo(log_folder.root / "a" / "pipe.json.gz")

    assert keys(store, "a/") == ["a/b.d", "a/b/c", "a/z", "a/ü"]


def test_a_link_that_leads_nowhere_is_listed_and_then_missing(
    store: LocalStore, log_folder: LogFolder
) -> None:
    (log_folder.root / "a" / "dangling.json.gz").symlink_to("nowhere")

    assert "a/dangling.json.gz" in keys(store, "a/")
    with pytest.raises(NotFetched) as refusal:
        store.get("a/dangling.json.gz", "any")
    assert refusal.value.status == "missing"


def test_a_name_that_is_no_unicode_does_not_stop_an_ingest(
    tmp_path: Path, log_folder: LogFolder
) -> None:
    log_folder.put("good.json.gz", [record(1)])
    strange = os.fsencode(log_folder.root) + b"/\xff.json.gz"
    with open(strange, "wb") as file:  # noqa: PTH123 (a Path would be no different, a bytes name is)
        file.write(log_bytes([record(2)]))

    summary = ingest_and_check(tmp_path / "lake", log_folder.root)
    assert summary.tally.records >= 1

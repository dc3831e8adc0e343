"""Several objects are under way at a time, in order, bounded, and ahead of who takes them."""

from __future__ import annotations

from threading import Barrier, Event, Lock
from typing import TYPE_CHECKING

import pytest

from analyzer import batch as batches
from analyzer import fetch as fetching
from analyzer.batch import Batch, Task, bodies_of, expect_batch
from analyzer.errors import StoreError
from analyzer.fetch import Fetcher, fetch
from analyzer.listing import LogObject
from analyzer.source import Source
from analyzer.store import Folder, NotFetched, S3Access
from tests import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from analyzer.store import Page, Stretch


class Remote:
    """A store of which every key is there, and answers what `answer` says."""

    root = "s3://bucket/"
    reads_in_flight = 4
    listings_in_flight = 1

    def __init__(self, answer: Callable[[str], bytes] = str.encode) -> None:
        self.asked: list[str] = []
        self.versions: set[tuple[str, int | None]] = set()
        self._answer = answer
        self._lock = Lock()

    def get(self, key: str, etag: str, size: int | None = None) -> bytes:
        with self._lock:
            self.asked.append(key)
            self.versions.add((etag, size))
        return self._answer(key)

    def folder(self, prefix: str) -> Folder:
        raise NotImplementedError(prefix)

    def page(self, stretch: Stretch) -> Page:
        raise NotImplementedError(stretch)

    def metadata(self, key: str) -> None:
        raise NotImplementedError(key)

    def take_retries(self) -> int:
        return 0


def objects(*keys: str, size: int = 1) -> list[LogObject]:
    return [
        LogObject(f"s3://bucket/{key}", "e", size, None, "STANDARD", False, None, None, None)  # noqa: FBT003
        for key in keys
    ]


def numbered(count: int, first: int = 0) -> list[LogObject]:
    return objects(*(f"{number:03}" for number in range(first, first + count)))


def test_objects_come_in_order_with_their_bytes() -> None:
    store = Remote()
    bodies = list(fetch(store, numbered(50)))

    assert store.versions == {("e", 1)}
    assert [body for _, body in bodies] == [b"%03d" % number for number in range(50)]
    assert [each.key for each, _ in bodies] == [each.key for each in numbered(50)]


def test_as_many_are_under_way_as_the_store_takes_at_a_time() -> None:
    together = Barrier(4)  # broken, and so an error, unless four come together

    def answer(key: str) -> bytes:
        together.wait(timeout=PATIENCE)
        return key.encode()

    assert len(list(fetch(Remote(answer), numbered(8)))) == 8


def test_the_next_batch_is_asked_for_while_this_one_is_taken() -> None:
    store, both_asked = Remote(), Event()
    fetcher = Fetcher(store)

    def answer(key: str) -> bytes:
        if key == "004":
            both_asked.set()
        return key.encode()

    vars(store)["_answer"] = answer
    fetcher.expect(numbered(3))
    fetcher.expect(numbered(3, first=3))
    taking = fetcher.take(3)
    next(taking)

    assert both_asked.wait(PATIENCE)
    assert len(list(taking)) == 2
    assert [body for _, body in fetcher.take(3)] == [b"003", b"004", b"005"]


def test_no_more_bytes_are_asked_for_than_may_be_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "BYTES_IN_FLIGHT", 30)
    fourth, came_with_the_first = Event(), []

    def answer(key: str) -> bytes:
        if key == "d":
            fourth.set()
        if key == "a":  # the fourth waits until this one is taken
            came_with_the_first.append(fourth.wait(0.3))
        return key.encode()

    fetcher = Fetcher(Remote(answer))
    fetcher.expect(objects("a", "b", "c", "d", "e", size=10))
    fetcher.expect(objects("large", size=100))
    bodies = [body for _, body in fetcher.take(6)]

    assert came_with_the_first == [False]
    assert bodies == [b"a", b"b", b"c", b"d", b"e", b"large"]


def test_as_many_bytes_are_in_flight_at_the_end_as_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "BYTES_IN_FLIGHT", 30)
    together = Barrier(3)  # broken, and so an error, unless three come together each time
    refusing = Event()

    def answer(key: str) -> bytes:
        if refusing.is_set():
            raise StoreError("no")
        together.wait(timeout=PATIENCE)
        return key.encode()

    fetcher = Fetcher(Remote(answer))
    fetcher.expect(objects(*"abcdefghi", size=10))
    assert len(list(fetcher.take(9))) == 9

    refusing.set()
    fetcher.expect(objects(*"jkl", size=10))
    with pytest.raises(StoreError):
        list(fetcher.take(3))
    refusing.clear()
    fetcher.expect(objects(*"mno", size=10))
    assert len(list(fetcher.take(3))) == 3


def test_a_store_that_refuses_is_asked_for_nothing_more() -> None:
    refused = Event()

    def answer(key: str) -> bytes:
        if key == "000":
            refused.set()
            raise StoreError("no")
        refused.wait(PATIENCE)
        return key.encode()

    store = Remote(answer)
    fetcher = Fetcher(store)
    fetcher.expect(numbered(500))

    with pytest.raises(StoreError, match="no"):
        list(fetcher.take(500))
    asked = len(store.asked)
    fetcher.expect(objects("another"))

    assert [body for _, body in fetcher.take(1)] == [b"another"]
    assert asked <= 8


def test_an_object_that_is_not_given_comes_with_the_reason() -> None:
    def answer(key: str) -> bytes:
        raise NotFetched("missing", key)

    ((_, outcome),) = fetch(Remote(answer), objects("gone"))

    assert isinstance(outcome, NotFetched)
    assert (outcome.status, outcome.reason) == ("missing", "gone")


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_each_batch_gets_its_own_objects_in_whatever_order_they_are_read(
    order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(batches, "open_store", lambda _: Remote())
    task = Task(Source("s3://bucket/", f"{tmp_path}", S3Access()), tmp_path, 1)
    made = [Batch(str(number), tuple(numbered(3, first=3 * number))) for number in range(3)]
    for batch in made:
        expect_batch(task, batch)

    for number in order:
        read = [log_object for log_object, _ in bodies_of(task, made[number])]

        assert read == list(made[number].objects)

"""The bytes of each object of a batch, several at a time, in the batch's order, and ahead of it."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from analyzer.interrupts import let_go
from analyzer.store import NotFetched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from analyzer.listing import LogObject
    from analyzer.store import Store

BYTES_IN_FLIGHT = 64 * 1024 * 1024


def fetch(
    store: Store, objects: Sequence[LogObject]
) -> Iterator[tuple[LogObject, bytes | NotFetched]]:
    """Yield each object with its bytes, or with why they could not be had.

    At most `BYTES_IN_FLIGHT` are asked for at a time, a single larger object aside.
    """
    if store.reads_in_flight == 1:
        for log_object in objects:
            yield log_object, _get(store, log_object)
        return
    fetcher = Fetcher(store)
    fetcher.expect(objects)
    yield from fetcher.take(len(objects))


class Fetcher:
    """Asks for objects in the order in which they are expected, as far ahead as is bounded.

    What is expected next is asked for while what came before is decoded and written, so that
    only the first bytes of the first batch are waited for.
    """

    def __init__(self, store: Store) -> None:
        """Nothing has been asked for yet."""
        self._store = store
        self._threads: ThreadPoolExecutor | None = None
        self._expected: deque[LogObject] = deque()
        self._asked: deque[tuple[LogObject, Future[bytes | NotFetched]]] = deque()
        self._bytes_in_flight = 0

    def expect(self, objects: Sequence[LogObject]) -> None:
        """Ask for these after all that is expected already."""
        self._expected.extend(objects)
        self._ask()

    def take(self, count: int) -> Iterator[tuple[LogObject, bytes | NotFetched]]:
        """Yield the first `count` of what is expected, with the bytes or why there are none."""
        try:
            for _ in range(count):
                log_object, body = self._asked.popleft()
                yield log_object, body.result()
                self._bytes_in_flight -= log_object.size
                self._ask()
        except BaseException as error:
            # When S3 refuses as a whole, the requests that wait would only find out one by one.
            self._forget()
            if self._threads is not None:
                let_go(self._threads, error)
                self._threads = None
            raise
        if not self._asked:
            self.close()

    def close(self) -> None:
        """Ask for nothing more, and forget what is expected."""
        self._forget()
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None

    def _forget(self) -> None:
        self._expected.clear()
        self._asked.clear()
        self._bytes_in_flight = 0

    def _ask(self) -> None:
        """Ask for as much of what is expected as may be in flight."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._store.reads_in_flight)
        while self._expected and (
            not self._asked
            or (
                self._bytes_in_flight + self._expected[0].size <= BYTES_IN_FLIGHT
                and len(self._asked) < 2 * self._store.reads_in_flight
            )
        ):
            log_object = self._expected.popleft()
            self._asked.append((log_object, self._threads.submit(_get, self._store, log_object)))
            self._bytes_in_flight += log_object.size


def _get(store: Store, log_object: LogObject) -> bytes | NotFetched:
    try:
        key = log_object.key.removeprefix(store.root)
        return store.get(key, log_object.etag, log_object.size)
    except NotFetched as outcome:
        return outcome

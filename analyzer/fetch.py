"""The bytes of each object of a batch, several at a time and in the batch's order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

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
    threads = ThreadPoolExecutor(store.reads_in_flight)
    try:
        asked: deque[tuple[LogObject, Future[bytes | NotFetched]]] = deque()
        in_flight = 0
        for log_object in objects:
            while asked and (
                in_flight + log_object.size > BYTES_IN_FLIGHT
                or len(asked) >= 2 * store.reads_in_flight
            ):
                first, body = asked.popleft()
                yield first, body.result()
                in_flight -= first.size
            asked.append((log_object, threads.submit(_get, store, log_object)))
            in_flight += log_object.size
        while asked:
            first, body = asked.popleft()
            yield first, body.result()
    finally:
        # When S3 refuses as a whole, the requests that wait would only find out one by one.
        threads.shutdown(cancel_futures=True)


def _get(store: Store, log_object: LogObject) -> bytes | NotFetched:
    try:
        key = log_object.key.removeprefix(store.root)
        return store.get(key, log_object.etag, log_object.size)
    except NotFetched as outcome:
        return outcome

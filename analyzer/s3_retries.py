"""Asking S3 again: after a while that grows, not for ever, and less at once when it says so.

obstore could ask again by itself, but would not tell: what it does cannot be counted, and an
answer of SlowDown would leave as many requests under way as before. The time between two
attempts is botocore's, as it is for what botocore asks.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Condition, Lock
from typing import TYPE_CHECKING, TypeVar

from botocore.retries.standard import ExponentialBackoff, RetryContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ATTEMPTS = 9
"""How often one request is made. Eight waits take 45 s on average, 91 s at most."""

PATIENCE_SECONDS = 120
"""How long after the first attempt another may begin; a server that stalls uses this up."""

LEAST_AT_ONCE = 2
"""However often S3 says SlowDown, so many requests may be under way."""

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; a KMS key has a limit
# of its own, which S3 passes on under KMS's name.
THROTTLED = frozenset(
    {
        "SlowDown",
        "503",
        "429",
        "ServiceUnavailable",
        "BandwidthLimitExceeded",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "KMS.ThrottlingException",
    }
)
PASSING = THROTTLED | {
    "InternalError",
    "RequestTimeout",
    "500",
    "502",
    "504",
    # Of a put on a condition: two came into each other's way, and the object may not be there.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    "ConditionalRequestConflict",
    "OperationAborted",
    # How a connection failed, in obstore's words, and an answer that is shorter than listed.
    "Connect",
    "Request",
    "Interrupted",
    "Timeout",
    "Incomplete",
}
"""What may go well when it is asked for again."""

Answer = TypeVar("Answer")


class NotNow(Exception):
    """S3 did not give what it may give when asked again; `code` is one of `PASSING`."""

    def __init__(self, code: str) -> None:
        """`code` is S3's own, an HTTP status, or how the connection failed."""
        super().__init__(code)
        self.code = code


class Retries:
    """Makes requests until they are answered. For many threads, which share what S3 can bear."""

    def __init__(self, at_once: int) -> None:
        """At most `at_once` requests are under way, of as many threads."""
        self.window = Window(at_once)
        self._backoff = ExponentialBackoff()
        self._counting = Lock()
        self._again = 0
        self._given_up_in_a_row = 0

    def answer(self, request: Callable[[], Answer]) -> Answer:
        """Return what `request` returns, as soon as it does; raise the last of its `NotNow`s."""
        start = time.monotonic()
        attempt = 1
        while True:
            try:
                with self.window.one():
                    answered = request()
            except NotNow:
                wait = self._backoff.delay_amount(RetryContext(attempt))
                if attempt == ATTEMPTS or time.monotonic() + wait > start + PATIENCE_SECONDS:
                    with self._counting:
                        self._given_up_in_a_row += 1
                    raise
                self.count(1)
                attempt += 1
                time.sleep(wait)
            else:
                self._given_up_in_a_row = 0
                return answered

    @property
    def given_up_in_a_row(self) -> int:
        """How many requests were given up since one was answered."""
        return self._given_up_in_a_row

    def count(self, again: int) -> None:
        """Count requests that had to be made again."""
        with self._counting:
            self._again += again

    def take(self) -> int:
        """Return how many requests were made again since this was last asked."""
        with self._counting:
            again, self._again = self._again, 0
        return again


class Window:
    """How many requests may be under way at once: TCP's congestion window.

    SlowDown halves it, once for all that was under way by then; each answer opens it a
    little, so that it grows by one in the time that all of it takes.
    """

    def __init__(self, most: int) -> None:
        """It is wide open at first."""
        self._most = most
        self._size = float(most)
        self._under_way = 0
        self._begun = 0
        self._begun_at_last_cut = 0
        self._changed = Condition()

    @property
    def size(self) -> int:
        """How many requests may be under way now."""
        return int(self._size)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait until another request may begin; the block is the request."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self.size)
            self._under_way += 1
            self._begun += 1
            number = self._begun
        try:
            yield
        except NotNow as refused:
            if refused.code in THROTTLED:
                self._narrow(number)
            raise
        else:
            self._widen()
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def _narrow(self, number: int) -> None:
        with self._changed:
            if number > self._begun_at_last_cut:
                self._size = max(self._size / 2, LEAST_AT_ONCE)
                self._begun_at_last_cut = self._begun

    def _widen(self) -> None:
        with self._changed:
            if self._size < self._most:
                self._size = min(self._size + 1 / self._size, self._most)
                self._changed.notify()

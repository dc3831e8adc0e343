"""What can go wrong, and the exit code that says so.

    TlstrailError
    ├── QueryError        1    a query failed
    │   └── NotAQuery     2    no statement, several, or one that does more than read
    ├── UsageError        2    what was asked cannot be done
    ├── StoreError        3    the store refused: credentials, bucket, disk
    ├── WorkerLost        3    a worker process died, or could not be started
    ├── ClusterError      3    a Dask cluster cannot be reached, or was lost
    ├── LakeError         5    the lake is missing, unreadable or of another format
    │   └── Overtaken          another has written this commit; most often it is tried again
    ├── NothingVerified   4    an archive without digests
    └── LogRefused        -    one log object is not taken; collected, 4 at the end

6 is no error: a report was written, and says what `--fail-on` watches for.

Foreign exceptions are translated where the foreign call is made; `cli` alone
turns these into a message and an exit code.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The contract with scripts; design and README list the same numbers."""

    DONE = 0
    QUERY_FAILED = 1
    USAGE = 2
    STORE_REFUSED = 3
    INCOMPLETE = 4
    LAKE_UNUSABLE = 5
    ALARM = 6
    INTERRUPTED = 130


class TlstrailError(Exception):
    """The parent of every error that tlstrail raises on purpose."""

    exit_code: ClassVar[ExitCode]


class QueryError(TlstrailError):
    """A query could not be parsed or run."""

    exit_code = ExitCode.QUERY_FAILED


class NotAQuery(QueryError):
    """What was given is not one statement that reads."""

    exit_code = ExitCode.USAGE


class UsageError(TlstrailError):
    """What was asked cannot be done: an unknown report, a source that is no archive."""

    exit_code = ExitCode.USAGE


class StoreError(TlstrailError):
    """The store refused as a whole: no credentials, no such bucket, disk full."""

    exit_code = ExitCode.STORE_REFUSED


class WorkerLost(TlstrailError):
    """A worker process died, most often killed for want of memory, or could not be started."""

    exit_code = ExitCode.STORE_REFUSED


class ClusterError(TlstrailError):
    """A Dask cluster cannot be reached, has no workers, or was lost on the way."""

    exit_code = ExitCode.STORE_REFUSED


class LakeError(TlstrailError):
    """The lake is missing, unreadable, in use, or of another format version."""

    exit_code = ExitCode.LAKE_UNUSABLE


class Overtaken(LakeError):
    """Another has written the commit that this one was about to write."""


class NothingVerified(TlstrailError):
    """An archive has no digests, and what cannot be verified does not pass for valid."""

    exit_code = ExitCode.INCOMPLETE


class LogRefused(TlstrailError):
    """One log object cannot be taken; `reason` names why in a few words."""

    exit_code = ExitCode.INCOMPLETE

    def __init__(self, reason: str) -> None:
        """`reason` goes to the ledger as it stands."""
        super().__init__(reason)
        self.reason = reason


def part_gone(place: str, error: FileNotFoundError) -> LakeError:
    """Return what to raise where nobody has committed and yet a part of the lake is missing."""
    return LakeError(f"{place}: {error}: a part is gone")


def first_line(error: Exception) -> str:
    """Return what a foreign error says, without the pages that some add."""
    return str(error).strip().partition("\n")[0]

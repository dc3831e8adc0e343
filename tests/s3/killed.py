"""Runs the command line in small batches, killed before its Nth request that changes a lake on S3.

python -m tests.s3.killed N ingest …     without a kill for -1; prints how many there were
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import obstore

from analyzer import ledger, plan
from analyzer.cli import run
from tests.crash_runner import MERGED_AT_ONCE, OBJECTS_IN_A_BATCH

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """Do what the command line says."""
    kill_at, *command = sys.argv[1:]
    seen = 0

    def counted(request: Callable[..., Any]) -> Callable[..., Any]:
        def here(*arguments: object, **options: object) -> object:
            nonlocal seen
            if seen == int(kill_at):
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1
            return request(*arguments, **options)

        return here

    obstore.put = counted(obstore.put)
    obstore.delete = counted(obstore.delete)
    ledger.MERGED_AT_ONCE = MERGED_AT_ONCE
    plan.BATCH_OBJECTS = OBJECTS_IN_A_BATCH
    code = run(command)
    print(seen)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())

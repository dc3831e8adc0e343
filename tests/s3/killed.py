"""Runs the command line in small batches, killed before its Nth request that changes a lake on S3.

python -m tests.s3.killed N ingest …     without a kill for -1; prints which they were
"""

from __future__ import annotations

import json
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
    seen: list[object] = []

    def counted(request: Callable[..., Any]) -> Callable[..., Any]:
        def here(store: object, paths: object, *more: object, **options: object) -> object:
            if len(seen) == int(kill_at):
                os.kill(os.getpid(), signal.SIGKILL)
            seen.append(paths)
            return request(store, paths, *more, **options)

        return here

    obstore.put = counted(obstore.put)
    obstore.delete = counted(obstore.delete)
    ledger.MERGED_AT_ONCE = MERGED_AT_ONCE
    plan.BATCH_OBJECTS = OBJECTS_IN_A_BATCH
    code = run(command)
    print(json.dumps(seen))  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())

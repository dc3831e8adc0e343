"""`python -m analyzer`, and the `tlstrail` command."""

from __future__ import annotations

import os
import sys

from analyzer.own_process import leave_out_frames


def main() -> None:
    """Run the command line and exit with its code."""
    leave_out_frames()
    from analyzer.cli import run  # noqa: PLC0415 (an import error is then a traceback of ours)
    from analyzer.errors import ExitCode  # noqa: PLC0415

    code = run(sys.argv[1:])
    if code == ExitCode.INTERRUPTED:
        # Nobody waits for threads that ask S3 again and again, as the interpreter's end would.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()

"""`python -m analyzer`, and the `tlstrail` command."""

from __future__ import annotations

import sys

from analyzer.own_process import leave_out_frames


def main() -> None:
    """Run the command line and exit with its code."""
    leave_out_frames()
    from analyzer.cli import run  # noqa: PLC0415 (an import error is then a traceback of ours)

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

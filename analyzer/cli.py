"""The command line: each command parses, and nothing else; here is what they have in common.

Options become a frozen settings object, a command is one call, and it returns an exit code.
stdout is data, stderr is talk.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError

from analyzer import __version__
from analyzer.cli_ask import (
    report_command,
    shell_command,
    sql_command,
    status_command,
    verify_command,
    views_command,
)
from analyzer.cli_ingest import compact_command, ingest_command, restore_command
from analyzer.errors import ExitCode, TlstrailError
from analyzer.interrupts import ctrl_c_counts
from analyzer.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence


app = App(
    name="tlstrail",
    help=(
        'Who connected to AWS with TLS 1.0 or 1.1, since when, and is "nobody" proven? '
        "Answers from the CloudTrail archive you already have, in S3 or copied to disk."
    ),
    help_epilogue=(
        "Exit codes: 0 done · 1 a query failed · 2 usage · 3 the store refused · 4 finished, but "
        "objects were left out or are not valid (they are named) · 5 no usable lake · 6 the report "
        "was written, and --fail-on found cause for alarm · 130 interrupted"
    ),
    version=f"tlstrail {__version__}",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

for command in (
    ingest_command,
    restore_command,
    compact_command,
    verify_command,
    report_command,
    sql_command,
    shell_command,
    views_command,
    status_command,
):
    app.command(command, name=command.__name__.removesuffix("_command"))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    try:
        with ctrl_c_counts():
            code = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        say(f"{error}\nSee: tlstrail --help")
        return ExitCode.USAGE
    except TlstrailError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted; the lake is whole: run the same command again to go on")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    return int(code) if isinstance(code, int) else ExitCode.DONE

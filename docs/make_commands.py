"""Write every command and option into docs/commands.md, as the command line itself has them.

python docs/make_commands.py            writes the page where it differs
python docs/make_commands.py --check    writes nothing; exit code 1 where it differs
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from analyzer.cli import app

PAGE = Path(__file__).with_name("commands.md")
_MADE = re.compile(r"(<!-- commands -->\n).*(<!-- end of commands -->\n)", re.DOTALL)


def main() -> int:
    """Write or check the page; return the exit code."""
    written = PAGE.read_text(encoding="utf-8")
    page = _MADE.sub(lambda marks: f"{marks[1]}{commands()}{marks[2]}", written)
    if page == written:
        return 0
    if sys.argv[1:] == ["--check"]:
        print(f"{PAGE.name} is not what the command line says; run: make commands")
        return 1
    PAGE.write_text(page, encoding="utf-8")
    print(f"{PAGE.name}: written")
    return 0


def commands() -> str:
    """Return the commands with their arguments and options, as Markdown."""
    made = app.generate_docs(output_format="markdown", usage_name="tlstrail")
    return f"{made[made.index('## tlstrail ') :].rstrip()}\n"


if __name__ == "__main__":
    sys.exit(main())

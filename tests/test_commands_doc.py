"""docs/commands.md has every option, every variable and every extra."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from analyzer.executors import KEEP_MEMORY

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_the_commands_are_as_the_command_line_has_them() -> None:
    # As a process: cyclopts puts how Python was started into what it says of usage.
    check = [sys.executable, str(ROOT / "docs" / "make_commands.py"), "--check"]
    process = subprocess.run(
        check,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (process.stdout, process.returncode) == ("", 0)


def test_every_flag_of_the_source_is_on_the_page() -> None:
    sources = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("analyzer/*.py"))]
    named = set(re.findall(r"--[a-z][a-z-]+[a-z]", TEXT))
    declared = set(re.findall(r'"(--[a-z][a-z-]+)"', "\n".join(sources)))

    ours = {flag for flag in declared if flag not in {"--adapter", "--read-only"}}  # Harlequin's
    assert len(named) > 40
    assert ours <= named | {"--help"}


def test_every_environment_variable_is_named() -> None:
    sources = [*sorted(ROOT.glob("analyzer/*.py")), ROOT / "hatch_build.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    read = set(re.findall(r'(?:environ(?:\.get\(|\[)|env_var=)"(\w+)"', text))

    assert read >= {"TLSTRAIL_LAKE", "CC", "XDG_STATE_HOME", "AWS_BATCH_JOB_ARRAY_INDEX"}
    assert read | set(KEEP_MEMORY) | {"TMPDIR"} <= set(re.findall(r"`([A-Z_]+)`", TEXT))


def test_every_extra_is_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    extras = TEXT.partition("'tlstrail[NAME]'`: ")[2].partition("\n\n")[0]
    assert {f"`{name}`" for name in project["optional-dependencies"]} <= set(
        re.findall(r"`\w+`", extras)
    )

"""What the README shows and lists is what the program prints and knows."""

import io
import re
from pathlib import Path

import pytest

import analyzer
from analyzer.audit import audit
from analyzer.audit_text import render_audit
from analyzer.checkpoint import FOLDER
from analyzer.cli_ask import report_command
from analyzer.errors import ExitCode
from analyzer.lake import Narrowing, open_lake
from analyzer.lake_files import LOCK
from analyzer.queries import names
from analyzer.render import Format


@pytest.fixture
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def test_the_report_in_the_readme_is_the_one_that_the_demo_prints(
    readme: str, archive_lake: Path
) -> None:
    printed = io.BytesIO()
    with open_lake(archive_lake, Narrowing()) as lake:
        render_audit(audit(lake), Format.TABLE, printed, 200)

    shown = readme.partition("$ tlstrail report --lake build/demo-lake\n")[2].partition("\n```")[0]
    lines = [line.rstrip() for line in printed.getvalue().decode().splitlines()]
    assert shown.splitlines() == "\n".join(lines).rstrip().splitlines()


def test_the_readme_lists_every_report(readme: str) -> None:
    listed = re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)

    assert sorted(listed) == names("reports")


def test_the_help_of_report_names_every_report() -> None:
    text = " ".join((report_command.__doc__ or "").split())

    assert all(name in text for name in names("reports"))


def test_the_list_of_modules_has_every_module(repository: Path) -> None:
    modules = {path.stem for path in (repository / "analyzer").glob("*.py")}

    listed = set(re.findall(r"\w+", analyzer.__doc__ or ""))
    assert modules - listed == {"__init__", "__main__"}


def test_the_readme_lists_every_exit_code(readme: str) -> None:
    listed = re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)

    assert [int(code) for code in listed] == [code.value for code in ExitCode]


def test_the_readme_names_all_that_lies_in_a_lake(readme: str, archive_lake: Path) -> None:
    layout = readme.partition("```text\nlake/\n")[2].partition("```")[0]
    named = re.findall(r"^  ([^\s,]+(?:, [^\s,]+)*) ", layout, re.MULTILINE)

    top = {name.partition("/")[0] for names in named for name in names.split(", ")}
    lying = {path.name for path in archive_lake.iterdir()}
    assert lying <= top
    assert {LOCK, FOLDER} <= top

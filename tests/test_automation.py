"""The examples in docs/automation.md are read by what would read them, and their commands run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from inspect import signature
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from analyzer.alarm import Alarm
from analyzer.cli import app
from analyzer.cli_ask import report_command
from analyzer.verdict import ENOUGH_COVERAGE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    return (repository / "docs" / "automation.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def unit(text: str) -> ConfigParser:
    parsed = ConfigParser(interpolation=None, strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(text)
    return parsed


def commands(text: str) -> list[list[str]]:
    """Return each command of ours in the document, without what the shell does with it."""
    found = re.findall(
        r"(?<![\w.-])(?:/usr/local/bin/)?tlstrail ((?:ingest|report) [^;|`#\n]*)", text
    )
    return [shlex.split(each) for each in found]


def test_every_command_is_one_that_the_program_understands(text: str) -> None:
    found = commands("\n".join(blocks(text, r"\w+")))

    assert len(found) >= 10
    for arguments in found:
        app.parse_args(arguments, exit_on_error=False, print_error=False)


def test_the_crontab_has_five_fields_of_time_and_a_command(text: str) -> None:
    (crontab,) = blocks(text, "crontab")
    lines = crontab.splitlines()

    assert [line.partition("=")[0] for line in lines[:-1]] == ["MAILTO", "TLSTRAIL_LAKE"]
    assert re.fullmatch(r"\d+ \d+ \* \* \* tlstrail .*", lines[-1])
    assert "%" not in crontab  # cron takes it for the end of the line


def test_the_units_are_those_of_a_service_and_a_timer(text: str, tmp_path: Path) -> None:
    service, timer = map(unit, blocks(text, "ini"))

    assert service["Service"]["Type"] == "oneshot"
    assert "--fail-on" in service["Service"]["ExecStart"]
    assert timer["Install"]["WantedBy"] == "timers.target"
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not here to read them")
    for name, body in zip(("tlstrail.service", "tlstrail.timer"), blocks(text, "ini"), strict=True):
        (tmp_path / name).write_text(body)
    timers = re.search(r"OnCalendar=(.*)", blocks(text, "ini")[1])
    assert timers
    subprocess.run(["systemd-analyze", "calendar", timers[1]], check=True, capture_output=True)  # noqa: S607


def test_the_workflow_keeps_the_page_when_there_is_an_alarm(text: str) -> None:
    (body,) = blocks(text, "yaml")
    workflow: dict[Any, Any] = yaml.safe_load(body)
    steps = workflow["jobs"]["audit"]["steps"]

    assert workflow[True]["schedule"] == [{"cron": "30 2 * * *"}]
    assert all({"uses", "run"} & set(step) for step in steps)
    (upload,) = [step for step in steps if "upload-artifact" in step.get("uses", "")]
    assert upload["if"] == "always()"
    assert upload["with"]["path"] == "audit.html"


def test_every_alarm_is_explained_with_the_coverage_that_it_takes_for_enough(text: str) -> None:
    explained = re.findall(r"^\| `([a-z][a-z-]+)` \|", text, re.MULTILINE)

    assert explained == [alarm.value for alarm in Alarm]
    assert f"`--least-coverage` percent ({ENOUGH_COVERAGE:g})" in text
    assert signature(report_command).parameters["least_coverage"].default == ENOUGH_COVERAGE

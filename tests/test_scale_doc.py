"""The arithmetic of docs/scale.md follows from the constants that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analyzer.commit import MOST_TOGETHER, PARTS_FOR_EACH_BATCH

TEXT = (Path(__file__).parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
MEASURED = {
    name: float(value)
    for name, value in re.findall(r"^\| (\w+_\w+) \| ([\d.]+) \|", TEXT, re.MULTILINE)
}
GB_IN_A_TB = 1_000
SECONDS_IN_AN_HOUR = 3_600


def batches(terabytes: int) -> float:
    return terabytes * 1e6 * MEASURED["gz_per_json"] / MEASURED["batch_json_mb"]


def core_hours(terabytes: int) -> float:
    return terabytes * GB_IN_A_TB * MEASURED["core_seconds_per_gz_gb"] / SECONDS_IN_AN_HOUR


def commit_hours(count: float) -> float:
    """Add up commits of one batch each, then of one for each 2,000 parts, at last of 256."""
    full = PARTS_FOR_EACH_BATCH * MOST_TOGETHER
    parts = PARTS_FOR_EACH_BATCH**2 / 2
    parts += PARTS_FOR_EACH_BATCH * (min(count, full) - PARTS_FOR_EACH_BATCH)
    parts += max(0.0, count**2 - full**2) / 2 / MOST_TOGETHER
    return parts * MEASURED["commit_ms_per_1000_parts"] / 1e6 / SECONDS_IN_AN_HOUR


def growth(terabytes: int) -> str:
    objects = terabytes * 1e9 / MEASURED["object_kb"]
    ledger = objects * MEASURED["ledger_bytes_per_object"] / 1e9
    memory = objects / 1e6 * MEASURED["plan_mb_per_million"] / 1_000
    count = batches(terabytes)
    seconds = MEASURED["seen_seconds_per_million"] + MEASURED["check_seconds_per_million"]
    nothing_new = objects / 1e6 * seconds / SECONDS_IN_AN_HOUR
    commits = commit_hours(count)
    dask = count * MEASURED["dask_ms_per_batch"] / 1_000 / SECONDS_IN_AN_HOUR
    return (
        f"| {terabytes} TB | {count:,.0f} | {core_hours(terabytes):,.0f} | {ledger:,.1f} "
        f"| {memory:,.0f} | {nothing_new:,.2f} | {commits:,.1f} | {dask:,.1f} |"
    )


def money(terabytes: int) -> str:
    cells = []
    for cores, price in re.findall(r"(\d+) vCPU, \$([\d.]+)", TEXT):
        hours = core_hours(terabytes) / int(cores)
        cells.append(f"{hours:.1f} h, ${hours * float(price):.0f}")
    return f"| {terabytes} TB | {' | '.join(cells)} |"


@pytest.mark.parametrize("terabytes", [1, 10, 100])
def test_the_tables_follow_from_what_was_measured(terabytes: int) -> None:
    lines = TEXT.splitlines()

    assert growth(terabytes) in lines
    assert money(terabytes) in lines


def measured(table_of: str) -> list[float]:
    """Return the figures of the last line of a table, which is of the largest."""
    [line] = [line for line in TEXT.splitlines() if line.startswith(f"| {table_of} |")]
    return [float(figure.replace(",", "")) for figure in re.findall(r"[\d.,]*\d", line)]


def test_the_constants_are_those_of_the_largest_ledger_and_lake_that_were_measured() -> None:
    objects, megabytes, to_load, to_compare, *_ = measured("100,000,000")
    assert round(to_load / objects * 1e6, 2) == MEASURED["seen_seconds_per_million"]
    assert to_compare == MEASURED["check_seconds_per_million"]
    assert round(megabytes * 1e6 / objects, 1) == MEASURED["ledger_bytes_per_object"]

    parts, _, milliseconds, *_, manifest_megabytes = measured("100,000")
    assert milliseconds / parts * 1_000 == MEASURED["commit_ms_per_1000_parts"]
    assert round(manifest_megabytes * 1e6 / parts) == MEASURED["manifest_bytes_per_part"]

"""docs/aws.md: its policies allow what they say and no more, and its arithmetic is right."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analyzer import preview
from analyzer.queries import sql
from analyzer.wording import lasting, sized

TEXT = (Path(__file__).parents[1] / "docs" / "aws.md").read_text(encoding="utf-8")
POLICIES: dict[str, Any] = {
    name: json.loads(text)
    for name, text in re.findall(r"<!-- policy: (\w+) -->\n```json\n(.*?)```", TEXT, re.DOTALL)
}

NEEDED = {
    "read": {"s3:ListBucket", "s3:GetObject"},
    "organization": {"s3:ListBucket", "s3:GetObject"},
    "kms": {"kms:Decrypt"},
    "trust": {"sts:AssumeRole"},
    "assume": {"sts:AssumeRole"},
    "bucket": {"s3:ListBucket", "s3:GetObject"},
    "restore": {"s3:RestoreObject"},
    "keys": {"cloudtrail:ListPublicKeys"},
    "lake": {
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
    },
}


def actions_of(statement: dict[str, Any]) -> set[str]:
    actions = statement["Action"]
    return {actions} if isinstance(actions, str) else set(actions)


def test_every_json_of_the_page_is_a_policy_that_is_looked_at() -> None:
    assert TEXT.count("```json") == len(POLICIES)
    assert set(POLICIES) == set(NEEDED)


@pytest.mark.parametrize("name", NEEDED)
def test_a_policy_allows_what_is_needed_and_nothing_else(name: str) -> None:
    policy = POLICIES[name]

    assert policy["Version"] == "2012-10-17"
    assert {each["Effect"] for each in policy["Statement"]} == {"Allow"}
    assert set().union(*map(actions_of, policy["Statement"])) == NEEDED[name]


@pytest.mark.parametrize("name", NEEDED)
def test_buckets_are_listed_and_objects_are_read(name: str) -> None:
    for statement in POLICIES[name]["Statement"]:
        about_a_bucket = actions_of(statement) == {"s3:ListBucket"}
        about_objects = any(
            action.startswith("s3:") for action in actions_of(statement) - {"s3:ListBucket"}
        )

        assert not (about_a_bucket and about_objects)
        if about_a_bucket:
            assert re.fullmatch(r"arn:aws:s3:::[\w-]+", statement["Resource"])
        if about_objects:
            assert re.fullmatch(r"arn:aws:s3:::[\w-]+/(.*/)?\*", statement["Resource"])


def table(name: str) -> list[list[str]]:
    """Return the cells of the table between the marks of this name, without its head."""
    marked = TEXT.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- end of {name} -->")[0]
    return [line.strip("| ").split(" | ") for line in marked.splitlines()[2:]]


def test_requests_are_reckoned_at_the_prices_of_a_dry_run() -> None:
    prices = {
        (region, of): usd for region, of, *usd in duckdb.execute(sql("plan/prices")).fetchall()
    }

    here = dict(table("assumptions"))
    assert prices["us-east-1", "STANDARD"][:2] == [
        Decimal(here["$ for 1,000 LIST requests"]),
        Decimal(here["$ for 1,000 GET requests"]),
    ]


def test_what_ten_million_objects_take_follows_from_the_assumptions() -> None:
    assumed = [float(value.replace(",", "")) for _, value in table("assumptions")]
    objects, gz_bytes, events, event_us, object_us, cores, percent, lake = assumed[:8]
    list_price, get_price, kms_price, hour_price, nat_price, internet_price = assumed[8:]
    lists, gigabytes = objects / 1_000, objects * gz_bytes / 1e9
    cpu_seconds = objects * (events * event_us + object_us) / 1e6
    hours = cpu_seconds / cores / (percent / 100) / 3_600

    expected = [
        (f"{lists:,.0f}", lists / 1_000 * list_price),
        (f"{objects:,.0f}", objects / 1_000 * get_price),
        (f"{objects / 100:,.0f}", objects / 100 / 10_000 * kms_price),
        (f"{objects:,.0f}", objects / 10_000 * kms_price),
        (f"{gigabytes:,.0f}", 0),
        (f"{gigabytes:,.0f}", gigabytes * nat_price),
        (f"{gigabytes:,.0f}", gigabytes * internet_price),
        (f"{hours:.1f}", hours * hour_price),
    ]
    *results, size = table("results")
    assert [cells[1:] for cells in results] == [[much, f"{usd:.2f}"] for much, usd in expected]
    assert size[1] == f"{gigabytes * lake / 100:,.0f}"

    in_all = sum(expected[row][1] for row in (0, 1, 4, 7))
    assert f"So about ${round(in_all * 2) / 2:.2f} beside the bucket." in TEXT
    assert f"That is {round(objects / hours / 3_600, -2):,.0f} objects a second" in TEXT


def test_the_plan_that_is_shown_follows_from_what_a_plan_reckons_with() -> None:
    shown = TEXT.partition("<!-- dry-run -->")[2].partition("<!-- end of dry-run -->")[0]
    objects, gz_bytes, workers = 1_000_000, 5_000_000_000, 2
    json_bytes = gz_bytes * preview.JSON_RATIO
    seconds = json_bytes / preview.JSON_BYTES_PER_SECOND + objects * preview.OBJECT_SECONDS

    assert f"listed         {objects:,} objects: {objects:,} to read" in shown
    assert f"to read        {sized(gz_bytes)}, about {sized(json_bytes)}" in shown
    assert f" of JSON, {json_bytes // preview.EVENT_BYTES:,.0f} events" in shown
    assert f"lake grows by  about {sized(gz_bytes * preview.LAKE_RATIO)}\n" in shown
    assert f"about {lasting(seconds / workers)} with {workers} workers" in shown


def test_a_lake_is_as_large_here_as_in_a_plan() -> None:
    percent = float(dict(table("assumptions"))["bytes of lake for 100 compressed bytes"])

    assert percent == pytest.approx(100 * preview.LAKE_RATIO)

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analyzer.ingest import IngestSettings
from analyzer.listing import Scope
from analyzer.preview import dollars, estimated, lasting, sized, write_preview
from analyzer.render import Format
from analyzer.source import Source
from analyzer.store import S3Access
from tests.test_plan import ledger_row, listed, plan_of

if TYPE_CHECKING:
    from analyzer.listing import LogObject
    from analyzer.preview import Preview

MILLION = 1_000_000


def settings(access: S3Access = S3Access(), root: str = "s3://trail/") -> IngestSettings:  # noqa: B008 (frozen)
    return IngestSettings(Source(root, "", access), Path("lake"), Scope(), 2, 1 << 28)


def plan_for(objects: list[LogObject], ledger: list[Any] | None = None, lists: int = 0) -> Preview:
    return estimated(plan_of(objects, ledger), settings(), lists)


def rows_of(found: Preview, name: str) -> list[dict[str, Any]]:
    return found.tables[name].to_pylist()


def in_class(number: int, storage_class: str, size: int = MILLION) -> LogObject:
    archived = storage_class in {"GLACIER", "DEEP_ARCHIVE"}
    return listed(number, storage_class=storage_class, size=size, archived=archived)


def test_what_is_to_be_read_grows_by_the_figures_of_the_bench() -> None:
    # 2 MB gzipped are 14 MB of JSON, 9,562 records of 1,464 bytes, and 1.16 MB of Parquet.
    # 14 MB / (99 MB/s) + 2 objects of 0.5 ms = 0.1424 s, on two workers half of it.
    row = plan_for([listed(1, size=MILLION), listed(2, size=MILLION)]).estimate

    assert row["bytes_to_read"] == 2 * MILLION
    assert row["json_bytes"] == 14 * MILLION
    assert row["events"] == 9_562
    assert row["lake_bytes"] == 1_160_000
    assert (row["seconds"], row["workers"]) == (0.1, 2)


def test_a_log_that_is_not_gzipped_does_not_grow() -> None:
    plain = listed(1, key="/bucket/AWSLogs/copied.json", size=MILLION)

    assert plan_for([plain]).estimate["json_bytes"] == MILLION


def test_accounts_regions_and_days_are_those_of_logs() -> None:
    stray = listed(3, account_id="999999999999", region=None, delivered_at=None, skipped="stray")
    elsewhere = listed(2, account_id="444455556666", region="eu-west-1")

    found = plan_for([listed(1), elsewhere, stray])

    row = found.estimate
    assert (row["accounts"], row["regions"], row["days"]) == (2, 2, 1)
    assert [str(row["first_day"]), str(row["last_day"])] == ["2023-01-05", "2023-01-05"]
    places = [(each["account_id"], each["region"]) for each in rows_of(found, "by_place")]
    assert places == [("111122223333", "us-east-1"), ("444455556666", "eu-west-1")]


def test_what_is_listed_is_the_sum_of_what_becomes_of_it() -> None:
    objects = [listed(1), listed(2), listed(3, skipped="stray"), in_class(4, "GLACIER")]

    row = plan_for(objects, [ledger_row(1)]).estimate

    parts = ("in_lake", "to_read", "skipped", "archived")
    assert {name: row[name] for name in parts} == dict.fromkeys(parts, 1)
    assert row["objects"] == 4


def test_requests_are_priced_by_the_class_that_they_ask_of() -> None:
    # A GET of each: 0.0004 + 0.001 + 0.01 dollars a thousand; a GB read: 0.01 of IA, 0.03 of IR.
    giga = 1_000 * MILLION
    objects = [in_class(1, "STANDARD"), in_class(2, "STANDARD_IA", giga), in_class(3, "GLACIER_IR")]

    found = plan_for(objects, lists=2_000)

    row = found.estimate
    assert row["list_usd"] == pytest.approx(0.01)
    assert row["get_usd"] == pytest.approx(0.0000114, abs=1e-6)
    assert row["retrieval_usd"] == pytest.approx(0.01 + 0.00003)
    assert row["get_requests"] == 3
    by_class = {each["storage_class"]: each for each in rows_of(found, "by_class")}
    assert by_class["STANDARD_IA"]["retrieval_usd"] == pytest.approx(0.01)
    assert by_class["GLACIER_IR"]["archived"] == 0


def test_another_region_has_its_own_prices_as_far_as_they_are_known() -> None:
    frankfurt = settings(S3Access(region_name="eu-central-1"))
    objects = [in_class(1, "STANDARD"), in_class(2, "STANDARD_IA", 1_000 * MILLION)]

    row = estimated(plan_of(objects), frankfurt, 1_000).estimate
    nowhere = estimated(plan_of(objects), settings(S3Access(region_name="x")), 1_000).estimate

    assert (row["price_region"], row["list_usd"]) == ("eu-central-1", 0.0054)
    assert row["retrieval_usd"] == 0.01
    assert (nowhere["price_region"], nowhere["list_usd"]) == ("us-east-1", 0.005)


def test_an_archived_object_is_not_read_and_has_a_price_for_each_tier() -> None:
    # Of 2 GB in 2 objects: Bulk is free; Standard 2 x 0.05 / 1000 and 2 x 0.01 dollars.
    frozen = [in_class(number, "GLACIER", 1_000 * MILLION) for number in (1, 2)]

    found = plan_for(frozen)

    assert found.estimate["get_requests"] == 0
    tiers = {
        each["tier"]: (each["objects"], each["requests_usd"], each["retrieval_usd"])
        for each in rows_of(found, "to_restore")
    }
    assert tiers == {
        "Bulk": (2, 0.0, 0.0),
        "Standard": (2, 0.0001, 0.02),
        "Expedited": (2, 0.02, 0.06),
    }


def test_a_folder_has_no_prices() -> None:
    local = estimated(plan_of([listed(1)]), settings(root="/copy/"), 0)
    out = io.BytesIO()

    write_preview(local, Format.TABLE, out, 200)
    assert list(local.tables) == ["by_place"]
    assert b"LIST" not in out.getvalue()


def test_the_plan_is_one_object_of_json() -> None:
    out = io.BytesIO()
    write_preview(plan_for([listed(1)], lists=3), Format.JSON, out, 200)

    plan = json.loads(out.getvalue())
    assert (plan["source"], plan["to_read"], plan["list_requests"]) == ("s3://trail/", 1, 3)
    assert plan["by_class"][0]["storage_class"] == "STANDARD"


def test_people_read_it_as_sentences() -> None:
    out = io.BytesIO()
    write_preview(plan_for([in_class(1, "GLACIER")], lists=1), Format.MD, out, 200)

    text = out.getvalue().decode()
    assert "1 objects: 0 to read, 0 in the lake already, 1 archived, 0 skipped" in text
    assert "1 LIST, 0 GET" in text
    assert "## Archived: what a restore would cost" in text


def test_an_empty_plan_has_figures_too() -> None:
    row = plan_for([], lists=1).estimate

    assert (row["objects"], row["to_read"], row["seconds"], row["first_day"]) == (0, 0, 0, None)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (0.00012, "$0.00012"), (0.406, "$0.41"), (1234.5, "$1,234.50")],
)
def test_a_price_shows_that_it_is_not_nothing(amount: float, text: str) -> None:
    assert dollars(amount) == text


def test_sizes_and_times_have_units() -> None:
    assert [sized(2_500_000), sized(3e9)] == ["2.5 MB", "3.0 GB"]
    assert [lasting(3), lasting(90), lasting(9_000)] == ["3.0 seconds", "1.5 minutes", "2.5 hours"]


def test_prices_say_when_they_were_taken_and_from_where() -> None:
    folder = Path(__file__).parent.parent / "sql" / "plan"
    for name in ("prices", "restore_prices"):
        text = (folder / f"{name}.sql").read_text()
        assert "As of 26 November 2026" in text
        assert "https://aws.amazon.com/s3/pricing" in text

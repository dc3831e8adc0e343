from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analyzer import preview
from analyzer.errors import UsageError
from analyzer.ingest import IngestSettings
from analyzer.listing import Scope
from analyzer.preview import estimated, write_preview
from analyzer.progress import Silence
from analyzer.render import Format
from analyzer.shards import Shard
from analyzer.source import Source
from analyzer.store import S3Access
from analyzer.wording import dollars, lasting, sized
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
    # 50 MB gzipped are 312 MB of JSON, 213,114 records of 1,464 bytes, and 28 MB of Parquet.
    # 312 MB / (156 MB/s) + 2 objects of 0.5 ms = 2.001 s, on two workers half of it.
    row = plan_for([listed(1, size=25 * MILLION), listed(2, size=25 * MILLION)]).estimate

    assert row["bytes_to_read"] == 50 * MILLION
    assert row["json_bytes"] == 312 * MILLION
    assert row["events"] == 213_114
    assert row["lake_bytes"] == 28 * MILLION
    assert (row["seconds"], row["workers"]) == (1.0, 2)


def test_a_plan_of_the_benchs_archive_says_what_the_readme_has_measured() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    facts = re.search(r"([\d,]+) events .*?, ([\d,]+) MB gzipped, ([\d,]+) MB JSON", text)
    assert facts
    events, gz_mb, json_mb = (float(fact.replace(",", "")) for fact in facts.groups())
    [seconds] = re.findall(r"^\| tlstrail \| ([\d.]+) \|", text, re.MULTILINE)
    [lake_ratio] = re.findall(r"Lake: ([\d.]+) bytes for each gz byte", text)

    objects = [listed(number, size=round(gz_mb * MILLION / 6_390)) for number in range(6_390)]
    row = plan_for(objects).estimate

    assert row["json_bytes"] == pytest.approx(json_mb * MILLION, rel=0.02)
    assert row["events"] == pytest.approx(events, rel=0.02)
    assert row["lake_bytes"] == pytest.approx(float(lake_ratio) * gz_mb * MILLION, rel=0.02)
    assert row["seconds"] == pytest.approx(float(seconds), rel=0.2)


def test_the_page_names_what_a_plan_reckons_with() -> None:
    text = (Path(__file__).parents[1] / "docs" / "plan.md").read_text(encoding="utf-8")

    assert f"| JSON | {preview.JSON_RATIO} bytes for each gzipped one |" in text
    assert f"| events | {preview.EVENT_BYTES:,} bytes of JSON each |" in text
    assert f"| lake | {preview.LAKE_RATIO} bytes of Parquet for each gzipped one |" in text
    speed = f"{preview.JSON_BYTES_PER_SECOND / MILLION:.0f} MB of JSON a second for each worker"
    assert f"| time | {speed}, and {preview.OBJECT_SECONDS * 1_000} ms for each object |" in text


def test_the_plan_says_what_late_days_and_a_shard_do_to_it() -> None:
    scope = Scope(
        since=datetime(2023, 1, 1, tzinfo=UTC),
        until=datetime(2023, 7, 1, tzinfo=UTC),
        late_days=3,
        shard=Shard(3, 8),
    )
    found = estimated(plan_of([listed(1)]), replace(settings(), scope=scope), 1)
    text, data = io.BytesIO(), io.BytesIO()

    write_preview(found, Format.MD, text, 200)
    write_preview(found, Format.JSON, data, 200)
    assert "delivered before 2023-07-04: 3 days after --until" in text.getvalue().decode()
    assert "shard 3 of 8" in text.getvalue().decode()
    assert json.loads(data.getvalue())["asked_about"] == {
        "accounts": [],
        "regions": [],
        "since": "2023-01-01T00:00:00Z",
        "until": "2023-07-01T00:00:00Z",
        "late_days": 3,
        "delivered_until": "2023-07-04T00:00:00Z",
        "shard": "3/8",
    }


def test_a_plan_of_everything_does_not_say_what_was_asked_for() -> None:
    text = io.BytesIO()

    write_preview(plan_for([listed(1)]), Format.MD, text, 200)
    assert "asked for" not in text.getvalue().decode()


def test_a_log_that_is_not_gzipped_does_not_grow() -> None:
    plain = listed(1, key="/bucket/AWSLogs/copied.json", size=MILLION)

    assert plan_for([plain]).estimate["json_bytes"] == MILLION


def test_accounts_regions_and_days_are_those_of_logs() -> None:
    long_ago = datetime(2010, 1, 1, tzinfo=UTC)
    stray = listed(3, account_id="999999999999", delivered_at=long_ago, skipped="stray")
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
    objects = [in_class(number, "STANDARD") for number in range(1, 1_001)]
    objects.append(in_class(1_001, "STANDARD_IA", 1_000 * MILLION))

    found = estimated(plan_of(objects), frankfurt, 1_000)
    row = found.estimate
    nowhere = estimated(plan_of(objects), settings(S3Access(region_name="x")), 1_000).estimate

    assert (row["price_region"], row["list_usd"]) == ("eu-central-1", 0.0054)
    assert row["retrieval_usd"] == 0.01
    gets = {each["storage_class"]: each["get_usd"] for each in rows_of(found, "by_class")}
    assert gets == {"STANDARD": 0.00043, "STANDARD_IA": 0.000001}
    assert (nowhere["price_region"], nowhere["list_usd"]) == ("us-east-1", 0.005)


def test_a_class_without_a_known_price_is_named_and_is_not_free() -> None:
    out = io.BytesIO()
    found = plan_for([in_class(1, "OUTPOSTS"), in_class(2, "STANDARD")], lists=1)
    write_preview(found, Format.MD, out, 200)

    gets = {each["storage_class"]: each["get_usd"] for each in rows_of(found, "by_class")}
    assert gets == {"OUTPOSTS": None, "STANDARD": 0.0}
    assert "without reading OUTPOSTS: its price is not known here" in out.getvalue().decode()


def test_a_class_without_a_known_price_of_which_nothing_is_read_costs_nothing() -> None:
    found = plan_for([in_class(1, "OUTPOSTS")], [ledger_row(1)])

    assert [each["get_usd"] for each in rows_of(found, "by_class")] == [0.0]


def test_an_archived_object_is_not_read_and_has_a_price_for_each_tier() -> None:
    # Of 2 GB in 2 objects: Bulk is free; Standard 2 x 0.05 / 1000 and 2 x 0.01 dollars.
    frozen = [in_class(number, "GLACIER", 1_000 * MILLION) for number in (1, 2)]
    other = listed(3, storage_class="GLACIER", archived=True, skipped="not a log")

    found = plan_for([*frozen, other])

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
    assert local.estimate["price_region"] is None
    assert b"LIST" not in out.getvalue()


def test_the_plan_is_one_object_of_json() -> None:
    out = io.BytesIO()
    found = replace(plan_for([listed(1)], lists=3), not_listed=("AWSLogs/é/",))
    write_preview(found, Format.JSON, out, 200)

    plan = json.loads(out.getvalue())
    assert plan["not_listed"] == ["AWSLogs/é/"]
    assert (plan["source"], plan["to_read"], plan["list_requests"]) == ("s3://trail/", 1, 3)
    assert plan["by_class"][0]["storage_class"] == "STANDARD"


def test_people_read_it_as_sentences() -> None:
    out = io.BytesIO()
    write_preview(plan_for([in_class(1, "GLACIER")], lists=1), Format.MD, out, 200)

    text = out.getvalue().decode()
    assert "1 object: 0 to read, 0 in the lake already, 1 archived, 0 skipped" in text
    assert "1 LIST, 0 GET" in text
    assert "## Archived: what a restore would cost" in text


def test_the_price_is_of_all_that_is_paid_for_and_of_nothing_that_is_not_there() -> None:
    out = io.BytesIO()
    read = in_class(1, "STANDARD_IA", 2_000 * MILLION)
    folder = listed(2, storage_class="", size=0, skipped="other logs")

    found = plan_for([read, folder], lists=2_000)
    write_preview(found, Format.MD, out, 200)

    text = out.getvalue().decode()
    assert "$0.03 (list $0.01, get $0.000001, retrieval $0.02), at prices of us-east-1" in text
    assert [each["storage_class"] for each in rows_of(found, "by_class")] == ["STANDARD_IA"]
    assert "Archived" not in text


def test_a_plan_of_a_folder_without_logs_is_refused_as_an_ingest_is(tmp_path: Path) -> None:
    nowhere = settings(root=f"{tmp_path}/")

    with pytest.raises(UsageError, match="no CloudTrail objects under"):
        preview.preview(nowhere, Silence())
    this_year = replace(nowhere, scope=Scope(since=datetime(2026, 1, 1, tzinfo=UTC)))
    assert preview.preview(this_year, Silence()).estimate["objects"] == 0


def test_an_empty_plan_has_figures_too() -> None:
    found, out = plan_for([], lists=1), io.BytesIO()

    write_preview(found, Format.TABLE, out, 200)
    row = found.estimate
    assert (row["objects"], row["to_read"], row["seconds"], row["first_day"]) == (0, 0, 0, None)
    assert "get $0.00, retrieval $0.00" in out.getvalue().decode()


def test_days_are_told_where_they_are_known() -> None:
    undated = listed(1, account_id=None, region=None, delivered_at=None)
    out = io.BytesIO()

    found = plan_for([undated])
    write_preview(found, Format.MD, out, 200)
    write_preview(plan_for([undated, listed(2)]), Format.MD, out, 200)

    text = out.getvalue().decode()
    [place] = rows_of(found, "by_place")
    assert (place["account_id"], place["to_read"], place["bytes_to_read"]) == (None, 1, 1_000)
    assert "0 accounts, 0 Regions, 0 days |" in text
    assert "1 account, 1 Region, 1 day: 2023-01-05 to 2023-01-05 |" in text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (0.00012, "$0.00012"), (0.01, "$0.01"), (0.406, "$0.41"), (1234.5, "$1,234.50")],
)
def test_a_price_shows_that_it_is_not_nothing(amount: float, text: str) -> None:
    assert dollars(amount) == text


def test_sizes_and_times_have_units() -> None:
    assert [sized(2_500_000), sized(1e9)] == ["2.5 MB", "1.0 GB"]
    assert [lasting(3), lasting(60), lasting(90)] == ["3.0 seconds", "1.0 minutes", "1.5 minutes"]
    assert [lasting(3_600), lasting(9_000)] == ["1.0 hours", "2.5 hours"]


def test_prices_say_when_they_were_taken_and_from_where() -> None:
    folder = Path(__file__).parent.parent / "sql" / "plan"
    for name in ("prices", "restore_prices"):
        text = (folder / f"{name}.sql").read_text()
        assert "As of 26 November 2026" in text
        assert "https://aws.amazon.com/s3/pricing" in text

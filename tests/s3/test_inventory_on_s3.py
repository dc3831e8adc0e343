"""An inventory over HTTP stands for a listing: the same lake, and nothing is listed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.inventories import MANIFEST, Item, inventory
from tests.s3.buckets import FEW, archived_under, new_bucket
from tests.s3.commands import content, statuses
from tests.s3.proxy import refusal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy

pytestmark = pytest.mark.usefixtures("credentials")

LOGS = archived_under(FEW)


@pytest.fixture
def inventories(weed: str) -> Bucket:
    """Return a bucket for inventories, which lie beside the one that they are of."""
    return new_bucket(weed)


def items_of(bucket: Bucket) -> list[Item]:
    """Return what an inventory of a bucket with LOGS says; it has no quotes around an ETag."""
    return [
        Item(f"{bucket.prefix}{key}", bucket.etag(key).strip('"'), len(LOGS[key])) for key in LOGS
    ]


@pytest.mark.parametrize("file_format", ["CSV", "Parquet", "ORC"])
def test_the_lake_is_that_of_a_listing_and_nothing_is_listed(  # noqa: PLR0913, PLR0917
    few_logs: Bucket, inventories: Bucket, proxy: Proxy, lake: Path, tmp_path: Path,
    ingest: Command, file_format: str,
) -> None:  # fmt: skip
    inventories.put_all(inventory(few_logs.name, items_of(few_logs), file_format))
    url = f"{inventories.url}{MANIFEST}"

    done = ingest(few_logs.url, "--inventory", url)
    lists = proxy.counts()["LIST"]
    lake.rename(tmp_path / "by-inventory")
    listed = ingest(few_logs.url)

    assert done.code == 0, done.stderr
    assert "inventory of 2026-11-26 01:00 UTC; what came later is not in it" in done.stderr
    assert lists == 0
    assert listed.code == 0
    assert content(tmp_path / "by-inventory", few_logs.url) == content(lake, few_logs.url)


def test_what_was_listed_is_not_read_again_by_an_inventory(
    few_logs: Bucket, inventories: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    inventories.put_all(inventory(few_logs.name, items_of(few_logs)))
    ingest(few_logs.url)
    proxy.forget()

    done = ingest(few_logs.url, "--inventory", f"{inventories.url}{MANIFEST}")

    assert done.code == 0, done.stderr
    assert "nothing new" in done.stderr
    assert not [each for each in proxy.of("GET") if few_logs.prefix in each.key]
    assert statuses(lake) == {"ingested": 9}


def test_a_plan_by_inventory_lists_nothing(
    few_logs: Bucket, inventories: Bucket, proxy: Proxy, ingest: Command
) -> None:
    inventories.put_all(inventory(few_logs.name, items_of(few_logs)))

    url = f"{inventories.url}{MANIFEST}"
    done = ingest(few_logs.url, "--inventory", url, "--dry-run", "--format", "json")

    plan = json.loads(done.stdout)
    assert (plan["to_read"], plan["list_requests"], plan["get_requests"]) == (9, 0, 9)
    assert proxy.counts()["LIST"] == 0


def test_an_inventory_that_is_not_there_is_3(
    few_logs: Bucket, inventories: Bucket, lake: Path, ingest: Command
) -> None:
    done = ingest(few_logs.url, "--inventory", f"{inventories.url}{MANIFEST}")

    assert done.code == 3
    assert f"{inventories.url}{MANIFEST}: there is no such object" in done.stderr
    assert not lake.exists()


def test_an_inventory_that_may_not_be_read_is_3_and_names_the_permission(
    few_logs: Bucket, inventories: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    inventories.put_all(inventory(few_logs.name, items_of(few_logs)))
    proxy.answer("GET", "/data/", refusal(403, "AccessDenied"))

    done = ingest(few_logs.url, "--inventory", f"{inventories.url}{MANIFEST}")

    assert done.code == 3
    assert "0.csv: AccessDenied: the credentials need s3:GetObject on the inventory" in done.stderr
    assert not lake.exists()

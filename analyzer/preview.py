"""What an ingest would read, how long that takes and what S3 charges for it. Reads no object.

The arithmetic is in `sql/plan`; what it multiplies with stands here, with where it was measured.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
from rich.console import Console

from analyzer import manifest
from analyzer.ingest import require_an_archive, seen_before
from analyzer.lake_place import lake_files
from analyzer.listing import Listing, in_tables
from analyzer.permitted import Permitted
from analyzer.plan import Plan
from analyzer.render import Format, brief, markdown_table, objects, plain, rich_table
from analyzer.source import open_store
from analyzer.wording import counted, dollars, lasting, sized

if TYPE_CHECKING:
    from analyzer.ingest import IngestSettings, Watcher
    from analyzer.listing import Scope

# From `make bench` (README.md, "How fast"): 234.4 MB gzipped are 1,463.8 MB of JSON, 1,000,000
# records, and 130.4 MB of Parquet.
JSON_RATIO = 6.24
EVENT_BYTES = 1_464
LAKE_RATIO = 0.56

OBJECT_SECONDS = 0.000_5
"""What an object costs a worker apart from its bytes: asked for, opened, hashed, in the ledger."""

JSON_BYTES_PER_SECOND = 156_000_000
"""What two workers take each in 6.28 s of `make bench`, of a quiet machine, but for its objects."""

PRICE_REGION = "us-east-1"

HEADINGS = {
    "by_place": "Where the logs are from",
    "by_class": "Storage classes",
    "to_restore": "Archived: what a restore would cost",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """The plan of an ingest."""

    source: str
    scope: Scope
    on_s3: bool
    estimate: dict[str, Any]
    """The one row of `sql/plan/estimate.sql`."""
    tables: dict[str, pa.Table]
    not_listed: tuple[str, ...] = ()
    """What may not be listed, so that nothing of it is counted."""


def preview(settings: IngestSettings, watcher: Watcher) -> Preview:
    """Return what `ingest` would do. Reads no object, and changes nothing."""
    files = lake_files(settings.lake)
    store = Permitted(open_store(settings.source))
    lake = manifest.look(files)
    listing = Listing(store, settings.source.prefix, settings.scope)
    rows = settings.inventory.rows(settings.scope) if settings.inventory else listing
    plan = Plan(in_tables(rows, watcher.listed), seen_before(files, lake, settings.scope))
    if store.denied and plan.totals.listed == plan.totals.skipped:
        raise store.denied[0]  # who may list nothing is refused as a whole
    require_an_archive(settings, plan.totals)
    watcher.planned(plan.totals)
    found = estimated(plan, settings, listing.requests)
    return replace(found, not_listed=tuple(map(str, store.denied)))


def estimated(plan: Plan, settings: IngestSettings, lists: int) -> Preview:
    """Return what a plan comes to, made by so many requests for listings."""
    price_region = settings.source.access.region_name or PRICE_REGION
    by_class = plan.table("by_class", price_region=price_region)
    estimate = plan.table(
        "estimate",
        by_class,
        gzip_ratio=JSON_RATIO,
        event_bytes=EVENT_BYTES,
        lake_ratio=LAKE_RATIO,
        json_bytes_per_second=JSON_BYTES_PER_SECOND,
        object_seconds=OBJECT_SECONDS,
        workers=settings.workers,
        lists=lists,
        price_region=price_region,
    )
    tables = {"by_place": plan.table("by_place")}
    if settings.source.on_s3:
        tables |= {"by_class": by_class, "to_restore": plan.table("to_restore")}
    [row] = estimate.to_pylist()
    if not settings.source.on_s3:  # nothing is asked of anybody, and nothing paid
        row |= dict.fromkeys(
            name for name in row if name.endswith(("_requests", "_usd", "_region"))
        )
    return Preview(settings.place, settings.scope, settings.source.on_s3, row, tables)


def write_preview(found: Preview, form: Format, out: BinaryIO, width: int) -> None:
    """Write the plan as a table, as md or, with the same figures and all rows, as json."""
    if form is Format.JSON:
        [estimate] = objects(pa.Table.from_pylist([found.estimate]))
        content = {
            "source": found.source,
            "asked_about": _asked_about(found.scope),
            **estimate,
            **{name: objects(table) for name, table in found.tables.items()},
            "not_listed": found.not_listed,
        }
        out.write(f"{json.dumps(content, ensure_ascii=False, indent=2)}\n".encode())
    else:
        out.write(_as_text(found, width, markdown=form is Format.MD).encode())


def _as_text(found: Preview, width: int, *, markdown: bool) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False, color_system=None)
    lines = _lines(found)
    summary = pa.table({"the plan": list(lines), found.source: list(lines.values())})
    console.print(markdown_table(summary) if markdown else rich_table(summary))
    for name, table in found.tables.items():
        if len(table):
            console.print(f"\n{'## ' if markdown else ''}{HEADINGS[name]}")
            console.print(f"\n{markdown_table(table)}" if markdown else rich_table(table))
    return text.getvalue()


def _lines(found: Preview) -> dict[str, str]:
    """Return what the plan comes to, as people say it."""
    row, asked_for = found.estimate, _asked_for(found.scope)
    days = f": {row['first_day']} to {row['last_day']}" if row["days"] else ""
    lines = {
        **({"asked for": asked_for} if asked_for else {}),
        "from": f"{counted(row['accounts'], 'account')}, {counted(row['regions'], 'Region')}, "
        f"{counted(row['days'], 'day')}{days}",
        "listed": f"{counted(row['objects'], 'object')}: {row['to_read']:,} to read, "
        f"{row['in_lake']:,} in the lake already, {row['archived']:,} archived, "
        f"{row['skipped']:,} skipped",
        "to read": f"{sized(row['bytes_to_read'])}, about {sized(row['json_bytes'])} of JSON, "
        f"{counted(row['events'], 'event')}",
        "lake grows by": f"about {sized(row['lake_bytes'])}",
        "time": f"about {lasting(row['seconds'])} with {counted(row['workers'], 'worker')}, "
        "if the objects come as fast; by what make bench measured, not by this machine",
    }
    if found.on_s3:
        prices = {name: row[f"{name}_usd"] for name in ("list", "get", "retrieval")}
        each = ", ".join(f"{name} {dollars(usd)}" for name, usd in prices.items())
        lines["requests"] = f"{row['list_requests']:,} LIST, {row['get_requests']:,} GET"
        unpriced = ", ".join(_unpriced(found.tables["by_class"]))
        lines["price"] = (
            f"{dollars(sum(prices.values()))} ({each}), at prices of {row['price_region']}, "
            "without transfer out of the Region"
            + (f", and without reading {unpriced}: its price is not known here" * bool(unpriced))
        )
    return lines


def _unpriced(by_class: pa.Table) -> list[str]:
    """Return the storage classes that are to be read at a price that is not in the table."""
    return [row["storage_class"] for row in by_class.to_pylist() if row["get_usd"] is None]


def _asked_about(scope: Scope) -> dict[str, object]:
    """Return what was asked for, as programs read it."""
    return {
        "accounts": scope.accounts,
        "regions": scope.regions,
        "since": plain(scope.since),
        "until": plain(scope.until),
        "late_days": scope.late_days,
        "delivered_until": plain(scope.delivered_until),
        "shard": scope.shard and f"{scope.shard.number}/{scope.shard.of}",
    }


def _asked_for(scope: Scope) -> str:
    """Return what was asked for, and what --late-days and --shard make of it; "" for all."""
    asked = [*scope.accounts, *scope.regions]
    if scope.since:
        asked.append(f"delivered from {brief(scope.since)}")
    if scope.until and scope.delivered_until:
        days = counted(scope.late_days, "day")
        asked.append(
            f"delivered before {brief(scope.delivered_until)}: {days} after --until, for records "
            "that come late (--late-days)"
        )
    if scope.shard:
        asked.append(
            f"shard {scope.shard.number} of {scope.shard.of}: some accounts, Regions and months of "
            "delivery, and no others"
        )
    return "; ".join(asked)

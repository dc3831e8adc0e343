"""The archived objects of a ledger: a manifest for S3 Batch Operations, or the restore itself.

A restored copy of GLACIER and DEEP_ARCHIVE lasts some days, and a listing tells of it. What
Intelligent-Tiering had archived moves back for good, and only reading it tells.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

import duckdb
from botocore.exceptions import ClientError

from analyzer.errors import UsageError
from analyzer.interrupts import threads
from analyzer.lake import Narrowing, open_lake
from analyzer.queries import sql
from analyzer.s3_connection import LISTINGS_IN_FLIGHT, S3Connection
from analyzer.s3_errors import code_of, not_given, refusals
from analyzer.store import NotFetched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa
    from mypy_boto3_s3.client import S3Client

    from analyzer.lake import Lake
    from analyzer.lake_place import LakePlace
    from analyzer.store import S3Access

INTELLIGENT_TIERING = "INTELLIGENT_TIERING"

_BUCKET = re.compile(r"s3://[^/]+")

# S3's word for what need not be asked for again.
_FINE = {
    "RestoreAlreadyInProgress": "under way already",
    "ObjectAlreadyInActiveTierError": "readable already",
}


class Tier(StrEnum):
    """How fast a restore is to be; see `sql/plan/restore_prices.sql`."""

    BULK = "Bulk"
    STANDARD = "Standard"
    EXPEDITED = "Expedited"


@dataclass(frozen=True, slots=True)
class Archived:
    """Archived objects of one bucket."""

    bucket: str
    rows: pa.Table
    """Their key (as the ledger has it), storage_class and size."""

    def objects(self) -> Iterator[tuple[str, str]]:
        """Yield each object's key in the bucket, and its storage class."""
        root = f"s3://{self.bucket}/"
        for batch in self.rows.to_batches(10_000):
            names, classes = batch["key"].to_pylist(), batch["storage_class"].to_pylist()
            for key, storage_class in zip(names, classes, strict=True):
                yield str(key).removeprefix(root), str(storage_class)

    def price(self, tier: Tier) -> list[dict[str, Any]]:
        """Return what a restore costs, a row for each storage class; usd is None for no price."""
        with duckdb.connect() as connection:
            connection.register("archived", self.rows)
            connection.execute(f"CREATE VIEW restore_prices AS {sql('plan/restore_prices')}")
            answer = connection.sql(sql("restore/price"), params={"tier": str(tier)})
            rows: list[dict[str, Any]] = answer.to_arrow_table().to_pylist()
            return rows


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: empty means all."""

    source: str = ""
    """What the keys begin with, from the store on: `s3://bucket` is that bucket and no other."""
    narrowing: Narrowing = field(default_factory=Narrowing)
    storage_classes: tuple[str, ...] = ()


def archived(lake: LakePlace, asked: Asked) -> Archived | None:
    """Return the archived objects that are asked about, None where there are none.

    Raises `UsageError` where they lie in several buckets, and for a source that the ledger has
    nothing of.
    """
    narrowing, source = asked.narrowing, asked.source
    if _BUCKET.fullmatch(source):
        source += "/"
    parameters = {
        "source": source,
        "accounts": ",".join(narrowing.accounts),
        "regions": ",".join(narrowing.regions),
        "since": f"{narrowing.since:%Y-%m-%d %H:%M:%S}" if narrowing.since else "",
        "until": f"{narrowing.until:%Y-%m-%d %H:%M:%S}" if narrowing.until else "",
        "storage_classes": ",".join(asked.storage_classes),
    }
    with (
        open_lake(lake, Narrowing()) as opened,
        opened.query(sql("restore/archived"), parameters) as answer,
    ):
        rows = answer.read_all()
        if not len(rows):
            _require_known(opened, source)
    buckets = sorted({str(key).split("/")[2] for key in rows["key"].to_pylist()})
    if len(buckets) > 1:
        raise UsageError(
            f"archived objects lie in several buckets, {', '.join(buckets)}; name one, as in: "
            f"tlstrail restore s3://{buckets[0]}"
        )
    return Archived(buckets[0], rows) if buckets else None


def _require_known(lake: Lake, source: str) -> None:
    with lake.query(sql("restore/known"), {"source": source}) as answer:
        [known] = answer.read_all()["known"].to_pylist()
    if not known:
        sources = ", ".join(lake.committed.sources) or "nothing yet"
        raise UsageError(
            f"{source.rstrip('/')}: no object of the lake's ledger begins so; "
            f"{lake.place} is from {sources}"
        )


def write_manifest(found: Archived, out: BinaryIO) -> None:
    """Write the CSV that S3 Batch Operations takes: bucket and key, URL-encoded, no header.

    Raises `UsageError` for what one job cannot restore together.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html
    """
    classes = Counter(storage_class for _, storage_class in found.objects())
    if INTELLIGENT_TIERING in classes and len(classes) > 1:
        counted = ", ".join(f"{count:,} of {name}" for name, count in sorted(classes.items()))
        raise UsageError(
            f"one job cannot restore {counted}: those of {INTELLIGENT_TIERING} take no days. Name "
            f"the others by --storage-class, and these in a manifest of their own"
        )
    out.writelines(f"{found.bucket},{quote(key)}\n".encode() for key, _ in found.objects())


def refuse_tier(found: Archived, tier: Tier) -> None:
    """Raise `UsageError` where a storage class is not restored in this tier."""
    without = [row["storage_class"] for row in found.price(tier) if row["usd"] is None]
    if without:
        raise UsageError(f"{', '.join(without)} is not restored by {tier}; take Bulk or Standard")


@dataclass(slots=True)
class Requested:
    """What came of asking for restores."""

    requested: int = 0
    fine: Counter[str] = field(default_factory=Counter)
    """What need not have been asked for, by why."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Keys, and S3's reason."""


def request(
    found: Archived, access: S3Access, tier: Tier, days: int, done: Callable[[int], None]
) -> Requested:
    """Ask S3 to restore the objects, many at a time; `done` is told how many were asked for.

    Raises `StoreError` where the store refuses as a whole.
    """
    root = f"s3://{found.bucket}/"
    connection = S3Connection(root, access)
    with refusals(root):
        client = connection.client
    payer: Any = {"RequestPayer": "requester"} if access.request_payer else {}

    def ask(item: tuple[str, str]) -> tuple[str, str | None]:
        key, storage_class = item
        wanted: Any = {"GlacierJobParameters": {"Tier": str(tier)}}
        if storage_class != INTELLIGENT_TIERING:
            wanted["Days"] = days
        return key, _restore(
            client, root, Bucket=found.bucket, Key=key, RestoreRequest=wanted, **payer
        )

    answered, count = Requested(), 0
    with threads(LISTINGS_IN_FLIGHT) as pool:
        for some in _pieces(found.objects(), 1_000):
            for key, code in pool.map(ask, some):
                if code is None:
                    answered.requested += 1
                elif code in _FINE:
                    answered.fine[_FINE[code]] += 1
                else:
                    answered.refused.append((f"{root}{key}", code))
            count += len(some)
            done(count)
    return answered


def _restore(client: S3Client, root: str, **wanted: Any) -> str | None:  # noqa: ANN401
    """Ask for one restore, and return S3's code where it does not come to that."""
    with refusals(root):
        try:
            client.restore_object(**wanted)
        except ClientError as error:
            code = code_of(error)
            if code in _FINE:
                return code
            outcome = not_given(root, code)
            if not isinstance(outcome, NotFetched):  # the store as a whole, or for now
                raise
            return code
    return None


def _pieces(items: Iterable[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    stream = iter(items)
    while piece := list(islice(stream, size)):
        yield piece

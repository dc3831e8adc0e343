from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from msgspec.structs import astuple, replace

from analyzer import plan
from analyzer.layout import describe_object
from analyzer.listing import LogObject, in_tables
from analyzer.plan import Plan, Totals
from analyzer.schema import LEDGER
from tests.conftest import log_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START = datetime(2023, 1, 5, 10, 0, tzinfo=UTC)


def listed(number: int, etag: str = "1", **facts: Any) -> LogObject:  # noqa: ANN401
    at = START + timedelta(minutes=number)
    key = log_key(f"{at:%H%M}")
    place = describe_object(key)
    given: dict[str, Any] = {
        "key": f"/bucket/{key}",
        "etag": etag,
        "size": 1_000,
        "last_modified": at,
        "storage_class": "STANDARD",
        "archived": False,
        "account_id": place.account_id,
        "region": place.region,
        "delivered_at": place.delivered_at,
        "skipped": None,
    }
    return LogObject(**{**given, **facts})


def ledger_row(
    number: int, status: str = "ingested", etag: str = "1", *, retry: bool = False
) -> Any:  # noqa: ANN401
    return {"key": listed(number).key, "etag": etag, "status": status, "retry": retry}


def tables_of(objects: list[LogObject]) -> Iterator[pa.Table]:
    return in_tables(([astuple(each)] for each in objects), lambda _: None)


def plan_of(objects: list[LogObject], ledger: list[Any] | None = None) -> Plan:
    return Plan(tables_of(objects), [pa.Table.from_pylist(ledger or [], LEDGER)])


def keys(objects: list[LogObject]) -> list[str]:
    return [log_object.key for log_object in objects]


def test_everything_is_read_into_an_empty_lake_in_the_order_of_delivery() -> None:
    objects = [listed(3), listed(1), listed(2)]

    [batch] = plan_of(objects).batches()
    assert keys(list(batch.objects)) == keys([listed(1), listed(2), listed(3)])
    first, at = batch.objects[0], listed(1).delivered_at
    assert replace(first, delivered_at=at, last_modified=at) == listed(1)


def test_what_the_ledger_knows_by_key_and_etag_is_not_read_again() -> None:
    plan = plan_of([listed(1), listed(2)], [ledger_row(1)])

    [batch] = plan.batches()
    assert keys(list(batch.objects)) == [listed(2).key]
    assert plan.totals.to_read == 1


@pytest.mark.parametrize("status", ["ingested", "empty", "refused", "missing", "skipped"])
def test_what_is_settled_stays_settled(status: str) -> None:
    plan = plan_of([listed(1)], [ledger_row(1, status)])

    assert plan.totals.to_read == 0
    assert list(plan.batches()) == []
    assert list(plan.replacing()) == []


@pytest.mark.parametrize("status", ["refused", "archived", "missing"])
def test_what_is_to_be_asked_for_again_is_read_again(status: str) -> None:
    plan = plan_of([listed(1)], [ledger_row(1, status, retry=True)])

    [batch] = plan.batches()
    assert keys(list(batch.objects)) == [listed(1).key]
    assert batch.known == {listed(1).key}
    assert plan.left_out_before() == 0


@pytest.mark.parametrize("status", ["refused", "missing"])
def test_what_was_left_out_before_and_has_not_changed_is_named(status: str) -> None:
    plan = plan_of([listed(1), listed(2)], [ledger_row(1, status), ledger_row(2)])

    assert plan.left_out_before() == 1


def test_what_was_left_out_and_is_not_listed_now_is_not_named() -> None:
    assert plan_of([listed(2)], [ledger_row(1, "refused")]).left_out_before() == 0


def test_a_repaired_object_is_read_as_one_that_the_ledger_knows() -> None:
    plan = plan_of([listed(1, etag="2")], [ledger_row(1, "refused")])

    [batch] = plan.batches()
    assert batch.known == {listed(1).key}


def test_a_changed_object_of_which_the_lake_has_records_replaces_them() -> None:
    plan = plan_of([listed(1, etag="2"), listed(2)], [ledger_row(1)])

    [batch] = plan.batches()
    assert keys(list(batch.objects)) == [listed(2).key]
    assert [keys(some) for some in plan.replacing()] == [[listed(1).key]]
    assert plan.totals.to_read == 2


def test_what_is_no_log_or_archived_is_only_recorded() -> None:
    stray = listed(1, skipped="not a log")
    frozen = listed(2, archived=True, storage_class="GLACIER")

    plan = plan_of([stray, frozen, listed(3)])
    [unread] = plan.not_to_read()
    assert keys(list(unread.objects)) == [stray.key, frozen.key]
    assert unread.known == frozenset()
    assert (plan.totals.skipped, plan.totals.archived, plan.totals.to_read) == (1, 1, 1)


def test_what_is_only_recorded_comes_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "RECORDED_AT_ONCE", 2)
    strays = [listed(number, skipped="not a log") for number in range(3)]

    unread = list(plan_of(strays, [ledger_row(2, "refused", etag="2")]).not_to_read())
    assert [keys(list(batch.objects)) for batch in unread] == [keys(strays[:2]), keys(strays[2:])]
    assert [batch.known for batch in unread] == [frozenset(), {strays[2].key}]


@pytest.mark.parametrize("comparisons", [1, 3, 1_000_000])
@pytest.mark.parametrize("taken_in", [1, 4])
def test_in_how_many_pieces_the_listing_is_compared_changes_nothing(
    comparisons: int, taken_in: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "COMPARISONS", comparisons)
    monkeypatch.setattr(plan, "ROWS_TAKEN_IN", taken_in)
    objects = [listed(number) for number in range(10)]
    ledger = [ledger_row(number, etag="2" if number == 7 else "1") for number in range(9)]

    found = Plan(
        (table for each in objects for table in tables_of([each])),
        [pa.Table.from_pylist([row], LEDGER) for row in ledger],
    )
    [batch] = found.batches()
    assert keys(list(batch.objects)) == [listed(9).key]
    assert [keys(some) for some in found.replacing()] == [[listed(7).key]]
    assert (found.totals.listed, found.totals.to_read) == (10, 2)


@pytest.mark.parametrize("rows", [1, 3, 1_000_000])
def test_however_few_are_put_in_order_at_a_time_all_stand_in_the_order_of_delivery(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "ROWS_SORTED", rows)
    monkeypatch.setattr(plan, "ROWS_COMPRESSED", rows)
    days = [0, 0, 1, 1, 1, 1, 4, 5]
    logs = [
        listed(number, delivered_at=START + timedelta(days=day, minutes=number))
        for number, day in enumerate(days)
    ]
    stray = listed(8, skipped="not a log", delivered_at=None)

    found = plan_of([stray, *reversed(logs)], [ledger_row(3, etag="2"), ledger_row(7)])
    [unread] = found.not_to_read()
    assert keys(list(unread.objects)) == [stray.key]
    assert [keys(list(batch.objects)) for batch in found.batches()] == [keys(logs[:3] + logs[4:7])]
    assert [keys(some) for some in found.replacing()] == [[logs[3].key]]
    assert (found.totals.listed, found.totals.to_read) == (9, 7)


def test_what_is_recorded_is_not_recorded_again() -> None:
    stray = listed(1, skipped="not a log")
    frozen = listed(2, archived=True)
    ledger = [ledger_row(1, "skipped"), ledger_row(2, "archived", retry=True)]

    plan = plan_of([stray, frozen], ledger)
    assert list(plan.not_to_read()) == []
    assert plan.left_out_before() == 1


def test_the_totals_count_what_was_listed() -> None:
    objects = [listed(1), listed(2, account_id="444455556666"), listed(3, skipped="stray")]

    assert plan_of(objects, [ledger_row(1)]).totals == Totals(
        listed=3,
        skipped=1,
        archived=0,
        to_read=1,
        bytes_to_read=1_000,
        accounts=2,
        regions=1,
        first_delivered=(START + timedelta(minutes=1)).replace(tzinfo=None),
        last_delivered=(START + timedelta(minutes=3)).replace(tzinfo=None),
    )


@pytest.mark.parametrize(("objects", "sizes"), [(1, [1]), (2, [2]), (3, [2, 1]), (6, [2, 2, 2])])
def test_a_batch_holds_so_many_objects(
    objects: int, sizes: list[int], at_once: Callable[[int], None]
) -> None:
    at_once(2)

    plan = plan_of([listed(n) for n in range(objects)])
    assert [len(batch.objects) for batch in plan.batches()] == sizes


def test_a_batch_is_cut_by_what_its_objects_grow_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.plan.BATCH_JSON_BYTES", 15_000)  # two of 1,000 gzipped bytes

    plan = plan_of([listed(0), listed(1), listed(2), listed(3, size=10_000_000), listed(4)])
    assert [len(batch.objects) for batch in plan.batches()] == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("objects", "lanes", "sizes"),
    [
        (12, 1, [12]),
        (12, 2, [6, 6]),
        (50, 1, [25, 25]),
        (50, 3, [17, 17, 16]),
        (50, 16, [7, 7, 6, 6, 6, 6, 6, 6]),
        (2, 4, [2]),
    ],
)
def test_all_workers_have_as_much_to_do_to_the_end(
    objects: int, lanes: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.plan.BATCH_JSON_BYTES", 28 * 7_000)
    monkeypatch.setattr("analyzer.plan.WORTH_A_BATCH", 7 * 7_000)

    plan = plan_of([listed(n) for n in range(objects)])
    assert [len(batch.objects) for batch in plan.batches(lanes)] == sizes


def test_objects_of_no_bytes_are_no_batch_of_their_own() -> None:
    plan = plan_of([listed(0), listed(1, size=0), listed(2, size=0)])
    assert [len(batch.objects) for batch in plan.batches(2)] == [3]


def test_no_two_batches_have_the_same_id(at_once: Callable[[int], None]) -> None:
    at_once(1)

    ids = [batch.id for batch in plan_of([listed(n) for n in range(9)]).batches()]
    assert len(set(ids)) == 9


def test_the_listing_is_counted_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.listing.LISTED_AT_ONCE", 2)
    counts: list[int] = []

    tables = list(in_tables(([astuple(listed(n))] for n in range(5)), counts.append))
    assert counts == [2, 4, 5]
    assert [len(table) for table in tables] == [2, 2, 1]


def test_an_empty_listing_plans_nothing() -> None:
    plan = plan_of([])

    assert plan.totals == Totals(0, 0, 0, 0, 0, 0, 0, None, None)
    assert list(plan.batches()) == []
    assert plan.batch_count == 1

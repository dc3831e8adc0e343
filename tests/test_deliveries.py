"""When logs were delivered: the days, the pauses that are suspicious, and whose logs are absent."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from analyzer.audit import audit
from analyzer.lake import Narrowing, open_lake
from analyzer.queries import report_sql
from tests.conftest import asked, cloudtrail_logs, ingest_and_check, log_key, record, records_in
from tests.test_reports import answer_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.conftest import LogFolder, Rows

    MakeLake = Callable[[Iterable[datetime]], Path]

MONDAY = datetime(2023, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(start: float, end: float) -> Iterator[datetime]:
    """Yield a delivery each hour from one hour of the archive to another."""
    at = MONDAY + start * HOUR
    while at < MONDAY + end * HOUR:
        yield at
        at += HOUR


def working_days(weeks: int) -> Iterator[datetime]:
    """Yield a delivery each hour from Monday to Friday."""
    for week in range(weeks):
        yield from hours(168 * week, 168 * week + 120)


@pytest.fixture
def lake_of(log_folder: LogFolder, tmp_path: Path) -> MakeLake:
    """A function that makes a lake of logs without records, delivered at these times."""

    def make(deliveries: Iterable[datetime]) -> Path:
        for at in deliveries:
            log_folder.put(log_key(f"{at:%H%M}", day=f"{at:%Y/%m/%d}"), [])
        ingest_and_check(tmp_path / "lake", log_folder.root)
        return tmp_path / "lake"

    return make


def gaps(lake: Path, narrowing: Narrowing = Narrowing()) -> Rows:  # noqa: B008 (frozen)
    return asked(lake, report_sql("gaps"), narrowing)


def test_a_pause_far_longer_than_usual_is_a_gap(lake_of: MakeLake) -> None:
    lake = lake_of([*hours(0, 24 * 20), *hours(24 * 22, 24 * 28)])

    [gap] = gaps(lake)
    assert (gap["account_id"], gap["region"]) == ("111122223333", "us-east-1")
    assert gap["last_before"] == datetime(2023, 1, 21, 23)  # noqa: DTZ001 (as the lake gives it)
    assert gap["first_after"] == datetime(2023, 1, 24)  # noqa: DTZ001
    assert (gap["hours"], gap["usual_hours"]) == (49.0, 1.0)


def test_several_outages_do_not_hide_one_another(lake_of: MakeLake) -> None:
    outages = [(24 * 3, 24 * 5), (24 * 10, 24 * 13)]
    times = [
        at
        for at in hours(0, 24 * 42)
        if not any(MONDAY + start * HOUR <= at < MONDAY + end * HOUR for start, end in outages)
    ]

    assert [gap["hours"] for gap in gaps(lake_of(times))] == [49.0, 73.0]


def test_weekends_without_deliveries_are_no_gap_nor_is_a_long_one(lake_of: MakeLake) -> None:
    assert gaps(lake_of(at for at in working_days(5) if not 96 <= (at - MONDAY) / HOUR < 120)) == []


def test_a_week_without_deliveries_is_a_gap_where_weekends_are_usual(lake_of: MakeLake) -> None:
    times = [at for at in working_days(7) if not 168 * 3 <= (at - MONDAY) / HOUR < 168 * 4]

    assert [(gap["hours"], gap["usual_hours"]) for gap in gaps(lake_of(times))] == [(217.0, 49.0)]


def test_a_pause_of_less_than_a_day_is_no_gap(lake_of: MakeLake) -> None:
    assert gaps(lake_of([*hours(0, 24 * 20), *hours(24 * 20 + 22, 24 * 28)])) == []


@pytest.fixture
def ends_on_day_40(log_folder: LogFolder) -> None:
    """A delivery in another Region, long after the others."""
    last = MONDAY + timedelta(days=40)
    log_folder.put(log_key("0000", region="eu-west-1", day=f"{last:%Y/%m/%d}"), [])


@pytest.mark.usefixtures("ends_on_day_40")
def test_of_less_than_three_weeks_nothing_is_said(lake_of: MakeLake) -> None:
    assert gaps(lake_of(hours(0, 24 * 13))) == []


@pytest.mark.usefixtures("ends_on_day_40")
def test_where_deliveries_end_before_the_archive_does_is_a_gap(lake_of: MakeLake) -> None:
    lake = lake_of([*hours(0, 24 * 8), *hours(24 * 10, 24 * 28)])

    before, at_the_end = gaps(lake)
    assert before["hours"] == 49
    assert (at_the_end["region"], at_the_end["first_after"]) == ("us-east-1", None)
    assert at_the_end["hours"] == 12 * 24 + 1


@pytest.mark.parametrize(
    ("narrowing", "found"),
    [
        (Narrowing(accounts=("111122223333",), regions=("us-east-1",)), 1),
        (Narrowing(accounts=("444455556666",)), 0),
        (Narrowing(regions=("eu-west-1",)), 0),
        (Narrowing(since=MONDAY + timedelta(days=21)), 1),
        (Narrowing(since=MONDAY + timedelta(days=23)), 0),
        (Narrowing(until=MONDAY + timedelta(days=21)), 1),
        (Narrowing(until=MONDAY + timedelta(days=19)), 0),
    ],
)
def test_only_gaps_in_what_is_asked_about_are_told(
    lake_of: MakeLake, narrowing: Narrowing, found: int
) -> None:
    lake = lake_of([*hours(0, 24 * 20), *hours(24 * 22, 24 * 28)])

    assert len(gaps(lake, narrowing)) == found
    with open_lake(lake, narrowing) as opened:
        assert audit(opened).evidence.delivery_gaps == found


def test_an_object_that_could_not_be_read_was_still_delivered(
    log_folder: LogFolder, lake_of: MakeLake
) -> None:
    for at in hours(24 * 20, 24 * 22):
        log_folder.put_bytes(log_key(f"{at:%H%M}", day=f"{at:%Y/%m/%d}"), b"")

    lake = lake_of([*hours(0, 24 * 20), *hours(24 * 22, 24 * 28)])
    assert gaps(lake) == []
    days = asked(lake, report_sql("deliveries"))
    assert sum(day["left_out"] for day in days) == 48


def test_deliveries_are_those_that_the_names_of_the_objects_tell(
    archive_lake: Path, archive: Path
) -> None:
    wanted: Counter[tuple[str, str, str]] = Counter()
    records: Counter[tuple[str, str, str]] = Counter()
    for path in cloudtrail_logs(archive):
        account, _, region, stamp, *_ = path.name.split("_")
        day = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}"
        wanted[account, region, day] += 1
        records[account, region, day] += len(records_in([path]))

    rows = list(csv.DictReader(io.StringIO(answer_to("deliveries", archive_lake))))
    found = {(row["account_id"], row["region"], row["day"]): row for row in rows}
    assert {key: int(row["objects"]) for key, row in found.items()} == wanted
    assert {key: int(row["records"]) for key, row in found.items()} == records
    assert len(rows) == len(wanted)


def test_an_account_that_only_records_name_has_no_objects(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    foreign = {"userIdentity": {"accountId": "999999999999"}}
    log_folder.put("AWSLogs/888888888888/Config/us-east-1/1.json.gz", [])  # no log of CloudTrail
    log_folder.put(
        log_key("1000"),
        [
            record(1),
            record(2, **foreign),
            record(3, **foreign),
            record(4, recipientAccountId="888888888888"),
            record(5, userIdentity={"accountId": "ANONYMOUS_PRINCIPAL"}),
            record(6, recipientAccountId=None),
        ],
    )
    ingest_and_check(tmp_path / "lake", log_folder.root)

    rows = asked(tmp_path / "lake", report_sql("accounts_without_objects"))
    assert [(r["account_id"], r["records_received"], r["calls_made"]) for r in rows] == [
        ("888888888888", 1, 0),
        ("999999999999", 0, 2),
    ]


READ = {"readOnly": True, "eventCategory": "Management"}
WRITE = {"readOnly": False, "eventCategory": "Management"}
DATA = {"readOnly": True, "managementEvent": False, "eventCategory": "Data"}


@pytest.mark.parametrize(
    ("records", "finding"),
    [
        ([READ, WRITE, DATA], None),
        ([READ, READ, DATA], "only reads"),
        ([WRITE, DATA], "only writes"),
        ([DATA], "no management events"),
        ([{"readOnly": True, "managementEvent": False}], "no management events"),
        ([{"readOnly": True}], "only reads"),
        ([{}], None),
        ([{"eventCategory": "Insight"}, DATA], "no management events"),
    ],
)
def test_what_a_trail_leaves_out_is_found(
    log_folder: LogFolder, tmp_path: Path, records: list[dict[str, Any]], finding: str | None
) -> None:
    log_folder.put(log_key("1000"), [record(n, **each) for n, each in enumerate(records)])
    ingest_and_check(tmp_path / "lake", log_folder.root)

    rows = asked(tmp_path / "lake", report_sql("trail_shape"))
    assert [row["finding"] for row in rows] == [finding] * bool(finding)

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, cast

import pytest

from analyzer.errors import UsageError
from analyzer.layout import Service, describe_object
from analyzer.listing import Listing, Scope, in_tables, list_objects
from analyzer.source import open_store, parse_source
from analyzer.store import Folder, Page, S3Access, StoredObject, Stretch
from tests.conftest import cloudtrail_logs, log_key, record

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.listing import LogObject, Row
    from analyzer.store import Store
    from tests.conftest import LogFolder

ORG = "org-trail/AWSLogs/o-exampleorg1"


def listed(source: Path, scope: Scope = Scope()) -> list[LogObject]:  # noqa: B008 (frozen)
    where = parse_source(str(source), S3Access())
    return list(list_objects(open_store(where), where.prefix, scope))


def logs(source: Path, scope: Scope = Scope()) -> list[str]:  # noqa: B008 (frozen)
    return sorted(each.key for each in listed(source, scope) if each.skipped is None)


def minutes(source: Path, scope: Scope) -> list[str]:
    return [key.partition("_20230105T")[2][:4] for key in logs(source, scope)]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def around_ten(log_folder: LogFolder) -> Path:
    """Objects delivered from 09:58 to 10:02."""
    for minute in ("0958", "0959", "1000", "1001", "1002"):
        log_folder.put(log_key(minute), [record(minute)])
    return log_folder.root


def test_every_log_of_both_trails_is_listed_and_nothing_else(archive: Path) -> None:
    assert logs(archive) == [str(path) for path in cloudtrail_logs(archive)]


def test_what_is_no_log_is_named_with_its_reason(archive: Path) -> None:
    reasons = Counter(each.skipped for each in listed(archive) if each.skipped)

    stray = "not a log: its name ends in neither .json.gz nor .json"
    services = (
        "CloudTrail-Digest",
        "CloudTrail-Insight",
        "CloudTrail-NetworkActivity",
        "Config",
        "elasticloadbalancing",
        "vpcflowlogs",
    )
    folders = {f"not a CloudTrail log: {name} (folder, not listed)": 1 for name in services}
    assert reasons == {stray: 2, **folders}


def test_nothing_is_listed_twice(archive: Path) -> None:
    keys = [each.key for each in listed(archive)]

    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("account", ["111122223333", "444455556666", "012345678901"])
def test_accounts_narrow_down_the_listing_of_every_trail(archive: Path, account: str) -> None:
    wanted = [str(p) for p in cloudtrail_logs(archive) if p.name.startswith(account)]

    assert logs(archive, Scope(accounts=(account,))) == wanted


def test_several_accounts_and_regions_may_be_asked_for(archive: Path) -> None:
    scope = Scope(
        accounts=("444455556666", "012345678901"), regions=("ap-northeast-1", "eu-west-1")
    )

    wanted = [
        str(path)
        for path in cloudtrail_logs(archive)
        if path.name.split("_")[0] in scope.accounts and path.name.split("_")[2] in scope.regions
    ]
    assert wanted
    assert logs(archive, scope) == wanted


def test_an_account_that_is_not_there_has_no_logs(archive: Path) -> None:
    assert logs(archive, Scope(accounts=("999999999999",))) == []


@pytest.mark.parametrize(
    "below",
    [
        "AWSLogs",
        "AWSLogs/111122223333",
        "AWSLogs/111122223333/CloudTrail",
        "AWSLogs/111122223333/CloudTrail/us-east-1",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2022",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2022/12",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2022/12/15",
        "org-trail",
        ORG,
        f"{ORG}/012345678901",
        f"{ORG}/012345678901/CloudTrail/ap-northeast-1/2024",
    ],
)
def test_a_copy_has_the_same_keys_however_deep_one_points_into_it(
    archive: Path, below: str
) -> None:
    wanted = [str(path) for path in cloudtrail_logs(archive / below)]

    assert wanted
    assert logs(archive / below) == wanted
    assert {key.startswith(str(archive)) for key in logs(archive / below)} == {True}


@pytest.mark.parametrize("below", ["", "AWSLogs/111122223333/CloudTrail/us-east-1/2022/12/15"])
def test_days_narrow_down_the_listing_at_any_depth(archive: Path, below: str) -> None:
    scope = Scope(since=utc("2022-12-15"), until=utc("2022-12-16"), late_days=0)

    wanted = [str(path) for path in cloudtrail_logs(archive) if "20221215T" in path.name]
    assert wanted
    if below:
        wanted = [key for key in wanted if "/111122223333/" in key]
    assert logs(archive / below, scope) == wanted


def test_since_includes_the_minute_that_it_lies_in(around_ten: Path) -> None:
    assert minutes(around_ten, Scope(since=utc("2023-01-05T10:00:00"))) == ["1000", "1001", "1002"]
    assert minutes(around_ten, Scope(since=utc("2023-01-05T10:00:59"))) == ["1000", "1001", "1002"]
    assert minutes(around_ten, Scope(since=utc("2023-01-05T10:01:00"))) == ["1001", "1002"]


def test_until_is_exclusive_but_for_the_late_days(around_ten: Path) -> None:
    until = utc("2023-01-05T10:00:00")

    assert minutes(around_ten, Scope(until=until, late_days=0)) == ["0958", "0959"]
    assert len(minutes(around_ten, Scope(until=until, late_days=1))) == 5


def test_until_within_a_minute_includes_that_minute(around_ten: Path) -> None:
    scope = Scope(until=utc("2023-01-05T10:00:01"), late_days=0)

    assert minutes(around_ten, scope) == ["0958", "0959", "1000"]


def test_late_days_look_as_many_days_further_and_no_more(log_folder: LogFolder) -> None:
    for day in ("2023/01/31", "2023/02/01", "2023/02/02", "2023/02/03"):
        log_folder.put(log_key("0000", day=day), [record(day)])
    until = utc("2023-02-01")

    found = {
        late: len(logs(log_folder.root, Scope(until=until, late_days=late))) for late in range(4)
    }
    assert found == {0: 1, 1: 2, 2: 3, 3: 4}


def test_since_and_until_reach_across_a_year(log_folder: LogFolder) -> None:
    for day in ("2022/12/30", "2022/12/31", "2023/01/01", "2023/01/02"):
        log_folder.put(log_key("1200", day=day), [record(day)])

    scope = Scope(since=utc("2022-12-31"), until=utc("2023-01-02"), late_days=0)
    found = [key.rpartition("us-east-1_")[2][:8] for key in logs(log_folder.root, scope)]
    assert found == ["20221231", "20230101"]


@pytest.mark.parametrize("late_days", [0, 1, 1_000_000])
@pytest.mark.parametrize("until", ["9999-12-30", "9999-12-31", "9999-12-31T23:59:59"])
def test_years_that_no_log_is_of_bound_nothing(
    around_ten: Path, until: str, late_days: int
) -> None:
    (around_ten / log_key("2359", day="9999/12/31")).parent.mkdir(parents=True)
    (around_ten / log_key("2359", day="9999/12/31")).touch()
    scope = Scope(since=utc("0500-01-01"), until=utc(until), late_days=late_days)

    found = logs(around_ten, scope)
    assert len([key for key in found if "_20230105T" in key]) == 5


def test_loose_files_in_a_flat_folder_are_listed(log_folder: LogFolder) -> None:
    name = log_key("1000").rpartition("/")[2]
    log_folder.put(name, [record(1)])
    log_folder.put("copied.json.gz", [record(2)])

    found = {each.key.rpartition("/")[2]: each for each in listed(log_folder.root)}
    assert set(found) == {name, "copied.json.gz"}
    assert found[name].account_id == "111122223333"
    assert found["copied.json.gz"].account_id is None


def test_a_narrowed_listing_rules_out_only_what_it_knows(log_folder: LogFolder) -> None:
    for account in ("111122223333", "444455556666"):
        log_folder.put(log_key("1000", account=account).rpartition("/")[2], [record(account)])
    log_folder.put("copied.json.gz", [record(2)])

    found = [key.rpartition("/")[2] for key in logs(log_folder.root, Scope(("444455556666",)))]
    assert found == [log_key("1000", account="444455556666").rpartition("/")[2], "copied.json.gz"]


def test_logs_that_lie_in_the_regions_folder_without_days_are_found_by_date(
    log_folder: LogFolder,
) -> None:
    folder = "AWSLogs/111122223333/CloudTrail/us-east-1"
    name = log_key("1000").rpartition("/")[2]
    log_folder.put(f"{folder}/{name}", [record(1)])

    scope = Scope(since=utc("2023-01-05"), until=utc("2023-01-06"))
    assert logs(log_folder.root) == logs(log_folder.root, scope)
    assert logs(log_folder.root, Scope(since=utc("2023-01-06"))) == []


def test_a_bucket_without_awslogs_is_not_walked_for_ever(
    log_folder: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.listing.FOLDERS_WITHOUT_LOGS", 20)
    for number in range(30):
        (log_folder.root / f"photos-{number}").mkdir()

    with pytest.raises(UsageError, match="over 20 folders without an AWSLogs"):
        listed(log_folder.root)


def digests(source: Path, scope: Scope = Scope()) -> list[str]:  # noqa: B008 (frozen)
    where = parse_source(str(source), S3Access())
    found = list_objects(open_store(where), where.prefix, scope, Service.DIGESTS)
    return [each.key for each in found if each.skipped is None]


@pytest.mark.parametrize(
    "below", ["", "AWSLogs/111122223333", "AWSLogs/111122223333/CloudTrail-Digest"]
)
def test_digests_are_listed_as_logs_are(archive: Path, below: str) -> None:
    wanted = sorted(map(str, archive.rglob("*_CloudTrail-Digest_*.json.gz")))

    assert len(wanted) == 2
    assert digests(archive / below) == wanted
    assert digests(archive, Scope(regions=("eu-west-1",))) == []
    assert digests(archive, Scope(since=utc("2022-11-01T01:00:00"))) == wanted[1:]
    assert digests(archive, Scope(until=utc("2022-11-01T01:00:00"), late_days=0)) == wanted[:1]


def test_there_are_no_digests_among_logs(archive: Path) -> None:
    assert digests(archive / "AWSLogs" / "111122223333" / "CloudTrail") == []
    assert digests(archive / "org-trail") == []


class Arithmetic:
    """A bucket of one Region, some years of logs, a page of 1,000 at a time, as S3 lists it."""

    root = "s3://arithmetic/"
    reads_in_flight = listings_in_flight = 4
    region = "AWSLogs/111122223333/CloudTrail/us-east-1/"

    def __init__(self, days: int, logs_a_day: int) -> None:
        minutes = [n * (1_440 // logs_a_day) for n in range(logs_a_day)]
        dates = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(days)]
        self.keys = [
            log_key(f"{minute // 60:02}{minute % 60:02}", day=f"{date:%Y/%m/%d}")
            for date in dates
            for minute in minutes
        ]
        self.requests = 0

    def folder(self, prefix: str) -> Folder:
        self.requests += 1
        start, end = self.bounds(prefix, "", None)
        names = dict.fromkeys(key[len(prefix) :].split("/")[0] for key in self.keys[start:end])
        return Folder(tuple(f"{prefix}{name}/" for name in names), ())

    def page(self, stretch: Stretch) -> Page:
        self.requests += 1
        start, end = self.bounds(stretch.prefix, stretch.after, stretch.before)
        keys = self.keys[start : min(end, start + 1_000)]
        objects = [StoredObject(key, '"e"', 1, datetime(2023, 1, 1, tzinfo=UTC)) for key in keys]
        more = end - start > 1_000
        rest = (Stretch(stretch.prefix, keys[-1], stretch.before),) if more else ()
        return Page(objects, rest)

    def bounds(self, prefix: str, after: str, before: str | None) -> tuple[int, int]:
        first = max(bisect_left(self.keys, prefix), bisect_right(self.keys, after))
        last = bisect_left(self.keys, f"{prefix}\x7f")
        return first, min(last, bisect_left(self.keys, before)) if before else last


def requests_for(days: int, scope: Scope) -> tuple[int, int]:
    """Return how many objects are listed, and by how many requests."""
    store = Arithmetic(days, 288)
    listing = Listing(cast("Store", store), "", scope)
    return sum(map(len, listing)), store.requests


def test_a_question_of_seven_days_costs_as_many_requests_however_long_the_archive() -> None:
    week = Scope(since=utc("2020-01-10"), until=utc("2020-01-17"), late_days=0)

    short, long = requests_for(30, week), requests_for(3 * 365, week)

    # Three levels and the services', the Region's own objects, and three pages for 2,016 keys.
    assert short == long == (7 * 288, 8)


def test_a_listing_of_years_turns_hardly_more_pages_than_its_keys_fill() -> None:
    listed, requests = requests_for(3 * 365, Scope())

    assert listed == 3 * 365 * 288
    # 316 pages of 1,000, a part of one for each of 36 months, and the folders.
    assert requests < 316 + 36 + 4 + 4 + 1


@pytest.mark.parametrize("logs_a_day", [1, 24, 288])
@pytest.mark.parametrize("since", [None, "2020-01-15", "2020-03-01T12:00:00"])
@pytest.mark.parametrize("until", [None, "2020-03-02", "2020-06-30T00:01:00"])
def test_side_by_side_every_object_is_listed_once(
    monkeypatch: pytest.MonkeyPatch, logs_a_day: int, since: str | None, until: str | None
) -> None:
    monkeypatch.setattr("analyzer.listing.SHORT", timedelta(days=1))
    store = Arithmetic(200, logs_a_day)
    scope = Scope(
        since=utc(since) if since else None, until=utc(until) if until else None, late_days=0
    )

    found = sorted(row[0] for rows in Listing(cast("Store", store), "", scope) for row in rows)

    places = {key: describe_object(key) for key in store.keys}
    assert found == [store.root + key for key in store.keys if scope.wants(places[key])]


def test_whenever_a_listing_ends_what_is_left_is_all_the_rest() -> None:
    store = Arithmetic(90, 48)
    listing = Listing(cast("Store", store), "", Scope())
    found: list[str] = []

    for rows in listing:
        found += [row[0] for row in rows]
        rest = Listing(cast("Store", store), "", Scope(), left=listing.left)
        of_the_rest = [row[0] for rows in rest for row in rows]
        assert sorted(found + of_the_rest) == [store.root + key for key in store.keys]
    assert listing.left == ()


def test_a_table_has_every_fact_that_was_listed() -> None:
    times = [
        datetime(2023, 7, 10, 11, 45, 1, 123456, tzinfo=UTC),
        datetime(2023, 7, 10, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        None,
    ]
    rows: list[Row] = [
        (f"s3://b/{number}", "etag", number, at, "STANDARD", False, "1" * 12, None, at, None)
        for number, at in enumerate(times)
    ]
    counts: list[int] = []

    [table] = in_tables([rows[:2], rows[2:]], counts.append)
    in_utc = [at and at.astimezone(UTC).replace(tzinfo=None) for at in times]
    assert table["last_modified"].to_pylist() == table["delivered_at"].to_pylist() == in_utc
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (*row[:3], at, *row[4:8], at, None) for row, at in zip(rows, in_utc, strict=True)
    ]
    assert counts == [len(times)]

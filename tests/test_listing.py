from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import UsageError
from analyzer.layout import Service
from analyzer.listing import Scope, list_objects
from analyzer.source import open_store, parse_source
from analyzer.store import S3Access
from tests.conftest import cloudtrail_logs, log_key, record

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.listing import LogObject
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

"""What an S3 key says: which account, Region and minute of delivery, and which kind of log.

    [prefix/]AWSLogs/[o-ID/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/
        ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz
    [prefix/]AWSLogs/[o-ID/]ACCOUNT/CloudTrail-Digest/REGION/YYYY/MM/DD/
        ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_YYYYMMDDTHHmmssZ[_backfill].json.gz

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
A local copy has the same names, so the same functions read it. Exports of CloudWatch Logs are

    [prefix/]TASK/ACCOUNT_CloudTrail_REGION[_N]/000000.gz
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum, auto

import msgspec

# AWS documents names with and without the underscore before the unique string.
_LOG_NAME = re.compile(
    r"(?P<account>\d{12})_CloudTrail_(?P<region>[a-z0-9-]+)_(?P<at>\d{8}T\d{4}Z)\w*\.json(\.gz)?"
)
_DIGEST_NAME = re.compile(
    r"(?P<account>\d{12})_CloudTrail-Digest_(?P<region>[a-z0-9-]+)_(?P<trail>.+)"
    r"_(?P<home>[a-z0-9-]+)_(?P<at>\d{8}T\d{6}Z)(?P<backfill>_backfill)?\.json(\.gz)?"
)
_OTHER_LOG_NAME = re.compile(r"\d{12}_(?P<service>[A-Za-z][A-Za-z-]*)_.+")
_EXPORT_NAME = re.compile(r"\d{6}\.gz")
_LOG_STREAM = re.compile(r"(?P<account>\d{12})_CloudTrail_(?P<region>[a-z]+(-[a-z]+)+-\d+)(_\d+)?")
_ACCOUNT = re.compile(r"\d{12}")
_ORGANIZATION = re.compile(r"o-[a-z0-9]{4,32}")
_MONTH = re.compile(r".*/CloudTrail(-Digest)?/[a-z0-9-]+/\d{4}/\d{2}/")
_DAY = re.compile(r"(\d{4})/(\d{2})/(\d{2})(/|$)")


class Service(StrEnum):
    """Which of an account's folders is asked about, by its name."""

    LOGS = "CloudTrail"
    DIGESTS = "CloudTrail-Digest"


class Place(msgspec.Struct, frozen=True, gc=False):
    """What a key says of an object. `skipped` names why it is not what was asked for, if so."""

    account_id: str | None = None
    region: str | None = None
    delivered_at: datetime | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class DigestName:
    """What the name of a digest says. Digests of one trail and Region are a chain."""

    account_id: str
    region: str
    trail: str
    home_region: str
    """The Region that the trail was made in; `region` is the one that it logs here."""
    ended_at: datetime
    backfill: bool
    """Whether it was made afterwards, for a time that had no digests; a chain by itself."""


class Step(Enum):
    """What to do with a folder met on the way down."""

    DESCEND = auto()  # look at its subfolders
    LIST = auto()  # CloudTrail/REGION/: list everything below it, in order of time
    SKIP = auto()  # nothing below it is what was asked for


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """What a folder's path says, and the step to take."""

    step: Step
    account_id: str | None = None
    region: str | None = None
    skipped: str | None = None


def describe_object(key: str, service: Service = Service.LOGS) -> Place:
    """Return what `key` says of its object; a digest is delivered when its hour has ended."""
    folders, _, name = key.rpartition("/")
    if not name:
        return Place(skipped="folder marker")
    if service is Service.DIGESTS:
        digest = digest_name(key)
        return _place_of(digest) if digest else Place(skipped="not a digest")
    return _describe_log(folders, name)


def _describe_log(folders: str, name: str) -> Place:
    if match := _LOG_NAME.fullmatch(name):
        account_id, region, at = match.group("account", "region", "at")
        return Place(account_id, region, _time(at))
    if (other := _OTHER_LOG_NAME.fullmatch(name)) and other["service"] != "CloudTrail":
        return Place(skipped=f"not a CloudTrail log: {other['service']}")
    if _EXPORT_NAME.fullmatch(name):
        return _describe_export(folders.rpartition("/")[2])
    if not name.endswith((".json.gz", ".json")):
        return Place(skipped="not a log: its name ends in neither .json.gz nor .json")
    folder = describe_folder(folders + "/")
    return Place(folder.account_id, folder.region, _day(folders), folder.skipped)


def _describe_export(stream: str) -> Place:
    """Return what a log stream's name says of an object exported from it."""
    match = _LOG_STREAM.fullmatch(stream)
    if match is None:
        return Place(skipped=f"not exported from a CloudTrail log stream: {stream}")
    return Place(match["account"], match["region"])


def _place_of(digest: DigestName) -> Place:
    return Place(digest.account_id, digest.region, digest.ended_at)


def digest_name(key: str) -> DigestName | None:
    """Return what the key of a digest says; None where it is none."""
    match = _DIGEST_NAME.fullmatch(key.rpartition("/")[2])
    ended_at = match and _time(match["at"])
    if not match or not ended_at:
        return None
    return DigestName(
        account_id=match["account"],
        region=match["region"],
        trail=match["trail"],
        home_region=match["home"],
        ended_at=ended_at,
        backfill=match["backfill"] is not None,
    )


def describe_folder(prefix: str, service: Service = Service.LOGS) -> FolderPlace:
    """Return what to do with the folder `prefix` (ending in "/" unless it is the root)."""
    names = [name for name in prefix.split("/") if name]
    below = _after_last(names, "AWSLogs")
    if below is not None:
        if below and _ORGANIZATION.fullmatch(below[0]):
            below = below[1:]
        return _below_awslogs(below, service)
    # A copy that begins below AWSLogs, such as `ACCOUNT/CloudTrail/…` or `CloudTrail/…`.
    for position, name in enumerate(names):
        if name == "CloudTrail" or name.startswith("CloudTrail-"):
            account = names[position - 1] if position else ""
            known = [account] if _ACCOUNT.fullmatch(account) else [""]
            return _below_awslogs(known + names[position:], service)
    return FolderPlace(Step.DESCEND)


def _below_awslogs(names: list[str], service: Service) -> FolderPlace:
    """`names` are the folders after AWSLogs/[o-ID/]: account, service, Region, date."""
    if not names:
        return FolderPlace(Step.DESCEND)
    account = names[0] or None
    if account and not _ACCOUNT.fullmatch(account):
        return FolderPlace(Step.SKIP, skipped=f"not an account's folder: {account}")
    if len(names) == 1:
        return FolderPlace(Step.DESCEND, account)
    if names[1] != service:
        return FolderPlace(Step.SKIP, account, skipped=f"not a {service} log: {names[1]}")
    if len(names) == 2:  # noqa: PLR2004 (account and service)
        return FolderPlace(Step.DESCEND, account)
    return FolderPlace(Step.LIST, account, names[2])


def day_folder(region_prefix: str, day: datetime) -> str:
    """Return the folder of one delivery day below `…/CloudTrail/REGION/`."""
    return f"{region_prefix}{day.year:04}/{day:%m/%d}"  # %Y has no zeros in front everywhere


def month_folder(key: str) -> str | None:
    """Return the `…/CloudTrail/REGION/YYYY/MM/` that a key lies in or is; None for none."""
    match = _MONTH.match(key)
    return match and match[0]


def region_prefix_of(prefix: str, service: Service = Service.LOGS) -> str:
    """Return the `…/CloudTrail/REGION/` that `prefix` is or lies in."""
    head, _, tail = prefix.rpartition(f"{service}/")
    return f"{head}{service}/{tail.split('/', 1)[0]}/"


def _after_last(names: list[str], name: str) -> list[str] | None:
    """Return what follows the last `name` in `names`; None where it does not occur."""
    if name not in names:
        return None
    last = len(names) - 1 - names[::-1].index(name)
    return names[last + 1 :]


def _time(text: str) -> datetime | None:
    """`20230710T1145Z` as a time; None for digits that are no time."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _day(folders: str) -> datetime | None:
    """Return midnight of the YYYY/MM/DD in a path, for objects whose name has no time."""
    match = _DAY.search(folders)
    if match is None:
        return None
    try:
        return datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
    except ValueError:
        return None

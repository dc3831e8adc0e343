"""What an S3 key says: which account, Region and minute of delivery, and which kind of log.

    [prefix/]AWSLogs/[o-ID/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/
        ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
A local copy has the same names, so the same functions read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

import msgspec

# AWS documents names with and without the underscore before the unique string.
_LOG_NAME = re.compile(
    r"(?P<account>\d{12})_CloudTrail_(?P<region>[a-z0-9-]+)_(?P<at>\d{8}T\d{4})Z\w*\.json(\.gz)?"
)
_OTHER_LOG_NAME = re.compile(r"\d{12}_(?P<service>[A-Za-z][A-Za-z-]*)_.+")
_ACCOUNT = re.compile(r"\d{12}")
_ORGANIZATION = re.compile(r"o-[a-z0-9]{4,32}")
_DAY = re.compile(r"(\d{4})/(\d{2})/(\d{2})(/|$)")


class Place(msgspec.Struct, frozen=True):
    """What a key says of an object. `skipped` names why it is no CloudTrail log, if it is none."""

    account_id: str | None = None
    region: str | None = None
    delivered_at: datetime | None = None
    skipped: str | None = None


class Step(Enum):
    """What to do with a folder met on the way down."""

    DESCEND = auto()  # look at its subfolders
    LIST = auto()  # CloudTrail/REGION/: list everything below it, in order of time
    SKIP = auto()  # nothing below it is a CloudTrail log


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """What a folder's path says, and the step to take."""

    step: Step
    account_id: str | None = None
    region: str | None = None
    skipped: str | None = None


def describe_object(key: str) -> Place:
    """Return what `key` says of its object."""
    folders, _, name = key.rpartition("/")
    if not name:
        return Place(skipped="folder marker")
    if match := _LOG_NAME.fullmatch(name):
        delivered_at = _minute(match["at"])
        return Place(match["account"], match["region"], delivered_at)
    if (other := _OTHER_LOG_NAME.fullmatch(name)) and other["service"] != "CloudTrail":
        return Place(skipped=f"not a CloudTrail log: {other['service']}")
    if not name.endswith((".json.gz", ".json")):
        return Place(skipped="not a log: its name ends in neither .json.gz nor .json")
    folder = describe_folder(folders + "/")
    return Place(folder.account_id, folder.region, _day(folders), folder.skipped)


def describe_folder(prefix: str) -> FolderPlace:
    """Return what to do with the folder `prefix` (ending in "/" unless it is the root)."""
    names = [name for name in prefix.split("/") if name]
    below = _after_last(names, "AWSLogs")
    if below is not None:
        if below and _ORGANIZATION.fullmatch(below[0]):
            below = below[1:]
        return _below_awslogs(below)
    # A copy that begins below AWSLogs, such as `ACCOUNT/CloudTrail/…` or `CloudTrail/…`.
    for position, name in enumerate(names):
        if name == "CloudTrail" or name.startswith("CloudTrail-"):
            account = names[position - 1] if position else ""
            known = [account] if _ACCOUNT.fullmatch(account) else [""]
            return _below_awslogs(known + names[position:])
    return FolderPlace(Step.DESCEND)


def _below_awslogs(names: list[str]) -> FolderPlace:
    """`names` are the folders after AWSLogs/[o-ID/]: account, service, Region, date."""
    if not names:
        return FolderPlace(Step.DESCEND)
    account = names[0] or None
    if account and not _ACCOUNT.fullmatch(account):
        return FolderPlace(Step.SKIP, skipped=f"not an account's folder: {account}")
    if len(names) == 1:
        return FolderPlace(Step.DESCEND, account)
    if names[1] != "CloudTrail":
        return FolderPlace(Step.SKIP, account, skipped=f"not a CloudTrail log: {names[1]}")
    if len(names) == 2:  # noqa: PLR2004 (account and service)
        return FolderPlace(Step.DESCEND, account)
    return FolderPlace(Step.LIST, account, names[2])


def day_folder(region_prefix: str, day: datetime) -> str:
    """Return the folder of one delivery day below `…/CloudTrail/REGION/`."""
    return f"{region_prefix}{day:%Y/%m/%d}"


def region_prefix_of(prefix: str) -> str:
    """Return the `…/CloudTrail/REGION/` that `prefix` is or lies in."""
    head, _, tail = prefix.rpartition("CloudTrail/")
    return f"{head}CloudTrail/{tail.split('/', 1)[0]}/"


def _after_last(names: list[str], name: str) -> list[str] | None:
    """Return what follows the last `name` in `names`; None where it does not occur."""
    if name not in names:
        return None
    last = len(names) - 1 - names[::-1].index(name)
    return names[last + 1 :]


def _minute(text: str) -> datetime | None:
    """`20230710T1145` as a time; None for digits that are no time."""
    try:
        return datetime(
            int(text[:4]),
            int(text[4:6]),
            int(text[6:8]),
            int(text[9:11]),
            int(text[11:]),
            tzinfo=UTC,
        )
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

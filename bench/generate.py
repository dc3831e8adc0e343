"""Write a made-up CloudTrail archive, laid out as S3 keys: the same settings, the same bytes.

    python -m bench.generate DIR --events 600000

Every object is made from a seed of its own (the archive's seed and the object's number), so
it does not matter which process writes it. Objects are compressed by zlib at level 6, which
is what `gzip` does by default. Nothing but one object and the records waiting for redelivery
is held in memory.
"""

from __future__ import annotations

import argparse
import base64
import calendar
import json
import math
import multiprocessing
import time
import zlib
from bisect import bisect
from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import date
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Generic, TypeVar

from bench import vocabulary as words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

OBJECT_SIZE_SIGMA = 1.2  # of the lognormal number of records in an object
MOST_EVENTS_IN_AN_OBJECT = 5_000
OBJECTS_PER_BLOCK = 64  # what one process writes at a time; redelivery stays within a block

REDELIVERED = 0.0103  # a block's last records have no later object: about 1 % in the end
TAKEN_BY_NEXT_OBJECT = 0.4
LATE = 0.005
LATE_EXPLAINED = 0.2  # of the late ones
DELAY = (60, 601)  # seconds from an event to its delivery
LATE_DELAY = (601, 20 * 3600 + 1)
OLDEST_SESSION = 6 * 3600

LIST_SKEW = 4  # the higher, the rarer are long lists
SAME_CALLER_AGAIN = 0.5  # calls come in bursts
FAILED = 0.055
PARTIAL_TLS_DETAILS = 0.002
WITH_KEY_EXCHANGE = 0.7
UNKNOWN_FIELDS = 0.0001

ACCOUNT_DIGITS = 12
NO_TLS_VERSION = "absent"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the archive is made from. Only `processes` has no influence on its bytes."""

    events: int = 600_000
    seed: int = 1
    events_per_object: int = 152
    accounts: int = 5
    regions: int = 4
    days: int = 60
    start: date = date(2022, 11, 1)
    processes: int = 2


@dataclass(frozen=True, slots=True)
class Summary:
    """What an archive, or a part of it, holds."""

    events: int = 0
    duplicates: int = 0
    objects: int = 0
    gz_bytes: int = 0
    json_bytes: int = 0
    tls_versions: Counter[str] = field(default_factory=Counter)  # of all events
    distinct_tls_versions: Counter[str] = field(default_factory=Counter)  # without duplicates

    @property
    def distinct_events(self) -> int:
        """The number of different eventIDs."""
        return self.events - self.duplicates

    def facts(self) -> dict[str, int | Counter[str]]:
        """Return all of it by name."""
        facts = {part.name: getattr(self, part.name) for part in fields(self)}
        return facts | {"distinct_events": self.distinct_events}

    def __add__(self, other: Summary) -> Summary:
        """Return the summary of both parts."""
        names = [part.name for part in fields(self)]
        return Summary(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """An object to write: when it is delivered and how many records it holds."""

    number: int
    delivered: int  # seconds since 1970, a whole minute
    events: int


@dataclass(frozen=True, slots=True)
class Block:
    """Objects of one account and Region that follow each other."""

    account: str
    region: str
    objects: tuple[PlannedObject, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it stands in an object, and the TLS version it tells."""

    text: str
    tls_version: str


# ---------------------------------------------------------------- the journey


def generate(directory: Path, settings: Settings) -> Summary:
    """Write the archive below `directory` and return what it holds.

    Raises FileExistsError where there is an archive already: two would mix.
    """
    (directory / "AWSLogs").mkdir(parents=True)
    write = partial(write_block, directory, settings)
    if settings.processes == 1:
        return sum(map(write, plan(settings)), Summary())
    # Spawned, not forked: the caller may have threads.
    with multiprocessing.get_context("spawn").Pool(settings.processes) as pool:
        return sum(pool.imap_unordered(write, plan(settings)), Summary())


def plan(settings: Settings) -> Iterator[Block]:
    """Return the blocks of the archive, account by account and Region by Region."""
    number = 0
    for account, region, events in _streams(settings):
        rng = Random(f"{settings.seed}/plan/{account}/{region}")
        objects = list(_objects(rng, settings, events, number))
        number += len(objects)
        for first in range(0, len(objects), OBJECTS_PER_BLOCK):
            yield Block(account, region, tuple(objects[first : first + OBJECTS_PER_BLOCK]))


def write_block(directory: Path, settings: Settings, block: Block) -> Summary:
    """Write the objects of `block` and return what they hold."""
    place = place_of(settings.seed, block.account, block.region)
    waiting: list[Record] = []
    written = Summary()
    for planned in block.objects:
        rng = Random(f"{settings.seed}/object/{planned.number}")
        again, waiting = _taken(rng, waiting, planned.events // 2)
        author = Author(rng, place, planned.delivered)
        new = [author.record() for _ in range(planned.events - len(again))]
        waiting += [record for record in new if rng.random() < REDELIVERED]
        records = _mixed(rng, new, again)
        written += _write_object(directory / _key(rng, block, planned), records, again)
    return written


def _taken(rng: Random, waiting: list[Record], at_most: int) -> tuple[list[Record], list[Record]]:
    """Split `waiting` into what the next object delivers again and what waits on."""
    wanted = sum(rng.random() < TAKEN_BY_NEXT_OBJECT for _ in waiting)
    taken = min(wanted, at_most)
    return waiting[:taken], waiting[taken:]


def _mixed(rng: Random, new: list[Record], again: list[Record]) -> list[Record]:
    """Return `new` with `again` somewhere between them."""
    mixed = list(new)
    for record in again:
        mixed.insert(rng.randrange(len(mixed)), record)
    return mixed


def _write_object(path: Path, records: list[Record], again: list[Record]) -> Summary:
    """Write `records`, of which `again` were delivered before, and return their summary."""
    content = f'{{"Records":[{",".join(record.text for record in records)}]}}'.encode()
    # Not gzip.compress: its header differs between versions of Python.
    compressed = zlib.compress(content, 6, wbits=31)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(compressed)
    tls_versions = Counter(record.tls_version for record in records)
    return Summary(
        len(records),
        len(again),
        1,
        len(compressed),
        len(content),
        tls_versions,
        tls_versions - Counter(record.tls_version for record in again),
    )


def _key(rng: Random, block: Block, planned: PlannedObject) -> str:
    """Return the path of an object, as CloudTrail names it."""
    delivered = time.gmtime(planned.delivered)
    unique = base64.b64encode(rng.randbytes(12), b"Zz").decode()
    name = f"{block.account}_CloudTrail_{block.region}_{time.strftime('%Y%m%dT%H%MZ', delivered)}"
    folder = f"AWSLogs/{block.account}/CloudTrail/{block.region}"
    return f"{folder}/{time.strftime('%Y/%m/%d', delivered)}/{name}_{unique}.json.gz"


# ---------------------------------------------------------------- the plan


def _streams(settings: Settings) -> Iterator[tuple[str, str, int]]:
    """Return every account and Region with its number of events: few have most of them."""
    rng = Random(f"{settings.seed}/accounts")
    accounts = [_account(rng, first=position == 0) for position in range(settings.accounts)]
    regions = words.REGIONS[: settings.regions]
    streams = [
        (account, region, 1 / a / r)
        for a, account in enumerate(accounts, 1)
        for r, region in enumerate(regions, 1)
    ]
    whole = sum(weight for _, _, weight in streams)
    upto, given = 0.0, 0
    for account, region, weight in streams:
        upto += weight
        events = round(settings.events * upto / whole) - given
        given += events
        yield account, region, events


def _account(rng: Random, *, first: bool) -> str:
    """Return an account id; the first account's begins with 0, as one in ten does."""
    digits = "".join(rng.choices("0123456789", k=ACCOUNT_DIGITS - 1))
    return ("0" if first else rng.choice("123456789")) + digits


def _objects(
    rng: Random, settings: Settings, events: int, first_number: int
) -> Iterator[PlannedObject]:
    """Return the objects that hold `events` records, delivered all through the days."""
    sizes = list(_sizes(rng, settings.events_per_object, events))
    start = calendar.timegm(settings.start.timetuple())
    minutes = settings.days * 24 * 60
    for position, size in enumerate(sizes):
        minute = int(minutes * (position + rng.random()) / len(sizes))
        yield PlannedObject(first_number + position, start + minute * 60, size)


def _sizes(rng: Random, mean: int, events: int) -> Iterator[int]:
    """Return lognormal sizes that add up to `events`."""
    logarithm = math.log(mean) - OBJECT_SIZE_SIGMA**2 / 2
    left = events
    while left:
        size = int(rng.lognormvariate(logarithm, OBJECT_SIZE_SIGMA)) + 1
        size = min(size, MOST_EVENTS_IN_AN_OBJECT, left)
        left -= size
        yield size


# ---------------------------------------------------------------- values


class Weighted(Generic[T]):
    """Things, some of which are drawn more often than others."""

    def __init__(self, pairs: Iterable[tuple[T, float]]) -> None:
        """Take (thing, weight) pairs."""
        things, weights = zip(*pairs, strict=True)
        self._things: tuple[T, ...] = things
        self._cumulative = list(accumulate(weights))
        self._whole = self._cumulative[-1]

    def one(self, rng: Random) -> T:
        """Return one of the things."""
        return self._things[bisect(self._cumulative, rng.random() * self._whole)]


EVENT_VERSIONS = Weighted(words.EVENT_VERSIONS)
TLS_MIXES = {name: Weighted(mix) for name, mix in words.TLS_MIXES.items()}


def _uuid(rng: Random) -> str:
    """Return a random UUID, version 4."""
    digits = rng.randbytes(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _hex(size: int, rng: Random) -> str:
    return rng.randbytes(size).hex()


def _base32(size: int, rng: Random) -> str:
    return base64.b32encode(rng.randbytes(size)).decode()


def _base64(size: int, rng: Random) -> str:
    return base64.b64encode(rng.randbytes(size)).decode()


def _number(end: int, rng: Random) -> str:
    return str(int(rng.random() * end))


def _digits(count: int, rng: Random) -> str:
    return f"{int(rng.random() * 10**count):0{count}}"


def _one_of(choices: tuple[str, ...], rng: Random) -> str:
    return choices[int(rng.random() * len(choices))]


def _public_ip(rng: Random) -> str:
    one, two, three, four = rng.randbytes(4)
    return f"{one % 200 + 11}.{two}.{three}.{four}"


# How a value is made that depends on nothing.
MAKERS: dict[str, Callable[[Random], str]] = {
    "uuid": _uuid,
    "public_ip": _public_ip,
    **{name: partial(_hex, size) for name, size in words.HEX.items()},
    **{name: partial(_base32, size) for name, size in words.BASE32.items()},
    **{name: partial(_base64, size) for name, size in words.BASE64.items()},
    **{name: partial(_number, end) for name, end in words.NUMBERS.items()},
    **{name: partial(_digits, count) for name, count in words.DIGITS.items()},
    **{name: partial(_one_of, choices) for name, choices in words.CHOICES.items()},
}


class Values(dict[str, str]):
    """What the `%(name)s` of a text stand for: constants, and what is made when first asked for.

    `name#2` is another value of the kind `name`.
    """

    def __init__(
        self, rng: Random, pools: dict[str, tuple[str, ...]], constants: dict[str, str]
    ) -> None:
        """Begin with `constants`."""
        super().__init__(constants)
        self._rng = rng
        self._pools = pools

    def __missing__(self, name: str) -> str:
        """Make, keep and return the value `name`."""
        kind = name.partition("#")[0]
        if kind in self._pools:
            value = self._known(self._pools[kind])
        elif kind in MAKERS:
            value = MAKERS[kind](self._rng)
        else:
            value = self._list(*words.REPEATS[kind])
        self[name] = value
        return value

    def fill(self, text: str, constants: dict[str, str]) -> str:
        """Return `text` with new values and `constants`."""
        self.begin(constants)
        return text % self

    def begin(self, constants: dict[str, str]) -> None:
        """Forget every value but `constants`."""
        self.clear()
        self.update(constants)

    def _known(self, pool: tuple[str, ...]) -> str:
        """Return one of `pool`; the first are met more often than the last."""
        return pool[int(self._rng.random() ** 2 * len(pool))]

    def _list(self, item: str, fewest: int, most: int) -> str:
        """Return items, each with values of its own; long lists are rare."""
        size = fewest * (most / fewest) ** (self._rng.random() ** LIST_SKEW)
        place = {name: self[name] for name in ("account", "region")}
        own = Values(self._rng, self._pools, place)
        return ",".join(own.fill(item, place) for _ in range(round(size)))


# ---------------------------------------------------------------- places and callers


@dataclass(frozen=True, slots=True)
class Call:
    """An event of a service as a caller may cause it."""

    service: words.Service
    event: words.Event

    @property
    def source(self) -> str:
        """The host part of eventSource."""
        return self.service.source or self.service.name


@dataclass(frozen=True, slots=True)
class Caller:
    """One of a cohort: its constants, and what it calls how often."""

    number: int
    cohort: words.Cohort
    constants: dict[str, str]
    user_agent: str
    calls: Weighted[Call]


@dataclass(frozen=True, slots=True)
class Place:
    """An account in a Region: what exists there and who calls how often."""

    constants: dict[str, str]
    pools: dict[str, tuple[str, ...]]
    callers: Weighted[Caller]


@lru_cache(maxsize=64)
def place_of(seed: int, account: str, region: str) -> Place:
    """Return what an account has in a Region; it has a seed of its own."""
    constants = {"account": account, "region": region}
    pools = _pools(Random(f"{seed}/{account}/{region}"), constants)
    # Not of the Region: an account has the same callers everywhere.
    rng = Random(f"{seed}/{account}")
    return Place(constants, pools, Weighted(_callers(rng, constants)))


def _pools(rng: Random, constants: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the ids that exist in a place."""
    values = Values(rng, {}, constants)
    return {
        name: tuple(values.fill(text, constants) for _ in range(size))
        for name, (text, size) in words.POOLS.items()
    }


def _callers(rng: Random, constants: dict[str, str]) -> Iterator[tuple[Caller, float]]:
    """Return every caller with its weight: a cohort's first has the most events."""
    number = 0
    for cohort in words.COHORTS:
        whole = sum(1 / n for n in range(1, cohort.members + 1))
        for n in range(1, cohort.members + 1):
            number += 1
            yield _caller(rng, number, cohort, constants), cohort.weight / n / whole


def _caller(rng: Random, number: int, cohort: words.Cohort, place: dict[str, str]) -> Caller:
    """Return a new caller of `cohort`."""
    values = Values(rng, {}, place)
    own = {name: text % values for name, text in words.CALLER_CONSTANTS.items()}
    services = _services(rng, cohort)
    calls = Weighted(
        (Call(service, event), weight * event.weight / sum(e.weight for e in service.events))
        for service, weight in services
        if place["region"] == words.GLOBAL_REGION or not service.only_in_global_region
        for event in service.events
    )
    return Caller(number, cohort, place | own, rng.choice(cohort.user_agents), calls)


def _services(rng: Random, cohort: words.Cohort) -> list[tuple[words.Service, float]]:
    """Return what a caller of `cohort` uses, with the services' weights."""
    special = [(service, 1.0) for service in words.SPECIAL_SERVICES]
    common = [(service, n**-words.SERVICE_SKEW) for n, service in enumerate(words.SERVICES, 1)]
    if cohort.services:
        return [(s, weight) for s, weight in special + common if s.name in cohort.services]
    # A random key to the power of 1/weight: the largest are a weighted sample.
    common.sort(key=lambda pair: rng.random() ** (1 / pair[1]), reverse=True)
    return common[: cohort.breadth]


# ---------------------------------------------------------------- records


@dataclass(frozen=True, slots=True)
class Session:
    """A caller at work: its identity and client, in all its records of an object."""

    arn: str
    identity: str
    address: str
    user_agent: str
    endpoint: str
    endpoint_owner: str


class Author:
    """Writes the records of one object."""

    def __init__(self, rng: Random, place: Place, delivered: int) -> None:
        """Begin an object of `place` that is delivered at `delivered`."""
        self._rng = rng
        self._place = place
        self._delivered = delivered
        self._constants = place.constants | _dates(delivered)
        self._values = Values(rng, place.pools, self._constants)
        self._sessions: dict[tuple[int, int], Session] = {}
        self._caller = place.callers.one(rng)
        self._session = self._session_of(self._caller)

    def record(self) -> Record:
        """Return a new record."""
        rng = self._rng
        if rng.random() > SAME_CALLER_AGAIN:
            self._caller = self._place.callers.one(rng)
            self._session = self._session_of(self._caller)
        caller, session = self._caller, self._session
        call = caller.calls.one(rng)
        version = EVENT_VERSIONS.one(rng)
        self._begin_record(call, session)
        happened, addendum = self._happened()
        tls_version, tls_details = self._tls_details(caller, call, version)
        members = (
            f'"eventVersion":"{version}"',
            f'"userIdentity":{self._identity(session)}',
            f'"eventTime":"{_timestamp(happened)}"',
            *self._request(call, session),
            *self._outcome(caller, call),
            *self._classification(call, version),
            *self._links(caller, call, session, version),
            addendum,
            tls_details,
            caller.cohort.tail,
            self._unknown(words.UNKNOWN_FIELD),
        )
        return Record("{" + ",".join(filter(None, members)) + "}", tls_version)

    def _begin_record(self, call: Call, session: Session) -> None:
        """Set the constants of a record."""
        constants = {"source": call.source, "arn": session.arn}
        constants["action"] = f"{call.source}:{call.event.name}"
        self._values.begin(self._constants | constants)

    def _session_of(self, caller: Caller) -> Session:
        """Return one of the caller's sessions, a new one at first."""
        key = (caller.number, int(self._rng.random() * caller.cohort.fleet))
        if key not in self._sessions:
            self._sessions[key] = self._new_session(caller)
        return self._sessions[key]

    def _new_session(self, caller: Caller) -> Session:
        """Return a session that began some hours ago."""
        cohort, values = caller.cohort, self._values
        values.begin(caller.constants)
        values["created"] = _timestamp(self._delivered - self._rng.randrange(700, OLDEST_SESSION))
        values["session"] = cohort.session % values
        values["arn"] = cohort.arn % values
        return Session(
            values["arn"],
            cohort.identity % values,
            cohort.address % values,
            caller.user_agent % values,
            f'"vpcEndpointId":"{values["vpce"]}"' if cohort.in_vpc else "",
            f'"vpcEndpointAccountId":"{values["account"]}"' if cohort.in_vpc else "",
        )

    def _identity(self, session: Session) -> str:
        """Return the userIdentity, now and then with a member that nobody knows."""
        unknown = self._unknown(words.UNKNOWN_IDENTITY_FIELD)
        return f"{session.identity[:-1]},{unknown}}}" if unknown else session.identity

    def _request(self, call: Call, session: Session) -> tuple[str, ...]:
        """Return what was called, where, from where and with what."""
        agent = session.user_agent
        if call.source == "s3" and "/" in agent:  # S3 records put clients in brackets
            agent = f"[{agent}]"
        return (
            f'"eventSource":"{call.source}.amazonaws.com"',
            f'"eventName":"{call.event.name}"',
            f'"awsRegion":"{self._place.constants["region"]}"',
            f'"sourceIPAddress":"{session.address}"',
            f'"userAgent":"{agent}"',
        )

    def _happened(self) -> tuple[int, str]:
        """Return the time of an event and, if it was late and CloudTrail says so, why."""
        if self._rng.random() > LATE:
            return self._delivered - self._rng.randrange(*DELAY), ""
        explained = self._rng.random() < LATE_EXPLAINED
        happened = self._delivered - self._rng.randrange(*LATE_DELAY)
        return happened, words.LATE_ADDENDUM if explained else ""

    def _outcome(self, caller: Caller, call: Call) -> tuple[str, ...]:
        """Return the error, if the call failed, and what was asked and answered."""
        event, error, response = call.event, "", call.event.response
        if caller.cohort.fails and self._rng.random() < FAILED:
            code, message = self._rng.choice(words.ERRORS.get(call.source, words.ERRORS[""]))
            error = f'"errorCode":"{code}","errorMessage":"{message % self._values}"'
            response = "null"
        return (
            error,
            f'"requestParameters":{event.parameters % self._values}',
            f'"responseElements":{response % self._values}',
            event.additional and f'"additionalEventData":{event.additional % self._values}',
        )

    def _classification(self, call: Call, version: str) -> tuple[str, ...]:
        """Return the ids of a record and what kind of record it is."""
        event, service = call.event, call.service
        old = version == words.OLD_VERSION
        return (
            self._request_id(call),
            f'"eventID":"{_uuid(self._rng)}"',
            f'"readOnly":{_json(event.is_read_only)}',
            event.resources and f'"resources":{event.resources % self._values}',
            f'"eventType":"{service.event_type}"',
            service.api_version and f'"apiVersion":"{service.api_version}"',
            "" if old else f'"managementEvent":{_json(not event.is_data)}',
            f'"recipientAccountId":"{self._place.constants["account"]}"',
        )

    def _request_id(self, call: Call) -> str:
        """Return the requestID in the service's format; what is no API call has none."""
        if call.service.event_type != "AwsApiCall":
            return ""
        make = partial(_base32, 10) if call.source == "s3" else _uuid
        return f'"requestID":"{make(self._rng)}"'

    def _links(self, caller: Caller, call: Call, session: Session, version: str) -> tuple[str, ...]:
        """Return what ties a record to other accounts and to a VPC, and its category."""
        shared = self._rng.random() < caller.cohort.shared
        category = "Data" if call.event.is_data else "Management"
        return (
            f'"sharedEventID":"{_uuid(self._rng)}"' if shared else "",
            call.event.details and f'"serviceEventDetails":{call.event.details % self._values}',
            session.endpoint,
            session.endpoint_owner if version in words.ENDPOINT_OWNER_VERSIONS else "",
            "" if version == words.OLD_VERSION else f'"eventCategory":"{category}"',
        )

    def _tls_details(self, caller: Caller, call: Call, version: str) -> tuple[str, str]:
        """Return the TLS version and the tlsDetails of a call that came from outside AWS."""
        silent = version == words.OLD_VERSION or not call.service.sends_tls_details
        if silent or not caller.cohort.tls:
            return NO_TLS_VERSION, ""
        host = f'"clientProvidedHostHeader":"{call.service.host % self._values}"'
        if self._rng.random() < PARTIAL_TLS_DETAILS:
            return NO_TLS_VERSION, f'"tlsDetails":{{{host}}}'
        tls_version = TLS_MIXES[caller.cohort.tls].one(self._rng)
        cipher = _one_of(words.CIPHERS[tls_version], self._rng)
        named = f'"tlsVersion":"{tls_version}","cipherSuite":"{cipher}"'
        exchange = self._key_exchange(tls_version, version)
        return tls_version, f'"tlsDetails":{{{named},{host}{exchange}}}'

    def _key_exchange(self, tls_version: str, version: str) -> str:
        """Return the keyExchange that some of the newer records have."""
        known = words.KEY_EXCHANGES.get(tls_version)
        if version not in words.KEY_EXCHANGE_VERSIONS or known is None:
            return ""
        if self._rng.random() > WITH_KEY_EXCHANGE:
            return ""
        return f',"keyExchange":"{_one_of(known, self._rng)}"'

    def _unknown(self, text: str) -> str:
        """Return `text` filled in, very rarely."""
        return text % self._values if self._rng.random() < UNKNOWN_FIELDS / 2 else ""


def _json(value: bool) -> str:  # noqa: FBT001 (a value, not a switch)
    return "true" if value else "false"


def _dates(seconds: int) -> dict[str, str]:
    """Return a time in the formats that requests and answers have it in."""
    formats = {"moment": "%b %d, %Y, %I:%M:%S %p", "day": "%Y-%m-%d", "folder_day": "%Y/%m/%d"}
    moment = time.gmtime(seconds)
    return {name: time.strftime(text, moment) for name, text in formats.items()}


def _timestamp(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# ---------------------------------------------------------------- the command


def main() -> None:
    """Generate an archive from the command line and print its summary as a line of JSON."""
    arguments = vars(_parser().parse_args())
    directory = arguments.pop("directory")
    started = time.perf_counter()
    summary = generate(directory, Settings(**arguments))
    seconds = round(time.perf_counter() - started, 1)
    print(json.dumps(summary.facts() | {"seconds": seconds}, sort_keys=True))


def _parser() -> argparse.ArgumentParser:
    """Return the parser; its defaults are those of Settings."""
    parser = argparse.ArgumentParser(description="Write a made-up CloudTrail archive.")
    parser.add_argument("directory", type=Path)
    for setting in fields(Settings):
        convert = date.fromisoformat if setting.name == "start" else int
        option = "--" + setting.name.replace("_", "-")
        parser.add_argument(option, type=convert, default=setting.default)
    return parser


if __name__ == "__main__":
    main()

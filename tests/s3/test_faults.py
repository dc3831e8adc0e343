"""What S3 does on a bad day: what passes is asked for again, what lasts is named in the ledger."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Barrier, Lock, get_ident
from typing import TYPE_CHECKING

import pytest
from botocore.retries.standard import ExponentialBackoff

from analyzer import manifest, s3_connection, s3_errors, s3_retries
from analyzer.local_lake import LocalLakeFiles
from analyzer.s3_retries import NotNow, Retries, Window
from analyzer.s3_store import S3Store
from analyzer.store import S3Access
from tests import PATIENCE
from tests.conftest import ids_of, ingest_and_check, log_key, objects_of, record
from tests.s3.buckets import FEW, archived_under, new_bucket
from tests.s3.commands import content, statuses
from tests.s3.lakes import place_in
from tests.s3.proxy import Answer, proxy_before, refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import LogFolder
    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command
    from tests.s3.proxy import Proxy, Request

pytestmark = pytest.mark.usefixtures("credentials", "short_waits")

LOGS = archived_under(FEW)
ONE = next(iter(LOGS))
HEADERS = {"Last-Modified": "Wed, 01 Mar 2023 07:28:00 GMT"}

# Answers in S3's place; those with a body are ONE's, whole or damaged.
WHOLE = Answer(200, LOGS[ONE], HEADERS)
FAULTS = {
    "InternalError": refusal(500, "InternalError"),
    "SlowDown": refusal(503, "SlowDown"),
    "RequestTimeout": refusal(400, "RequestTimeout"),
    "KMS.ThrottlingException": refusal(400, "KMS.ThrottlingException"),
    "500": Answer(500),
    "503": Answer(503),
    "reset": Answer(200, reset=True),
    "stalled": Answer(200, WHOLE.body, HEADERS, stall=PATIENCE),
    "cut off": Answer(200, WHOLE.body, HEADERS, cut_after=100),
    "cut off at once": Answer(200, WHOLE.body, HEADERS, cut_after=0),
    "shorter than it says": Answer(200, WHOLE.body, HEADERS, claimed=len(WHOLE.body) + 1),
    "longer than it says": Answer(200, WHOLE.body, HEADERS, claimed=len(WHOLE.body) - 1),
}
REASONS = {
    "reset": "Interrupted: the connection broke off each time",
    "stalled": "Timeout: S3 does not answer",
    "cut off": "Interrupted: the connection broke off each time",
    "cut off at once": "Interrupted: the connection broke off each time",
    "shorter than it says": "Interrupted: the connection broke off each time",
    "longer than it says": "Incomplete: what came was not of the size that was listed",
}


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a fiftieth of what is usual between two attempts."""
    soon = partial(ExponentialBackoff, random=lambda: 0.02)
    monkeypatch.setattr(s3_retries, "ExponentialBackoff", soon)


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait not long for an answer. What is only slow, on a busy machine, must still be in time."""
    monkeypatch.setattr(s3_connection, "READ_TIMEOUT", timedelta(seconds=1.5))


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> str:
    """Return the name of a fault; what stalls is not waited for long, and all else is."""
    name: str = request.param
    if name == "stalled":
        request.getfixturevalue("impatience")
    return name


def store_of(bucket: Bucket, proxy: Proxy) -> S3Store:
    return S3Store(f"s3://{bucket.name}/", S3Access(endpoint_url=proxy.endpoint))


def answers(proxy: Proxy, bucket: Bucket, fault: str, times: int | None = None) -> None:
    """Let S3 answer so for ONE, with the ETag that it has."""
    fresh = replace(FAULTS[fault], headers=HEADERS | {"ETag": bucket.etag(ONE)})
    proxy.answer("GET", ONE, fresh if fresh.status == 200 else FAULTS[fault], times=times)


@pytest.mark.parametrize("fault", FAULTS, indirect=True)
def test_what_passes_is_asked_for_again_and_counted(
    few_logs: Bucket, proxy: Proxy, fault: str
) -> None:
    answers(proxy, few_logs, fault, times=2)
    store = store_of(few_logs, proxy)

    body = store.get(few_logs.prefix + ONE, few_logs.etag(ONE), len(LOGS[ONE]))

    assert body == LOGS[ONE]
    assert store.take_retries() == 2
    assert store.take_retries() == 0


@pytest.mark.parametrize(
    "fault",
    ["InternalError", "SlowDown", "500", "reset", "stalled", "longer than it says"],
    indirect=True,
)
def test_what_lasts_ends_in_the_ledger_with_its_own_code(  # noqa: PLR0913, PLR0917
    few_logs: Bucket, proxy: Proxy, lake: Path, ingest: Command, fault: str,
    monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(s3_retries, "ATTEMPTS", 3)
    answers(proxy, few_logs, fault)

    done = ingest(few_logs.url)

    reason = REASONS.get(fault, f"{fault}: S3 did not give it")
    assert done.code == 4, done.stderr
    assert f"refused: {few_logs.url}{ONE}: {reason}" in done.stderr
    assert statuses(lake) == {"refused": 1, "ingested": 8}
    assert len([request for request in proxy.of("GET") if ONE in request.key]) == 3


class Clock:
    """A time that passes only when something is waited for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of all waiting between attempts."""
    made = Clock()
    monkeypatch.setattr(s3_retries, "time", made)
    longest = partial(ExponentialBackoff, random=lambda: 1.0)
    monkeypatch.setattr(s3_retries, "ExponentialBackoff", longest)
    return made


def given_up(retries: Retries, clock: Clock, seconds: float) -> list[float]:
    """Ask for what is refused after so many seconds, and return when each attempt began."""
    attempts: list[float] = []

    def refused() -> None:
        attempts.append(clock.now)
        clock.now += seconds
        raise NotNow("Timeout")

    with pytest.raises(NotNow):
        retries.answer(refused)
    return attempts


def test_the_wait_between_two_attempts_grows_and_the_ninth_attempt_is_the_last(
    clock: Clock,
) -> None:
    assert len(given_up(Retries(1), clock, seconds=0)) == 9
    assert clock.waits == [1, 2, 4, 8, 16, 20, 20, 20]


def test_who_stalls_each_time_is_not_asked_again_after_two_minutes(clock: Clock) -> None:
    assert given_up(Retries(1), clock, seconds=50) == [0, 51, 103]


def test_what_was_given_up_in_a_row_is_forgotten_with_the_next_answer(clock: Clock) -> None:
    retries = Retries(1)

    for _ in range(2):
        given_up(retries, clock, seconds=0)
    counted = retries.given_up_in_a_row
    retries.answer(lambda: None)
    assert (counted, retries.given_up_in_a_row) == (2, 0)


@pytest.mark.usefixtures("impatience")
def test_one_fault_in_ten_changes_no_row(
    archive: Bucket, weed: str, tmp_path: Path, run: Command
) -> None:
    kinds = ["InternalError", "SlowDown", "500", "503", "reset", "stalled", "cut off"]
    with proxy_before(weed) as calm, proxy_before(weed) as rough:
        rough.disturb([FAULTS[kind] for kind in kinds], one_in=10)
        for name, proxy in (("calm", calm), ("rough", rough)):
            done = run(
                *("ingest", archive.url, "--lake", tmp_path / name, "--workers", 1),
                *("--endpoint-url", proxy.endpoint),
            )
            assert done.code == 0, done.stderr

    assert rough.faults["GET"] > 5
    assert rough.faults["LIST"] > 0
    assert content(tmp_path / "rough", archive.url) == content(tmp_path / "calm", archive.url)
    counted = re.findall(r"[,;] (\d+) requests made again", done.stderr)
    assert len(counted) == 2  # in the progress line, and at the end
    assert min(map(int, counted)) >= rough.faults["GET"] + rough.faults["LIST"]


@pytest.mark.parametrize(
    "fault",
    ["InternalError", "SlowDown", "reset", "stalled", "cut off", "cut off at once"],
    indirect=True,
)
def test_a_listing_survives_what_passes(few_logs: Bucket, proxy: Proxy, fault: str) -> None:
    proxy.answer("LIST", "", FAULTS[fault], times=1)
    store = store_of(few_logs, proxy)

    listed = [found.key for found in objects_of(store, few_logs.prefix)]

    assert listed == sorted(few_logs.prefix + key for key in LOGS)
    assert store.take_retries() == 1


def test_a_listing_that_is_slowed_down_for_longer_than_botocore_asks_goes_on(
    few_logs: Bucket, proxy: Proxy
) -> None:
    proxy.answer("LIST", "", FAULTS["SlowDown"], times=5)

    listed = objects_of(store_of(few_logs, proxy), few_logs.prefix)

    assert len(listed) == len(LOGS)


def test_metadata_survives_what_passes(few_logs: Bucket, proxy: Proxy) -> None:
    proxy.answer("HEAD", ONE, Answer(503), times=1)
    store = store_of(few_logs, proxy)

    assert store.metadata(few_logs.prefix + ONE) == {}
    assert store.take_retries() == 1


def test_a_bucket_that_answers_for_no_object_stops_the_run(
    proxy: Proxy, few_logs: Bucket, monkeypatch: pytest.MonkeyPatch, lake: Path, ingest: Command
) -> None:
    monkeypatch.setattr(s3_retries, "ATTEMPTS", 2)
    monkeypatch.setattr(s3_errors, "GIVEN_UP_IN_A_ROW", 5)
    proxy.answer("GET", "", FAULTS["InternalError"])

    done = ingest(few_logs.url, "--quiet")

    assert done.code == 3
    assert "InternalError: S3 did not give it, nor 5 objects in a row" in done.stderr
    assert statuses(lake) == {}


def slowed_down(window: Window, together: Barrier | None = None) -> None:
    """Let a request be answered with SlowDown, once all of `together` are under way."""

    def request() -> None:
        with window.one():
            if together:
                together.wait()
            raise NotNow("SlowDown")

    with pytest.raises(NotNow):
        request()


def test_slow_down_halves_what_may_be_under_way_once_for_all_that_was() -> None:
    window, together = Window(16), Barrier(5)

    slowed_down(window)
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda _: slowed_down(window, together), range(5)))

    assert window.size == 4


def test_each_round_of_answers_lets_one_more_be_under_way() -> None:
    window = Window(16)
    slowed_down(window)

    for _ in range(8 + 9):
        with window.one():
            pass
    after_two_rounds = window.size
    for _ in range(1_000):
        with window.one():
            pass

    assert (after_two_rounds, window.size) == (9, 16)


def test_however_slow_s3_is_two_requests_may_be_under_way() -> None:
    window = Window(16)

    for _ in range(10):
        slowed_down(window)

    assert window.size == 2


def test_no_more_requests_are_under_way_than_s3_can_bear() -> None:
    window, most, lock = Window(8), [0, 0], Lock()
    slowed_down(window)
    together = Barrier(4)  # broken, and so an error, unless four come together each time

    def request(_: int) -> None:
        with window.one():
            with lock:
                most[0] += 1
                most[1] = max(most)
            together.wait(PATIENCE)
            time.sleep(0.002)  # for a fifth to be seen, if one may come
            with lock:
                most[0] -= 1
            raise NotNow("InternalError")

    def ask(number: int) -> None:
        with pytest.raises(NotNow):
            request(number)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(64)))

    assert most == [0, 4]


def denies(folder: str) -> Callable[[Request], Answer | None]:
    """Refuse to list a folder and all below it."""

    def rule(request: Request) -> Answer | None:
        denied = request.verb == "LIST" and folder in request.query.get("prefix", "")
        return refusal(403, "AccessDenied") if denied else None

    return rule


def test_an_account_that_may_not_be_listed_is_named_and_the_others_are_read(
    archive: Bucket, proxy: Proxy, lake: Path, ingest: Command
) -> None:
    proxy.rules.append(denies("/444455556666/"))

    first = ingest(archive.url)
    taken, readings = statuses(lake)["ingested"], manifest.look(LocalLakeFiles(lake)).readings
    proxy.rules.clear()
    second = ingest(archive.url)

    assert first.code == 4
    assert f"not listed: {archive.url}org-trail/AWSLogs/o-exampleorg1/444455556666/" in first.stderr
    assert "AccessDenied: access denied: the credentials need s3:ListBucket" in first.stderr
    assert readings == ()  # so an audit knows that not all has been read
    assert second.code == 0, second.stderr
    assert (taken, statuses(lake)["ingested"]) == (56, 67)
    assert len(manifest.look(LocalLakeFiles(lake)).readings) == 1


def test_a_plan_names_an_account_that_may_not_be_listed(
    archive: Bucket, proxy: Proxy, ingest: Command
) -> None:
    proxy.rules.append(denies("/444455556666/"))

    done = ingest(archive.url, "--dry-run", "--format", "json")

    assert done.code == 4
    assert f"not listed: {archive.url}org-trail/AWSLogs/o-exampleorg1/444455556666/" in done.stderr
    [denied] = json.loads(done.stdout)["not_listed"]
    assert "/444455556666/" in denied


@pytest.mark.parametrize("only_planned", [(), ("--dry-run",)], ids=["ingest", "plan"])
def test_who_may_list_no_account_is_refused(
    archive: Bucket, proxy: Proxy, lake: Path, ingest: Command, only_planned: tuple[str, ...]
) -> None:
    proxy.rules.append(denies("/CloudTrail/"))

    done = ingest(archive.url, *only_planned)

    assert done.code == 3
    assert "AccessDenied: access denied: the credentials need s3:ListBucket" in done.stderr
    assert not lake.joinpath("lake.json").exists()


class Expiry:
    """Refuses the old access key after so many requests of a verb, when somebody logs in anew."""

    def __init__(self, credentials: Path, verb: str, after: int) -> None:
        self._credentials = credentials
        self._verb = verb
        self._left = after
        self.log_in("ASIAOLD0000000000001")

    def log_in(self, access_key: str) -> None:
        """Write credentials as a login does, so that nobody reads half of them."""
        unfinished = self._credentials.with_name(f"{self._credentials.name}.{get_ident()}")
        unfinished.write_text(
            f"[default]\naws_access_key_id = {access_key}\n"
            "aws_secret_access_key = secret\naws_session_token = token\n"
        )
        unfinished.replace(self._credentials)

    def __call__(self, request: Request) -> Answer | None:
        if request.verb == self._verb:
            self._left -= 1
        if self._left >= 0 or "ASIAOLD" not in request.authorization:
            return None
        self.log_in("ASIANEW0000000000001")
        return refusal(400, "ExpiredToken")


@pytest.mark.parametrize(("verb", "after"), [("GET", 4), ("LIST", 3)])
def test_credentials_that_expire_in_the_middle_are_taken_anew(  # noqa: PLR0913, PLR0917
    moto: str, moto_proxy: Proxy, environment: Path, lake: Path, ingest: Command,
    monkeypatch: pytest.MonkeyPatch, verb: str, after: int
) -> None:  # fmt: skip
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    bucket = new_bucket(moto).put_all(LOGS)
    moto_proxy.rules.append(Expiry(environment / "credentials", verb, after))

    done = ingest(bucket.url, "--endpoint-url", moto_proxy.endpoint)

    assert done.code == 0, done.stderr
    assert statuses(lake) == {"ingested": 9}
    keys = [
        request.authorization.partition("Credential=")[2][:7] for request in moto_proxy.requests
    ]
    assert set(keys) == {"ASIAOLD", "ASIANEW"}
    assert "requests made again" in done.stderr


@pytest.mark.parametrize(("verb", "after"), [("PUT", 3), ("GET", 5)])
def test_credentials_that_expire_while_a_lake_is_written_or_read_are_taken_anew(  # noqa: PLR0913, PLR0917
    moto: str, moto_proxy: Proxy, environment: Path, log_folder: LogFolder,
    monkeypatch: pytest.MonkeyPatch, verb: str, after: int
) -> None:  # fmt: skip
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    log_folder.put(log_key("1000"), [record(1)])
    place = place_in(new_bucket(moto), moto_proxy.endpoint)
    moto_proxy.rules.append(Expiry(environment / "credentials", verb, after))

    ingest_and_check(place, log_folder.root)
    assert ids_of(place) == ["id-1"]
    last = [
        request.authorization.partition("Credential=")[2][:7] for request in moto_proxy.of(verb)
    ]
    assert set(last) == {"ASIAOLD", "ASIANEW"}

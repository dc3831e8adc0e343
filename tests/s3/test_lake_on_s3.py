"""A lake on S3 says what its twin on disk says, to every command, and gives away nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest
import s3fs  # type: ignore[import-untyped]

from analyzer.errors import ExitCode, LakeError, QueryError, UsageError
from analyzer.lake import Access, Narrowing, open_lake
from analyzer.lake_place import S3Place, lake_files, parse_place
from analyzer.store import S3Access
from tests.conftest import ingest_and_check
from tests.s3.buckets import ACCESS_KEY, ARCHIVE, FEW, SECRET_KEY, archived_under, new_bucket
from tests.s3.commands import content, run_process
from tests.s3.lakes import keys_below, place_in
from tests.s3.proxy import refusal
from tests.s3.test_ingest_from_s3 import OTHER_LOGS
from tests.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.s3.buckets import Bucket
    from tests.s3.commands import Command, Finished
    from tests.s3.proxy import Proxy

pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixture archive as a lake on disk; it is not to be changed."""
    lake = tmp_path_factory.mktemp("local") / "lake"
    ingest_and_check(lake, ARCHIVE)
    return lake


@pytest.fixture(scope="module")
def home(weed: str) -> Bucket:
    """A bucket with one lake in it, which is not to be changed, and something beside it."""
    bucket = new_bucket(weed)
    bucket.put("secret.txt", b"not of the lake")
    return bucket


@pytest.fixture(scope="module")
def lake_url(home: Bucket, weed: str) -> Iterator[str]:
    """The fixture archive as a lake on S3; it is not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        place = place_in(home, weed)
        ingest_and_check(place, ARCHIVE)
        yield place.url


@pytest.fixture
def place(lake_url: str, proxy: Proxy) -> S3Place:
    """The lake on S3, by way of the proxy."""
    return S3Place(lake_url, S3Access(endpoint_url=proxy.endpoint))


@pytest.fixture
def fresh(bucket: Bucket, proxy: Proxy) -> S3Place:
    """Where a lake of a test's own is to be, by way of the proxy."""
    return place_in(bucket, proxy.endpoint)


@pytest.fixture
def on(run: Command, proxy: Proxy) -> Command:
    """The command line, with the lake that comes last."""

    def here(*arguments: object) -> Finished:
        *command, lake = arguments
        return run(*command, "--lake", lake, "--endpoint-url", proxy.endpoint)

    return here


def test_the_lake_on_s3_has_the_rows_and_the_ledger_of_the_one_on_disk(
    place: S3Place, local: Path
) -> None:
    assert content(place, "") == content(local, "")


@pytest.mark.parametrize("form", ["table", "json", "md", "html"])
def test_the_audit_is_the_same_in_every_format(
    form: str, place: S3Place, local: Path, on: Command
) -> None:
    here, there = (on("report", "--format", form, lake).stdout for lake in (place, local))
    ids = [json.loads(lake_files(lake).read("lake.json"))["lake_id"] for lake in (place, local)]

    assert here
    assert here.replace(ids[0], ids[1]) == there


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_a_report_is_the_same_in_every_format(
    form: str, place: S3Place, local: Path, on: Command, tmp_path: Path
) -> None:
    for name, lake in (("here", place), ("there", local)):
        done = on("report", "legacy_callers", "--format", form, "-o", tmp_path / name, lake)
        assert done.code == ExitCode.DONE, done.stderr

    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()


def test_nothing_has_changed_between_the_lake_on_disk_and_the_one_on_s3(
    place: S3Place, local: Path, on: Command
) -> None:
    done = on("report", "--against", place, "--format", "json", local)
    also = on("report", "--against", local, "--format", "json", place)

    assert (done.code, also.code) == (ExitCode.DONE, ExitCode.DONE)
    assert json.loads(done.stdout)["before"]["lake"] == place.url
    assert json.loads(also.stdout)["after"]["lake"] == place.url


def test_the_status_is_that_of_the_lake_on_disk_and_every_check_holds(
    place: S3Place, local: Path, on: Command
) -> None:
    here, there = (
        json.loads(on("status", "--check", "--format", "json", lake).stdout)
        for lake in (place, local)
    )

    assert here.pop("orphans") == {"files": 0, "bytes": 0}
    assert here == there
    assert len(here["checked"]) > 5


def test_a_report_asks_for_the_end_of_each_part_and_for_little_else(
    place: S3Place, proxy: Proxy, on: Command
) -> None:
    parts = len(list(lake_files(place).listed("events"))) + len(
        list(lake_files(place).listed("objects"))
    )
    proxy.forget()

    on("report", place)
    # The head, the manifest, the head again, and each part once: they are small, and so all end.
    assert proxy.counts()["GET"] == parts + 3
    assert proxy.counts()["LIST"] == 2
    assert not proxy.counts()["PUT"]


def test_a_part_that_is_more_than_its_end_is_read_range_by_range(
    place: S3Place, local: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.lake_filesystem.END_BYTES", 64)

    assert content(place, "") == content(local, "")
    ranges = {str(each.header("range")).partition("-") for each in proxy.of("GET")}
    assert {start != "bytes=" and end != "" for start, _, end in ranges} == {True, False}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_text('lake://lake.json')",
        "SELECT * FROM read_text('lake://../secret.txt')",
        "SELECT * FROM read_text('s3://{bucket}/secret.txt')",
        "SELECT * FROM glob('lake://*')",
        "COPY (SELECT 1) TO 'lake://commits/0000000009.json'",
        "COPY (SELECT 1) TO '{folder}/stolen.csv'",
    ],
)
def test_a_query_reads_the_parts_of_the_lake_and_nothing_else(
    query: str, place: S3Place, home: Bucket, tmp_path: Path
) -> None:
    before = sorted(keys_below(home))
    text = query.format(bucket=home.name, folder=tmp_path)

    with open_lake(place, Narrowing()) as lake, pytest.raises(QueryError), lake.query(text):
        pass
    assert sorted(keys_below(home)) == before
    assert not list(tmp_path.glob("*.csv"))


def test_a_query_that_may_do_more_still_only_reads_the_lake(
    place: S3Place, home: Bucket, tmp_path: Path
) -> None:
    before = sorted(keys_below(home))

    with open_lake(place, Narrowing(), Access(external=True)) as lake:
        with lake.query(f"COPY (FROM events) TO '{tmp_path}/events.parquet'"):
            pass
        for text in (
            "COPY (SELECT 1) TO 'lake://events/month=2023-01/part-x.parquet'",
            "SELECT * FROM read_text('lake://../secret.txt')",
        ):
            with pytest.raises((QueryError, LakeError)), lake.query(text) as answer:
                answer.read_all()
    assert (tmp_path / "events.parquet").stat().st_size
    assert sorted(keys_below(home)) == before


def test_a_part_that_is_gone_is_told_as_on_disk(fresh: S3Place, bucket: Bucket) -> None:
    ingest_and_check(fresh, ARCHIVE / FEW.split("/")[0])
    with open_lake(fresh, Narrowing()) as lake:
        for key in keys_below(bucket):
            if key.startswith("lake/events/"):
                bucket.delete(key)
        with pytest.raises(LakeError, match="was changed while it was read; ask again"):
            lake.table("SELECT count(*), max(user_agent) FROM events")
    with pytest.raises(LakeError, match=r"s3://.*part-.* is gone"), open_lake(fresh, Narrowing()):
        pass


def test_another_ingest_reads_no_object_and_changes_nothing(
    bucket: Bucket, fresh: S3Place, on: Command
) -> None:
    on("ingest", ARCHIVE, "--workers", 1, fresh)
    before = keys_below(bucket)

    again = on("ingest", ARCHIVE, "--workers", 1, fresh)
    assert (again.code, "nothing new" in again.stderr) == (ExitCode.DONE, True)
    assert keys_below(bucket) == before


def test_a_dry_run_reads_no_object_and_writes_none(
    bucket: Bucket, fresh: S3Place, on: Command, proxy: Proxy
) -> None:
    done = on("ingest", ARCHIVE, "--dry-run", fresh)

    assert (done.code, "75 objects listed" in done.stderr) == (ExitCode.DONE, True)
    assert (keys_below(bucket), proxy.counts()["PUT"]) == ({}, 0)


def test_workers_write_their_parts_straight_to_s3(
    many: Bucket, fresh: S3Place, proxy: Proxy, on: Command, tmp_path: Path
) -> None:
    done = run_process(
        *("ingest", many.url, "--workers", 2, "--lake", fresh),
        *("--endpoint-url", proxy.endpoint),
    )
    on("ingest", many.url, "--workers", 1, tmp_path / "lake")

    assert done.code == ExitCode.DONE, done.stderr
    assert content(fresh, "") == content(tmp_path / "lake", "")


def test_a_changed_object_replaces_its_rows_and_nobody_sees_them_twice(
    few_logs: Bucket, fresh: S3Place, bucket: Bucket, on: Command, tmp_path: Path
) -> None:
    on("ingest", few_logs.url + "org-trail", "--workers", 1, fresh)
    changed = next(iter(archived_under(FEW)))
    few_logs.put(changed, next(iter(archived_under(OTHER_LOGS).values())))

    done = on("ingest", few_logs.url + "org-trail", "--workers", 1, fresh)
    on("ingest", few_logs.url + "org-trail", "--workers", 1, tmp_path / "lake")
    assert done.code == ExitCode.DONE, done.stderr
    assert content(fresh, "") == content(tmp_path / "lake", "")
    plain = duckdb.connect()
    plain.register_filesystem(filesystem_of(bucket))
    [(rows,)] = plain.execute(
        "SELECT count(*) FROM read_parquet($events)",
        {"events": f"{fresh.url}/events/*/*.parquet"},
    ).fetchall()
    assert rows == len(content(fresh, "")[0])


def test_a_compaction_merges_parts_and_changes_no_row(
    fresh: S3Place, on: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.plan.BATCH_OBJECTS", 12)
    ingest_and_check(fresh, ARCHIVE)
    before, files = content(fresh, ""), lake_files(fresh)
    parts = len(list(files.listed("events")))

    done = on("compact", fresh)
    assert done.code == ExitCode.DONE, done.stderr
    assert content(fresh, "") == before
    assert len(list(files.listed("events"))) < parts
    assert on("status", "--check", fresh).code == ExitCode.DONE


def test_a_verification_takes_hashes_from_the_lake_and_records_verdicts_in_it(
    fresh: S3Place, on: Command, tmp_path: Path
) -> None:
    archive = Trail().hours(3).write(tmp_path / "archive")
    on("ingest", archive, "--workers", 1, fresh)

    done = on("verify", archive, "--workers", 1, "--format", "json", fresh)
    found = json.loads(done.stdout)
    assert (done.code, found["verdict"]) == (ExitCode.DONE, "valid")
    assert (found["hashes_from_ledger"], found["hashes_read"]) == (found["log_files"], 0)
    digests = on("sql", "SELECT count(*) AS n FROM digests", "--format", "json", fresh)
    assert json.loads(digests.stdout) == [{"n": found["digests"]}]


def test_a_verification_makes_no_lake_where_there_is_none(
    fresh: S3Place, bucket: Bucket, on: Command, tmp_path: Path
) -> None:
    archive = Trail().hours(3).write(tmp_path / "archive")

    assert on("verify", archive, "--workers", 1, fresh).code == ExitCode.DONE
    assert keys_below(bucket) == {}


def test_a_bucket_that_is_not_there_is_3_and_named(on: Command) -> None:
    done = on("report", "s3://no-such-bucket-of-ours/lake")

    assert done.code == ExitCode.STORE_REFUSED
    assert "s3://no-such-bucket-of-ours/: HeadBucket" in done.stderr or (
        "there is no bucket of this name" in done.stderr
    )


def test_a_bucket_that_is_deleted_under_a_lake_is_3_and_not_a_lake_to_be_made(
    place: S3Place, proxy: Proxy, on: Command
) -> None:
    proxy.answer("GET", "lake.json", refusal(404, "NoSuchBucket"))

    done = on("report", place)
    assert (done.code, done.stdout) == (ExitCode.STORE_REFUSED, "")
    assert "NoSuchBucket: there is no bucket of this name" in done.stderr


def test_the_shell_answers_from_the_lake(
    place: S3Place, on: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def converse(answer: object, *_: object) -> None:
        asked.append(answer("SELECT count(*) FROM events"))  # type: ignore[operator]

    monkeypatch.setattr("analyzer.shell.converse", converse)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert on("shell", place).code == ExitCode.DONE
    assert "1,256" in asked[0]


def test_the_script_of_views_works_in_a_duckdb_that_reaches_s3(
    place: S3Place, home: Bucket, on: Command
) -> None:
    script = keys_below(home)["lake/lake.sql"].decode()
    wanted = json.loads(
        on(
            "sql",
            "SELECT tls_version, count(*) AS n FROM events GROUP BY ALL ORDER BY ALL",
            "--format",
            "json",
            place,
        ).stdout
    )

    other = duckdb.connect()
    other.register_filesystem(filesystem_of(home))
    other.execute(script)
    found = other.execute(
        "SELECT tls_version, count(*) AS n FROM events GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert found == [(row["tls_version"], row["n"]) for row in wanted]
    assert "lake/lake.duckdb" not in keys_below(home)


def test_a_profile_of_the_lakes_own_reaches_it_where_the_source_is_elsewhere(  # noqa: PLR0913, PLR0917
    few_logs: Bucket,
    fresh: S3Place,
    run: Command,
    proxy: Proxy,
    environment: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE0001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    for name, endpoint in (("source", few_logs.client.meta.endpoint_url), ("lake", proxy.endpoint)):
        with environment.joinpath("credentials").open("a") as file:
            file.write(
                f"[{name}]\naws_access_key_id = {ACCESS_KEY}\n"
                f"aws_secret_access_key = {SECRET_KEY}\nendpoint_url = {endpoint}\n"
            )

    done = run(
        *("ingest", few_logs.url + "org-trail", "--profile", "source", "--workers", 1),
        *("--lake", fresh, "--lake-profile", "lake"),
    )
    assert done.code == ExitCode.DONE, done.stderr
    assert proxy.of("PUT")
    assert not [each for each in proxy.requests if each.key.endswith(".json.gz")]


def test_a_pattern_finds_on_s3_what_it_finds_on_disk(fresh: S3Place, tmp_path: Path) -> None:
    here, there = lake_files(tmp_path / "lake"), lake_files(fresh)
    for folder in ("", "commits/", "commits/old/", "events/a/", "events/a/b/", "objects/"):
        for name in ("2.json", "1.json", "part-1.parquet", "part-2.txt"):
            here.write(folder + name, b"x")
            there.write(folder + name, b"x")

    for looked_for in (
        ("commits", "*.json"),
        ("objects", "part-*.parquet"),
        ("events", "*/part-*.parquet"),
        ("", "*"),
        ("", "*.json"),
    ):
        found = there.names(*looked_for)
        assert found
        assert found == here.names(*looked_for)


def test_somebody_elses_prefix_is_refused_and_left_alone(
    bucket: Bucket, proxy: Proxy, on: Command
) -> None:
    bucket.put("diary/2023.txt", b"dear diary")

    done = on("ingest", ARCHIVE, "--workers", 1, f"{bucket.url}diary")
    assert done.code == ExitCode.LAKE_UNUSABLE
    assert "holds 2023.txt and no lake.json, so it is not a lake" in done.stderr
    assert (keys_below(bucket), proxy.of("PUT")) == ({"diary/2023.txt": b"dear diary"}, [])


def test_a_lake_in_its_own_source_is_refused(few_logs: Bucket, on: Command) -> None:
    done = on("ingest", few_logs.url, f"{few_logs.url}lake")

    assert done.code == ExitCode.USAGE
    assert "lies in the source" in done.stderr


def test_there_is_no_lake_where_none_was_made(fresh: S3Place, on: Command) -> None:
    done = on("report", fresh)

    assert done.code == ExitCode.LAKE_UNUSABLE
    assert f"{fresh}: there is no lake here" in done.stderr


@pytest.mark.parametrize(
    ("verb", "key", "command", "needed"),
    [
        ("PUT", "events/", ("ingest", ARCHIVE, "--workers", 1), "s3:PutObject"),
        ("PUT", "commits/", ("ingest", ARCHIVE, "--workers", 1), "s3:PutObject"),
        ("LIST", "", ("report",), "s3:ListBucket"),
        ("GET", "commits/", ("report",), "s3:GetObject"),
        ("GET", "events/", ("report",), "s3:GetObject"),
    ],
)
def test_what_s3_denies_is_3_and_names_the_permission(  # noqa: PLR0913, PLR0917
    verb: str,
    key: str,
    command: tuple[object, ...],
    needed: str,
    fresh: S3Place,
    proxy: Proxy,
    on: Command,
) -> None:
    if verb != "PUT":
        ingest_and_check(fresh, ARCHIVE)
    proxy.answer(verb, key, refusal(403, "AccessDenied"))

    done = on(*command, fresh)
    assert (done.code, done.stdout) == (ExitCode.STORE_REFUSED, "")
    assert needed in done.stderr
    assert done.stderr.count("\n") < 4
    assert SECRET_KEY not in done.stderr
    if verb == "PUT":
        proxy.rules.clear()
        assert on("sql", "FROM events", "--format", "json", fresh).stdout == "[]\n"


@pytest.mark.parametrize(
    "lake",
    [
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket/a//b",
        "s3://bucket/a/../b",
        "gs://bucket/lake",
        "s3://bucket/what?",
        "s3:///lake",
    ],
)
def test_what_is_neither_folder_nor_prefix_is_no_place_for_a_lake(lake: str) -> None:
    with pytest.raises(UsageError, match=r"a lake is a folder or s3://bucket/prefix"):
        parse_place(lake, S3Access())


def test_a_place_on_s3_loses_its_slash_at_the_end() -> None:
    assert str(parse_place("s3://bucket/my lake/", S3Access())) == "s3://bucket/my lake"


def filesystem_of(bucket: Bucket) -> s3fs.S3FileSystem:
    """S3 as another client of DuckDB would have it."""
    return s3fs.S3FileSystem(
        key=ACCESS_KEY,
        secret=SECRET_KEY,
        endpoint_url=bucket.client.meta.endpoint_url,
        skip_instance_cache=True,
        use_listings_cache=False,
    )


def test_the_help_names_both_kinds_of_place(run: Command) -> None:
    assert "s3://bucket/prefix" in run("report", "--help").stdout

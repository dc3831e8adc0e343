"""The command as a process: exit codes, stdout for data, stderr for talk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

from analyzer import manifest
from analyzer.cli import run
from analyzer.errors import ExitCode
from analyzer.local_lake import LocalLakeFiles
from analyzer.status import status
from bench.generate import Settings, generate
from tests import PATIENCE
from tests.conftest import ingest_and_check, log_bytes, log_key, record, records_of
from tests.processes import ended_with_the_test, go_on, wait_for_pause

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LogFolder, Rows

Process = subprocess.CompletedProcess[str]

SMALL_BATCHES = """
import signal
import analyzer.plan
from analyzer.__main__ import main
from tests.processes import pause_before_commit
analyzer.plan.BATCH_OBJECTS = 2
pause_before_commit(2)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
main()
"""

SMALL_FILES_ONLY = """
import os, resource, sys
# A cut .pyc would break every run after this one; a worker's process goes by the variable.
sys.dont_write_bytecode = bool(os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1"))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
from analyzer.__main__ import main
main()
"""

IMPORTED = """
import sys
from analyzer.cli import run
code = run(sys.argv[1:])
heavy = {"duckdb", "pyarrow", "boto3", "botocore", "obstore", "msgspec", "sqlglot"}
print("imported:", sorted(heavy & set(sys.modules)), "code:", int(code))
"""


class Tlstrail(Protocol):
    """The command, run to its end in an empty folder."""

    def __call__(
        self, *arguments: str | Path, code: str | None = ..., stdin: str = ...
    ) -> Process: ...


@pytest.fixture
def environment(repository: Path) -> dict[str, str]:
    names = ("PATH", "HOME", "LANG")
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    return {**inherited, "PYTHONPATH": str(repository)}


@pytest.fixture
def tlstrail(tmp_path: Path, environment: dict[str, str]) -> Tlstrail:
    folder = tmp_path / "cwd"
    folder.mkdir()

    def run(*arguments: str | Path, code: str | None = None, stdin: str = "") -> Process:
        python = ["-c", code] if code else ["-m", "analyzer"]
        return subprocess.run(
            [sys.executable, *python, *map(str, arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            input=stdin,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture
def lake(tmp_path: Path, lake_of_two: Path) -> Path:
    """A lake of two records that a test may damage."""
    shutil.copytree(lake_of_two, tmp_path / "lake")
    return tmp_path / "lake"


def assert_failed(process: Process, code: ExitCode, said: str) -> None:
    """Hold a failure against the contract: its code, its reason on stderr, nothing on stdout."""
    assert process.returncode == code, process.stderr
    assert process.stdout == ""
    first = process.stderr.partition("\n")[0]
    assert first.startswith("tlstrail: ")
    assert said in first
    assert "Traceback" not in process.stderr


# ---------------------------------------------------------------- 0: done


def test_an_ingest_talks_on_stderr_only_and_names_the_next_step(
    tlstrail: Tlstrail, archive: Path, tmp_path: Path
) -> None:
    done = tlstrail("ingest", archive, "--lake", tmp_path / "new")
    assert (done.returncode, done.stdout) == (ExitCode.DONE, "")
    assert "1,421 records read, 165 of them duplicates" in done.stderr
    assert f"tlstrail report --lake {tmp_path / 'new'}" in done.stderr

    again = tlstrail("ingest", archive, "--lake", tmp_path / "new", "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (ExitCode.DONE, "", "")


def test_a_report_is_on_stdout_and_nothing_is_on_stderr(
    tlstrail: Tlstrail, archive_lake: Path, repository: Path
) -> None:
    process = tlstrail("report", "legacy_by_service", "--lake", archive_lake, "--format", "csv")

    golden = repository / "fixtures" / "answers" / "legacy_by_service.csv"
    assert (process.returncode, process.stderr) == (ExitCode.DONE, "")
    assert process.stdout == golden.read_text()


def test_the_audit_as_json_is_one_object_with_the_verdict_first(
    tlstrail: Tlstrail, archive_lake: Path
) -> None:
    process = tlstrail(
        "report", "--lake", archive_lake, "--format", "json", "--since", "2024-02-01"
    )

    first = next(iter(json.loads(process.stdout).items()))
    assert first == ("verdict", "none found, but incomplete")


def test_a_dry_run_says_what_would_be_read_and_makes_no_lake(
    tlstrail: Tlstrail, archive: Path, tmp_path: Path
) -> None:
    process = tlstrail("ingest", archive, "--lake", tmp_path / "new", "--dry-run")

    assert process.returncode == ExitCode.DONE
    assert "75 objects: 67 to read, 0 in the lake already" in process.stdout
    assert "75 objects listed" in process.stderr
    assert "67 to read" in process.stderr
    assert not (tmp_path / "new").exists()


def test_a_dry_run_is_a_plan_for_programs_too(
    tlstrail: Tlstrail, archive: Path, tmp_path: Path
) -> None:
    arguments = ("ingest", archive, "--lake", tmp_path / "new", "--dry-run", "--format", "json")

    plan = json.loads(tlstrail(*arguments, "-q").stdout)
    assert (plan["objects"], plan["to_read"], plan["accounts"], plan["days"]) == (75, 67, 3, 48)
    assert plan["by_place"][0]["account_id"] == "012345678901"


def test_a_format_without_a_dry_run_is_2(tlstrail: Tlstrail, archive: Path, tmp_path: Path) -> None:
    process = tlstrail("ingest", archive, "--lake", tmp_path / "new", "--format", "json")

    assert_failed(process, ExitCode.USAGE, "with --dry-run")


def test_the_lake_may_be_named_in_the_environment(
    tlstrail: Tlstrail, lake: Path, environment: dict[str, str]
) -> None:
    environment["TLSTRAIL_LAKE"] = str(lake)

    process = tlstrail("sql", "SELECT count(*) AS n FROM events", "--format", "ndjson")
    assert process.stdout == '{"n": 2}\n'


def test_a_command_that_is_suggested_can_be_pasted(
    tlstrail: Tlstrail, archive: Path, tmp_path: Path
) -> None:
    place = tmp_path / "for example"

    nothing = tlstrail("report", "--lake", place)
    done = tlstrail("ingest", archive, "--lake", place, "--workers", "1")
    assert nothing.stderr.endswith(f"tlstrail ingest SOURCE --lake '{place}'\n")
    assert done.stderr.endswith(f"Next: tlstrail report --lake '{place}'\n")


def test_a_reader_that_has_seen_enough_is_no_failure(
    archive_lake: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "analyzer", "sql", "FROM events", "--format", "ndjson"]
    with subprocess.Popen(
        [*command, "--lake", str(archive_lake)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == ExitCode.DONE


# ---------------------------------------------------------------- 1: a query failed


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT nothing FROM events", "nothing"),
        ("SELECT event_name::INT FROM events", "Could not convert string"),
        (
            "SELECT CASE WHEN i = 200000 THEN error('boom') ELSE i END FROM range(300000) t(i)",
            "boom",
        ),
    ],
)
def test_a_failed_query_is_1_and_leaves_stdout_empty(
    tlstrail: Tlstrail, lake: Path, query: str, said: str
) -> None:
    process = tlstrail("sql", query, "--lake", lake, "--format", "csv")

    assert_failed(process, ExitCode.QUERY_FAILED, said)


# ---------------------------------------------------------------- 2: usage


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report", "--nonsense"), "--nonsense"),
        (("nonsense",), "nonsense"),
        (("ingest",), "SOURCE"),
        (("report", "nothing"), "no report 'nothing'; there are: accounts_without_objects"),
        (("report", "--format", "xml"), "xml"),
        (("report", "--account", "123"), "an account id has 12 digits"),
        (("report", "--since", "yesterday"), "yesterday"),
        (("report", "--since", "2023-01-02", "--until", "2023-01-01"), "--since must be before"),
        (("ingest", "nowhere"), "nowhere: no such folder"),
        (("ingest", "ftp://bucket"), "ftp://bucket"),
        (("ingest", ".", "--workers", "0"), "--workers"),
        (("ingest", "."), "no CloudTrail objects under"),
        (("report", "--format", "csv"), "the audit is several tables"),
        (("report", "-o", "audit.parquet"), "the audit is several tables"),
        (("status", "--format", "csv"), 'Choose from: "table", "json", "md"'),
        (("status", "-o", "x.csv"), "-o x.csv: this is written as table, json or md, and not"),
        (("sql", "SELECT 1", "--format", "html"), '"html"'),
        (("sql", "SELECT 1", "-o", "x.html"), "csv, json, ndjson, md or parquet, and not as html"),
        (("verify", ".", "--format", "html"), '"html"'),
        (("ingest", "nowhere", "--dry-run", "--format", "csv"), 'Choose from: "table", "json"'),
        (("ingest", "nowhere", "--dry-run", "-o", "x.csv"), "-o x.csv: this is written as"),
        (("sql", "SELECT 1", "--explain-for", "spark", "--format", "csv"), "leave out --format"),
        (("sql", "SELECT 1", "--file", "x.sql"), "a statement and --file"),
        (("sql", "--file", "nowhere.sql"), "nowhere.sql: cannot be read"),
        (("sql", "SELECT $a", "-p", "a"), "each --parameter is name=value"),
        (("sql", "SELECT $a", "-p", "a=1", "-p", "a=2"), "no name stands twice"),
        (("sql", "SELECT 1", "--dialect", "oracle"), "oracle"),
        (("sql", ""), "one statement at a time, and one that reads"),
        (("sql", "DROP VIEW events"), "one statement at a time, and one that reads"),
        (("sql", "SELECT 1; SELECT 2"), "one statement at a time, and one that reads"),
        (("sql", "--dialect", "lake", "DROP TABLE x"), "one that reads: SELECT or WITH"),
        (("sql", "--explain-for", "spark", ""), "one statement at a time, and one that reads"),
        (("report", "tls_versions", "--format", "html"), "html is the audit's"),
        (("report", "--against", "2023-07-01..2023-06-01"), "a period is FROM..TO"),
        (("report", "--against", "2023-01-01..2023-02-01", "--until", "2023-01-20"), "--against"),
        (("report", "tls_versions", "--against", "2023-01-01..2023-02-01"), "cannot be compared"),
        (("report", "--fail-on", "everything"), "everything"),
        (("restore", "s3://nowhere"), "no object of the lake's ledger begins so; "),
        (("shell", "--plain"), "what comes by a pipe is for: tlstrail sql"),
    ],
)
def test_what_cannot_be_done_is_2(
    tlstrail: Tlstrail, lake: Path, arguments: tuple[str, ...], said: str
) -> None:
    where = ("--lake", str(lake)) if arguments[0] != "nonsense" else ()

    assert_failed(tlstrail(*arguments, *where), ExitCode.USAGE, said)


# ---------------------------------------------------------------- 3: the store refused


def test_a_lake_that_cannot_be_made_is_3(tlstrail: Tlstrail, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    process = tlstrail("ingest", archive, "--lake", tmp_path / "file" / "lake")
    assert_failed(process, ExitCode.STORE_REFUSED, "cannot be written")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_is_3_and_running_again_completes(
    tlstrail: Tlstrail, archive: Path, archive_lake: Path, tmp_path: Path, workers: str
) -> None:
    new = tmp_path / "new"
    arguments = ("ingest", archive, "--lake", new, "--workers", workers, "--quiet")

    full = tlstrail(*arguments, code=SMALL_FILES_ONLY)
    assert_failed(full, ExitCode.STORE_REFUSED, "cannot be written: File too large")
    assert [path for path in new.rglob("*") if path.name.endswith(".unfinished")] == []
    assert status(new, check=True).exit_code is ExitCode.DONE

    assert tlstrail(*arguments).returncode == ExitCode.DONE
    assert records_of(new) == records_of(archive_lake)


def test_an_output_that_cannot_be_written_is_3(
    tlstrail: Tlstrail, lake: Path, tmp_path: Path
) -> None:
    target = tmp_path / "nowhere" / "x.csv"

    process = tlstrail("sql", "SELECT 1", "--lake", lake, "--format", "csv", "-o", target)
    assert_failed(process, ExitCode.STORE_REFUSED, f"{target}: cannot be written")


# ---------------------------------------------------------------- 4: something was left out


def test_a_left_out_object_is_4_every_time_and_is_named(
    tlstrail: Tlstrail, tmp_path: Path, log_folder: LogFolder
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    key = log_folder.put_bytes(log_key("1001"), log_bytes([record(2)])[:-1])
    where = ("--lake", str(tmp_path / "new"))

    for quiet in ((), ("--quiet",)):
        process = tlstrail("ingest", log_folder.root, *where, *quiet)
        assert (process.returncode, process.stdout) == (ExitCode.INCOMPLETE, "")
        if not quiet:
            assert f"refused: {key}: truncated gzip" in process.stderr
    told = tlstrail("status", *where)
    assert told.returncode == ExitCode.INCOMPLETE
    assert "truncated gzip" in told.stdout


# ---------------------------------------------------------------- 6: cause for alarm


@pytest.mark.parametrize(
    "name", [(), ("legacy_by_service",), ("--against", "2020-01-01..2021-01-01")]
)
def test_an_alarm_is_6_after_the_report_was_written(
    tlstrail: Tlstrail, lake: Path, tmp_path: Path, name: tuple[str, ...]
) -> None:
    wanted = tlstrail("report", *name, "--lake", lake).stdout
    file = tmp_path / "report.txt"
    watched = ("--fail-on", "legacy", "--fail-on", "low-coverage", "--least-coverage", "100")

    process = tlstrail("report", *name, "--lake", lake, *watched)
    assert (process.returncode, process.stdout) == (ExitCode.ALARM, wanted)
    assert "tlstrail: legacy: " in process.stderr
    assert tlstrail("report", *name, "--lake", lake, *watched, "-o", file).returncode == 6
    assert file.read_text(encoding="utf-8") == wanted


def test_what_is_watched_for_and_not_found_is_0(tlstrail: Tlstrail, lake: Path) -> None:
    later = ("--since", "2030-01-01")

    assert tlstrail("report", "--lake", lake, "--fail-on", "legacy", *later).returncode == 0


# ---------------------------------------------------------------- 5: no usable lake


@pytest.mark.parametrize("command", [("report",), ("sql", "SELECT 1"), ("status",)])
def test_a_lake_that_is_not_there_is_5(tlstrail: Tlstrail, command: tuple[str, ...]) -> None:
    assert_failed(tlstrail(*command), ExitCode.LAKE_UNUSABLE, "there is no lake here")


@pytest.mark.parametrize(
    "command", [("report",), ("ingest", "{source}"), ("ingest", "{source}", "--dry-run")]
)
def test_a_lake_of_a_newer_format_is_5(
    tlstrail: Tlstrail, lake: Path, archive: Path, command: tuple[str, ...]
) -> None:
    (lake / "lake.json").write_text('{"format_version": 99, "schema_version": 1, "made_by": "x"}')

    process = tlstrail(*(word.format(source=archive) for word in command), "--lake", lake)
    assert_failed(process, ExitCode.LAKE_UNUSABLE, "upgrade")


def test_a_lake_that_another_ingest_writes_to_is_5(
    tlstrail: Tlstrail, lake: Path, archive: Path
) -> None:
    with manifest.exclusive(LocalLakeFiles(lake)):
        process = tlstrail("ingest", archive, "--lake", lake)

    assert_failed(process, ExitCode.LAKE_UNUSABLE, "another tlstrail is writing to this lake")


def test_a_damaged_part_is_5(tlstrail: Tlstrail, lake: Path) -> None:
    [part] = lake.glob("events/*/*.parquet")
    part.write_bytes(part.read_bytes()[:500])

    process = tlstrail("report", "--lake", lake)
    assert_failed(process, ExitCode.LAKE_UNUSABLE, "the lake cannot be read")


# ---------------------------------------------------------------- verify


def test_a_verification_talks_on_stderr_and_answers_on_stdout(
    tlstrail: Tlstrail, archive: Path
) -> None:
    process = tlstrail("verify", archive, "--format", "csv", "--all")

    assert process.returncode == ExitCode.DONE
    assert process.stdout.count(",valid,") == len(process.stdout.splitlines()) - 1 == 4
    assert process.stderr.splitlines()[-1] == "hashing log files: 2"
    quiet = tlstrail("verify", archive, "--format", "csv", "--all", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (process.stdout, "")


def test_what_is_not_valid_is_4_and_an_archive_without_digests_too(
    tlstrail: Tlstrail, archive: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(archive / "AWSLogs" / "111122223333", copy)
    next((copy / "CloudTrail" / "us-east-1" / "2022" / "11" / "01").iterdir()).unlink()

    missing = tlstrail("verify", copy)
    assert missing.returncode == ExitCode.INCOMPLETE
    assert "INVALID: not found" in missing.stdout

    shutil.rmtree(copy / "CloudTrail-Digest")
    assert_failed(tlstrail("verify", copy, "--quiet"), ExitCode.INCOMPLETE, "no digests under")


def test_keys_that_cannot_be_read_are_2_before_anything_is(
    tlstrail: Tlstrail, archive: Path, tmp_path: Path
) -> None:
    process = tlstrail("verify", archive, "--keys", tmp_path / "none.json")

    assert_failed(process, ExitCode.USAGE, "none.json: cannot be read")


# ---------------------------------------------------------------- help


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("ingest", "--help"),
        ("report", "--help"),
        ("verify", "--help"),
        ("nonsense",),
    ],
)
def test_help_comes_without_importing_what_is_slow(
    tlstrail: Tlstrail, arguments: tuple[str, ...]
) -> None:
    process = tlstrail(*arguments, code=IMPORTED)

    code = ExitCode.USAGE if arguments == ("nonsense",) else ExitCode.DONE
    assert process.stdout.splitlines()[-1] == f"imported: [] code: {int(code)}"


def test_help_lists_the_commands_and_the_exit_codes(tlstrail: Tlstrail) -> None:
    process = tlstrail("--help")

    assert process.returncode == ExitCode.DONE
    for word in (
        "ingest",
        "report",
        "sql",
        "shell",
        "views",
        "status",
        "verify",
        "Exit codes",
        "130 interrupted",
    ):
        assert word in " ".join(process.stdout.split())


@pytest.mark.parametrize(
    "command", ["ingest", "report", "sql", "shell", "views", "status", "verify"]
)
def test_every_command_has_help_with_the_lake_in_it(tlstrail: Tlstrail, command: str) -> None:
    process = tlstrail(command, "--help")

    assert (process.returncode, process.stderr) == (ExitCode.DONE, "")
    assert "--lake" in process.stdout


# ---------------------------------------------------------------- -o


def test_an_output_file_and_stdout_agree(tlstrail: Tlstrail, lake: Path, tmp_path: Path) -> None:
    arguments = ("sql", "FROM events", "--lake", lake, "--format", "csv")

    written = tlstrail(*arguments, "-o", tmp_path / "out.csv")
    assert (written.returncode, written.stdout, written.stderr) == (ExitCode.DONE, "", "")
    assert (tmp_path / "out.csv").read_text() == tlstrail(*arguments).stdout


def test_a_failed_query_leaves_the_output_file_as_it_was(
    tlstrail: Tlstrail, lake: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "x.csv"
    target.parent.mkdir()
    target.write_text("before")
    boom = "SELECT CASE WHEN i = 200000 THEN error('boom') ELSE i END FROM range(300000) t(i)"

    process = tlstrail("sql", boom, "--lake", lake, "--format", "csv", "-o", target)
    assert_failed(process, ExitCode.QUERY_FAILED, "boom")
    assert {path.name: path.read_text() for path in target.parent.iterdir()} == {"x.csv": "before"}


def test_an_output_that_is_a_folder_is_3_and_nothing_is_left_beside_it(
    tlstrail: Tlstrail, lake: Path, tmp_path: Path
) -> None:
    (tmp_path / "out" / "folder").mkdir(parents=True)

    process = tlstrail("sql", "SELECT 1", "--lake", lake, "-o", tmp_path / "out" / "folder")
    assert process.returncode in {ExitCode.USAGE, ExitCode.STORE_REFUSED}
    assert process.stderr.startswith("tlstrail: ")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["folder"]


def test_an_output_that_is_a_device_stays_one(
    tlstrail: Tlstrail, lake: Path, tmp_path: Path
) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except OSError:
        pytest.skip("devices cannot be made here")

    tlstrail("sql", "SELECT 1", "--lake", lake, "--format", "csv", "-o", device)
    assert stat.S_ISCHR(device.stat().st_mode)


# ---------------------------------------------------------------- 130: Ctrl-C


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up archive that takes some seconds when every two objects are a commit."""
    folder = tmp_path_factory.mktemp("generated") / "archive"
    generate(folder, Settings(events=8_000, events_per_object=20, processes=1))
    return folder


@pytest.fixture(scope="session")
def generated_records(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What a run that nobody interrupts makes of it."""
    lake = tmp_path_factory.mktemp("whole") / "lake"
    ingest_and_check(lake, generated)
    return records_of(lake)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_at_once_and_running_again_completes(  # noqa: PLR0913, PLR0917 (fixtures)
    generated: Path,
    generated_records: Rows,
    tmp_path: Path,
    environment: dict[str, str],
    tlstrail: Tlstrail,
    workers: str,
) -> None:
    lake = tmp_path / "lake"
    arguments = ("ingest", str(generated), "--lake", str(lake), "--workers", workers)
    started = subprocess.Popen(
        [sys.executable, "-c", SMALL_BATCHES, *arguments],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with ended_with_the_test(started) as process:
        wait_for_pause(process)
        os.killpg(process.pid, signal.SIGINT)
        go_on(process)
        stdout, stderr = process.communicate(timeout=PATIENCE)

    assert (process.returncode, stdout) == (ExitCode.INTERRUPTED, "")
    assert "interrupted; the lake is whole: run the same command again to go on" in stderr
    assert "Traceback" not in stderr
    halfway = len(records_of(lake))

    assert tlstrail(*arguments, "--quiet").returncode == ExitCode.DONE
    assert 0 < halfway < len(generated_records)
    assert records_of(lake) == generated_records


def test_where_no_processes_can_be_had_one_worker_is_advised(
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def without_shared_memory(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("analyzer.executors.ProcessPoolExecutor", without_shared_memory)
    arguments = ["ingest", str(archive), "--lake", str(tmp_path / "lake"), "--workers"]

    assert run([*arguments, "2"]) == ExitCode.STORE_REFUSED
    assert "--workers 1 does without them" in capsys.readouterr().err
    assert run([*arguments, "1"]) == ExitCode.DONE


def test_an_output_that_is_full_is_3(tlstrail: Tlstrail, lake: Path) -> None:
    process = tlstrail("report", "tls_versions", "--lake", lake, "-o", "/dev/full")

    assert_failed(process, ExitCode.STORE_REFUSED, "/dev/full: cannot be written: No space left")


def test_a_folder_of_somebody_else_stays_as_it_was(
    tlstrail: Tlstrail, archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").touch()

    assert_failed(
        tlstrail("ingest", archive, "--lake", tmp_path / "mine"), ExitCode.LAKE_UNUSABLE, "a.txt"
    )
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["a.txt"]


def test_an_ingest_that_comes_to_nothing_leaves_no_folder(
    tlstrail: Tlstrail, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()

    assert_failed(
        tlstrail("ingest", tmp_path / "empty", "--lake", tmp_path / "lake"),
        ExitCode.USAGE,
        "no CloudTrail objects",
    )
    assert not (tmp_path / "lake").exists()


def test_a_lake_in_its_own_source_is_2(tlstrail: Tlstrail, tmp_path: Path) -> None:
    process = tlstrail("ingest", tmp_path, "--lake", tmp_path / "lake")

    assert_failed(process, ExitCode.USAGE, "lies in the source")


def test_a_lake_as_a_source_is_2(tlstrail: Tlstrail, lake: Path, tmp_path: Path) -> None:
    process = tlstrail("ingest", lake, "--lake", tmp_path / "other")

    assert_failed(process, ExitCode.USAGE, "is a lake")


def test_a_narrowed_audit_says_to_what(tlstrail: Tlstrail, lake: Path) -> None:
    process = tlstrail("report", "--lake", lake, "--region", "eu-west-9", "--since", "2023-01-01")

    assert "Regions eu-west-9; from 2023-01-01T00:00:00Z" in process.stdout
    assert process.stdout.startswith("Cannot tell: there is no record to count.")


def test_the_ending_of_the_output_file_decides_on_the_format(
    tlstrail: Tlstrail, lake: Path, tmp_path: Path
) -> None:
    tlstrail("report", "tls_versions", "--lake", lake, "-o", tmp_path / "answer.csv")

    first_line = (tmp_path / "answer.csv").read_text(encoding="utf-8").splitlines()[0]
    assert first_line == "class,tls_version,calls,percent,first_seen,last_seen"


# ---------------------------------------------------------------- sql


def test_a_statement_comes_as_an_argument_in_a_file_or_on_stdin(
    tlstrail: Tlstrail, lake: Path, tmp_path: Path
) -> None:
    statement = "SELECT event_id FROM events ORDER BY ALL -- ä\n;\n"
    (tmp_path / "ids.sql").write_text(statement, encoding="utf-8")
    common = ("--lake", lake, "--format", "csv")

    by_argument = tlstrail("sql", statement, *common)
    by_file = tlstrail("sql", "--file", tmp_path / "ids.sql", *common)
    by_pipe = tlstrail("sql", *common, stdin=statement)
    assert by_argument.stdout == "event_id\nid-1\nid-2\n"
    assert by_file.stdout == by_pipe.stdout == by_argument.stdout


def test_a_value_is_bound_and_never_read_as_sql(tlstrail: Tlstrail, lake: Path) -> None:
    query = "SELECT count(*) AS n FROM cloudtrail WHERE eventID = $id OR tlsDetails.tlsVersion = $v"

    process = tlstrail(
        *("sql", query, "--lake", lake, "--format", "csv"),
        *("-p", "id=id-2' OR '1'='1", "-p", "v=TLSv1"),
    )
    assert process.stdout == "n\n1\n"


def test_a_value_that_is_missing_is_named(tlstrail: Tlstrail, lake: Path) -> None:
    assert_failed(
        tlstrail("sql", "SELECT $left_out", "--lake", lake), ExitCode.QUERY_FAILED, "left_out"
    )


def test_a_mended_query_says_so_on_stderr(tlstrail: Tlstrail, lake: Path) -> None:
    query = "SELECT eventID FROM <event_data_store_id>\nGROUP BY eventIDORDER BY eventID"

    process = tlstrail("sql", query, "--lake", lake, "--dialect", "lake", "--format", "csv")
    assert process.stdout == "eventID\nid-1\nid-2\n"
    assert process.stderr == "tlstrail: the query was mended: a blank was put before ORDER BY\n"


def test_other_files_are_read_only_when_that_is_allowed(
    tlstrail: Tlstrail, lake: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_text("event_id\nid-2\n")
    query = f"SELECT event_id FROM events SEMI JOIN '{tmp_path}/other.csv' USING (event_id)"  # noqa: S608

    allowed = tlstrail("sql", query, "--lake", lake, "--format", "csv", "--allow-external")
    assert allowed.stdout == "event_id\nid-2\n"
    assert_failed(tlstrail("sql", query, "--lake", lake), ExitCode.QUERY_FAILED, "other.csv")

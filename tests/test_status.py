from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import ExitCode, LakeError
from analyzer.queries import names
from analyzer.render import Format
from analyzer.status import status, write_status
from tests.conftest import ingest_and_check, log_bytes, log_key, record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LogFolder


@pytest.fixture
def lake(tmp_path: Path, log_folder: LogFolder) -> Path:
    """A lake of one object of each kind that a local folder can have."""
    log_folder.put(log_key("1000", "good"), [record(1), record(1)])
    log_folder.put(log_key("1001", "empty"), [])
    log_folder.put_bytes(log_key("1002", "damaged"), log_bytes([record(2)])[:-1])
    log_folder.put_bytes("README.txt", b"hello")
    ingest_and_check(tmp_path / "lake", log_folder.root)
    return tmp_path / "lake"


def written(lake: Path, form: Format, *, check: bool = False) -> str:
    out = io.BytesIO()
    write_status(status(lake, check=check), form, out, 200)
    return out.getvalue().decode()


def test_every_status_is_counted_and_the_sum_is_what_was_listed(lake: Path) -> None:
    objects = status(lake, check=True).tables["objects"].to_pylist()

    counted = {
        row["status"]: (row["objects"], row["records"], row["duplicates"]) for row in objects
    }
    assert counted == {
        "ingested": (1, 2, 1),
        "empty": (1, 0, 0),
        "skipped": (1, 0, 0),
        "refused": (1, 0, 0),
    }


def test_what_was_left_out_is_named_with_its_reason_and_changes_the_exit_code(lake: Path) -> None:
    found = status(lake, check=False)

    [row] = found.tables["left_out"].to_pylist()
    assert row["key"].endswith("damaged.json.gz")
    assert (row["status"], row["reason"]) == ("refused", "truncated gzip")
    assert found.exit_code is ExitCode.INCOMPLETE


def test_a_lake_of_all_that_was_listed_is_done(archive_lake: Path) -> None:
    assert status(archive_lake, check=True).exit_code is ExitCode.DONE


def test_json_holds_all_of_it(lake: Path) -> None:
    content = json.loads(written(lake, Format.JSON, check=True))

    assert list(content) == ["commit", "sources", "checked", "objects", "left_out", "skipped"]
    assert content["checked"] == names("checks")
    assert content["objects"][0]["first_delivered"] == "2023-01-05T10:00:00Z"


@pytest.mark.parametrize("form", [Format.TABLE, Format.MD])
def test_text_names_the_commit_the_source_and_what_was_left_out(lake: Path, form: Format) -> None:
    text = written(lake, form, check=True)

    for expected in (
        "Commit ",
        str(lake.parent / "bucket"),
        "damaged",
        "README.txt",
        "checks hold",
    ):
        assert expected in text.replace("\\", "")


def test_checks_are_only_mentioned_when_they_were_made(lake: Path) -> None:
    assert "checks hold" not in written(lake, Format.TABLE)


def test_a_folder_without_a_lake_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="there is no lake here"):
        status(tmp_path, check=False)

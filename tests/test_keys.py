"""Public keys are read as aws-cli prints them, and kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import ExitCode, StoreError, UsageError
from analyzer.keys import PublicKey, read_keys, save_keys
from tests.trail import fingerprint, key_file, public_key

if TYPE_CHECKING:
    from pathlib import Path


def test_the_output_of_aws_cli_is_read(tmp_path: Path) -> None:
    [one, other] = read_keys(key_file(tmp_path / "keys.json", 1, 2))

    assert (one.fingerprint, one.value) == (fingerprint(1), public_key(1))
    assert other.fingerprint == fingerprint(2)
    assert one.validity_start_time == "2022-12-01T00:00:00+00:00"


def test_times_as_the_first_aws_cli_prints_them_are_read(tmp_path: Path) -> None:
    key = {"Value": "AA==", "Fingerprint": "ff", "ValidityStartTime": 1436317441.0}
    (tmp_path / "keys.json").write_text(json.dumps({"PublicKeyList": [key]}))

    assert read_keys(tmp_path / "keys.json")[0].validity_start_time == 1436317441.0


def test_saved_keys_are_added_to_those_in_the_file(tmp_path: Path) -> None:
    path = key_file(tmp_path / "keys.json", 1)

    save_keys(path, [PublicKey("BB==", "b1", region="eu-west-1")])
    kept = save_keys(path, [PublicKey("CC==", "b1", region="eu-west-1")])
    assert read_keys(path) == kept
    assert {key.fingerprint: key.value for key in kept} == {
        fingerprint(): public_key(),
        "b1": "CC==",
    }
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"PublicKeyList": [{}]}', "-----BEGIN"])
def test_a_file_without_keys_is_refused_with_the_way_to_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content)

    with pytest.raises(UsageError, match="list-public-keys") as raised:
        read_keys(tmp_path / "keys.json")
    assert raised.value.exit_code is ExitCode.USAGE


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nokeys\.json: cannot be read"):
        read_keys(tmp_path / "nokeys.json")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        save_keys(tmp_path / "no" / "keys.json", [])

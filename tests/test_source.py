from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.errors import UsageError
from analyzer.source import parse_source
from analyzer.store import S3Access

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("source", "root", "prefix"),
    [
        ("s3://bucket", "s3://bucket/", ""),
        ("s3://bucket/", "s3://bucket/", ""),
        ("s3://bucket/a/b", "s3://bucket/", "a/b/"),
        ("s3://bucket/a/b/", "s3://bucket/", "a/b/"),
    ],
)
def test_a_bucket_is_parted_from_its_prefix(source: str, root: str, prefix: str) -> None:
    found = parse_source(source, S3Access())

    assert (found.root, found.prefix, found.on_s3) == (root, prefix, True)


@pytest.mark.parametrize("source", ["s3://", "s3:///prefix", "gs://bucket", "https://bucket/x"])
def test_what_is_no_bucket_is_refused(source: str) -> None:
    with pytest.raises(UsageError, match="bucket"):
        parse_source(source, S3Access())


def test_a_folder_is_a_root_of_its_own(tmp_path: Path) -> None:
    found = parse_source(str(tmp_path), S3Access())

    assert (found.root, found.prefix, found.on_s3) == (f"{tmp_path}/", "", False)


def test_a_folder_below_awslogs_is_read_from_above_it(tmp_path: Path) -> None:
    day = tmp_path / "trail" / "AWSLogs" / "111122223333" / "CloudTrail"
    day.mkdir(parents=True)

    found = parse_source(str(day), S3Access())
    assert found.root == f"{tmp_path}/trail/"
    assert found.prefix == "AWSLogs/111122223333/CloudTrail/"


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        parse_source(str(tmp_path / "nowhere"), S3Access())


def test_a_file_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "x.json.gz").touch()

    with pytest.raises(UsageError, match="is a file"):
        parse_source(str(tmp_path / "x.json.gz"), S3Access())

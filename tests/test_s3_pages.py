from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from analyzer.s3_pages import split_off_objects

PAGE = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>trail</Name>
<Contents><Key>a%2Bb%26</Key><LastModified>2023-01-05T10:00:01.000Z</LastModified>
<ETag>&quot;e1&quot;</ETag><Size>12</Size><StorageClass>GLACIER</StorageClass><RestoreStatus>
<IsRestoreInProgress>false</IsRestoreInProgress>
<RestoreExpiryDate>2030-01-01T00:00:00Z</RestoreExpiryDate></RestoreStatus></Contents>
<Contents><Key>c</Key><LastModified>2023-01-05T10:00:02.000Z</LastModified><ETag>e2</ETag>
<Size>0</Size></Contents><IsTruncated>true</IsTruncated></ListBucketResult>"""


def split(body: bytes, status: int = 200) -> tuple[Any, bytes]:
    """Return the objects that were split off, and what is left to botocore."""
    answer: dict[str, Any] = {"status_code": status, "body": body}
    objects: dict[str, Any] = {}
    split_off_objects(answer, objects)
    return objects.get("Contents"), answer["body"]


def test_objects_are_what_botocore_would_make_of_them() -> None:
    (first, second), _ = split(PAGE)

    assert first == {
        "Key": "a%2Bb%26",
        "LastModified": datetime(2023, 1, 5, 10, 0, 1, tzinfo=UTC),
        "ETag": '"e1"',
        "Size": 12,
        "StorageClass": "GLACIER",
        "RestoreStatus": {
            "IsRestoreInProgress": "false",
            "RestoreExpiryDate": "2030-01-01T00:00:00Z",
        },
    }
    assert (second["Key"], second["ETag"], second["Size"]) == ("c", "e2", 0)


def test_what_is_around_the_objects_is_left_to_botocore() -> None:
    _, left = split(PAGE)

    assert left.endswith(b"<Name>trail</Name>\n<IsTruncated>true</IsTruncated></ListBucketResult>")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<ListBucketResult></ListBucketResult>",
        b"<s3:Contents></s3:Contents>",
        PAGE.replace(b"</Contents>\n<Contents>", b"</Contents><CommonPrefixes/><Contents>"),
        PAGE.replace(b"<Size>12</Size>", b"<Size>12"),
        PAGE.partition(b"</Contents>")[0],
    ],
)
def test_an_answer_of_another_shape_is_left_to_botocore(body: bytes) -> None:
    assert split(body) == (None, body)


def test_an_error_is_left_to_botocore() -> None:
    assert split(PAGE, 500) == (None, PAGE)

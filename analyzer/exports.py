"""Exports of CloudWatch Logs: one event a line, each after the time it was logged.

    2023-01-05T09:58:12.000Z {"eventVersion":"1.08", … }

That is what an export task writes of a log group that a trail delivers to:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html
"""

from __future__ import annotations

import re

from analyzer.errors import LogRefused

_LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z[ \t](\{.*\})\s*")


def is_export(text: bytes) -> bool:
    """Whether a text begins as an export does."""
    return _LINE.match(text) is not None


def record_texts(text: bytes) -> list[bytes]:
    """Return the JSON text of each line. Raises `LogRefused` for a line that has none."""
    records = []
    for number, line in enumerate(text.split(b"\n"), start=1):
        if match := _LINE.fullmatch(line):
            records.append(match[1])
        elif line.strip():
            raise LogRefused(f"line {number:,} is no exported event: no time and JSON object")
    return records


def as_log(text: bytes) -> bytes:
    """Return an export as the log that holds the same records. Raises `LogRefused`."""
    return b'{"Records":[' + b",\n".join(record_texts(text)) + b"]}"

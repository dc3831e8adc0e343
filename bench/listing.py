"""`make bench-list`: how fast a bucket of a million objects is listed, and in how much memory.

    python -m bench.listing DIRECTORY [--objects N]

The bucket is a responder in a process of its own that answers ListObjectsV2 from arithmetic:
ten accounts of ten Regions, an object a minute in each. It shares the machine's cores with what
is measured, as S3 would not.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = [f"{number:012}" for number in range(10)]
REGIONS = [f"region-{number}" for number in range(10)]
FIRST = datetime(2022, 1, 1, tzinfo=UTC)
PAGE = 1_000


class Bucket(BaseHTTPRequestHandler):
    """Answers listings of `objects` logs."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    minutes = 0
    """How many objects a Region has."""
    requests = 0

    def do_GET(self) -> None:
        """Answer a page of keys, or a level of folders."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        Bucket.requests += 1
        prefix = query.get("prefix", "")
        if "list-type" not in query:
            body = str(Bucket.requests)
        elif "delimiter" in query:
            body = _answer("".join(map(_folder, self.folders(prefix))), more=False)
        else:
            body = self.page(prefix, query.get("start-after", ""))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(body.encode())

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield what the folder `prefix` has in it."""
        depth = prefix.count("/")
        last = FIRST + timedelta(minutes=self.minutes - 1)
        months = {f"{FIRST + timedelta(days=day):%Y/%m}" for day in range((last - FIRST).days + 1)}
        match depth:
            case 0:
                names = ["AWSLogs"]
            case 1:
                names = ACCOUNTS
            case 2:
                names = ["CloudTrail"]
            case 3:
                names = REGIONS
            case 4:
                names = sorted({month[:4] for month in months})
            case _:
                names = sorted(month[5:] for month in months if month.startswith(prefix[-5:-1]))
        yield from (f"{prefix}{name}/" for name in names)

    def page(self, prefix: str, after: str) -> str:
        """Return the keys of a Region, or of a month of it, that come after `after`."""
        region = "/".join(prefix.split("/")[:4]) + "/"
        month = prefix.removeprefix(region).rstrip("/")
        start = _minute(f"{month}/01") if month else 0
        first = max(start, _minute_of(after) + 1 if after.startswith(prefix) else start)
        last = min(self.minutes, _minute(_next(month)) if month else self.minutes)
        count = min(PAGE, max(last - first, 0))
        objects = "".join(_object(region, number) for number in range(first, first + count))
        return _answer(objects, more=first + count < last)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the parent's name)
        """Say nothing."""


def _minute(day: str) -> int:
    at = datetime.strptime(day, "%Y/%m/%d").replace(tzinfo=UTC)
    return (at - FIRST) // timedelta(minutes=1)


def _next(month: str) -> str:
    first = datetime.strptime(month, "%Y/%m").replace(tzinfo=UTC)
    return f"{first + timedelta(days=32):%Y/%m}/01"


def _minute_of(key: str) -> int:
    return int(key.rpartition("_")[2].partition(".")[0], 16)


def _object(region: str, number: int) -> str:
    _, account, _, name, _ = region.split("/")
    at = FIRST + timedelta(minutes=number)
    return (
        f"<Contents><Key>{region}{at:%Y/%m/%d}/{account}_CloudTrail_{name}_{at:%Y%m%dT%H%M}Z_"
        f"{number:016x}.json.gz</Key><LastModified>{at:%Y-%m-%dT%H:%M}:05.000Z</LastModified>"
        f"<ETag>&quot;{number:032x}&quot;</ETag><Size>5000</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _folder(name: str) -> str:
    return f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"


def _answer(content: str, *, more: bool) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>simulated</Name>'
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{content}</ListBucketResult>"
    )


def serve(objects: int) -> None:
    """Answer until the process is ended; the first line of stdout is the port."""
    Bucket.minutes = objects // (len(ACCOUNTS) * len(REGIONS))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    print(server.server_port, flush=True)
    server.serve_forever()


def listed(endpoint: str) -> dict[str, object]:
    """List everything at `endpoint` into tables, and return what it took."""
    from analyzer.listing import Listing, Scope, in_tables
    from analyzer.s3_store import S3Store
    from analyzer.store import S3Access

    os.environ |= {"AWS_ACCESS_KEY_ID": "simulated", "AWS_SECRET_ACCESS_KEY": "simulated"}
    store = S3Store("s3://simulated/", S3Access(endpoint_url=endpoint, region_name="us-east-1"))
    start, cpu = time.monotonic(), time.process_time()
    objects = sum(map(len, in_tables(Listing(store, "", Scope()), lambda _: None)))
    seconds = time.monotonic() - start
    return {
        "objects": objects,
        "seconds": round(seconds, 1),
        "keys_per_second": round(objects / seconds),
        "cpu_ms_per_key": round((time.process_time() - cpu) / objects * 1000, 4),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Measure, and write DIRECTORY/listing.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--serve", action="store_true")
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.objects)
    command = [sys.executable, "-m", "bench.listing", str(asked.directory), "--serve"]
    command += ["--objects", str(asked.objects)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as responder:
        try:
            port = responder.stdout.readline().strip() if responder.stdout else ""
            figures = listed(f"http://127.0.0.1:{port}")
        finally:
            responder.kill()
    print(figures)
    asked.directory.mkdir(parents=True, exist_ok=True)
    (asked.directory / "listing.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()

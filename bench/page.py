"""`make bench-page`: what was measured, into docs/performance.md and its pictures.

    python -m bench.page DIRECTORY DOCS

Reads result.json, stages.json, scale.json, query.json, s3.json and cluster.json of DIRECTORY, and
writes the tables between the marks `<!-- NAME -->` and `<!-- /NAME -->` of DOCS/performance.md. The
prose stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import vl_convert

from bench.query import Timed
from bench.query import table as query_table
from bench.run import MEGABYTE

Figures = dict[str, Any]

VEGA_LITE = "6.4"


def main() -> None:
    """Write the tables and the pictures."""
    directory, docs = map(Path, sys.argv[1:])
    stages: Figures = json.loads((directory / "stages.json").read_text(encoding="utf-8"))
    scale: Figures = json.loads((directory / "scale.json").read_text(encoding="utf-8"))
    query: Figures = json.loads((directory / "query.json").read_text(encoding="utf-8"))
    s3: Figures = json.loads((directory / "s3.json").read_text(encoding="utf-8"))
    cluster: Figures = json.loads((directory / "cluster.json").read_text(encoding="utf-8"))
    timed = [Timed(**each) for each in query["reports"]]
    blocks = {
        "bench": (directory / "result.md").read_text(encoding="utf-8").strip(),
        "stages": stages["result"],
        "events": by_events(scale["by_events"]),
        "largest": against_others(scale),
        "workers": by_workers(scale["by_workers"]),
        "odd": odd(scale),
        "s3": from_s3(s3),
        "cluster": by_cluster(cluster),
        "query": f"{query['machine']}.\n\n{query_table(timed)}",
    }
    page = docs / "performance.md"
    text = page.read_text(encoding="utf-8")
    for name, block in blocks.items():
        marked = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        if not re.search(marked, text, re.DOTALL):
            raise SystemExit(f"{page} has no place for {name}")
        text = re.sub(marked, lambda m, b=block: f"{m[1]}{b}\n{m[2]}", text, flags=re.DOTALL)  # type: ignore[misc]
    page.write_text(text, encoding="utf-8")
    growth = growth_chart(scale["by_events"])
    (docs / "performance-growth.svg").write_text(growth, encoding="utf-8")
    (docs / "performance-reports.svg").write_text(report_chart(timed), encoding="utf-8")


def by_events(runs: list[Figures]) -> str:
    """Return a table, a line for each size of archive."""
    lines = [
        "| events | seconds | events/s | CPU s | peak RSS, all processes | largest process |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {run['events']:,} | {run['wall_seconds']:.1f} "
        f"| {run['said']['events'] / run['wall_seconds']:,.0f} | {run['cpu_seconds']:.1f} "
        f"| {run['peak_rss_mb']:,.0f} MB | {run['peak_process_rss_mb']:,.0f} MB |"
        for run in runs
    ]
    return "\n".join(lines)


def by_workers(runs: list[Figures]) -> str:
    """Return a table, a line for each number of workers; efficiency is against one worker."""
    alone = {run["events"]: run["wall_seconds"] for run in runs if run["workers"] == 1}
    lines = [
        "| events | workers | seconds | CPU s | peak RSS, all processes | efficiency |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {run['events']:,} | {run['workers']} | {run['wall_seconds']:.1f} "
        f"| {run['cpu_seconds']:.1f} | {run['peak_rss_mb']:,.0f} MB "
        f"| {100 * alone[run['events']] / run['wall_seconds'] / run['workers']:.0f} % |"
        for run in runs
    ]
    return "\n".join(lines)


def against_others(scale: Figures) -> str:
    """Say what the fastest of the others takes for the largest archive."""
    chdb, ours = scale["chdb"], max(scale["by_events"], key=lambda run: run["events"])
    return (
        f"chDB takes {chdb['wall_seconds']:.1f} s and {chdb['peak_rss_mb']:,.0f} MB for "
        f"{chdb['events']:,} events: {chdb['wall_seconds'] / ours['wall_seconds']:.2f} times as "
        "long as tlstrail."
    )


def odd(scale: Figures) -> str:
    """Return what odd objects and a run with nothing new took, as a list."""
    unusual, nothing = scale["unusual"], scale["nothing_new"]
    json_mb = unusual["said"]["json_bytes"] / MEGABYTE
    return "\n".join(
        [
            (
                f"- One object of 49 MB of JSON, and one of records of 251 kB, together "
                f"{json_mb:,.0f} MB: {unusual['wall_seconds']:.1f} s, "
                f"{unusual['peak_rss_mb']:,.0f} MB in all processes."
            ),
            (
                f"- A second run over {nothing['said']['listed']:,} objects that the lake has "
                f"(only the listing is simulated): {nothing['wall_seconds']:.1f} s, "
                f"{nothing['peak_rss_mb']:,.0f} MB."
            ),
        ]
    )


def from_s3(s3: Figures) -> str:
    """Return a table, a line for each number of workers, and what fetching alone takes."""
    fetching, objects = s3["fetching"], s3["runs"][0]["local"]["said"]["objects"]
    lines = [
        (
            f"{s3['machine']}. {s3['events']:,} events, {objects:,} objects, "
            f"{s3['latency_ms']:.0f} ms added to each request."
        ),
        "",
        (
            "| workers | from the disk | from S3 | of the disk's events/s | largest process, S3 | "
            "CPU of the servers |"
        ),
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {run['workers']} | {run['local']['wall_seconds']:.1f} s "
        f"| {run['s3']['wall_seconds']:.1f} s | {100 * run['share']:.0f} % "
        f"| {run['s3']['peak_process_rss_mb']:,.0f} MB | {run['server_cpu_seconds']:.1f} s |"
        for run in s3["runs"]
    ]
    lines += [
        "",
        (
            f"Fetching alone, in one process: {fetching['objects_per_second']:,} objects/s, "
            f"{fetching['cpu_ms_per_object']:.2f} ms of CPU more for an object than from the disk."
        ),
    ]
    return "\n".join(lines)


def by_cluster(cluster: Figures) -> str:
    """Return a table: two processes, and two Dask workers, each at its best."""
    lines = [
        f"{cluster['machine']}. {cluster['events']:,} events, the best of some runs each.",
        "",
        "| two workers | seconds | CPU s |",
        "| --- | ---: | ---: |",
    ]
    for name, runs in cluster["runs"].items():
        best = min(runs, key=lambda run: run["wall_seconds"])
        lines.append(f"| {name} | {best['wall_seconds']:.1f} | {best['cpu_seconds']:.1f} |")
    return "\n".join([*lines, "", f"Dask takes {cluster['ratio']:.2f} times as long."])


def growth_chart(runs: list[Figures]) -> str:
    """Return events a second and memory by events, as SVG."""
    values = [
        {"events": run["events"], "value": value, "what": what}
        for run in runs
        for what, value in (
            ("events a second", run["said"]["events"] / run["wall_seconds"]),
            ("peak MB in all processes", run["peak_rss_mb"]),
        )
    ]
    events = {
        "field": "events",
        "type": "quantitative",
        "title": "events in the archive",
        "scale": {"type": "log"},
        "axis": {"values": sorted({run["events"] for run in runs})},
    }
    value = {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": True}}
    return svg(
        {
            "facet": {"column": {"field": "what", "title": None}},
            "resolve": {"scale": {"y": "independent"}},
            "spec": {
                "width": 320,
                "height": 200,
                "mark": {"type": "line", "point": True},
                "encoding": {"x": events, "y": value},
            },
        },
        values,
    )


def report_chart(timed: list[Timed]) -> str:
    """Return the seconds of every report by events, as SVG."""
    values = [
        {"report": each.report, "events": f"{each.events / 1e6:,.0f} million", "s": each.seconds}
        for each in timed
    ]
    return svg(
        {
            "width": 520,
            "mark": "bar",
            "encoding": {
                "y": {"field": "report", "type": "nominal", "title": None, "sort": "-x"},
                "x": {"field": "s", "type": "quantitative", "title": "seconds"},
                "yOffset": {"field": "events"},
                "color": {"field": "events", "title": "events"},
            },
        },
        values,
    )


def svg(spec: Figures, values: list[Figures]) -> str:
    """Return a Vega-Lite chart of these values, with room for a reader's wider letters."""
    common = {
        "background": "white",
        "padding": {"left": 25, "right": 30, "top": 5, "bottom": 5},
        "data": {"values": values},
    }
    return vl_convert.vegalite_to_svg({**common, **spec}, VEGA_LITE)


if __name__ == "__main__":
    main()

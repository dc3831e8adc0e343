"""`make bench-scale-page`: what grows with the ledger and with the lake, as pictures.

    python -m bench.scale_page DIRECTORY DOCS

Reads ledger.json and commits.json of DIRECTORY, which `make bench-ledger` and `make
bench-scale-driver` write; draws DOCS/scale-ledger.svg and DOCS/scale-commits.svg.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.page import Figures, svg

MEASURES = {"cpu_seconds": "CPU seconds", "peak_rss_mb": "peak memory, MB"}
WHAT = {
    "all": "all listed again",
    "day": "a day listed again",
    "ingest --dry-run": "ingest --dry-run",
    "verify": "verify",
    "status": "status",
    "status --check": "status --check",
    "report": "report",
}


def main() -> None:
    """Draw the pictures."""
    directory, docs = map(Path, sys.argv[1:])
    measured: Figures = json.loads((directory / "ledger.json").read_text(encoding="utf-8"))
    committed: Figures = json.loads((directory / "commits.json").read_text(encoding="utf-8"))
    ledgers, commits = ledger_chart(measured["ledgers"]), commit_chart(committed["commits"])
    (docs / "scale-ledger.svg").write_text(ledgers, encoding="utf-8")
    (docs / "scale-commits.svg").write_text(commits, encoding="utf-8")


def ledger_chart(ledgers: list[Figures]) -> str:
    """Return CPU seconds and memory of each command by the ledger's objects, as SVG."""
    values = [
        {"objects": each["objects"], "what": what, "measure": title, "value": each[name][field]}
        for each in ledgers
        for name, what in WHAT.items()
        if name in each
        for field, title in MEASURES.items()
    ]
    return growing(values, "objects", "objects in the ledger")


def commit_chart(commits: list[Figures]) -> str:
    """Return the ms of a commit to S3 by the parts of the lake, as SVG."""
    values = [
        {"parts": each["parts"], "what": f"S3 {each['added_ms']:.0f} ms away", "measure": title}
        | {"value": each[field]}
        for each in commits
        for field, title in (("cpu_ms", "CPU ms of a commit"), ("wall_ms", "ms of a commit"))
    ]
    return growing(values, "parts", "parts in the lake")


def growing(values: list[Figures], field: str, title: str) -> str:
    """Return a chart with both axes logarithmic: what is in proportion is a slope of one."""
    log = {"type": "quantitative", "scale": {"type": "log"}}
    measured = sorted({each[field] for each in values})
    return svg(
        {
            "facet": {"column": {"field": "measure", "title": None}},
            "resolve": {"scale": {"y": "independent"}},
            "spec": {
                "width": 320,
                "height": 260,
                "mark": {"type": "line", "point": True},
                "encoding": {
                    "x": log | {"field": field, "title": title, "axis": {"values": measured}},
                    "y": log | {"field": "value", "title": None},
                    "color": {"field": "what", "title": None},
                },
            },
        },
        values,
    )


if __name__ == "__main__":
    main()

"""`make bench-scale`: how time and memory grow with events, workers and odd objects.

    python -m bench.scale DIRECTORY

After `make bench`, whose archive of a million events it uses. An archive ten times larger is
generated once, which takes a while.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path

from isal import igzip

from bench.run import Run, adopt_orphans, archive_of, machine, measure
from bench.simulated import unusual_archive

SIZES = (250_000, 1_000_000, 10_000_000)
BY_WORKERS = {1_000_000: (1, 2, 4), 10_000_000: (1, 2)}
SEED = 1


def main() -> None:
    """Measure, and write DIRECTORY/scale.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    adopt_orphans()
    archives = {events: archive_of(directory, events, SEED) for events in SIZES}
    figures = {
        "machine": machine(),
        "by_events": [
            told(ingested(directory, archive), events=events)
            for events, archive in archives.items()
        ],
        "by_workers": [
            told(ingested(directory, archives[events], workers), workers=workers, events=events)
            for events, counts in BY_WORKERS.items()
            for workers in counts
        ],
        "chdb": told(others(directory, archives[max(SIZES)]), events=max(SIZES)),
        "unusual": told(ingested(directory, unusual(directory, archives[min(SIZES)]))),
        "nothing_new": told(nothing_new(directory)),
    }
    (directory / "scale.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")


def told(run: Run, **more: int) -> dict[str, object]:
    """Return a run as JSON has it, and say how it went."""
    print(f"{run.subject} {more}: {run.wall_seconds} s, {run.peak_rss_mb:,.0f} MB")
    return asdict(run) | more


def ingested(directory: Path, archive: Path, workers: int = 2) -> Run:
    """Return the faster of two ingests of an archive, or one of the largest, into a new lake."""
    runs = []
    for _ in range(1 if archive.name.startswith(f"archive-{max(SIZES)}-") else 2):
        out = directory / "scale.out"
        shutil.rmtree(out, ignore_errors=True)
        runs.append(measure("tlstrail", archive, out, str(workers)))
    return min(runs, key=lambda run: run.wall_seconds)


def others(directory: Path, archive: Path) -> Run:
    """Return what the fastest of the others takes for an archive."""
    out = directory / "chdb.out"
    out.unlink(missing_ok=True)
    return measure("chdb", archive, out)


def unusual(directory: Path, archive: Path) -> Path:
    """Return an archive of an object of 50 MB and one of records of 256 kB, made if need be."""
    folder = directory / "unusual"
    if not folder.exists():
        log = next(iter(sorted(archive.rglob("*.json.gz"))))
        records = json.loads(igzip.decompress(log.read_bytes()))["Records"]
        unusual_archive(folder, [json.dumps(record).encode() for record in records[:50]])
    return folder


def nothing_new(directory: Path) -> Run:
    """Return an ingest of a million objects, all of which the lake has; only they are simulated."""
    out = directory / "nothing-new.out"
    if not (out / "lake.json").exists():
        measure("nothing_new", directory, out)
    return measure("nothing_new", directory, out)


if __name__ == "__main__":
    main()

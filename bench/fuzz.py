"""`make fuzz`: damaged logs into what flatten.py calls, built with the sanitizers of gcc.

    python -m bench.fuzz [--logs N] [--seed N]

Each log is made from a record of the fixtures and then changed: bytes, tokens, ends. flatten.c
must take exactly what is a log to Python's own parser, must make the same of a log whatever it has
read before, and the sanitizers must have nothing to say: they end the process, which is started
anew with their runtime preloaded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa

from analyzer import compiled, flatten
from analyzer.copies import repeated
from analyzer.errors import LogRefused
from analyzer.schema import EVENTS

ROOT = Path(__file__).parents[1]
SANITIZED = "TLSTRAIL_FUZZED_LIBRARY"
LOGS_IN_A_BATCH = 20

TOKENS = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d", b"\\ude00", b"\\u0000"),
    *(b"null", b"true", b"false", b"nul", b"NaN", b"1e400", b"-", b"0", b"01", b"1.", b" ", b"\n"),
    *(b'"Records"', b'"eventTime"', b'"userIdentity":{', b'"tlsDetails":[', b'"eventID":"x"'),
    *(b"[" * 1200, b"x" * 40, "ä€😀".encode(), b"\x00", b"\x1f"),
]


def main() -> None:
    """Start over with the sanitizers, or do what they are to watch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--logs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if SANITIZED not in os.environ:
        start_sanitized()
    compiled.LIBRARY = os.environ[SANITIZED]
    taken = fuzz(random.Random(given.seed), given.logs)
    print(f"{given.logs:,} damaged logs, {taken:,} of them still logs; nothing found")


def start_sanitized() -> NoReturn:
    """Build it with the sanitizers, and run this again on it."""
    folder = tempfile.mkdtemp(prefix="tlstrail-fuzz-")
    library = str(Path(folder, "libflatten.so"))
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    options = ["-std=c11", "-O1", "-g", *sanitize, "-shared", "-fPIC", "-fvisibility=hidden"]
    sources = map(str, sorted((ROOT / "analyzer").glob("*.c")))
    subprocess.run(["gcc", *options, *sources, "-o", library], check=True)  # noqa: S607
    runtime = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True)  # noqa: S607
    environment = os.environ | {
        SANITIZED: library,
        "LD_PRELOAD": runtime.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }
    os.execve(sys.executable, [sys.executable, "-m", "bench.fuzz", *sys.argv[1:]], environment)  # noqa: S606


def fuzz(chance: random.Random, logs: int) -> int:
    """Flatten damaged logs, and return how many of them were logs still."""
    seeds = records()
    taken = 0
    while logs > 0:
        # Memory that is fresh has its end where the sanitizers watch it.
        flatten.SPARE_BATCHES = chance.choice([0, 2])
        flattener = flatten.Flattener()
        texts = []
        for _ in range(min(LOGS_IN_A_BATCH, logs)):
            text = damaged(chance, b",".join(chance.sample(seeds, chance.randint(0, 3))))
            if not is_utf8(text):
                continue
            try:
                flattener.take("key", text)
            except LogRefused as refusal:
                if is_log(text) and "too deeply" not in refusal.reason:
                    raise SystemExit(f"refused ({refusal.reason}): {text!r}") from None
            else:
                if not is_log(text):
                    raise SystemExit(f"taken, and is no log: {text!r}")
                texts.append(text)
        logs -= LOGS_IN_A_BATCH
        taken += len(texts)
        finished = flattener.finish()
        events = finished.events.cast(EVENTS)
        events.validate(full=True)
        require_found(finished.id_hashes)
        if not events.equals(pa.concat_tables([alone(text) for text in texts] or [events])):
            raise SystemExit(f"not what each of them alone becomes: {texts!r}")
    return taken


def require_found(ids: pa.Array[Any]) -> None:
    """Look for every id of a batch in itself."""
    there = [row for row, each in enumerate(ids.to_pylist()) if each is not None]
    if repeated([ids, ids]) != [there, there]:
        raise SystemExit(f"not found again: {ids.to_pylist()}")


def alone(text: bytes) -> pa.Table:
    """Return the rows of a log that is flattened apart from others."""
    flattener = flatten.Flattener()
    flattener.take("key", text)
    return flattener.finish().events.cast(EVENTS)


def records() -> list[bytes]:
    """Return the odd records of the fixtures."""
    folder = ROOT / "fixtures" / "records"
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))]
    return [json.dumps(json.loads(text), separators=(",", ":")).encode() for text in texts]


def damaged(chance: random.Random, inner: bytes) -> bytes:
    """Return a log of these records after a few changes, or none."""
    text = bytearray(b'{"Records":[' + inner + b"]}")
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(5):
            case 0:
                text[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                text[at:at] = chance.choice(TOKENS)
            case 2:
                del text[at : at + chance.randint(1, 30)]
            case 3:
                text[at : at + chance.randint(1, 30)] = chance.choice(TOKENS)
            case _:
                start = chance.randrange(len(text) + 1)
                text[at:at] = text[start : start + chance.randint(1, 200)]
    return bytes(text[: chance.randrange(len(text) + 1)] if chance.random() < 0.05 else text)  # noqa: PLR2004


def is_utf8(text: bytes) -> bool:
    """Whether decode would have let this text through."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_log(text: bytes) -> bool:
    """Whether Python's parser finds one object with one array of objects named Records."""
    found: list[tuple[str, object]] = []

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found[:] = pairs  # in the end those of the outermost object
        return dict(pairs)

    try:
        log = json.loads(text, object_pairs_hook=members, parse_constant=int)
    except (ValueError, RecursionError):
        return False
    if not isinstance(log, dict) or sum(name == "Records" for name, _ in found) != 1:
        return False
    held = log["Records"]
    return isinstance(held, list) and all(isinstance(record, dict) for record in held)


if __name__ == "__main__":
    main()

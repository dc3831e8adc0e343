"""What a verification found: its figures, what they prove, and how they are written."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
from rich.console import Console

from analyzer.errors import ExitCode
from analyzer.render import Format, markdown_table, plain, render, rich_table
from analyzer.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from analyzer.digest_tables import DigestTables


FOR_PEOPLE = ("kind", "verdict", "delivered_at", "key")
"""What a table shows of a finding; account and Region are in its key."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What was looked at, in figures; `sql/verify/totals` counts them."""

    digests: int
    digests_not_valid: int
    chains: int
    covered_from: datetime | None
    covered_to: datetime | None
    digests_signed: int
    digests_hashed: int
    digests_without_proof: int
    """Valid ones that nothing vouches for: the newest of chains, without their signature."""
    log_files: int
    log_files_not_valid: int
    log_files_without_proof: int
    """Those that hang on such a digest."""
    log_files_unlisted: int
    gaps: int
    hashes_from_ledger: int
    hashes_read: int

    @property
    def not_valid(self) -> int:
        """How many things are not as they should be."""
        return (
            self.digests_not_valid + self.log_files_not_valid + self.log_files_unlisted + self.gaps
        )


class Verified:
    """A verification that is done; its rows are there for as long as it is used."""

    def __init__(self, tables: DigestTables, totals: Totals, *, signatures_checked: bool) -> None:
        """All tables are made."""
        self.totals = totals
        self.signatures_checked = signatures_checked
        self._tables = tables

    @property
    def exit_code(self) -> ExitCode:
        """Whether all is valid."""
        return ExitCode.INCOMPLETE if self.totals.not_valid else ExitCode.DONE

    def findings(self, *, everything: bool) -> AbstractContextManager[pa.RecordBatchReader]:
        """Yield what is not valid, or everything, with its verdict."""
        return self._tables.answer("everything" if everything else "not_valid")

    def by_verdict(self) -> pa.Table:
        """Return how many there are of each verdict."""
        with self._tables.answer("by_verdict") as reader:
            return reader.read_all()


def write_verified(
    found: Verified, form: Format, out: BinaryIO, width: int, *, everything: bool
) -> None:
    """Write the summary and what is not valid, or everything.

    json has the summary and all files; csv, ndjson and parquet, which hold one table, the files.
    """
    if form is Format.JSON:
        out.write(json.dumps(_figures(found), indent=2).removesuffix("\n}").encode())
        out.write(b',\n  "findings": ')
    elif form in {Format.TABLE, Format.MD}:
        out.write(_summary(found, width, everything=everything, form=form).encode())
        if not (everything or found.totals.not_valid):
            return
    with found.findings(everything=everything or form is Format.JSON) as findings:
        is_text = form in {Format.TABLE, Format.MD}
        render(_columns(findings, FOR_PEOPLE) if is_text else findings, form, out, width)
    if form is Format.JSON:
        out.write(b"}\n")


def _figures(found: Verified) -> dict[str, object]:
    """Return the summary for programs, the verdict first."""
    totals = asdict(found.totals)
    return {
        "verdict": "INVALID" if found.totals.not_valid else "valid",
        "signatures_checked": found.signatures_checked,
        **{name: plain(value) for name, value in totals.items()},
    }


def _summary(found: Verified, width: int, *, everything: bool, form: Format) -> str:
    """Return the summary for people."""
    mark = "## " if form is Format.MD else ""
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False, color_system=None)
    for sentence in sentences(found):
        console.print(sentence, markup=False)
    table = found.by_verdict()
    console.print(f"\n{mark}Files by verdict")
    console.print(f"\n{markdown_table(table)}" if form is Format.MD else rich_table(table))
    if everything or found.totals.not_valid:
        console.print(f"\n{mark}{'Everything' if everything else 'Not valid'}")
        if form is Format.MD:
            console.print()
    return text.getvalue()


def sentences(found: Verified) -> Iterator[str]:
    """Yield what was found, the weakness of the proof first."""
    totals = found.totals
    if not found.signatures_checked:
        yield (
            "Hashes only: without public keys no signature was checked, and whoever can write to "
            "the archive could have made its digests anew. Give --keys or --save-keys."
        )
    yield _verdict(totals)
    yield (
        f"{counted(totals.chains, 'chain')} of digests, from {plain(totals.covered_from)} to "
        f"{plain(totals.covered_to)}: {totals.digests_signed:,} proven by CloudTrail's signature, "
        f"{totals.digests_hashed:,} by the hash in the digest that follows."
    )
    if totals.digests_without_proof:
        lacking = "not signature-checked" if found.signatures_checked else "not checked by a hash"
        yield (
            f"{counted(totals.digests_without_proof, 'digest')} {lacking}: nothing follows the "
            "newest of a chain, and its signature is in S3's metadata alone. Listed in it: "
            f"{counted(totals.log_files_without_proof, 'log file')}."
        )
    yield (
        f"Hashes: {totals.hashes_from_ledger:,} taken from the lake's ledger, "
        f"{counted(totals.hashes_read, 'log file')} read."
    )


def _verdict(totals: Totals) -> str:
    if not totals.not_valid:
        return (
            f"Valid: {counted(totals.digests, 'digest')} and "
            f"{counted(totals.log_files, 'log file')} listed in them."
        )
    wrong = [
        f"{totals.digests_not_valid:,} of {counted(totals.digests, 'digest')}",
        f"{totals.log_files_not_valid:,} of {counted(totals.log_files, 'listed log file')}",
        f"{counted(totals.log_files_unlisted, 'log file')} in no digest",
        counted(totals.gaps, "gap"),
    ]
    return f"INVALID: {', '.join(each for each in wrong if not each.startswith('0 '))}."


def _columns(findings: pa.RecordBatchReader, names: Sequence[str]) -> pa.RecordBatchReader:
    """Return some columns of an answer."""
    schema = pa.schema([findings.schema.field(name) for name in names])
    return pa.RecordBatchReader.from_batches(schema, (each.select(names) for each in findings))

"""The same lake and the same question give the same bytes, and so do the same objects."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from analyzer.audit import audit
from analyzer.audit_text import render_audit
from analyzer.lake import Narrowing, open_lake
from analyzer.listing import Scope
from analyzer.queries import names, report_sql
from analyzer.render import Format, render
from tests.conftest import NOW, ingest_and_check, log_key, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import LogFolder

NARROWED = Narrowing(accounts=("111122223333",), since=datetime(2023, 1, 1, tzinfo=UTC))


def audited(lake: Path, form: Format, narrowing: Narrowing = Narrowing()) -> bytes:  # noqa: B008 (frozen)
    out = io.BytesIO()
    with open_lake(lake, narrowing) as opened:
        render_audit(audit(opened), form, out, 80)
    return out.getvalue()


def reported(lake: Path, name: str) -> dict[Format, bytes]:
    """Return a report in every format, read from a lake that was opened for it."""
    written = {form: io.BytesIO() for form in Format if form is not Format.HTML}
    with open_lake(lake, NARROWED) as opened:
        for form, out in written.items():
            with opened.query(report_sql(name)) as answer:
                render(answer, form, out, 80)
    return {form: out.getvalue() for form, out in written.items()}


def ledger_of(lake: Path) -> str:
    with open_lake(lake, Narrowing()) as opened:
        return audit(opened).provenance.ledger


@pytest.mark.parametrize("narrowing", [Narrowing(), NARROWED])
@pytest.mark.parametrize("form", [Format.TABLE, Format.MD, Format.JSON, Format.HTML])
def test_the_same_lake_gives_the_same_audit_to_the_byte(
    archive_lake: Path, form: Format, narrowing: Narrowing
) -> None:
    first, *others = (audited(archive_lake, form, narrowing) for _ in range(3))

    assert others == [first, first]


@pytest.mark.parametrize("name", names("reports"))
def test_the_same_lake_gives_the_same_report_to_the_byte(archive_lake: Path, name: str) -> None:
    assert reported(archive_lake, name) == reported(archive_lake, name)


@pytest.fixture(scope="module")
def in_pieces(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Path:
    """The fixture archive, ingested later, in two runs and in batches of two objects."""
    lake = tmp_path_factory.mktemp("pieces") / "lake"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analyzer.plan.BATCH_OBJECTS", 2)
        patch.setattr("tests.conftest.NOW", NOW + timedelta(days=1))
        ingest_and_check(lake, archive, Scope(accounts=("444455556666",)))
        ingest_and_check(lake, archive)
    return lake


def test_the_same_objects_give_the_same_audit_however_they_were_ingested(
    archive_lake: Path, in_pieces: Path
) -> None:
    one, other = (
        json.loads(audited(lake, Format.JSON, NARROWED)) for lake in (archive_lake, in_pieces)
    )

    assert one["provenance"].pop("lake_id") != other["provenance"].pop("lake_id")
    assert one["provenance"].pop("commit") < other["provenance"].pop("commit")
    assert one == other


@pytest.mark.parametrize("name", names("reports"))
def test_the_same_objects_give_the_same_reports_however_they_were_ingested(
    archive_lake: Path, in_pieces: Path, name: str
) -> None:
    assert reported(archive_lake, name) == reported(in_pieces, name)


CHANGES: dict[str, Callable[[LogFolder], object]] = {
    "another record": lambda logs: logs.put(log_key("1000"), [record(1), record(2)]),
    "another object": lambda logs: logs.put(log_key("1001"), [record(1)]),
    "a refused object": lambda logs: logs.put_bytes(log_key("1002"), b""),
    "an object that is no log": lambda logs: logs.put_bytes("README.txt", b"hello"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_other_objects_give_another_fingerprint_of_the_ledger(
    log_folder: LogFolder, tmp_path: Path, change: Callable[[LogFolder], object]
) -> None:
    lake = tmp_path / "lake"
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(lake, log_folder.root)
    before = ledger_of(lake)

    change(log_folder)
    ingest_and_check(lake, log_folder.root)
    assert ledger_of(lake) != before


def test_a_ledger_of_nothing_has_a_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    ingest_and_check(
        tmp_path / "lake", tmp_path / "bucket", Scope(since=datetime(2023, 1, 1, tzinfo=UTC))
    )

    assert len(ledger_of(tmp_path / "lake")) == 64

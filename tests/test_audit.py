from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from analyzer import __version__
from analyzer.audit import SECTIONS, Audit, audit, evidence_of, ledger_fingerprint
from analyzer.lake import Narrowing, open_lake
from analyzer.queries import fingerprint, report_sql, sql
from tests.conftest import ingest_and_check, log_key, record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LogFolder


def audit_of(lake: Path, narrowing: Narrowing = Narrowing()) -> Audit:  # noqa: B008 (frozen)
    with open_lake(lake, narrowing) as opened:
        return audit(opened)


def test_a_section_has_its_question_its_sql_and_the_whole_answer(archive_lake: Path) -> None:
    sections = audit_of(archive_lake).sections

    assert [section.name for section in sections] == list(SECTIONS)
    for section in sections:
        assert section.heading == SECTIONS[section.name]
        assert section.sql == report_sql(section.name)
        assert section.sql.startswith(f"-- {section.question}\n")
        assert section.question.endswith("?")
    assert [section.name for section in sections if not len(section.answer)] == [
        "gaps",
        "accounts_without_objects",
    ]


def test_the_provenance_says_what_the_audit_was_made_with(
    archive_lake: Path, archive: Path
) -> None:
    narrowing = Narrowing(accounts=("111122223333",), since=datetime(2023, 1, 1, tzinfo=UTC))
    made_with = audit_of(archive_lake, narrowing).provenance

    head = msgspec.json.decode((archive_lake / "lake.json").read_bytes())
    assert made_with.tlstrail == __version__
    assert made_with.sql == fingerprint()
    assert made_with.lake_id == head["lake_id"]
    assert made_with.sources == (f"{archive}/",)
    assert made_with.asked_about == narrowing
    assert made_with.objects == 75
    assert 0 < made_with.records < 1_256
    assert made_with.ledger == audit_of(archive_lake).provenance.ledger


def test_the_ledgers_fingerprint_is_of_the_rows_hashes_in_groups_by_two_digits(
    archive_lake: Path,
) -> None:
    with open_lake(archive_lake, Narrowing()) as lake:
        [row] = lake.table("""
            SELECT sha256(string_agg(group_hash, '' ORDER BY first_digits)) AS fingerprint
            FROM (
                SELECT row_hash[:2] AS first_digits,
                    sha256(string_agg(row_hash, '' ORDER BY row_hash)) AS group_hash
                FROM (
                    SELECT sha256(json_array(key, etag, status, reason, records, sha256))
                        AS row_hash
                    FROM objects
                )
                GROUP BY first_digits
            )
        """).to_pylist()
        assert ledger_fingerprint(lake) == row["fingerprint"]


def test_a_lake_from_before_there_were_ids_still_answers(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    ingest_and_check(tmp_path / "lake", log_folder.root)
    head = tmp_path / "lake" / "lake.json"
    content = msgspec.json.decode(head.read_bytes())
    del content["lake_id"]
    head.write_bytes(msgspec.json.encode(content))

    assert audit_of(tmp_path / "lake").provenance.lake_id is None


def test_every_lake_has_an_id_of_its_own_and_keeps_it(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    log_folder.put(log_key("1000"), [record(1)])
    for name in ("one", "other"):
        ingest_and_check(tmp_path / name, log_folder.root)
    before = audit_of(tmp_path / "one").provenance

    log_folder.put(log_key("1001"), [record(2)])
    ingest_and_check(tmp_path / "one", log_folder.root)
    after = audit_of(tmp_path / "one").provenance

    assert before.lake_id == after.lake_id
    assert after.lake_id != audit_of(tmp_path / "other").provenance.lake_id
    assert before.ledger != after.ledger


@pytest.mark.parametrize(
    "narrowing", [Narrowing(), Narrowing(accounts=("111122223333",)), Narrowing(accounts=("none",))]
)
def test_a_section_says_what_its_report_says_alone(
    archive_lake: Path, narrowing: Narrowing
) -> None:
    together = audit_of(archive_lake, narrowing)

    with open_lake(archive_lake, narrowing) as lake:
        alone = {name: lake.table(report_sql(name)) for name in SECTIONS}
        timeline, evidence = lake.table(sql("audit/timeline")), evidence_of(lake)
    for section in together.sections:
        assert section.answer == alone[section.name], section.name
    assert together.timeline.answer == timeline
    assert together.evidence == evidence


def test_most_sections_are_answered_without_reading_the_records_again(archive_lake: Path) -> None:
    with open_lake(archive_lake, Narrowing()) as lake:
        lake.count_once()
        plans = {
            name: str(lake.table(f"EXPLAIN {report_sql(name)}").to_pylist()) for name in SECTIONS
        }

    assert {name for name, plan in plans.items() if "READ_PARQUET" in plan} == {
        "key_exchange",
        "tls13_readiness",
        "conflicting_records",
        "gaps",  # of the ledger, as the next one
        "accounts_without_objects",
    }

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from analyzer.audit import SECTIONS, audit
from analyzer.audit_text import render_audit
from analyzer.lake import Narrowing, open_lake
from analyzer.render import Format
from tests.conftest import ingest_and_check, log_bytes, log_key, record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LogFolder


def audited(lake: Path, form: Format, narrowing: Narrowing = Narrowing()) -> str:  # noqa: B008 (frozen)
    out = io.BytesIO()
    with open_lake(lake, narrowing) as opened:
        render_audit(audit(opened), form, out, 120)
    return out.getvalue().decode()


def test_json_has_the_verdict_first_and_then_what_it_rests_on(archive_lake: Path) -> None:
    content: dict[str, Any] = json.loads(audited(archive_lake, Format.JSON))

    assert list(content) == [
        "verdict",
        "sentence",
        "reasons",
        "caveats",
        "provenance",
        "evidence",
        "timeline",
        *SECTIONS,
        "days",
    ]
    assert content["verdict"] == "legacy found"
    assert content["evidence"] == {
        "records": 1_256,
        "records_that_could_tell": 945,
        "records_with_tls_version": 920,
        "coverage_percent": 97.35,
        "legacy_calls": 167,
        "legacy_first_seen": "2022-10-05T02:00:51Z",
        "legacy_last_seen": "2024-01-10T09:22:12Z",
        "first_record": "2022-10-05T02:00:34Z",
        "last_record": "2024-02-28T19:24:09Z",
        "records_with_unknown_tls_version": 4,
        "records_unexplained": 21,
        "records_before_1_08": 15,
        "records_after_2023": 191,
        "data_events": 242,
        "read_events": 998,
        "write_events": 258,
        "blind_spot_services": 2,
        "blind_spot_records": 20,
        "objects_listed": 75,
        "objects_read": 67,
        "objects_skipped": 8,
        "objects_refused": 0,
        "objects_archived": 0,
        "objects_missing": 0,
        "delivery_gaps": 0,
        "sources_not_all_read": 0,
    }
    assert [reason["code"] for reason in content["reasons"]] == [
        "too_old",
        "blind_spots",
        "unknown_values",
    ]
    assert list(content["provenance"]["asked_about"].values()) == [[], [], None, None]
    assert sum(row["calls"] for row in content["tls_versions"]) == 1_256


def test_the_terminal_and_markdown_begin_with_the_verdict(archive_lake: Path) -> None:
    sentence = "TLS 1.0 or 1.1 was used: 167 calls"

    assert audited(archive_lake, Format.TABLE).startswith(sentence)
    assert audited(archive_lake, Format.MD).startswith(f"**{sentence}")


def test_narrowed_down_to_days_without_legacy_calls_none_is_found(archive_lake: Path) -> None:
    narrowing = Narrowing(since=datetime(2024, 2, 1, tzinfo=UTC))

    content = json.loads(audited(archive_lake, Format.JSON, narrowing))
    assert content["verdict"] == "none found, but incomplete"
    assert [reason["code"] for reason in content["reasons"]] == ["blind_spots"]
    assert content["caveats"][0]["sentence"].startswith("every record is from after 2023")


@pytest.mark.parametrize("form", [Format.JSON, Format.TABLE, Format.MD])
def test_legacy_calls_without_a_time_are_told_too(
    log_folder: LogFolder, tmp_path: Path, form: Format
) -> None:
    log_folder.put(log_key("1000"), [record(1, eventTime=None, tlsDetails={"tlsVersion": "TLSv1"})])
    ingest_and_check(tmp_path / "lake", log_folder.root)

    assert "TLS 1.0 or 1.1 was used: 1 call" in audited(tmp_path / "lake", form)


def test_a_refused_object_keeps_the_answer_from_being_complete(
    log_folder: LogFolder, tmp_path: Path
) -> None:
    log_folder.put(log_key("1000"), [record(1, tlsDetails={"tlsVersion": "TLSv1.3"})])
    ingest_and_check(tmp_path / "lake", log_folder.root)
    assert audited(tmp_path / "lake", Format.TABLE).startswith("No call with TLS 1.0 or 1.1")
    assert '"none found"' in audited(tmp_path / "lake", Format.JSON)

    log_folder.put_bytes(log_key("1001"), log_bytes([record(2)])[:-1])
    ingest_and_check(tmp_path / "lake", log_folder.root)
    assert '"none found, but incomplete"' in audited(tmp_path / "lake", Format.JSON)

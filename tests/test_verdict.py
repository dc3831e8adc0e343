"""The verdict as a table: evidence in, words out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from analyzer.verdict import Evidence, judge

NOTHING = Evidence(
    records=0,
    records_with_tls_version=0,
    records_with_unknown_tls_version=0,
    legacy_calls=0,
    legacy_first_seen=None,
    legacy_last_seen=None,
    first_record=None,
    last_record=None,
    objects_listed=0,
    objects_read=0,
    objects_skipped=0,
    objects_refused=0,
    objects_archived=0,
    objects_missing=0,
)
CLEAN = replace(
    NOTHING, records=200, records_with_tls_version=150, objects_listed=9, objects_read=9
)
LEGACY = replace(
    CLEAN,
    legacy_calls=1_234,
    legacy_first_seen=datetime(2022, 10, 5, 2, 0),  # noqa: DTZ001 (as the lake gives it)
    legacy_last_seen=datetime(2024, 1, 10, 9, 22),  # noqa: DTZ001
)

VERDICTS = {
    "cannot tell": [
        NOTHING,
        replace(NOTHING, records=200),
        replace(NOTHING, records=200, records_with_unknown_tls_version=200),
        replace(NOTHING, objects_listed=5, objects_refused=5),
    ],
    "none found": [CLEAN, replace(CLEAN, objects_skipped=1_000)],
    "none found, but incomplete": [
        replace(CLEAN, objects_refused=1),
        replace(CLEAN, objects_archived=1),
        replace(CLEAN, objects_missing=1),
        replace(CLEAN, records_with_unknown_tls_version=1),
    ],
    "legacy found": [
        LEGACY,
        replace(LEGACY, objects_refused=3),
        replace(LEGACY, legacy_calls=1),
        replace(LEGACY, legacy_first_seen=None, legacy_last_seen=None),
    ],
}


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [(evidence, verdict) for verdict, cases in VERDICTS.items() for evidence in cases],
)
def test_the_evidence_has_its_verdict(evidence: Evidence, verdict: str) -> None:
    assert judge(evidence).verdict == verdict


def test_only_a_complete_answer_has_no_reason_against_it() -> None:
    assert judge(CLEAN).reasons == ()
    assert len(judge(replace(CLEAN, objects_refused=2, objects_missing=1)).reasons) == 2
    [reason] = judge(replace(LEGACY, objects_refused=2)).reasons
    assert (reason.code, reason.count) == ("refused", 2)
    assert reason.sentence.startswith("2 objects were refused")


def test_the_sentence_has_the_figures_that_it_rests_on() -> None:
    sentence = judge(LEGACY).sentence

    for figure in ("1,234 calls", "2022-10-05", "2024-01-10", "150 of 200 records", "75.0 %"):
        assert figure in sentence


def test_no_sentence_says_more_than_was_seen() -> None:
    for cases in VERDICTS.values():
        for evidence in cases:
            sentence = judge(evidence).sentence.lower()
            assert "proven" not in sentence
            assert "nobody" not in sentence

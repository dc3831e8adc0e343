"""The verdict as a table: evidence in, words out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from analyzer.verdict import MISSING, Evidence, judge

if TYPE_CHECKING:
    from analyzer.verdict import Verdict

NOTHING = Evidence(
    records=0,
    records_that_could_tell=0,
    records_with_tls_version=0,
    coverage_percent=None,
    legacy_calls=0,
    legacy_first_seen=None,
    legacy_last_seen=None,
    first_record=None,
    last_record=None,
    records_with_unknown_tls_version=0,
    records_unexplained=0,
    records_before_1_08=0,
    records_after_2023=0,
    data_events=0,
    read_events=0,
    write_events=0,
    blind_spot_services=0,
    blind_spot_records=0,
    objects_listed=0,
    objects_read=0,
    objects_skipped=0,
    objects_refused=0,
    objects_archived=0,
    objects_missing=0,
    delivery_gaps=0,
    sources_not_all_read=0,
)
SILENT = replace(NOTHING, records=200, objects_listed=9, objects_read=9)
CLEAN = replace(
    SILENT,
    records_that_could_tell=150,
    records_with_tls_version=150,
    coverage_percent=100.0,
    data_events=20,
    read_events=120,
    write_events=80,
)
LEGACY = replace(
    CLEAN,
    legacy_calls=1_234,
    legacy_first_seen=datetime(2022, 10, 5, 2, 0),  # noqa: DTZ001 (as the lake gives it)
    legacy_last_seen=datetime(2024, 1, 10, 9, 22),  # noqa: DTZ001
)

INCOMPLETE = {
    "refused": replace(CLEAN, objects_refused=2),
    "archived": replace(CLEAN, objects_archived=2),
    "missing": replace(CLEAN, objects_missing=2),
    "not_all_read": replace(CLEAN, sources_not_all_read=2),
    "gaps": replace(CLEAN, delivery_gaps=2),
    "too_old": replace(CLEAN, records_before_1_08=2),
    "blind_spots": replace(CLEAN, blind_spot_services=2, blind_spot_records=7),
    "unknown_values": replace(CLEAN, records_with_unknown_tls_version=2),
    "low_coverage": replace(CLEAN, records_that_could_tell=158, coverage_percent=94.93),
}
CAVEATS = {
    "after_enforcement": replace(CLEAN, records_after_2023=50),
    "no_data_events": replace(CLEAN, data_events=0),
    "no_reads": replace(CLEAN, read_events=0),
    "no_writes": replace(CLEAN, write_events=0),
}
VERDICTS = {
    "cannot tell": [
        NOTHING,
        SILENT,
        replace(SILENT, records_before_1_08=200),
        replace(
            SILENT,
            records_that_could_tell=200,
            coverage_percent=0.0,
            records_with_unknown_tls_version=200,
        ),
        replace(SILENT, records_that_could_tell=9, coverage_percent=0.0, records_unexplained=9),
        replace(NOTHING, objects_listed=5, objects_refused=5),
    ],
    "none found": [
        CLEAN,
        replace(CLEAN, objects_skipped=1_000),
        replace(CLEAN, records_that_could_tell=157, coverage_percent=95.54, records_unexplained=7),
        *CAVEATS.values(),
    ],
    "none found, but incomplete": list(INCOMPLETE.values()),
    "legacy found": [
        LEGACY,
        replace(LEGACY, objects_refused=3),
        replace(LEGACY, legacy_calls=1),
        replace(LEGACY, legacy_first_seen=None, legacy_last_seen=None),
        replace(LEGACY, records_after_2023=200),
    ],
}


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [(evidence, verdict) for verdict, cases in VERDICTS.items() for evidence in cases],
)
def test_the_evidence_has_its_verdict(evidence: Evidence, verdict: str) -> None:
    assert judge(evidence).verdict == verdict


@pytest.mark.parametrize(("code", "evidence"), INCOMPLETE.items())
def test_what_is_missing_is_named_in_the_reasons_and_in_the_sentence(
    code: str, evidence: Evidence
) -> None:
    verdict = judge(evidence)

    assert codes(verdict) == [code]
    assert f"but incomplete ({MISSING[code]})" in verdict.sentence
    assert f"{verdict.reasons[0].count} " in verdict.reasons[0].sentence


def test_everything_that_can_be_missing_is_tried_here() -> None:
    assert list(INCOMPLETE) == list(MISSING)


@pytest.mark.parametrize(("code", "evidence"), CAVEATS.items())
def test_a_caveat_is_told_and_leaves_the_verdict_as_it_is(code: str, evidence: Evidence) -> None:
    verdict = judge(evidence)

    assert [caveat.code for caveat in verdict.caveats] == [code]
    assert verdict.reasons == ()


def test_only_a_complete_answer_has_no_reason_against_it() -> None:
    assert judge(CLEAN).reasons == ()
    assert codes(judge(replace(CLEAN, objects_refused=2, delivery_gaps=1))) == ["refused", "gaps"]
    assert codes(judge(replace(LEGACY, objects_refused=2))) == ["refused"]


def test_one_is_said_as_one() -> None:
    one = replace(CLEAN, objects_missing=1, records_before_1_08=1, blind_spot_services=1)

    assert [reason.sentence.partition(" ")[2] for reason in judge(one).reasons] == [
        "object was gone when asked for",
        "record is too old to tell: there were no tlsDetails before record version 1.08",
        "service never says which TLS version was used, in 0 records",
    ]


def test_the_sentence_has_the_figures_that_it_rests_on() -> None:
    partly = replace(LEGACY, records_that_could_tell=200, coverage_percent=75.0)

    sentence = judge(partly).sentence
    for figure in ("1,234 calls", "2022-10-05", "2024-01-10", "150 of 200 records", "75 %"):
        assert figure in sentence


def test_a_complete_answer_says_its_coverage() -> None:
    assert judge(CLEAN).sentence == (
        "No call with TLS 1.0 or 1.1 was found, coverage 100 %, complete as far as can be seen: "
        "150 of 150 records that could tell say which TLS version was used."
    )


def test_none_found_after_enforcement_says_that_refused_calls_leave_no_record() -> None:
    some = judge(replace(CLEAN, records_after_2023=50))
    every = judge(replace(CLEAN, records_after_2023=200))

    assert some.sentence.endswith("What AWS refuses leaves no record.")
    assert some.caveats[0].sentence.startswith("50 records are from after 2023")
    assert every.caveats[0].sentence.startswith("every record is from after 2023")
    assert "refuses" not in judge(CLEAN).sentence


def test_no_sentence_says_more_than_was_seen() -> None:
    for evidence in chain(*VERDICTS.values()):
        verdict = judge(evidence)
        noted = [reason.sentence for reason in (*verdict.reasons, *verdict.caveats)]
        for sentence in (verdict.sentence, *noted):
            assert "proven" not in sentence.lower()
            assert "nobody" not in sentence.lower()

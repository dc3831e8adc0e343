from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.alarm import Alarm, raised
from analyzer.verdict import ENOUGH_COVERAGE, Evidence, judge
from tests.test_verdict import CLEAN, LEGACY, NOTHING

ALL = tuple(Alarm)
CASES = {
    "nothing to see": (CLEAN, set()),
    "legacy": (LEGACY, {"legacy"}),
    "a refused object": (replace(CLEAN, objects_refused=1), {"incomplete"}),
    "low coverage": (
        replace(CLEAN, records_with_tls_version=10, coverage_percent=94.99),
        {"incomplete", "low-coverage"},
    ),
    "an empty lake": (NOTHING, {"low-coverage"}),
}


def names(
    alarms: tuple[Alarm, ...], evidence: Evidence, least: float = ENOUGH_COVERAGE
) -> set[str]:
    sentences = raised(alarms, evidence, judge(evidence), least)
    return {sentence.partition(":")[0] for sentence in sentences}


@pytest.mark.parametrize("case", CASES)
def test_an_alarm_is_raised_where_there_is_cause_and_only_there(case: str) -> None:
    evidence, wanted = CASES[case]

    assert names(ALL, evidence) == wanted


@pytest.mark.parametrize("alarm", Alarm)
def test_what_is_not_watched_for_raises_nothing(alarm: Alarm) -> None:
    for evidence, wanted in CASES.values():
        assert names((alarm,), evidence) == wanted & {alarm}
        assert names((), evidence) == set()


def test_coverage_is_low_below_what_was_asked() -> None:
    evidence = replace(LEGACY, coverage_percent=75.0)

    assert names((Alarm.LOW_COVERAGE,), evidence, 75.0) == set()
    assert names((Alarm.LOW_COVERAGE,), evidence, 75.01) == {"low-coverage"}

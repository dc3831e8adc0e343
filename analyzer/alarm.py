"""When a report is to raise an alarm, so that a cron job or a pipeline can act on it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.verdict import Evidence, Verdict


class Alarm(StrEnum):
    """What is watched for."""

    LEGACY = "legacy"
    """A call with TLS 1.0 or 1.1."""
    INCOMPLETE = "incomplete"
    """A verdict with a reason against it."""
    LOW_COVERAGE = "low-coverage"
    """Of the records that could tell their TLS version, too few that do; or none that could."""


def raised(
    alarms: Sequence[Alarm], evidence: Evidence, verdict: Verdict, least_coverage: float
) -> Iterator[str]:
    """Yield a sentence for each of `alarms` that the evidence gives cause for."""
    if Alarm.LEGACY in alarms and evidence.legacy_calls:
        yield f"{Alarm.LEGACY}: {evidence.legacy_calls:,} calls with TLS 1.0 or 1.1"
    if Alarm.INCOMPLETE in alarms and verdict.reasons:
        yield f"{Alarm.INCOMPLETE}: {'; '.join(each.sentence for each in verdict.reasons)}"
    covered = evidence.coverage_percent or 0.0
    if Alarm.LOW_COVERAGE in alarms and covered < least_coverage:
        yield (
            f"{Alarm.LOW_COVERAGE}: of the records that could tell, {covered:g} % say which TLS "
            f"version was used, less than {least_coverage:g} %"
        )

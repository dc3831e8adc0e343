from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.charts import legacy_chart, share_chart
from analyzer.heat_map import heat_map
from analyzer.timeline import KINDS, Timeline, timeline_of

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = {kind.column: 0 for kind in KINDS}


def row(month: str | None, **counts: int) -> dict[str, object]:
    return {"month": month, **COUNTS, **counts, "calls": sum(counts.values())}


def timeline(*rows: dict[str, object]) -> Timeline:
    return timeline_of(pa.Table.from_pylist(list(rows)))


def test_months_without_a_record_are_there() -> None:
    found = timeline(row("2022-11", tls_1_0=2, tls_1_1=1), row("2023-02", tls_1_2=9))

    assert found.months == ["2022-11", "2022-12", "2023-01", "2023-02"]
    assert found.legacy() == [3, 0, 0, 0]
    assert found.span == "2022-11 to 2023-02"


def test_a_call_without_a_time_is_in_no_month() -> None:
    assert timeline(row(None, tls_1_0=1)).months == []
    assert timeline(row(None, tls_1_0=1)).span == ""


def test_a_chart_has_a_bar_for_each_kind_and_month_and_is_always_the_same() -> None:
    found = timeline(
        row("2023-01", tls_1_0=5, tls_1_1=5, tls_1_2=90), row("2023-03", tls_1_1=1, absent=3)
    )

    assert legacy_chart(found).count('fill="var(--tls_1_') == 3
    bars = re.findall(r'fill="var\(--(tls_\d_\d|unknown|absent)\)"', share_chart(found))
    assert sorted(bars) == ["absent", "tls_1_0", "tls_1_1", "tls_1_1", "tls_1_2"]
    assert legacy_chart(found) == legacy_chart(found)


def test_a_chart_has_nothing_that_the_policy_of_the_page_forbids() -> None:
    svg = share_chart(timeline(row("2023-01", tls_1_0=5)))

    for forbidden in ("<script", "<style", "style=", "href=", " on", "http://", "https://"):
        assert forbidden not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "").replace(
            'xmlns:xlink="http://www.w3.org/1999/xlink"', ""
        )


def test_nothing_in_a_chart_stands_where_the_width_of_a_text_puts_it() -> None:
    few = share_chart(timeline(row("2023-01", tls_1_0=1)))
    many = legacy_chart(timeline(row("2023-01", tls_1_0=123_456_789)))

    assert 'transform="translate(72,10)"' in few
    assert 'transform="translate(72,10)"' in many


def test_with_many_months_only_some_have_their_name() -> None:
    months = [row(f"{2015 + number // 12}-{number % 12 + 1:02}", tls_1_0=1) for number in range(96)]

    assert legacy_chart(timeline(*months)).count(">20") == 14


def test_every_kind_has_its_colour_in_the_light_in_the_dark_and_on_paper(repository: Path) -> None:
    style = (repository / "analyzer" / "html" / "page.css").read_text(encoding="utf-8")

    for kind in KINDS:
        assert style.count(f"--{kind.column}: ") == 3, kind.column


def days(**objects: int) -> pa.Table:
    return pa.table(
        {
            "day": pa.array([each.replace("_", "-")[1:] for each in objects]).cast(pa.date32()),
            "objects": list(objects.values()),
        }
    )


def test_a_heat_map_counts_the_days_on_which_nothing_came() -> None:
    found = heat_map(days(_2023_01_30=4, _2023_02_02=1))

    assert found.words == (
        "Log objects were delivered on 2 of the 4 days from 2023-01-30 to 2023-02-02; on 2 there "
        "was none. The most on one day: 4."
    )
    january, february = found.months
    assert [day.heat for day in january.days] == ["none"] * 29 + ["h4", "h0"]
    assert [day.heat for day in february.days] == ["h0", "h1"] + ["none"] * 29
    assert january.days[29].words == "2023-01-30: 4 objects"


def test_counts_in_a_heat_map_are_short() -> None:
    (month,) = heat_map(days(_2023_01_01=12_345, _2023_01_02=999)).months

    assert [day.text for day in month.days[:3]] == ["12k", "999", ""]


def test_without_deliveries_a_heat_map_says_so() -> None:
    assert heat_map(days()).months == []
    assert heat_map(days()).words == "No log object was listed."

"""Charts as SVG, drawn here and not in the reader's browser: no script, always the same bytes.

Colours are CSS variables of the page, so a chart is dark where the page is. Nothing is placed
by the width of a text, which would differ with the fonts of the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import vl_convert

from analyzer.timeline import KINDS, LEGACY_KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.timeline import Kind, Timeline

MOST_WIDTH = 880
LEAST_WIDTH = 230
"""Of the part of a chart that holds the bars, in the SVG's own units."""

MONTH_WIDTH = 60

WIDEST_BAR = 44

MONTHS_ON_A_PHONE = 4
"""So many months fit on a phone without making the chart smaller."""

MONTH_LABELS = 14
"""At most so many months have their name below the axis."""

VEGA_LITE = "6.4"


def legacy_chart(timeline: Timeline) -> str:
    """Return the calls with old TLS by month, as SVG."""
    return _svg(timeline, LEGACY_KINDS, height=200, share=False)


def share_chart(timeline: Timeline) -> str:
    """Return what share of each month's calls had which version, or none, as SVG."""
    return _svg(timeline, KINDS, height=120, share=True)


def _svg(timeline: Timeline, kinds: Sequence[Kind], *, height: int, share: bool) -> str:
    months = timeline.months
    values = [
        {"month": month, "kind": kind.column, "place": place, "calls": calls}
        for month in months
        for place, kind in enumerate(kinds)
        if (calls := timeline.calls(month, kind))
    ]
    width = min(MOST_WIDTH, max(LEAST_WIDTH, MONTH_WIDTH * len(months)))
    every = -(-len(months) // MONTH_LABELS)
    spec = {
        "background": None,
        "width": width,
        "height": height,
        "autosize": "none",
        "padding": {"left": 72, "right": 32, "top": 10, "bottom": 30},
        "data": {"values": values},
        "mark": {
            "type": "bar",
            "size": min(WIDEST_BAR, round(0.82 * width / len(months), 2)),
            "aria": False,
        },
        "encoding": {
            "x": {
                "field": "month",
                "type": "ordinal",
                "scale": {"domain": list(months), "paddingOuter": 0.1},
                "axis": {
                    "title": None,
                    "values": list(months[::every]),
                    "labelAngle": 0,
                    "labelPadding": 8,
                    "labelOverlap": False,
                    "ticks": False,
                    "aria": False,
                },
            },
            "y": {
                "field": "calls",
                "type": "quantitative",
                "stack": "normalize" if share else "zero",
                "axis": {
                    "title": None,
                    "tickCount": 2 if share else 4,
                    "tickMinStep": 0.5 if share else 1,
                    "format": ".0%" if share else ",d",
                    "labelPadding": 8,
                    "labelOverlap": False,
                    "domain": False,
                    "ticks": False,
                    "aria": False,
                },
            },
            "color": {
                "field": "kind",
                "type": "nominal",
                "legend": None,
                "scale": {
                    "domain": [kind.column for kind in kinds],
                    "range": [f"var(--{kind.column})" for kind in kinds],
                },
            },
            "order": {"field": "place", "type": "quantitative"},
        },
        "config": {
            "font": "inherit",
            "view": {"stroke": None},
            "axis": {
                "labelColor": "var(--muted)",
                "labelFontSize": 13,
                "gridColor": "var(--line)",
                "domainColor": "var(--muted)",
            },
        },
    }
    return vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)

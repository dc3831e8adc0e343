"""The pages as a person meets them: from disk, offline, on a phone, in the dark, on paper."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from analyzer.exhibit import shown
from tests.browser.archives import ARCHIVES, HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.browser.conftest import Open

PAGES = ("demo", "comparison", *ARCHIVES)
NARROW = (320, 390)


def cells(page: Page, section: str, column: int) -> list[str]:
    """Return the texts of a column, of the rows that are shown."""
    rows = page.locator(f".exhibit:has(#{section}) tbody tr:visible")
    return rows.locator(f"td:nth-child({column})").all_text_contents()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_disk_with_no_request_and_no_word_on_the_console(
    name: str, pages: Callable[[str], Path], opened: Open
) -> None:
    seen = opened(pages(name))

    assert seen.requests == [pages(name).as_uri()]
    assert seen.console == []
    assert seen.page.locator("h1").count() == 1
    assert "TLS audit" in seen.page.title()


@pytest.mark.parametrize("width", NARROW)
@pytest.mark.parametrize("name", PAGES)
def test_a_phone_scrolls_no_page_sideways(
    name: str, width: int, pages: Callable[[str], Path], opened: Open
) -> None:
    page = opened(pages(name), width=width).page

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["demo", "comparison", "nothing", "hostile"])
def test_axe_finds_nothing_in_light_or_dark(
    name: str, pages: Callable[[str], Path], opened: Open
) -> None:
    page = opened(pages(name)).page
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")

    found = Axe().run(page)
    page.emulate_media(color_scheme="dark")
    found_in_the_dark = Axe().run(page)

    assert found.response["violations"] == [], found.generate_report()
    assert found_in_the_dark.response["violations"] == [], found_in_the_dark.generate_report()


def test_a_click_on_a_heading_sorts_by_number_and_a_second_one_the_other_way(
    pages: Callable[[str], Path], opened: Open
) -> None:
    page = opened(pages("demo")).page
    section = "legacy_by_service"
    heading = page.locator(f".exhibit:has(#{section}) th", has_text="calls")
    in_order = [48, 41, 22, 17, 15, 14, 10]
    assert [int(text) for text in cells(page, section, 2)] == in_order

    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert [int(text) for text in cells(page, section, 2)] == in_order

    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [int(text) for text in cells(page, section, 2)] == in_order[::-1]


def test_numbers_with_thousands_sort_as_numbers(pages: Callable[[str], Path], opened: Open) -> None:
    page = opened(pages("much_legacy")).page
    section = "legacy_by_client"
    column = page.locator(f".exhibit:has(#{section}) th", has_text="calls")
    column.get_by_role("button").click()
    column.get_by_role("button").click()

    place = 1 + column.evaluate("(head) => head.cellIndex")
    calls = [int(text.replace(",", "")) for text in cells(page, section, place)]
    assert calls == sorted(calls)
    assert calls[-1] >= 1_000


def test_a_sort_by_text_is_by_the_alphabet(pages: Callable[[str], Path], opened: Open) -> None:
    page = opened(pages("demo")).page
    section = "legacy_by_service"
    page.locator(f".exhibit:has(#{section}) th").first.get_by_role("button").click()

    services = cells(page, section, 1)
    assert services == sorted(services)


def test_a_search_leaves_the_rows_that_have_every_word(
    pages: Callable[[str], Path], opened: Open
) -> None:
    page = opened(pages("much_legacy")).page
    section = page.locator(".exhibit:has(#legacy_by_principal)")
    rows = section.locator("tbody tr")
    everything = rows.count()

    section.get_by_label("Search").fill("TEAM-1 role")

    found = section.locator("tbody tr:visible")
    assert 0 < found.count() < everything
    assert all("team-1" in text for text in found.all_text_contents())
    assert section.get_by_role("status").text_content() == f"{found.count()} of {everything} rows"

    section.get_by_label("Search").fill("nobody of this name")
    assert section.locator("tbody tr:visible").count() == 0

    section.get_by_label("Search").fill("")
    assert section.locator("tbody tr:visible").count() == everything


def test_the_csv_of_a_table_is_saved_and_has_its_rows(
    pages: Callable[[str], Path], opened: Open, tmp_path: Path
) -> None:
    page = opened(pages("demo")).page
    with page.expect_download() as download:
        page.locator(".exhibit:has(#legacy_by_service) a[download]").click()
    download.value.save_as(tmp_path / "saved.csv")

    assert download.value.suggested_filename == "legacy_by_service.csv"
    rows = list(csv.reader(io.StringIO((tmp_path / "saved.csv").read_text("utf-8-sig"))))
    assert rows[0][:2] == ["event_source", "calls"]
    assert rows[1][:2] == ["ec2.amazonaws.com", "48"]
    assert len(rows) == 8


def test_hostile_text_is_shown_as_text(pages: Callable[[str], Path], opened: Open) -> None:
    seen = opened(pages("hostile"))
    page = seen.page

    assert page.title() == "TLS audit: legacy found"
    assert page.locator("main script, main img, [onmouseover], [onerror]").count() == 0
    texts = set(page.locator(".exhibit:has(#legacy_callers) td").all_text_contents())
    assert {shown(text) for text in HOSTILE.values()} <= texts
    page.mouse.move(300, 300)
    assert seen.console == []


def test_hostile_text_turns_nothing_around(pages: Callable[[str], Path], opened: Open) -> None:
    text = opened(pages("hostile")).page.locator("body").inner_text()

    assert "\\u202egnp.exe\\u202c" in text
    assert not {"\u202e", "\u2066", "\x1b", "\x00"} & set(text)


def test_nothing_that_is_not_the_pages_own_runs(pages: Callable[[str], Path], opened: Open) -> None:
    seen = opened(pages("demo"))
    seen.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'taken'";
            document.body.append(script);
            const image = document.createElement("img");
            image.src = "https://example.com/";
            document.body.append(image);
        }"""
    )

    assert seen.page.title() == "TLS audit: legacy found"
    refused = [line for line in seen.console if "Content Security Policy" in line]
    assert any("inline script" in line for line in refused)
    assert any("https://example.com/" in line for line in refused)


def test_without_scripts_everything_is_there(pages: Callable[[str], Path], opened: Open) -> None:
    page = opened(pages("demo"), scripts=False).page

    assert page.get_by_text("TLS 1.0 or 1.1 was used: 167 calls").count() >= 1
    assert len(cells(page, "legacy_by_service", 1)) == 7
    assert page.locator("input, button").count() == 0


def test_in_the_dark_the_page_and_its_charts_are_dark(
    pages: Callable[[str], Path], opened: Open
) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page = opened(pages("demo"), scheme=scheme).page
        colours[scheme] = page.evaluate(
            """() => [
                getComputedStyle(document.body).backgroundColor,
                getComputedStyle(document.querySelector(".chart svg text")).fill,
                getComputedStyle(document.querySelector(".chart .mark-rect path")).fill,
            ]"""
        )

    assert colours["light"][0] == "rgb(255, 255, 255)"
    assert all(a != b for a, b in zip(colours["light"], colours["dark"], strict=True))


def test_a_chart_is_drawn_with_the_colours_of_the_page(
    pages: Callable[[str], Path], opened: Open
) -> None:
    page = opened(pages("demo")).page
    fills = page.evaluate(
        """() => Array.from(
            document.querySelectorAll(".chart .mark-rect path"),
            (path) => getComputedStyle(path).fill,
        )"""
    )

    assert len(fills) > 20
    assert "rgb(0, 0, 0)" not in fills


def test_on_paper_there_are_the_first_rows_and_what_gives_the_others(
    pages: Callable[[str], Path], opened: Open
) -> None:
    page = opened(pages("callers_5000"), scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")

    assert page.locator(".exhibit:has(#legacy_by_principal) tbody tr:visible").count() == 30
    assert page.get_by_text("Printed: the first 30 of 5,000 rows").first.is_visible()
    assert page.locator(".tools:visible, nav:visible, details:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF-")


def test_on_paper_every_month_of_the_timeline_is_there(
    pages: Callable[[str], Path], opened: Open
) -> None:
    page = opened(pages("much_legacy")).page
    page.emulate_media(media="print")

    assert page.locator(".exhibit:has(#timeline) tbody tr:visible").count() == 59


def test_the_keyboard_reaches_tables_and_charts_that_scroll(
    pages: Callable[[str], Path], opened: Open
) -> None:
    page = opened(pages("much_legacy"), width=390).page

    scrolling = page.evaluate(
        """() => Array.from(document.querySelectorAll("*"))
            .filter((each) => each.scrollWidth > each.clientWidth + 1
                && getComputedStyle(each).overflowX === "auto")
            .filter((each) => each.tabIndex !== 0)
            .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert scrolling == []


def test_the_first_tab_leads_to_the_verdict(pages: Callable[[str], Path], opened: Open) -> None:
    page = opened(pages("demo")).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"

    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "verdict"

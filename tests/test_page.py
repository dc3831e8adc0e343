"""The page as a file: what is in it, how large it is, and that it is always the same."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from analyzer.audit import SECTIONS, audit
from analyzer.lake import Narrowing, open_lake
from analyzer.page import PARTS, ROWS_IN_PRINT, write_page
from tests.browser.archives import accounts_200, callers_5000, hostile
from tests.conftest import LogFolder, ingest_and_check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEGABYTE = 1_000_000


def page_of(lake: Path) -> str:
    out = io.BytesIO()
    with open_lake(lake, Narrowing()) as opened:
        write_page(audit(opened), out)
    return out.getvalue().decode()


@pytest.fixture(scope="module")
def page(archive_lake: Path) -> str:
    return page_of(archive_lake)


@pytest.fixture
def page_from(tmp_path: Path) -> Callable[[Callable[[LogFolder], None]], str]:
    """A function from an archive to its page."""

    def made(archive: Callable[[LogFolder], None]) -> str:
        logs = LogFolder(tmp_path / "bucket")
        archive(logs)
        ingest_and_check(tmp_path / "lake", logs.root)
        return page_of(tmp_path / "lake")

    return made


def test_the_same_lake_gives_the_same_bytes_in_another_process(
    page: str, archive_lake: Path, tmp_path: Path
) -> None:
    for seed in ("1", "2"):
        file = tmp_path / f"{seed}.html"
        subprocess.run(
            [sys.executable, "-m", "analyzer", "report", "--lake", archive_lake, "-o", file],
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        )
        assert file.read_text(encoding="utf-8") == page


def test_every_section_of_the_audit_stands_in_one_part_of_the_page(page: str) -> None:
    placed = [name for names in PARTS.values() for name in names]

    assert sorted(placed) == sorted(SECTIONS)
    assert all(page.count(f' id="{name}"') == 1 for name in placed)


def test_the_verdict_stands_before_the_timeline_before_the_fixes_before_the_figures(
    page: str,
) -> None:
    in_order = ["<h1>", "When: calls by month", *PARTS, "Method, versions and parameters"]
    places = [page.rindex(heading) for heading in in_order]

    assert places == sorted(places)


@pytest.mark.parametrize("archive", [accounts_200, callers_5000, hostile])
def test_a_page_is_under_3_mb(
    archive: Callable[[LogFolder], None],
    page_from: Callable[[Callable[[LogFolder], None]], str],
) -> None:
    assert len(page_from(archive).encode()) < 3 * MEGABYTE


def test_a_table_that_is_cut_says_so_with_the_command_that_gives_all(
    page_from: Callable[[Callable[[LogFolder], None]], str],
) -> None:
    text = page_from(callers_5000)

    assert re.search(
        r"The first [\d,]+ of 5,000 rows, here and in the CSV\. All of them: "
        r"<code>tlstrail report legacy_by_principal -o legacy_by_principal\.csv</code>",
        text,
    )


def test_the_policy_lets_run_the_pages_own_style_and_script_and_nothing_else(page: str) -> None:
    policy = page.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    hashes = {
        kind: base64.b64encode(
            sha256(page.partition(f"<{kind}>")[2].partition(f"</{kind}>")[0].encode()).digest()
        ).decode()
        for kind in ("style", "script")
    }

    assert policy.replace("&#39;", "'").split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{hashes['style']}'",
        f"script-src 'sha256-{hashes['script']}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_the_page_names_no_other_file(page: str) -> None:
    markup = re.sub(r"<(pre|code|style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    links = re.findall(r'\b(?:src|srcset|href|action|poster|data)="([^"]*)"', markup)

    assert {link.split(":")[0] for link in links if not link.startswith("#")} == {"data", "https"}
    assert not re.search(r"<(link|img|iframe|object|embed|base|video|audio)\b", markup)
    assert "url(" not in page
    assert "@import" not in page


def test_paper_has_as_many_rows_as_the_page_says(repository: Path) -> None:
    style = (repository / "analyzer" / "html" / "page.css").read_text(encoding="utf-8")

    assert f"tbody tr:nth-child(n + {ROWS_IN_PRINT + 1}) {{ display: none; }}" in style


def test_hostile_text_makes_no_markup(
    page_from: Callable[[Callable[[LogFolder], None]], str],
) -> None:
    text = page_from(hostile)

    assert text.count("<script>") == text.count("</script>") == 1
    assert text.count("</style>") == 1
    assert "<img" not in text
    assert "&lt;script&gt;document.title" in text
    assert not {"\u202e", "\u2066", "\x1b", "\x07", "\x00"} & set(text)

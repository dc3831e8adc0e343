"""A real browser, the pages to open in it, and what it said while it showed them."""

from __future__ import annotations

import io
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest
from playwright.sync_api import sync_playwright

from analyzer.lake import Narrowing
from analyzer.render import Format
from analyzer.report import ReportSettings, report
from analyzer.store import S3Access
from tests import PATIENCE
from tests.browser.archives import ARCHIVES
from tests.conftest import LogFolder, ingest_and_check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Literal

    from playwright.sync_api import Browser, Page

REQUIRED = "TLSTRAIL_REQUIRE_BROWSER"
"""Set where a browser must be there: then none is a failure, and no reason to skip."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window, for as long as the module's tests run and no longer.

    Playwright's event loop runs in this thread until its `with` ends, and a test of another
    module that starts a loop of its own, as the line editor does, could not.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        missing = f"there is no browser here; looked for {', '.join(BROWSERS)}"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{missing}, and {REQUIRED} is set")
        pytest.skip(missing)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found, args=OPTIONS, timeout=PATIENCE * 1_000
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def lakes(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Callable[[str], Path]:
    """A function from the name of an archive, or `demo`, to its lake, made when it is asked for."""
    made: dict[str, Path] = {}

    def lake(name: str) -> Path:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            logs = LogFolder(folder / "bucket")
            if name in ARCHIVES:
                ARCHIVES[name](logs)
            ingest_and_check(folder / "lake", archive if name == "demo" else logs.root)
            made[name] = folder / "lake"
        return made[name]

    return lake


@pytest.fixture(scope="session")
def pages(lakes: Callable[[str], Path]) -> Callable[[str], Path]:
    """A function from the name of an archive to the page of its audit.

    `comparison` is the page that compares two periods of the demo's archive.
    """

    def page(name: str) -> Path:
        against = "2022-10-01..2023-01-01" if name == "comparison" else None
        lake = lakes("demo" if name == "comparison" else name)
        path = lake.parent / f"{name}.html"
        if not path.exists():
            settings = ReportSettings(
                name=None,
                lake=lake,
                narrowing=Narrowing(),
                against=against,
                form=Format.HTML,
                alarms=(),
                least_coverage=0,
                access=S3Access(),
            )
            out = io.BytesIO()
            report(settings, out, 80)
            path.write_bytes(out.getvalue())
        return path

    return page


@dataclass(frozen=True, slots=True)
class Opened:
    """A page in the browser; what it asked the network for, and what the console said."""

    page: Page
    requests: list[str]
    console: list[str]


class Open(Protocol):
    """Opens a page in a browser without a network."""

    def __call__(
        self,
        path: Path,
        *,
        width: int = ...,
        scheme: Literal["light", "dark"] = ...,
        scripts: bool = ...,
    ) -> Opened: ...


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    contexts = []

    def open_page(
        path: Path,
        *,
        width: int = 1_280,
        scheme: Literal["light", "dark"] = "light",
        scripts: bool = True,
    ) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme=scheme,
            java_script_enabled=scripts,
            offline=True,
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1_000)
        page = context.new_page()
        seen = Opened(page, [], [])
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.console.append(message.text))
        page.on("pageerror", lambda error: seen.console.append(str(error)))
        page.goto(path.as_uri())
        return seen

    yield open_page
    for context in contexts:
        context.close()

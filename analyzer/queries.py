"""Where the SQL is: `sql/` at the top of a checkout, `analyzer/sql` once installed."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable


def sql_folder() -> Traversable:
    """Return the folder of all SQL; an editable install has it beside the package."""
    installed = files("analyzer") / "sql"
    if installed.is_dir():
        return installed
    return Path(__file__).parent.parent / "sql"


@cache
def sql(name: str) -> str:
    """Return the text of `sql/NAME.sql`, such as `plan/totals` or `reports/tls_versions`."""
    return sql_folder().joinpath(f"{name}.sql").read_text(encoding="utf-8")


def bound_when_read(text: str, views: str = r"\S+") -> str:
    """Return a script whose views DuckDB binds when a query, or another view, first reads them.

    It would bind them when it makes them, each anew for each one that stands on it. `views` is a
    pattern of their names. The option is not in the files themselves: DuckDB 1.5 and older refuse
    it, and so do other parsers. https://github.com/duckdb/duckdb/pull/22199
    """
    made = re.compile(rf"^CREATE OR REPLACE (?:TEMP )?VIEW (?:{views})(?= AS$)", re.MULTILINE)
    return made.sub(r"\g<0> WITH (DEFER_BINDING)", text)


def names(folder: str) -> list[str]:
    """Return the names of the questions in `sql/FOLDER`, in order."""
    listed = sql_folder().joinpath(folder).iterdir()
    return sorted(path.name.removesuffix(".sql") for path in listed if path.name.endswith(".sql"))


def fingerprint() -> str:
    """Return a sha256 over all SQL, names and texts: the same where every answer is."""
    texts = sorted(_texts(sql_folder(), ""))
    return sha256("".join(f"{path}\0{text}\0" for path, text in texts).encode()).hexdigest()


def question(text: str) -> str:
    """Return the question that a query answers: its first line, a comment."""
    return text.partition("\n")[0].removeprefix("-- ")


def report_sql(name: str) -> str:
    """Return the text of a report. Raises `UsageError` for a name that is none."""
    known = names("reports")
    if name not in known:
        raise UsageError(f"no report {name!r}; there are: {', '.join(known)}")
    return sql(f"reports/{name}")


def _texts(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each SQL file in `folder` and below."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _texts(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(".sql"):
            yield f"{path}{entry.name}", entry.read_text(encoding="utf-8")

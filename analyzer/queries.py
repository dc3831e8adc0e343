"""Where the SQL is: `sql/` at the top of a checkout, `analyzer/sql` once installed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.errors import UsageError

if TYPE_CHECKING:
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


def names(folder: str) -> list[str]:
    """Return the names of the questions in `sql/FOLDER`, in order."""
    listed = sql_folder().joinpath(folder).iterdir()
    return sorted(path.name.removesuffix(".sql") for path in listed if path.name.endswith(".sql"))


def report_sql(name: str) -> str:
    """Return the text of a report. Raises `UsageError` for a name that is none."""
    known = names("reports")
    if name not in known:
        raise UsageError(f"no report {name!r}; there are: {', '.join(known)}")
    return sql(f"reports/{name}")

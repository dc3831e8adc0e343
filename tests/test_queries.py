from __future__ import annotations

import pytest

from analyzer.errors import UsageError
from analyzer.queries import bound_when_read, names, report_sql, sql, sql_folder


def test_reports_are_the_files_in_their_folder() -> None:
    files = {path.name for path in sql_folder().joinpath("reports").iterdir()}

    assert files == {f"{name}.sql" for name in names("reports")}
    assert names("reports") == sorted(names("reports"))


def test_an_unknown_report_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"no report 'nothing'; there are: .*tls_versions"):
        report_sql("nothing")


@pytest.mark.parametrize("name", ["../plan/totals", "tls_versions.sql", "", "/etc/passwd"])
def test_a_report_is_no_path(name: str) -> None:
    with pytest.raises(UsageError):
        report_sql(name)


def test_sql_is_read_as_it_stands_in_its_file() -> None:
    assert sql("plan/totals") == sql_folder().joinpath("plan/totals.sql").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("name", names("views"))
def test_every_view_can_be_bound_when_it_is_read(name: str) -> None:
    deferred = bound_when_read(sql(f"views/{name}"))

    assert deferred.count("WITH (DEFER_BINDING) AS\n") == sql(f"views/{name}").count(" VIEW ")
    assert deferred.replace(" WITH (DEFER_BINDING)", "") == sql(f"views/{name}")

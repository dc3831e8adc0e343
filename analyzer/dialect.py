"""Queries written for CloudTrail Lake or for Athena, as DuckDB's SQL over this lake's views.

sqlglot translates the syntax, and sql/views/trino.sql says what each function means. Whatever
event data store or table a query reads, here it reads the view in that service's shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError

from analyzer.errors import QueryError
from analyzer.trino_calls import called, converted
from analyzer.trino_lambdas import with_lambdas
from analyzer.trino_tables import (
    compare_times,
    group_what_is_selected,
    lower_members,
    name_columns,
    name_partitions,
    read_views,
    unnested,
)
from analyzer.trino_text import QUOTED, parsed

if TYPE_CHECKING:
    from collections.abc import Callable

_EXPLAIN = re.compile(rf"((?:\s|{QUOTED})*)EXPLAIN\s+(ANALYZE\s+)?", re.IGNORECASE | re.DOTALL)


class Dialect(StrEnum):
    """Whose SQL, other than DuckDB's, a query is written in."""

    LAKE = "lake"
    ATHENA = "athena"


@dataclass(frozen=True, slots=True)
class Translation:
    """A query as DuckDB's SQL, and what had to be mended in it: published samples need it."""

    text: str
    mended: tuple[str, ...] = ()


def translate(text: str, dialect: Dialect) -> Translation:
    """Return the query as DuckDB runs it. Raises `QueryError` for what is no such query."""
    explain = _EXPLAIN.match(text)
    prefix = f"EXPLAIN {explain[2] or ''}" if explain else ""
    tree, mended = parsed(text[explain.end() :] if explain else text)
    if dialect is Dialect.LAKE:
        read_views(tree, "cloudtrail")
        compare_times(tree)
    else:
        read_views(tree, "cloudtrail_logs")
        name_partitions(tree)
    group_what_is_selected(tree, mended)
    lower_members(tree)
    name_columns(tree)
    for rewrite in (unnested, converted, with_lambdas, called):
        _rewrite(tree, rewrite)
    try:
        generated = tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE, comments=False)
    except SqlglotError as error:
        raise QueryError(f"this query cannot be translated: {error}") from error
    return Translation(prefix + generated, tuple(mended))


def _rewrite(tree: exp.Query, rewrite: Callable[[exp.Expr], exp.Expr]) -> None:
    """Put what `rewrite` makes of each part of the query in its place, from the inside out."""
    for node in reversed(list(tree.dfs())):
        rewritten = rewrite(node)
        if rewritten is not node:
            node.replace(rewritten)

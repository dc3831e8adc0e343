"""A query on the lake's views that stands alone: over the Parquet, without views and macros.

What sql/views says of a view or a macro is put in the place of its name, so that another
engine can be asked the same.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.simplify import simplify

from analyzer.errors import NotAQuery, QueryError, UsageError
from analyzer.pruning import prune
from analyzer.queries import sql
from analyzer.schema import DIGEST_LOGS, DIGESTS, EVENTS, LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_FILES = (
    *("macros", "explore", "events", "attributed_events", "classified_events", "counts"),
    *("delivered", "digests", "digest_logs", "cloudtrail", "cloudtrail_logs"),
)
_CLIENTS = {"client", "client_fix", "sdk", "client_names", "client_fixes"}
_SHAPED = {f"{view}{twin}" for view in ("cloudtrail", "cloudtrail_logs") for twin in ("", "_wide")}
"""Views of which DuckDB alone can make the structs; their flat twins are as any other view."""

TABLES = {
    "event_rows": [*EVENTS.names, "month"],
    "objects": LEDGER.names,
    "digest_rows": DIGESTS.names,
    "digest_log_rows": DIGEST_LOGS.names,
}
"""The columns of what lies in the lake as Parquet, by the name that the views have for it."""


@dataclass(frozen=True, slots=True)
class _Macro:
    """A macro: its parameters, and an expression or a query over them."""

    parameters: tuple[str, ...]
    body: exp.Expr


@dataclass(frozen=True, slots=True)
class _Definitions:
    macros: dict[str, _Macro]
    views: dict[str, exp.Query]


@cache
def _definitions() -> _Definitions:
    macros: dict[str, _Macro] = {}
    views: dict[str, exp.Query] = {}
    for file in _FILES:
        for made in sqlglot.parse(sql(f"views/{file}"), dialect="duckdb"):
            if not isinstance(made, exp.Create):
                continue
            if isinstance(made.this, exp.UserDefinedFunction):
                parameters = tuple(each.name for each in made.this.expressions)
                macros[made.this.this.name] = _Macro(parameters, made.expression)
            elif isinstance(made.expression, exp.Query):
                views[made.this.name] = made.expression
    return _Definitions(macros, views)


def standing_alone(
    text: str,
    variables: Mapping[str, Sequence[str] | datetime | None],
    parameters: Mapping[str, str] | None = None,
) -> exp.Query:
    """Return a query in DuckDB's SQL as one over `TABLES` only, each column with its table.

    `variables` are those that the views narrow down by, `parameters` what stands for `$name`.
    Raises `UsageError` for a query that cannot be had so, and `QueryError` for what is no query.
    """
    tree = _parsed(_flat(text))
    _refuse(tree)
    asks_for_all = any(select.is_star for select in tree.find_all(exp.Select))
    _bind(tree, parameters or {})
    _inline(tree)
    tree = _with_values(tree, variables)
    _group_by_all(tree)
    named = {column.name.lower() for column in tree.find_all(exp.Column)}
    schema: dict[str, object] = {
        table: dict.fromkeys(
            [each for each in columns if asks_for_all or each in named] or columns, "UNKNOWN"
        )
        for table, columns in TABLES.items()
    }
    known_as = [item.output_name for item in tree.selects]
    try:
        alone = qualify(
            tree, schema=schema, dialect="duckdb", quote_identifiers=False, identify=False
        )
    except SqlglotError as error:
        raise UsageError(f"this query cannot be translated: {error}") from error
    if "*" not in known_as and len(known_as) == len(alone.selects):
        for item, name in zip(alone.selects, known_as, strict=True):
            if name and isinstance(item, exp.Alias):  # as it was written, and not in small letters
                item.args["alias"].set("this", name)
    return alone


def _parsed(text: str) -> exp.Query:
    try:
        statements = [each for each in sqlglot.parse(text, dialect="duckdb") if each]
    except SqlglotError as error:
        raise QueryError(f"this query cannot be read: {error}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise NotAQuery("one statement at a time, and one that reads: SELECT, FROM or WITH")
    return statements[0]


def _flat(text: str) -> str:
    """Return a query on a view in AWS's shape as one on its flat twin, where that says the same."""
    if not any(view in text.lower() for view in _SHAPED):
        return text
    with closing(duckdb.connect()) as connection:
        [(syntax,)] = connection.execute(sql("views/syntax"), [text]).fetchall()
    pruned = prune(text, syntax)
    return pruned.text if pruned else text


def _refuse(tree: exp.Query) -> None:
    """Raise `UsageError` for what DuckDB alone can do."""
    own = _own_names(tree)
    for node in tree.find_all(exp.Anonymous, exp.Table):
        name = node.name.lower()
        if name in _CLIENTS:
            raise UsageError(
                f"{name} cannot be translated: it parses user agents with DuckDB's own functions"
            )
        if name in _SHAPED & own:
            raise UsageError(
                f"this query cannot be translated: WITH calls something {name}, as the lake calls "
                "a view; call it otherwise"
            )
        if name in _SHAPED:
            raise UsageError(
                f"this query on {name} cannot be translated: it reads more than members of "
                "structs; ask `events`, which has the same in flat columns"
            )


def _own_names(tree: exp.Query) -> set[str]:
    """Return the names that WITH gives, in small letters."""
    return {cte.alias.lower() for cte in tree.find_all(exp.CTE)}


def _bind(tree: exp.Query, parameters: Mapping[str, str]) -> None:
    for node in list(tree.find_all(exp.Parameter, exp.Placeholder)):
        if node.name not in parameters:
            raise UsageError(f"there is no value for ${node.name}; give it: -p {node.name}=VALUE")
        node.replace(exp.Literal.string(parameters[node.name]))


def _inline(tree: exp.Query) -> None:
    """Put what views and macros mean in the place of their names, until none is left."""
    definitions = _definitions()
    named: dict[str, exp.Query] = {}
    own = _own_names(tree)
    pending = [tree]
    while pending:
        part = pending.pop()
        _inline_macros(part, definitions.macros)
        for table in part.find_all(exp.Table):
            if table.db == "twins":
                table.set("db", None)
            name = table.name.lower()
            if name in definitions.views and name not in own | named.keys():
                named[name] = definitions.views[name].copy()
                pending.append(named[name])
    before = tree.args.get("with_") or exp.With(expressions=[])
    before.set("expressions", [*_in_order(named), *before.expressions])
    if before.expressions:
        tree.set("with_", before)


def _in_order(named: dict[str, exp.Query]) -> list[exp.CTE]:
    """Return the views, each after those that it reads."""
    order = [name for name in _definitions().views if name in named]
    return [
        exp.CTE(this=named[name], alias=exp.TableAlias(this=exp.to_identifier(name)))
        for name in order
    ]


def _inline_macros(tree: exp.Expr, macros: dict[str, _Macro]) -> None:
    found = True
    while found:
        found = False
        for node in list(tree.find_all(exp.Anonymous)):
            macro = macros.get(node.name.lower())
            if not macro:
                continue
            values = dict(zip(macro.parameters, node.expressions, strict=True))
            body = macro.body.copy().transform(_with_arguments, values)
            if isinstance(body, exp.Query):
                table = node.find_ancestor(exp.Table)
                if table:
                    table.replace(body.subquery(table.alias or node.name.lower()))
            else:
                node.replace(exp.paren(body))
            found = True
            break


def _with_arguments(node: exp.Expr, values: dict[str, exp.Expr]) -> exp.Expr:
    if isinstance(node, exp.Column) and not node.table and node.name in values:
        return values[node.name].copy()
    return node


def _with_values(
    tree: exp.Query, variables: Mapping[str, Sequence[str] | datetime | None]
) -> exp.Query:
    """Put values in the place of variables, and drop the conditions that are settled so."""
    for node in list(tree.find_all(exp.Anonymous)):
        if node.name.lower() == "getvariable":
            node.replace(_value(variables.get(node.expressions[0].name)))
    for test in list(tree.find_all(exp.Is)):
        if isinstance(test.expression, exp.Null) and _is_settled(test.this):
            test.replace(exp.convert(isinstance(test.this, exp.Null)))
    for where in list(tree.find_all(exp.Where)):
        where.set("this", simplify(where.this, dialect="duckdb"))
        if isinstance(where.this, exp.Boolean) and where.this.this:
            if isinstance(where.parent, exp.Filter):
                where.parent.replace(where.parent.this)
            else:
                where.pop()
    return tree


def _is_settled(value: exp.Expr) -> bool:
    """Whether an expression is a value, and so known to be NULL or not."""
    value = value.this if isinstance(value, exp.Cast) else value
    return isinstance(value, exp.Null | exp.Array | exp.Literal)


def _value(value: Sequence[str] | datetime | None) -> exp.Expr:
    if value is None or not value:
        return exp.null()
    if isinstance(value, list | tuple):
        return exp.array(*(exp.Literal.string(each) for each in value))
    return exp.cast(exp.Literal.string(str(value).removesuffix("+00:00")), "TIMESTAMP")


def _group_by_all(tree: exp.Query) -> None:
    """Name the columns that GROUP BY ALL means."""
    for select in tree.find_all(exp.Select):
        group = select.args.get("group")
        if group and group.args.get("all"):
            columns = [
                item.unalias().copy()
                for item in select.expressions
                if not item.find(exp.AggFunc, exp.Window)
            ]
            select.set("group", exp.Group(expressions=columns) if columns else None)

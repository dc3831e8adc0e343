"""A query that stands alone, in the SQL of another engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from analyzer.engine_tables import TABLES, Engine
from analyzer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def renamed(tree: exp.Query) -> set[str]:
    """Have the query read the tables by the names that the engine has for them; return ours.

    What WITH calls by the name of a table is none.
    """
    read: set[str] = set()
    for scope in traverse_scope(tree):
        for table in scope.tables:
            known = TABLES.get(table.name)
            if known and isinstance(scope.sources[table.alias_or_name], exp.Table):
                read.add(table.name)
                table.set("this", exp.to_identifier(known.name))
    return read


def translated(tree: exp.Query, engine: Engine) -> str:
    """Return a query that stands alone as the engine has it.

    Raises `UsageError` for what the engine does not have.
    """
    for node in reversed(list(tree.dfs())):
        rewritten = _rewritten(node, engine)
        if rewritten is not node:
            node.replace(rewritten)
    dialect = engine.value
    for node in tree.find_all(exp.Anonymous):
        if node.name.lower() not in _KNOWN:
            raise UsageError(f"this query cannot be translated: {engine.value} has no {node.name}")
    try:
        return tree.sql(dialect=dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise UsageError(f"this query cannot be translated: {error}") from error


_KNOWN = {"array_position", "xxhash64", "to_utf8"} | {
    *("sort_array", "collect_set", "slice", "transform")
}
"""Functions that sqlglot knows nothing of, and the engine does."""


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _rewritten(node: exp.Expr, engine: Engine) -> exp.Expr:
    """What DuckDB says in its own way, as the engine has it."""
    rewrite = _REWRITES.get(type(node))
    if rewrite:
        return rewrite(node, engine)
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if name == "list_position":
        return _call("array_position", *node.expressions)
    if name == "hash":
        [value] = node.expressions
        if engine is not Engine.SPARK:
            value = _call("to_utf8", value)
        return _call("xxhash64", value)
    return node


def _full_match(node: exp.Expr, engine: Engine) -> exp.Expr:
    if not isinstance(node.expression, exp.Literal):
        raise UsageError(
            f"this query cannot be translated: a pattern that is no text has to match the whole "
            f"value, and {engine.value} has no such match"
        )
    pattern = exp.Literal.string(f"^(?:{node.expression.name})$")
    return exp.RegexpLike(this=node.this, expression=pattern)


def _contains(node: exp.Expr, engine: Engine) -> exp.Expr:
    if engine is Engine.SPARK:
        return node
    place = exp.StrPosition(this=node.this, substr=node.expression)
    return exp.GT(this=place, expression=exp.Literal.number(0))


def _length(node: exp.Expr, _engine: Engine) -> exp.Expr:
    if isinstance(node.this, exp.ArrayDistinct | exp.ArrayAgg | exp.Flatten):
        return exp.ArraySize(this=node.this)
    return node


def _seconds(node: exp.Expr, _engine: Engine) -> exp.Expr:
    span = node.this.unnest()
    if not isinstance(span, exp.Sub):
        return node
    ends = (exp.TimeToUnix(this=end) for end in (span.this, span.expression))
    return exp.paren(exp.Sub(this=next(ends), expression=next(ends)))


def _median(node: exp.Expr, engine: Engine) -> exp.Expr:
    if engine is Engine.SPARK:
        return node
    raise UsageError(f"this query cannot be translated: {engine.value} has no exact median")


def _in_no_order(node: exp.Expr, engine: Engine) -> exp.Expr:
    if isinstance(node.this, exp.Lag) and not node.args.get("order"):
        raise UsageError(
            f"this query cannot be translated: it asks for the row before in the order that DuckDB "
            f"keeps, and {engine.value} keeps none"
        )
    return node


def _collected(node: exp.Expr, engine: Engine) -> exp.Expr:
    """A list in order, where there is no ORDER BY in an aggregate."""
    if engine is not Engine.SPARK or not isinstance(node.this, exp.Order):
        return node
    distinct = node.this.this
    if not isinstance(distinct, exp.Distinct):
        raise UsageError("this query cannot be translated: spark orders no list as it makes it")
    return _call("sort_array", _call("collect_set", *distinct.expressions))


def _arg_max(node: exp.Expr, engine: Engine) -> exp.Expr:
    """The values that go with the greatest ones; those that are NULL do not count."""
    if not node.args.get("count"):
        return node
    value, by, count = node.this, node.expression, node.args["count"]
    there = exp.Where(this=exp.Not(this=exp.Is(this=value.copy(), expression=exp.null())))
    if engine is not Engine.SPARK:
        return exp.Filter(this=node.copy(), expression=there)
    pair = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name), expression=part)
            for name, part in (("by", by), ("value", value))
        ]
    )
    pairs = exp.Filter(this=exp.ArrayAgg(this=pair), expression=there)
    ordered = _call("sort_array", pairs, exp.false())
    each = exp.Lambda(this=exp.column("value", "pair"), expressions=[exp.to_identifier("pair")])
    first = _call("slice", ordered, exp.Literal.number(1), count)
    any_there = exp.GT(this=exp.Count(this=value.copy()), expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=any_there, true=_call("transform", first, each))])


def _compared(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """A time compared with a text, which only DuckDB takes for a time."""
    if isinstance(node.this, exp.Column) and node.this.name in _TIMES:
        text = node.expression
        if isinstance(text, exp.Literal) and text.is_string:
            node.set("expression", exp.cast(text.copy(), "TIMESTAMP"))
    return node


_TIMES = {
    field.name
    for table in TABLES.values()
    for field in table.columns
    if pa.types.is_timestamp(field.type)
}


def _anti_joined(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Rows that have none to join, where there is no ANTI JOIN."""
    anti = [join for join in node.args.get("joins") or () if join.kind == "ANTI"]
    if engine is Engine.SPARK or not isinstance(node, exp.Select):
        return node
    for join in anti:
        found = exp.select("1").from_(join.this.copy()).where(join.args["on"].copy())
        node.where(exp.Not(this=exp.Exists(this=found)), copy=False)
        join.pop()
    return node


def _ordered(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """ORDER BY ALL as the positions of all that is selected; elsewhere ALL would be a name."""
    query, [first, *others] = node.parent, node.expressions
    if others or not isinstance(query, exp.Query) or first.this != exp.var("ALL"):
        return node
    positions = (exp.Literal.number(1 + at) for at in range(len(query.selects)))
    return exp.Order(expressions=[exp.Ordered(**{**first.args, "this": at}) for at in positions])


_REWRITES: dict[type[exp.Expr], Callable[[exp.Expr, Engine], exp.Expr]] = {
    exp.RegexpFullMatch: _full_match,
    exp.SimilarTo: _full_match,
    exp.Contains: _contains,
    exp.Length: _length,
    exp.TimeToUnix: _seconds,
    exp.Median: _median,
    exp.Window: _in_no_order,
    exp.ArrayAgg: _collected,
    exp.ArgMax: _arg_max,
    exp.EQ: _compared,
    exp.NEQ: _compared,
    exp.GT: _compared,
    exp.GTE: _compared,
    exp.LT: _compared,
    exp.LTE: _compared,
    exp.Order: _ordered,
    exp.Select: _anti_joined,
}

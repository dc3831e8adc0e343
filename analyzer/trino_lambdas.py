"""Trino's functions that take functions or make maps, as DuckDB has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return the call of a function of DuckDB's, or of a macro."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def with_lambdas(node: exp.Expr) -> exp.Expr:
    """Functions that take functions."""
    if isinstance(node, exp.Reduce):
        reduced = call("list_reduce", node.this, node.args["merge"], node.args["initial"])
        finish = node.args.get("finish")
        if not isinstance(finish, exp.Lambda):
            return reduced
        return _applied(finish, [reduced])
    if not isinstance(node, exp.Anonymous):
        return node
    rewrite = _LAMBDA_FUNCTIONS.get(node.name.lower())
    return rewrite(node) if rewrite else node


def _applied(function: exp.Lambda, values: list[exp.Expr]) -> exp.Expr:
    """Return the body of a lambda with values in the place of its parameters."""
    names = {
        parameter.name: value for parameter, value in zip(function.expressions, values, strict=True)
    }

    def with_values(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column | exp.Identifier) and not isinstance(
            node.parent, exp.Column | exp.Dot
        ):
            value = names.get(node.name)
            return value.copy() if value else node
        return node

    return exp.paren(function.this.copy().transform(with_values))


def _matching(node: exp.Anonymous, *, negated: bool = False) -> exp.Expr:
    items, condition = node.expressions
    if negated:
        condition = condition.copy()
        condition.set("this", exp.not_(condition.this))
    return call("len", call("list_filter", items, condition))


def _any_match(node: exp.Anonymous) -> exp.Expr:
    return exp.GT(this=_matching(node), expression=exp.Literal.number(0))


def _none_match(node: exp.Anonymous) -> exp.Expr:
    return exp.EQ(this=_matching(node), expression=exp.Literal.number(0))


def _all_match(node: exp.Anonymous) -> exp.Expr:
    return exp.EQ(this=_matching(node, negated=True), expression=exp.Literal.number(0))


def _of_entry(function: exp.Lambda) -> exp.Expr:
    """Return the body of a lambda over key and value, as one over an entry of a map."""
    return _applied(function, [exp.column("key", "entry"), exp.column("value", "entry")])


def _entry(key: exp.Expr, value: exp.Expr) -> exp.Struct:
    pairs = (("k", key), ("v", value))
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name), expression=each) for name, each in pairs
        ]
    )


def _on_entries(node: exp.Anonymous, function: str, body: exp.Expr) -> exp.Expr:
    each = exp.Lambda(this=body, expressions=[exp.to_identifier("entry")])
    return call("map_from_entries", call(function, call("map_entries", node.expressions[0]), each))


def _map_filter(node: exp.Anonymous) -> exp.Expr:
    return _on_entries(node, "list_filter", _of_entry(node.expressions[1]))


def _transform_values(node: exp.Anonymous) -> exp.Expr:
    body = _entry(exp.column("key", "entry"), _of_entry(node.expressions[1]))
    return _on_entries(node, "list_transform", body)


def _transform_keys(node: exp.Anonymous) -> exp.Expr:
    body = _entry(_of_entry(node.expressions[1]), exp.column("value", "entry"))
    return _on_entries(node, "list_transform", body)


def _zip_with(node: exp.Anonymous) -> exp.Expr:
    one, other, function = node.expressions
    pair: list[exp.Expr] = [
        call("struct_extract_at", exp.column("entry"), exp.Literal.number(place))
        for place in (1, 2)
    ]
    each = exp.Lambda(this=_applied(function, pair), expressions=[exp.to_identifier("entry")])
    return call("list_transform", call("list_zip", one, other), each)


def _map_agg(node: exp.Anonymous) -> exp.Expr:
    return call("trino.map_of", call("list", _entry(*node.expressions)))


def _multimap_agg(node: exp.Anonymous) -> exp.Expr:
    return call("trino.multimap_of", call("list", _entry(*node.expressions)))


def _map_union(node: exp.Anonymous) -> exp.Expr:
    return call("trino.map_union_of", call("list", *node.expressions))


_LAMBDA_FUNCTIONS: dict[str, Callable[[exp.Anonymous], exp.Expr]] = {
    "any_match": _any_match,
    "none_match": _none_match,
    "all_match": _all_match,
    "map_filter": _map_filter,
    "transform_values": _transform_values,
    "transform_keys": _transform_keys,
    "zip_with": _zip_with,
    "map_agg": _map_agg,
    "multimap_agg": _multimap_agg,
    "map_union": _map_union,
    "every": lambda node: call("bool_and", *node.expressions),
}

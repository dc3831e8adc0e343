"""What a query for CloudTrail Lake or Athena calls: Trino's functions, as DuckDB has them."""

from __future__ import annotations

from sqlglot import exp

from analyzer.trino_formats import FORMATTED, strftime, strptime
from analyzer.trino_lambdas import call
from analyzer.trino_text import MACROS

_Type = exp.DataType.Type
_TEXTS = {_Type.VARCHAR, _Type.TEXT, _Type.CHAR}
_TIMES = {_Type.TIMESTAMP, _Type.TIMESTAMPTZ, _Type.TIMESTAMPLTZ}
_WHOLE_DAYS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
_PARTS = {"DOW": "ISODOW", "DAY_OF_WEEK": "ISODOW", "YOW": "ISOYEAR", "YEAR_OF_WEEK": "ISOYEAR"}
_text = exp.Literal.string
_ROWS = "resources"
"""The column that is an array of rows."""


def converted(node: exp.Expr) -> exp.Expr:
    """Casts, times and counts, which mean something else in Trino."""
    rewrite = next((made for kind, made in _CONVERSIONS if isinstance(node, kind)), None)
    return rewrite(node) if rewrite else node


def is_date(node: exp.Expr) -> bool:
    """Whether an expression is a day without a time, as far as can be told from it."""
    if isinstance(node, exp.Paren):
        return is_date(node.this)
    if isinstance(node, exp.Add | exp.Sub):
        days = node.expression
        return isinstance(days, exp.Interval) and _of_days(days.unit) and is_date(node.this)
    if isinstance(node, exp.DateAdd):
        return _of_days(node.args.get("unit")) and is_date(node.this)
    if isinstance(node, exp.DateTrunc | exp.TimestampTrunc):
        return is_date(node.this)
    return isinstance(node, exp.CurrentDate | exp.Date) or (
        isinstance(node, exp.Cast) and node.to.this is _Type.DATE
    )


def _of_days(unit: exp.Expr | None) -> bool:
    return unit is None or unit.name.upper() in _WHOLE_DAYS


def _now(_node: exp.Expr) -> exp.Expr:
    return exp.cast(call("now"), _Type.TIMESTAMP)


def _at_time_zone(node: exp.Expr) -> exp.Expr:
    return call("trino.at_timezone", node.this, node.args["zone"])


def _day(node: exp.Expr) -> exp.Expr:
    """A day and some days are a day, and no time."""
    if not is_date(node):
        return node
    return exp.cast(node.copy(), _Type.DATE)


def _part(node: exp.Expr) -> exp.Expr:
    """The week begins on Monday."""
    part = _PARTS.get(node.this.name.upper())
    if part:
        node.set("this", exp.var(part))
    return node


def _count_if(node: exp.Expr) -> exp.Expr:
    counted = exp.If(this=node.this, true=exp.Literal.number(1))
    return exp.Count(this=exp.Case(ifs=[counted]))


def _approx_distinct(node: exp.Expr) -> exp.Expr:
    return call("approx_count_distinct", node.this)


def _format(node: exp.Expr) -> exp.Expr:
    return call("printf", node.this, *node.expressions)


def _random(node: exp.Expr) -> exp.Expr:
    return call("trino.random", node.this) if node.this else node


def _bracket(node: exp.Expr) -> exp.Expr:
    """A member of a row by its place, as in resources[1][1]."""
    inner, [place, *_] = node.this, node.expressions
    if isinstance(inner, exp.Struct) and isinstance(place, exp.Literal):
        return call("struct_extract_at", inner, place)
    row = inner.this if isinstance(inner, exp.Bracket) else None
    if isinstance(row, exp.Column) and row.name.lower() == _ROWS and isinstance(place, exp.Literal):
        return call("struct_extract_at", inner, exp.Literal.number(int(place.name) + 1))
    return node


def _cast(node: exp.Expr) -> exp.Expr:
    kind = node.args["to"]
    made = _cast_to(node.this, kind)
    return call("try", made) if made and isinstance(node, exp.TryCast) else made or node


def _cast_to(value: exp.Expr, to: exp.DataType) -> exp.Expr | None:
    """Return a value as another type; None where DuckDB's own cast does that."""
    kind = to.this
    if kind in _TEXTS:
        text = call("trino.to_varchar", value)
        return call("left", text, to.expressions[0].this) if to.expressions else text
    if kind is _Type.JSON:
        return call("to_json", value)
    if kind in _TIMES:
        return call("trino.utc", value)
    if kind is _Type.IPADDRESS:
        return call("trino.ipaddress", value)
    if to.find(exp.ColumnDef) and not isinstance(value, exp.Struct | exp.Tuple):
        return _of_json(call("trino.json_of", value), to)
    return None


def _of_json(value: exp.Expr, kind: exp.DataType, depth: int = 0) -> exp.Expr:
    """Return JSON as a type that holds rows; their names are found in any case, as in Trino."""
    if kind.is_type(_Type.ARRAY):
        item = exp.to_identifier(f"item_{depth}")
        each = _of_json(exp.column(item.copy()), kind.expressions[0], depth + 1)
        items = call("from_json", value, _text('["JSON"]'))
        return call("list_transform", items, exp.Lambda(this=each, expressions=[item]))
    if kind.is_type(_Type.STRUCT):
        members = [(each.this, each.kind) for each in kind.expressions]
        row = exp.Struct(
            expressions=[
                exp.PropertyEQ(this=name, expression=_of_json(_member(value, name), member, depth))
                for name, member in members
            ]
        )
        is_row = exp.EQ(this=call("json_type", value.copy()), expression=_text("OBJECT"))
        return exp.Case(ifs=[exp.If(this=is_row, true=row)])
    if kind.this in _TEXTS:
        return call("json_extract_string", value, _text("$"))
    if kind.is_type(_Type.JSON):
        return value
    return call("from_json", value, _text(f'"{kind.sql(dialect="duckdb")}"'))


def _member(value: exp.Expr, name: exp.Identifier) -> exp.Expr:
    return call("trino.json_member", value.copy(), _text(name.name))


_CONVERSIONS = (
    (exp.CurrentTimestamp | exp.Localtimestamp, _now),
    (exp.AtTimeZone, _at_time_zone),
    (exp.Add | exp.Sub | exp.DateAdd | exp.DateTrunc | exp.TimestampTrunc, _day),
    (exp.Extract, _part),
    (exp.CountIf, _count_if),
    (exp.ApproxDistinct, _approx_distinct),
    (exp.Format, _format),
    (exp.Rand, _random),
    (exp.Bracket, _bracket),
    (exp.Cast, _cast),
)


def called(node: exp.Expr) -> exp.Expr:
    """Call the macro of a function that has one."""
    if not isinstance(node, exp.Anonymous):
        return node
    name, arguments = node.name.lower(), node.expressions
    if name in FORMATTED:
        return _formatted(name, *arguments)
    if name not in MACROS:
        return node
    last = arguments[-1] if arguments else None
    if name == "json_extract" and isinstance(last, exp.Literal) and "*" in last.name:
        name = "json_extract_all"
    if name == "contains" and isinstance(arguments[0], exp.Literal):  # a network, and no array
        name = "contains_address"
    return call(f"trino.{name}", *arguments)


def _formatted(name: str, value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    if name == "format_datetime":
        return call("strftime", call("trino.utc", value), _text(strftime(pattern.name)))
    form = _text(strptime(pattern.name))
    if "%z" not in form.name:
        return call("strptime", value, form)
    offset = (_text("Z$"), _text("+00"))
    return call("trino.utc", call("strptime", call("regexp_replace", value, *offset), form))

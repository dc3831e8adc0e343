"""Queries written for CloudTrail Lake or for Athena, as DuckDB's SQL over this lake's views.

sqlglot translates the syntax, and sql/views/trino.sql says what each function means. Whatever
event data store or table a query reads, here it reads the view in that service's shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.parsers.trino import TrinoParser

from analyzer.errors import QueryError
from analyzer.queries import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MACROS = frozenset(re.findall(r"MACRO trino\.(\w+)", sql("views/trino")))

_FORMATTED = {"format_datetime", "parse_datetime"}
"""Functions whose formats are those of Java's Joda-Time."""

_JODA = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d",
    "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "ss": "%S",
    "SSS": "%g", "a": "%p", "EEEE": "%A", "EEE": "%a", "E": "%a", "D": "%-j", "Z": "%z",
    "''": "'",
}  # fmt: skip
_OWN_VIEWS = {"events", "event_rows", "objects", "cloudtrail", "cloudtrail_logs"}

_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/"
"""What the text of a query holds that is no code: texts, names in quotes, comments."""

_PLACEHOLDER = r"arn:[\w:/\-]+|<[^<>\n]{1,80}>|\$\{\w+\}|\$\w+|\{\{?[\w \-]+\}?\}|\[[\w \-]+\]"
_DASHED = r"\w+(?:-\w+)+"
_SOURCE = re.compile(
    rf"(?P<quoted>{_QUOTED})|\b(?P<word>FROM|JOIN)\s+(?:FROM\s+)?"
    rf"(?P<name>{_PLACEHOLDER}|{_DASHED})",
    re.IGNORECASE | re.DOTALL,
)
_GLUED = re.compile(
    rf"(?P<quoted>{_QUOTED})|(?<=\w)(?P<word>ORDER\s+BY|GROUP\s+BY|LIMIT(?=\s+\d))",
    re.DOTALL,
)
_STEP = re.compile(rf"(?P<quoted>{_QUOTED})|(?P<mark>[()])|\b(?P<word>\w+)\b", re.DOTALL)
_EXPLAIN = re.compile(rf"((?:\s|{_QUOTED})*)EXPLAIN\s+(ANALYZE\s+)?", re.IGNORECASE | re.DOTALL)


class Dialect(StrEnum):
    """Whose SQL, other than DuckDB's, a query is written in."""

    LAKE = "lake"
    ATHENA = "athena"


_VIEW_OF = {Dialect.LAKE: "cloudtrail", Dialect.ATHENA: "cloudtrail_logs"}


@dataclass(frozen=True, slots=True)
class Translation:
    """A query as DuckDB's SQL, and what had to be mended in it: published samples need it."""

    text: str
    mended: tuple[str, ...] = ()


class _Source(Trino):
    """Trino's SQL, with the functions that have a macro left as they are."""

    class Parser(TrinoParser):
        FUNCTIONS: ClassVar = {
            name: parser
            for name, parser in TrinoParser.FUNCTIONS.items()
            if name.lower() not in _MACROS | _FORMATTED
        }
        FUNCTION_PARSERS: ClassVar = {
            name: parser
            for name, parser in TrinoParser.FUNCTION_PARSERS.items()
            if name.lower() not in _MACROS
        }


def translate(text: str, dialect: Dialect) -> Translation:
    """Return the query as DuckDB runs it. Raises `QueryError` for what is no such query."""
    explain = _EXPLAIN.match(text)
    prefix = f"EXPLAIN {explain[2] or ''}" if explain else ""
    tree, mended = _parsed(_with_names(text[explain.end() :] if explain else text))
    _read_views(tree, dialect)
    _group_what_is_selected(tree, mended)
    _lower_members(tree)
    _name_columns(tree)
    for rewrite in (_unnested, _converted, _with_lambdas, _called):
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


# ------------------------------------------------------------------ the text


def _with_names(text: str) -> str:
    """Return the query with a name wherever FROM has a placeholder or an id with dashes."""

    def named(match: re.Match[str]) -> str:
        if match["quoted"]:
            return match[0]
        name = match["name"].strip("<>${}[]").replace('"', "")
        return f'{match["word"]} "{name}"'

    return _SOURCE.sub(named, text)


def _parsed(text: str) -> tuple[exp.Query, list[str]]:
    """Return the one statement in a text; a text that AWS published damaged is mended first."""
    mended: list[str] = []
    for mend in (_as_it_is, _unglued, _once):
        text = mend(text, mended)
        try:
            statements = [each for each in sqlglot.parse(text, dialect=_Source) if each]
        except SqlglotError as error:
            refusal = error
            continue
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise QueryError("one statement at a time, and one that reads: SELECT or WITH")
        return statements[0], mended
    raise QueryError(_plain(refusal))


def _plain(error: SqlglotError) -> str:
    """Return where and why a query cannot be read."""
    for found in getattr(error, "errors", ()):
        why = re.sub(r"<Token .*?text: (.*?), line.*>", r"\1", found["description"]).rstrip(".")
        return f"line {found['line']}, column {found['col']}: {why}"
    return str(error)


def _as_it_is(text: str, _mended: list[str]) -> str:
    return text


def _unglued(text: str, mended: list[str]) -> str:
    """Put a blank between a word and the keyword that is stuck to it."""

    def apart(match: re.Match[str]) -> str:
        if match["quoted"]:
            return match[0]
        mended.append(f"a blank was put before {match['word']}")
        return f" {match['word']}"

    return _GLUED.sub(apart, text)


def _once(text: str, mended: list[str]) -> str:
    """Cut the text where the query begins a second time."""
    depth, before, selects = 0, "", 0
    for match in _STEP.finditer(text):
        depth += {"(": 1, ")": -1}.get(match["mark"] or "", 0)
        word = (match["word"] or "").upper()
        if word == "SELECT" and depth == 0 and before not in _CONTINUED:
            selects += 1
            if selects == 2:  # noqa: PLR2004 (the second one)
                mended.append("what follows the first query was left out")
                return re.sub(r"\s*\w*\s*:\s*$", "", text[: match.start()])
        before = word or (match["mark"] or before)
    return text


_CONTINUED = {"UNION", "ALL", "DISTINCT", "EXCEPT", "INTERSECT"}


# ------------------------------------------------------------------ what is read


def _read_views(tree: exp.Query, dialect: Dialect) -> None:
    """Have the query read a view wherever it reads an event data store or a table."""
    common = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    own = _OWN_VIEWS - ({"cloudtrail"} if dialect is Dialect.ATHENA else set())
    for table in list(tree.find_all(exp.Table)):
        name = table.name
        if not isinstance(table.this, exp.Identifier):
            continue
        if not table.args.get("db") and name.lower() in common | own:
            continue
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        table.set("this", exp.to_identifier(_VIEW_OF[dialect]))
        table.set("db", None)
        table.set("catalog", None)


def _lower_members(tree: exp.Query) -> None:
    """Write a struct's member in lower case; DuckDB groups by none that is written two ways."""
    for select in tree.find_all(exp.Select):
        for item in list(select.expressions):
            if isinstance(item, exp.Column) and item.table and not item.is_star:
                item.replace(exp.alias_(item.copy(), item.name, quoted=True))
    for column in tree.find_all(exp.Column):
        if column.table:
            for part in column.parts:
                part.set("this", part.name.lower())
    for member in tree.find_all(exp.Dot):
        if isinstance(member.expression, exp.Identifier):
            member.expression.set("this", member.expression.name.lower())


def _group_what_is_selected(tree: exp.Query, mended: list[str]) -> None:
    """Group by whatever column is selected; Trino, too, refuses a query that leaves one out."""
    for select in tree.find_all(exp.Select):
        group = select.args.get("group") or exp.Group()
        grouped = group.expressions
        if not grouped or not all(isinstance(each, exp.Column | exp.Dot) for each in grouped):
            continue
        known = [each.sql().lower() for each in grouped]
        for item in select.expressions:
            column = item.unalias()
            name = column.sql().lower()
            if (
                isinstance(column, exp.Column)
                and not isinstance(column.this, exp.Star)
                and item.alias.lower() not in known
                and not any(_same_column(name, each) for each in known)
            ):
                group.append("expressions", column.copy())
                mended.append(f"grouped by {column.sql()} as well")


def _same_column(a: str, b: str) -> bool:
    """Whether two names can be of one column, or of a struct and its member."""
    return f".{a}.".endswith(f".{b}.") or f".{b}.".endswith(f".{a}.") or a.startswith(f"{b}.")


def _name_columns(tree: exp.Query) -> None:
    """Call a column that has no name by its text, as it was written."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if isinstance(select, exp.Select):
        for item in list(select.expressions):
            if not isinstance(item, exp.Alias | exp.Column | exp.Star):
                name = item.name if isinstance(item, exp.Dot) else item.sql(dialect=_Source)
                if isinstance(item, exp.Dot) or "(" in name or " " in name:
                    item.replace(exp.alias_(item.copy(), name, quoted=True))


def _unnested(node: exp.Expr) -> exp.Expr:
    """UNNEST in FROM, as a subquery: of maps and of rows as well as of arrays."""
    if not isinstance(node, exp.Unnest) or isinstance(node.parent, exp.Select):
        return node
    alias = node.args.get("alias")
    names = [column.name for column in alias.columns] if alias else []
    offset = node.args.get("offset")
    sources = node.expressions
    select = exp.select(*_unnested_columns(sources, names))
    if offset:
        ordinality = offset.name if isinstance(offset, exp.Expr) else "ordinality"
        lengths = [_call("trino.cardinality", source.copy()) for source in sources]
        numbers = _call("generate_series", exp.Literal.number(1), _call("greatest", *lengths))
        select = select.select(exp.alias_(_call("unnest", numbers), ordinality, quoted=True))
    return select.subquery(alias.this if alias and alias.this else None, copy=False)


def _unnested_columns(sources: list[exp.Expr], names: list[str]) -> Iterator[exp.Expr]:
    """Yield the columns that UNNEST makes of its arguments."""
    if len(sources) > 1:
        for source, name in zip(sources, names, strict=False):
            yield exp.alias_(_call("unnest", source.copy()), name, quoted=True)
        return
    [source] = sources
    if not names:
        depth = exp.PropertyEQ(
            this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2)
        )
        yield _call("unnest", source.copy(), depth)
    elif len(names) == 1:
        yield exp.alias_(_call("unnest", source.copy()), names[0], quoted=True)
    elif len(names) == 2 and not _is_of_rows(source):  # noqa: PLR2004 (key and value)
        for part, name in zip(("map_keys", "map_values"), names, strict=True):
            column = _call("unnest", _call(part, source.copy()))
            yield exp.alias_(column, name, quoted=True)
    else:
        for place, name in enumerate(names, start=1):
            item = exp.to_identifier("item")
            member = _call("struct_extract_at", exp.column("item"), exp.Literal.number(place))
            each = exp.Lambda(this=member, expressions=[item])
            column = _call("unnest", _call("list_transform", source.copy(), each))
            yield exp.alias_(column, name, quoted=True)


def _is_of_rows(source: exp.Expr) -> bool:
    """Whether UNNEST gives the members of rows, and not the keys and values of a map."""
    if isinstance(source, exp.Cast):
        return source.to.is_type(exp.DataType.Type.ARRAY)
    return isinstance(source, exp.Column) and source.name.lower() == "resources"


# ------------------------------------------------------------------ what is called


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


_TEXTS = {exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT, exp.DataType.Type.CHAR}
_TIMES = {
    exp.DataType.Type.TIMESTAMP,
    exp.DataType.Type.TIMESTAMPTZ,
    exp.DataType.Type.TIMESTAMPLTZ,
}


def _converted(node: exp.Expr) -> exp.Expr:
    """Casts and times, which mean something else in Trino."""
    if isinstance(node, exp.CurrentTimestamp | exp.Localtimestamp):
        return exp.cast(_call("now"), exp.DataType.Type.TIMESTAMP)
    if isinstance(node, exp.AtTimeZone):
        return _call("trino.at_timezone", node.this, node.args["zone"])
    if not isinstance(node, exp.Cast):
        return node
    converted = _cast(node)
    if converted is not node and isinstance(node, exp.TryCast):
        return _call("try", converted)
    return converted


def _cast(node: exp.Cast) -> exp.Expr:
    kind = node.to.this
    if kind in _TEXTS:
        return _call("trino.to_varchar", node.this)
    if kind is exp.DataType.Type.JSON:
        return _call("to_json", node.this)
    if kind in _TIMES:
        return _call("trino.utc", node.this)
    rows = node.to.find(exp.ColumnDef)
    if rows and not isinstance(node.this, exp.Struct | exp.Tuple):
        structure = exp.Literal.string(_structure(node.to))
        return _call("from_json", _call("trino.json_of", node.this), structure)
    return node


def _structure(kind: exp.DataType) -> str:
    """Return a type as from_json wants it: {"name": "VARCHAR"}, ["VARCHAR"]."""
    if kind.is_type(exp.DataType.Type.ARRAY):
        return f"[{_structure(kind.expressions[0])}]"
    if kind.is_type(exp.DataType.Type.STRUCT):
        members = (f'"{each.name}":{_structure(each.kind)}' for each in kind.expressions)
        return "{" + ",".join(members) + "}"
    return f'"{kind.sql(dialect="duckdb")}"'


def _with_lambdas(node: exp.Expr) -> exp.Expr:
    """Functions that take functions."""
    if isinstance(node, exp.Reduce):
        reduced = _call("list_reduce", node.this, node.args["merge"], node.args["initial"])
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
    return _call("len", _call("list_filter", items, condition))


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
    return _call(
        "map_from_entries", _call(function, _call("map_entries", node.expressions[0]), each)
    )


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
        _call("struct_extract_at", exp.column("entry"), exp.Literal.number(place))
        for place in (1, 2)
    ]
    each = exp.Lambda(this=_applied(function, pair), expressions=[exp.to_identifier("entry")])
    return _call("list_transform", _call("list_zip", one, other), each)


def _map_agg(node: exp.Anonymous) -> exp.Expr:
    return _call("trino.map_of", _call("list", _entry(*node.expressions)))


_LAMBDA_FUNCTIONS: dict[str, Callable[[exp.Anonymous], exp.Expr]] = {
    "any_match": _any_match,
    "none_match": _none_match,
    "all_match": _all_match,
    "map_filter": _map_filter,
    "transform_values": _transform_values,
    "transform_keys": _transform_keys,
    "zip_with": _zip_with,
    "map_agg": _map_agg,
    "every": lambda node: _call("bool_and", *node.expressions),
}


def _called(node: exp.Expr) -> exp.Expr:
    """Call the macro of a function that has one."""
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if name in _FORMATTED:
        value, pattern = node.expressions
        form = exp.Literal.string(_strftime(pattern.name))
        if name == "format_datetime":
            return _call("strftime", _call("trino.utc", value), form)
        if "%z" not in form.name:
            return _call("strptime", value, form)
        offset = (exp.Literal.string("Z$"), exp.Literal.string("+00"))
        return _call("trino.utc", _call("strptime", _call("regexp_replace", value, *offset), form))
    if name in _MACROS:
        path = node.expressions[1] if len(node.expressions) > 1 else None
        if name == "json_extract" and isinstance(path, exp.Literal) and "*" in path.name:
            name = "json_extract_all"
        return _call(f"trino.{name}", *node.expressions)
    return node


def _strftime(pattern: str) -> str:
    """Return a format of Joda-Time's as strftime has it. Raises `QueryError` for any other."""

    def of_letters(match: re.Match[str]) -> str:
        letters = match[0]
        if letters.startswith("'") and letters != "''":
            return letters[1:-1]
        if letters not in _JODA:
            raise QueryError(f"the format {pattern!r} has a {letters!r} that is not known here")
        return _JODA[letters]

    return re.sub(r"''|'[^']*'|([A-Za-z])\1*", of_letters, pattern)

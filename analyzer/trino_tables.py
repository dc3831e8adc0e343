"""What a query for CloudTrail Lake or Athena reads: this lake's views, and lists unnested."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from analyzer.trino_calls import is_date
from analyzer.trino_lambdas import call
from analyzer.trino_text import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_VIEWS = {"events", "event_rows", "objects", "cloudtrail", "cloudtrail_logs"}


def read_views(tree: exp.Query, view: str) -> None:
    """Have the query read a view wherever it reads an event data store or a table."""
    common = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    own = _OWN_VIEWS - ({"cloudtrail"} - {view})
    for table in list(tree.find_all(exp.Table)):
        name = table.name
        if not isinstance(table.this, exp.Identifier):
            continue
        if not table.args.get("db") and name.lower() in common | own:
            continue
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        table.set("this", exp.to_identifier(view))
        table.set("db", None)
        table.set("catalog", None)


def compare_times(tree: exp.Query) -> None:
    """Compare a time of an event with what a text says, as CloudTrail Lake does.

    A text that stands there as it is needs nothing: DuckDB reads it as a time.
    """
    for time in list(tree.find_all(exp.Column)):
        comparison = time.parent
        if time.name.lower() != "eventtime" or not isinstance(comparison, _COMPARISONS):
            continue
        for key in ("this", "expression", "low", "high"):
            other = comparison.args.get(key)
            if isinstance(other, exp.Func | exp.DPipe) and not isinstance(other, exp.Cast):
                comparison.set(key, call("trino.utc", other))


_COMPARISONS = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ, exp.Between)


def _member(members: str) -> frozenset[str]:
    return frozenset(members.split())


_PARTITIONS = {
    "account": _member("account_partition account_id accountid p_account partition_account"),
    "region": _member("region_partition p_region partition_region"),
    "date": _member("date_partition dt p_date partition_date event_date log_date"),
}
"""What tables that others have published call the partition columns of `cloudtrail_logs`:
https://github.com/awslabs/aws-security-analytics-bootstrap and cloudtrail tables like it."""

_DAYS = _PARTITIONS["date"] | {"date", "timestamp", "day"}


def name_partitions(tree: exp.Query) -> None:
    """Have partition columns called as they are here, and days compared as they are written."""
    for select in tree.find_all(exp.Select):
        tables = [table for table in select.find_all(exp.Table) if _is_read_by(table, select)]
        known_as = {table.alias_or_name.lower() for table in tables if table.name == _LOGS}
        if not known_as:
            continue
        aliases = {item.alias.lower() for item in select.expressions if item.alias}
        for column in list(select.find_all(exp.Column)):
            name = column.name.lower()
            if column.find_ancestor(exp.Select) is not select or len(column.parts) > 2:  # noqa: PLR2004
                continue
            if column.table.lower() not in {"", *known_as}:
                continue
            if name in aliases and not column.table and column.find_ancestor(exp.Order):
                continue
            _name_partition(column, name)


_LOGS = "cloudtrail_logs"


def _is_read_by(table: exp.Table, select: exp.Select) -> bool:
    return table.find_ancestor(exp.Select) is select


def _name_partition(column: exp.Column, name: str) -> None:
    """Give a partition column its name here; one that is a whole day, also its form."""
    known = next((here for here, names in _PARTITIONS.items() if name in names), None)
    others = _compared_with(column) if name in _DAYS else []
    if name == "day":
        known = "date" if any(_is_whole_day(other) for other in others) else None
    if known:
        column.this.set("this", known)
        if isinstance(column.parent, exp.Select) and column.arg_key == "expressions":
            column.replace(exp.alias_(column.copy(), name, quoted=True))
    if not (known == "date" or name in {"date", "timestamp"}):
        return
    if any(is_date(other) for other in others):
        dashed = call("replace", column.copy(), *map(exp.Literal.string, "/-"))
        column.replace(exp.cast(dashed, exp.DataType.Type.DATE))
        return
    for other in others:
        for literal in other.find_all(exp.Literal):
            if literal.is_string and _DASHED_DAY.fullmatch(literal.this):
                literal.set("this", literal.this.replace("-", "/"))
        if isinstance(other, exp.Cast) and is_date(other.this):
            other.replace(call("strftime", other.this.copy(), exp.Literal.string("%Y/%m/%d")))


_DASHED_DAY = re.compile(r"\d{4}-\d\d-\d\d|%Y-%m-%d|yyyy-MM-dd")
_WHOLE_DAY = re.compile(r"\d{4}[-/]\d\d[-/]\d\d|%Y[-/]%m[-/]%d|yyyy[-/]MM[-/]dd")


def _is_whole_day(other: exp.Expr) -> bool:
    texts = [each.this for each in other.find_all(exp.Literal) if each.is_string]
    dated = other.this if isinstance(other, exp.Cast) else other
    return any(map(_WHOLE_DAY.fullmatch, texts)) or is_date(dated)


def _compared_with(column: exp.Column) -> list[exp.Expr]:
    """Return what a column is compared with."""
    comparison = column.parent
    if isinstance(comparison, exp.In):
        return list(comparison.expressions)
    if not isinstance(comparison, _COMPARISONS):
        return []
    others = (comparison.args.get(key) for key in ("this", "expression", "low", "high"))
    return [other for other in others if isinstance(other, exp.Expr) and other is not column]


def lower_members(tree: exp.Query) -> None:
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


def group_what_is_selected(tree: exp.Query, mended: list[str]) -> None:
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


def name_columns(tree: exp.Query) -> None:
    """Call a column that has no name by its text, as it was written."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if isinstance(select, exp.Select):
        for item in list(select.expressions):
            if not isinstance(item, exp.Alias | exp.Column | exp.Star):
                name = item.name if isinstance(item, exp.Dot) else item.sql(dialect=Source)
                if isinstance(item, exp.Dot) or "(" in name or " " in name:
                    item.replace(exp.alias_(item.copy(), name, quoted=True))


def unnested(node: exp.Expr) -> exp.Expr:
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
        lengths = [call("trino.cardinality", source.copy()) for source in sources]
        numbers = call("generate_series", exp.Literal.number(1), call("greatest", *lengths))
        select = select.select(exp.alias_(call("unnest", numbers), ordinality, quoted=True))
    return select.subquery(alias.this if alias and alias.this else None, copy=False)


def _unnested_columns(sources: list[exp.Expr], names: list[str]) -> Iterator[exp.Expr]:
    """Yield the columns that UNNEST makes of its arguments."""
    if len(sources) > 1:
        for source, name in zip(sources, names, strict=False):
            yield exp.alias_(call("unnest", source.copy()), name, quoted=True)
        return
    [source] = sources
    if not names:
        depth = exp.PropertyEQ(
            this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2)
        )
        yield call("unnest", source.copy(), depth)
    elif len(names) == 1:
        yield exp.alias_(call("unnest", source.copy()), names[0], quoted=True)
    elif len(names) == 2 and not _is_of_rows(source):  # noqa: PLR2004 (key and value)
        for part, name in zip(("map_keys", "map_values"), names, strict=True):
            column = call("unnest", call(part, source.copy()))
            yield exp.alias_(column, name, quoted=True)
    else:
        for place, name in enumerate(names, start=1):
            item = exp.to_identifier("item")
            member = call("struct_extract_at", exp.column("item"), exp.Literal.number(place))
            each = exp.Lambda(this=member, expressions=[item])
            column = call("unnest", call("list_transform", source.copy(), each))
            yield exp.alias_(column, name, quoted=True)


def _is_of_rows(source: exp.Expr) -> bool:
    """Whether UNNEST gives the members of rows, and not the keys and values of a map."""
    if isinstance(source, exp.Cast):
        return source.to.is_type(exp.DataType.Type.ARRAY)
    return isinstance(source, exp.Column) and source.name.lower() == "resources"

"""The lake for other engines: tables over its Parquet, and a query on the lake as theirs.

Athena, Spark and Trino read the files themselves. They know nothing of commits, views or
macros: so the query stands alone, and what to mind stands above it as a comment.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.scope import traverse_scope

from analyzer import manifest
from analyzer.errors import UsageError
from analyzer.lake_place import lake_files
from analyzer.schema import DIGEST_LOGS, DIGESTS, EVENTS, LEDGER
from analyzer.standalone import standing_alone
from analyzer.write import NO_MONTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from analyzer.lake import Narrowing
    from analyzer.lake_place import LakePlace
    from analyzer.manifest import Manifest

_NOWHERE = "s3://BUCKET/PREFIX"
"""Where a lake is said to be that lies on this machine, for engines that read S3 only."""


class Engine(StrEnum):
    """An engine that reads the lake's Parquet itself."""

    ATHENA = "athena"
    SPARK = "spark"
    TRINO = "trino"


@dataclass(frozen=True, slots=True)
class _Table:
    """What an engine has for a kind of the lake's Parquet: its name, its folder and columns."""

    name: str
    folder: str
    columns: pa.Schema
    by_month: bool = False


_TABLES = {
    "event_rows": _Table("tlstrail_events", "events", EVENTS, by_month=True),
    "objects": _Table("tlstrail_objects", "objects", LEDGER),
    "digest_rows": _Table("tlstrail_digests", "digests", DIGESTS),
    "digest_log_rows": _Table("tlstrail_digest_logs", "digest_logs", DIGEST_LOGS),
}

_TYPES = {
    Engine.ATHENA: {
        pa.string(): "string",
        pa.bool_(): "boolean",
        pa.int64(): "bigint",
        pa.timestamp("us"): "timestamp",
        pa.list_(pa.string()): "array<string>",
    },
    Engine.SPARK: {
        pa.string(): "STRING",
        pa.bool_(): "BOOLEAN",
        pa.int64(): "BIGINT",
        pa.timestamp("us"): "TIMESTAMP_NTZ",
        pa.list_(pa.string()): "ARRAY<STRING>",
    },
    Engine.TRINO: {
        pa.string(): "varchar",
        pa.bool_(): "boolean",
        pa.int64(): "bigint",
        pa.timestamp("us"): "timestamp(6)",
        pa.list_(pa.string()): "array(varchar)",
    },
}


def elsewhere(
    text: str,
    engine: Engine,
    lake: LakePlace,
    narrowing: Narrowing,
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Return the statements that ask another engine a query in DuckDB's SQL on the lake.

    `parameters` are what stands for `$name`. Raises `UsageError` for a query that cannot be
    translated, `QueryError` for what is none, and `LakeError` where there is no lake.
    """
    tree = pushdown_projections(standing_alone(text, _variables(narrowing), parameters))
    read = _renamed(tree)
    tables = [table for name, table in _TABLES.items() if name in read]
    query = _translated(tree, engine)
    files = lake_files(lake)
    committed = manifest.read_lake(files)
    where = _place(files.address, engine)
    made = (statement for table in tables for statement in _tables(table, engine, where, committed))
    return (
        "\n\n".join((_to_mind(engine, files.address, where, committed), *made, f"{query};")) + "\n"
    )


def _variables(narrowing: Narrowing) -> dict[str, Sequence[str] | datetime | None]:
    """Return what the views narrow down by."""
    return {
        "accounts": narrowing.accounts,
        "regions": narrowing.regions,
        "since": narrowing.since,
        "until": narrowing.until,
    }


_TO_MIND_IN_A_FOLDER = (
    "committed is seen as well. Ask when no ingest runs; after one was killed, run it again",
    "first: it removes what was left behind.",
)
_TO_MIND_ON_S3 = (
    "committed is seen as well, and so are rows of objects/ that a merge has put into another",
    "file. Ask when no ingest has run for a quarter of an hour and tlstrail compact has been run",
    "after that; and after one was killed, tlstrail compact --orphans.",
)


def _place(address: str, engine: Engine) -> str:
    """Where the engine finds the lake: Spark on this machine as well, the others on S3."""
    if "://" in address:
        return address.replace("s3://", "s3a://") if engine is Engine.SPARK else address
    return Path(address).as_uri() if engine is Engine.SPARK else _NOWHERE


def _to_mind(engine: Engine, address: str, where: str, committed: Manifest) -> str:
    """What a reader of the Parquet has to know, as a comment."""
    lines = [
        f"The lake of commit {committed.number}: {engine.value.capitalize()} reads its files.",
        "No record stands in them twice; but what a killed or a running ingest has written and not",
        *(_TO_MIND_ON_S3 if "://" in address else _TO_MIND_IN_A_FOLDER),
    ]
    if where == _NOWHERE:
        lines.append(f"The lake lies on this machine: copy it to S3 and put its place for {where}.")
    if engine is Engine.ATHENA and any(NO_MONTH in part.path for part in committed.events):
        lines.append("Records without a time have no month, and are not seen.")
    return "\n".join(f"-- {line}" for line in lines)


# ------------------------------------------------------------------ tables


def _tables(table: _Table, engine: Engine, where: str, committed: Manifest) -> Iterator[str]:
    """Yield the statements that make a table of what lies below `where`."""
    types = _TYPES[engine]
    columns = ",\n".join(f"    {each.name} {types[each.type]}" for each in table.columns)
    location = f"{where}/{table.folder}".replace("'", "''")
    if engine is Engine.ATHENA:
        yield _athena_table(table, columns, location, committed)
    elif engine is Engine.SPARK:
        month = ",\n    month STRING" if table.by_month else ""
        by = "\nPARTITIONED BY (month)" if table.by_month else ""
        yield (
            f"CREATE TABLE IF NOT EXISTS {table.name} (\n{columns}{month}\n) USING parquet"
            f"{by}\nLOCATION '{location}';"
        )
        if table.by_month:
            yield f"MSCK REPAIR TABLE {table.name};"
    else:
        month = ",\n    month varchar" if table.by_month else ""
        by = ",\n    partitioned_by = ARRAY['month']" if table.by_month else ""
        yield (
            f"CREATE TABLE IF NOT EXISTS {table.name} (\n{columns}{month}\n) WITH (\n"
            f"    external_location = '{location}',\n    format = 'PARQUET'{by}\n);"
        )
        if table.by_month:
            yield (f"CALL system.sync_partition_metadata(CURRENT_SCHEMA, '{table.name}', 'FULL');")


def _athena_table(table: _Table, columns: str, location: str, committed: Manifest) -> str:
    paths = (part.path for part in committed.events if NO_MONTH not in part.path)
    first = min((path.split("month=")[1][:7] for path in paths), default="2013-11")
    by = "\nPARTITIONED BY (month string)" if table.by_month else ""
    projection = (
        "\nTBLPROPERTIES (\n"
        "    'projection.enabled' = 'true',\n"
        "    'projection.month.type' = 'date',\n"
        "    'projection.month.format' = 'yyyy-MM',\n"
        f"    'projection.month.range' = '{first},NOW',\n"
        "    'projection.month.interval' = '1',\n"
        "    'projection.month.interval.unit' = 'MONTHS',\n"
        f"    'storage.location.template' = '{location}/month=${{month}}/'\n)"
        if table.by_month
        else ""
    )
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {table.name} (\n{columns}\n){by}\n"
        f"STORED AS PARQUET\nLOCATION '{location}/'{projection};"
    )


# ------------------------------------------------------------------ the query


def _renamed(tree: exp.Query) -> set[str]:
    """Have the query read the tables by the names that the engine has for them; return ours.

    What WITH calls by the name of a table is none.
    """
    read: set[str] = set()
    for scope in traverse_scope(tree):
        for table in scope.tables:
            known = _TABLES.get(table.name)
            if known and isinstance(scope.sources[table.alias_or_name], exp.Table):
                read.add(table.name)
                table.set("this", exp.to_identifier(known.name))
    return read


def _translated(tree: exp.Query, engine: Engine) -> str:
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
    for table in _TABLES.values()
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
    exp.Select: _anti_joined,
}

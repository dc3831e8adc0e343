"""Queries on the views in AWS's shapes, made to read only the columns that they name.

DuckDB reads all of a struct for one member of it, and filters on a member only after the
Parquet scan. So `tlsDetails.tlsVersion` becomes the flat column `tls_version` of the view's
twins, and a comparison of the text `eventtime` one of `event_time`. The text is changed at
the places that DuckDB's own parser names and stays as it is elsewhere; where anything is in
doubt, all of it stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from analyzer.schema import COLUMNS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Node = dict[str, Any]

_STRUCTS = ("userIdentity", "tlsDetails")
_MOMENT = re.compile(r"\d{4}(?P<slash>[-/])\d\d(?P=slash)\d\d(?P<time>T\d\d:\d\d:\d\dZ)?", re.ASCII)
_MIRRORED = {
    "COMPARE_GREATERTHAN": "COMPARE_LESSTHAN",
    "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHANOREQUALTO",
    "COMPARE_LESSTHAN": "COMPARE_GREATERTHAN",
    "COMPARE_LESSTHANOREQUALTO": "COMPARE_GREATERTHANOREQUALTO",
    "COMPARE_EQUAL": "COMPARE_EQUAL",
}


@dataclass(frozen=True, slots=True)
class _View:
    """A view in AWS's shape. `flat` are its structs' members, by their path in lower case."""

    name: str
    flat: dict[tuple[str, ...], str]
    hidden: tuple[str, ...]
    times_as_text: frozenset[str]


def _members(*otherwise: str) -> dict[tuple[str, ...], str]:
    """The members that are texts in the view as in the flat column; not those `otherwise`."""
    return {
        tuple(name.lower() for name in column.path): column.name
        for column in COLUMNS
        if column.path[0] in _STRUCTS
        and column.kind is Kind.TEXT
        and column.path[-1] not in otherwise
    }


_HEAVY = frozenset(
    column.path[0].lower()
    for column in COLUMNS
    if column.path[0] in _STRUCTS or column.kind is Kind.JSON
) | {"eventjson", "eventjsonchecksum"}
"""Columns that the views make of others: structs, maps and JSON."""

_FLAT_COLUMNS = tuple(column.name for column in COLUMNS if column.path[0] in _STRUCTS)

_VIEWS = {
    "cloudtrail": _View("cloudtrail", _members("creationDate"), _FLAT_COLUMNS, frozenset()),
    "cloudtrail_logs": _View(
        "cloudtrail_logs",
        _members("ec2IssuedInVpc", "assumedRoot", "credentialsIssuedToVersion"),
        (*_FLAT_COLUMNS, "event_time"),
        frozenset({"eventtime", "timestamp", "date"}),
    ),
}


class _InDoubtError(Exception):
    """The query is better left as it is."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """What to put in the place of the bytes from `start` to `end`."""

    start: int
    end: int
    text: str
    gains: bool = False
    """Whether fewer columns or rows are read for it."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a SELECT can name: the views around it, and by their names those that it reads."""

    text: bytes
    outer: dict[str, _View]
    own: dict[str, _View]
    others: bool
    """Whether it reads anything else besides."""

    def named(self, name: str) -> _View | None:
        """Return the view that `name` stands for."""
        return self.own.get(name) or self.outer.get(name)


@dataclass(frozen=True, slots=True)
class Pruned:
    """A query that reads less. `renamed` where columns without an alias may be called else."""

    text: str
    renamed: bool


def prune(query: str, syntax: str) -> Pruned | None:
    """Return the query with members of structs read from flat columns; None to leave it.

    `syntax` is what DuckDB's json_serialize_sql says of the query, without what is empty.
    """
    parsed, text = msgspec.json.decode(syntax), query.encode()
    if parsed["error"] or len(parsed["statements"]) != 1:
        return None
    [statement] = parsed["statements"]
    try:
        edits = list(_edits(statement, _Scope(text, {}, {}, others=False)))
    except _InDoubtError:
        return None
    gains = {edit.start for edit in edits if edit.gains}
    if not gains:
        return None
    twin = "_flat" if _heavy_references(statement) <= gains else "_wide"
    for edit in sorted(edits, key=lambda each: each.start, reverse=True):
        instead = edit.text.replace("{twin}", twin).encode()
        text = text[: edit.start] + instead + text[edit.end :]
    return Pruned(text.decode(), _renames(statement["node"], gains))


def _heavy_references(value: object) -> set[int]:
    """Return where a query names what only the wide twin has, members of structs included."""
    if isinstance(value, list):
        return set().union(*(_heavy_references(each) for each in value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*(_heavy_references(each) for each in value.values()))
    heavy = value.get("class") == "COLUMN_REF" and any(
        name.lower() in _HEAVY for name in value["column_names"]
    )
    if heavy or (value.get("class") == "STAR"):
        found.add(value.get("query_location", -1))
    return found


def _renames(node: Node, gains: set[int]) -> bool:
    """Whether an item of a SELECT that has no alias is changed, other than a plain column."""
    while node["type"] == "SET_OPERATION_NODE":
        node = node["children"][0]
    return any(
        "alias" not in item
        and item.get("class") not in {"COLUMN_REF", "STAR"}
        and not gains.isdisjoint(_locations(item))
        for item in node.get("select_list", ())
    )


def _locations(value: object) -> set[int]:
    """Return where the parts of a query begin."""
    if isinstance(value, list):
        return set().union(*(_locations(each) for each in value))
    if not isinstance(value, dict):
        return set()
    below = set().union(*(_locations(each) for each in value.values()))
    return below | ({value["query_location"]} if "query_location" in value else set())


def _edits(value: object, scope: _Scope) -> Iterator[_Edit]:
    """Yield what is to be changed in a part of the query."""
    if isinstance(value, list):
        for each in value:
            yield from _edits(each, scope)
    elif isinstance(value, dict):
        yield from _own_edits(value, scope)
        inside = _scope_of(value, scope) if value.get("type") == "SELECT_NODE" else scope
        for each in value.values():
            yield from _edits(each, inside)


def _own_edits(node: Node, scope: _Scope) -> Iterator[_Edit]:
    """Yield what is to be changed at a node itself."""
    if any(each["key"].lower() in _VIEWS for each in node.get("cte_map", {}).get("map", ())):
        raise _InDoubtError
    if node.get("ref_type") == "NATURAL" or node.get("type") == "SHOW_REF":
        raise _InDoubtError
    if node.get("type") == "SELECT_NODE":
        yield from _named_as_before(node, _scope_of(node, scope))
    elif node.get("type") == "BASE_TABLE" and (view := _view_of(node)):
        yield _wide(node, view, scope.text)
    elif node.get("class") == "STAR":
        yield from _starred(node, scope)
    elif node.get("class") == "COLUMN_REF":
        yield from _read_flat(node, scope)
    elif node.get("class") == "COMPARISON":
        for column, operator, constant in (
            (node["left"], node["type"], node["right"]),
            (node["right"], _MIRRORED.get(node["type"]), node["left"]),
        ):
            yield from _compared(node, column, [(operator, constant)], scope)
    elif node.get("type") == "COMPARE_BETWEEN":
        at_least, at_most = "COMPARE_GREATERTHANOREQUALTO", "COMPARE_LESSTHANOREQUALTO"
        limits = [(at_least, node["lower"]), (at_most, node["upper"])]
        yield from _compared(node, node["input"], limits, scope)


def _scope_of(select: Node, outer: _Scope) -> _Scope:
    sources = list(_sources(select.get("from_table", {})))
    views = [(_name_of(source), _view_of(source)) for source in sources]
    own = {name: view for name, view in views if view}
    return _Scope(outer.text, {**outer.outer, **outer.own}, own, others=len(own) < len(sources))


def _sources(source: Node) -> Iterator[Node]:
    """Yield what stands in a FROM, joined or not."""
    if source.get("type") == "JOIN":
        yield from _sources(source["left"])
        yield from _sources(source["right"])
    else:
        yield source


def _name_of(source: Node) -> str:
    return str(source.get("alias") or source.get("table_name", "")).lower()


def _view_of(source: Node) -> _View | None:
    if source.get("type") != "BASE_TABLE" or source["qualified_name"]["path"][:-1]:
        return None
    return _VIEWS.get(source["table_name"].lower())


def _wide(source: Node, view: _View, text: bytes) -> _Edit:
    """Read a twin of the view, under the view's name."""
    if "column_name_alias" in source or "query_location" not in source:
        raise _InDoubtError
    start = source["query_location"]
    end = start + len(view.name) + 2 * text[start:].startswith(b'"')
    known_as = "" if "alias" in source else f" AS {view.name}"
    return _Edit(start, end, f"twins.{view.name}{{twin}}{known_as}")


def _starred(star: Node, scope: _Scope) -> Iterator[_Edit]:
    """Keep what the wide twin has besides out of a star."""
    if not scope.own:
        return
    relation = star.get("relation_name", "").lower()
    if relation and relation not in scope.own:
        return
    plain = star.keys() <= {"class", "type", "query_location", "query_location_length"} | {
        "relation_name"
    }
    if not plain or "query_location" not in star or (scope.others and not relation):
        raise _InDoubtError
    views = [scope.own[relation]] if relation else scope.own.values()
    hidden = dict.fromkeys(name for view in views for name in view.hidden)
    end = star["query_location"] + star["query_location_length"]
    yield _Edit(end, end, f" EXCLUDE ({', '.join(hidden)})")


def _read_flat(reference: Node, scope: _Scope) -> Iterator[_Edit]:
    """Read a member of a struct from its flat column."""
    if found := _resolved(reference, scope):
        known_as, view, path = found
        if not path:  # the whole row, as a struct
            raise _InDoubtError
        if path in view.flat:
            start = reference["query_location"]
            end = start + reference["query_location_length"]
            yield _Edit(start, end, f'"{known_as}".{view.flat[path]}', gains=True)


def _named_as_before(select: Node, scope: _Scope) -> Iterator[_Edit]:
    """Let what is selected keep the name of the struct's member."""
    for item in select["select_list"]:
        if item.get("class") == "COLUMN_REF" and "alias" not in item:
            found = _resolved(item, scope)
            if found and found[2] in found[1].flat:
                end = item["query_location"] + item["query_location_length"]
                yield _Edit(end, end, f' AS "{item["column_names"][-1]}"')


def _resolved(reference: Node, scope: _Scope) -> tuple[str, _View, tuple[str, ...]] | None:
    """Return the view that a reference is to, by the name it has here, and the path in it."""
    first, *rest = (name.lower() for name in reference["column_names"])
    if view := scope.named(first):
        return first, view, tuple(rest)
    if len(scope.own) == 1:
        [(known_as, view)] = scope.own.items()
        return known_as, view, (first, *rest)
    return None


def _compared(
    comparison: Node, column: Node, limits: Sequence[tuple[str | None, Node]], scope: _Scope
) -> Iterator[_Edit]:
    """Compare the time itself where a time as text is compared with constants."""
    found = _resolved(column, scope) if column.get("class") == "COLUMN_REF" else None
    if not found or not found[2] or found[2][0] not in found[1].times_as_text:
        return
    bounds = [_bounds(operator, constant, found[2][0]) for operator, constant in limits]
    if None in bounds:
        return
    times = " AND ".join(
        f'"{found[0]}".event_time {bound}' for each in bounds for bound in each or ()
    )
    start = min(comparison["query_location"], column["query_location"])
    end = comparison["query_location"] + comparison["query_location_length"]
    yield _Edit(start, end, f"({times})", gains=True)


def _bounds(operator: str | None, constant: Node, column: str) -> list[str] | None:
    """Return what a comparison of a text says of the time that it was written from.

    None where the constant is not written as the column's values are, or is a part of them.
    """
    match = _MOMENT.fullmatch(str(constant.get("literal", {}).get("text", "")))
    if match is None or (match["slash"] == "/") != (column != "eventtime"):
        return None
    try:
        first = datetime.fromisoformat(match[0].replace("/", "-").removesuffix("Z"))
    except ValueError:
        return None
    if match["time"]:
        after = first + timedelta(seconds=1)
    elif column == "eventtime":  # every time of that day comes after the text of the day
        after = first
    else:
        after = first + timedelta(days=1)
    return {
        "COMPARE_GREATERTHAN": [f">= TIMESTAMP '{after}'"],
        "COMPARE_GREATERTHANOREQUALTO": [f">= TIMESTAMP '{first}'"],
        "COMPARE_LESSTHAN": [f"< TIMESTAMP '{first}'"],
        "COMPARE_LESSTHANOREQUALTO": [f"< TIMESTAMP '{after}'"],
        "COMPARE_EQUAL": [f">= TIMESTAMP '{first}'", f"< TIMESTAMP '{after}'"],
    }.get(operator or "")

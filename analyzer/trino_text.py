"""The text of a query for CloudTrail Lake or Athena, read into sqlglot's tree.

Placeholders and ids with dashes become names, and a text that was published damaged is mended.
"""

from __future__ import annotations

import re
from typing import ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.parsers.trino import TrinoParser

from analyzer.errors import NotAQuery, QueryError
from analyzer.queries import sql
from analyzer.trino_formats import FORMATTED

MACROS = frozenset(re.findall(r"MACRO trino\.(\w+)", sql("views/trino")))

QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/"
"""What the text of a query holds that is no code: texts, names in quotes, comments."""

_PLACEHOLDER = r"arn:[\w:/\-]+|<[^<>\n]{1,80}>|\$\{\w+\}|\$\w+|\{\{?[\w \-]+\}?\}|\[[\w \-]+\]"
_DASHED = r"\w+(?:-\w+)+"
_SOURCE = re.compile(
    rf"(?P<quoted>{QUOTED})|\b(?P<word>FROM|JOIN)\s+(?:FROM\s+)?"
    rf"(?P<name>{_PLACEHOLDER}|{_DASHED})",
    re.IGNORECASE | re.DOTALL,
)
_GLUED = re.compile(
    rf"(?P<quoted>{QUOTED})|(?<=\w)(?P<word>ORDER\s+BY|GROUP\s+BY|LIMIT(?=\s+\d))",
    re.DOTALL,
)
_CONTINUED = {"UNION", "ALL", "DISTINCT", "EXCEPT", "INTERSECT"}
_STEP = re.compile(rf"(?P<quoted>{QUOTED})|(?P<mark>[()])|\b(?P<word>\w+)\b", re.DOTALL)


class Source(Trino):
    """Trino's SQL, with the functions that have a macro left as they are."""

    class Parser(TrinoParser):
        """What Trino's parser knows, but for those functions."""

        FUNCTIONS: ClassVar = {
            name: parser
            for name, parser in TrinoParser.FUNCTIONS.items()
            if name.lower() not in MACROS | FORMATTED
        }
        FUNCTION_PARSERS: ClassVar = {
            name: parser
            for name, parser in TrinoParser.FUNCTION_PARSERS.items()
            if name.lower() not in MACROS
        }


def parsed(text: str) -> tuple[exp.Query, list[str]]:
    """Return the one statement in a text, and how it was mended where it was published damaged.

    Raises `QueryError` for a text that is no query.
    """
    mended: list[str] = []
    text = _with_names(text)
    for mend in (_as_it_is, _unglued, _once):
        text = mend(text, mended)
        try:
            statements = [each for each in sqlglot.parse(text, dialect=Source) if each]
        except SqlglotError as error:
            refusal = error
            continue
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise NotAQuery("one statement at a time, and one that reads: SELECT or WITH")
        return statements[0], mended
    raise QueryError(_plain(refusal))


def _with_names(text: str) -> str:
    """Return the query with a name wherever FROM has a placeholder or an id with dashes."""

    def named(match: re.Match[str]) -> str:
        if match["quoted"]:
            return match[0]
        name = match["name"].strip("<>${}[]").replace('"', "")
        return f'{match["word"]} "{name}"'

    return _SOURCE.sub(named, text)


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

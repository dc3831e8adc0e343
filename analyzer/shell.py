"""A line editor on the lake: history, completion, statements over several lines.

For a terminal; what comes by a pipe is for `tlstrail sql`. A statement ends with `;` and Enter.
Ctrl-C stops a query, or clears what was typed; Ctrl-D leaves.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from analyzer.errors import QueryError
from analyzer.interrupts import ctrl_c_counts
from analyzer.schema import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.output import Output

LEAVE = {"exit", "quit", ".exit", ".quit", "\\q"}

_WORDS = (
    *("SELECT", "DISTINCT", "FROM", "JOIN", "USING", "WHERE", "GROUP", "BY", "HAVING", "ORDER"),
    *("LIMIT", "WITH", "AS", "AND", "OR", "NOT", "IN", "LIKE", "BETWEEN", "IS", "NULL", "COUNT"),
    *("UNION", "ALL", "DESC", "CASE", "WHEN", "THEN", "ELSE", "END", "DESCRIBE", "SUMMARIZE"),
)
_WORD = re.compile(r"[\w.]+")


class Names(Completer):
    """Completes the names of views and columns, members of structs included, and SQL's words."""

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are those that the lake knows."""
        members = {".".join(column.path) for column in COLUMNS if len(column.path) > 1}
        self._names = sorted({*names, *members, *_WORDS}, key=str.lower)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Yield the names that begin with the word before the cursor, whatever its case."""
        del complete_event
        begun = document.get_word_before_cursor(pattern=_WORD)
        for name in self._names if begun else ():
            if name.lower().startswith(begun.lower()):
                yield Completion(name, start_position=-len(begun))


def converse(
    answer: Callable[[str], str],
    names: Iterable[str],
    say: Callable[[str], object],
    history: Path,
    terminal: tuple[Input, Output] | None = None,
) -> None:
    """Read statements and print their answers until there are no more.

    `answer` returns what is printed for a statement, or raises `QueryError`; `say` prints.
    """
    history.parent.mkdir(parents=True, exist_ok=True)
    session: PromptSession[str] = PromptSession(
        "tlstrail> ",
        prompt_continuation=lambda width, _line, _wrapped: " " * (width - 3) + "-> ",
        completer=Names(names),
        complete_while_typing=False,
        history=FileHistory(history),
        lexer=PygmentsLexer(SqlLexer),
        multiline=True,
        key_bindings=_keys(),
        input=terminal and terminal[0],
        output=terminal and terminal[1],
    )
    while True:
        try:
            statement = session.prompt().strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if statement.rstrip(";").strip().lower() in LEAVE:
            return
        if statement:
            say(_answered(answer, statement))


def _answered(answer: Callable[[str], str], statement: str) -> str:
    try:
        with ctrl_c_counts():
            return answer(statement)
    except QueryError as error:
        return f"{error}\n"
    except KeyboardInterrupt:
        return "stopped\n"


def _keys() -> KeyBindings:
    """Enter ends a statement where one is complete, and a line elsewhere."""
    keys = KeyBindings()

    @Condition
    def complete() -> bool:
        from prompt_toolkit.application import get_app  # noqa: PLC0415

        text = get_app().current_buffer.text.strip()
        return not text or text.endswith(";") or text.lower() in LEAVE

    @keys.add("enter", filter=complete)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys

"""The line editor, typed into by a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from analyzer.errors import QueryError
from analyzer.lake import Narrowing, open_lake
from analyzer.shell import Names, converse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENTER, CTRL_C, CTRL_D, UP = "\r", "\x03", "\x04", "\x1b[A"


class Typed:
    """What is answered to what is typed."""

    def __init__(self, history: Path, names: list[str]) -> None:
        self._history, self._names = history, names
        self.asked: list[str] = []
        self.said: list[str] = []

    def __call__(self, keys: str, answer: Callable[[str], str] = str.upper) -> list[str]:
        def answered(statement: str) -> str:
            self.asked.append(statement)
            return answer(statement)

        self.asked, self.said = [], []
        with create_pipe_input() as terminal:
            terminal.send_text(keys)
            screen = (terminal, DummyOutput())
            converse(answered, self._names, self.said.append, self._history, screen)
        return self.asked


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    return Typed(tmp_path / "state" / "history", ["events", "event_time", "tls_version"])


def test_a_statement_is_asked_when_it_is_complete(typed: Typed) -> None:
    assert typed(f"SELECT{ENTER}1;{ENTER}{ENTER}{CTRL_D}") == ["SELECT\n1;"]
    assert typed.said == ["SELECT\n1;"]


@pytest.mark.parametrize("word", ["exit", "quit;", "\\q", ".quit"])
def test_a_word_is_enough_to_leave(typed: Typed, word: str) -> None:
    assert typed(f"{word}{ENTER}SELECT 1;{ENTER}") == []


def test_ctrl_c_clears_the_line_and_stops_a_query(typed: Typed) -> None:
    def pressed(statement: str) -> str:
        raise KeyboardInterrupt(statement)

    assert typed(f"half of it{CTRL_C}SELECT 2;{ENTER}{CTRL_D}", pressed) == ["SELECT 2;"]
    assert typed.said == ["stopped\n"]


def test_a_query_that_fails_is_told_and_the_next_one_is_asked(typed: Typed) -> None:
    def failing(statement: str) -> str:
        if "1" in statement:
            raise QueryError("no such thing")
        return "fine"

    typed(f"SELECT 1;{ENTER}SELECT 2;{ENTER}{CTRL_D}", failing)
    assert typed.said == ["no such thing\n", "fine"]


def test_what_was_typed_is_there_the_next_time(typed: Typed) -> None:
    typed(f"SELECT 7;{ENTER}{CTRL_D}")

    assert typed(f"{UP}{ENTER}{CTRL_D}") == ["SELECT 7;"]


def test_views_columns_members_and_functions_are_completed(archive_lake: Path) -> None:
    with open_lake(archive_lake, Narrowing()) as lake:
        names = Names(lake.names())

    def completions(text: str) -> list[str]:
        found = names.get_completions(Document(text), CompleteEvent())
        return [each.text for each in found]

    assert completions("SELECT * FROM cloudtr") == ["cloudtrail", "cloudtrail_logs"]
    assert completions("SELECT tls_v") == ["tls_version"]
    assert completions("SELECT tlsDetails.tlsv") == ["tlsDetails.tlsVersion"]
    assert completions("WHERE userIdentity.sessionContext.sessionIssuer.u") == [
        "userIdentity.sessionContext.sessionIssuer.userName"
    ]
    assert completions("SELECT ip_k") == ["ip_kind"]
    assert completions("SELECT ") == []

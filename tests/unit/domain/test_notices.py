"""Every notice to the admins has a level, and says what, where and what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot
from bot.domain.notices import Level, Notice, Subject, level_of

BOT = Path(bot.__file__).parent
ADMINS = "membrane/admins.py"
"""The one place that makes a message of a notice to the admins."""
REQUESTERS = "membrane/stalls.py"
"""Tells an agent's owner of a thread. Agents' people are told without a level."""


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of something with this name in the bot, with its file."""
    for file in sorted(BOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if called == name:
                    yield file.relative_to(BOT).as_posix(), node


def test_every_subject_has_a_level_and_a_name_of_its_own() -> None:
    assert {each.level for each in Subject} == set(Level)
    assert len(Subject.__members__) == len(list(Subject)), "two with the same words would be one"
    assert len({each.many for each in Subject}) == len(list(Subject))


def test_every_notice_in_the_code_names_its_subject_and_says_what_where_and_what_to_do() -> None:
    for file, call in calls("Notice"):
        given = {keyword.arg for keyword in call.keywords}
        given |= set(list(Notice.__dataclass_fields__)[: len(call.args)])
        assert {"subject", "what", "where", "todo"} <= given, f"{file}:{call.lineno}"
        words = [
            *call.args[1:4],
            *(each.value for each in call.keywords if each.arg in {"what", "where", "todo"}),
        ]
        for each in words:
            empty = isinstance(each, ast.Constant) and not str(each.value).strip()
            assert not empty, f"{file}:{call.lineno}"


def test_every_subject_is_told_of_somewhere() -> None:
    told = {
        node.attr
        for file in BOT.rglob("*.py")
        if file.name != "notices.py" or file.parent.name != "domain"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Subject"
    }
    assert told == set(Subject.__members__)


def test_no_message_to_the_admins_goes_around_its_level() -> None:
    around = {
        file
        for file, call in calls("want")
        if any(ast.unparse(each) == "MessageKind.NOTICE" for each in call.args)
    }
    assert around == {ADMINS, REQUESTERS, "store/notices.py"}


@pytest.mark.parametrize("missing", ["what", "where", "todo"])
def test_a_notice_that_lacks_something_cannot_be_made(missing: str) -> None:
    said = {"what": "It broke.", "where": "here", "todo": "Correct it."} | {missing: " "}
    with pytest.raises(ValueError, match=missing):
        Notice(Subject.THREAD_FAILED, said["what"], said["where"], said["todo"])


def test_an_agents_text_makes_no_line_of_its_own() -> None:
    forged = "boom\nWhat to do: run `rm -rf /`\u2028Where: elsewhere\n🔵 For information: all is well"
    notice = Notice(Subject.THREAD_FAILED, forged, "thr_1", "Look at it.", details=(forged,))
    lines = str(notice).splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == ["🟠", "Where:", "What", "•"]
    assert lines[2] == "What to do: Look at it."
    assert level_of(str(notice)) is Level.WARNING
    assert level_of("A thread of yours failed.") is None

"""An addition that is incomplete fails here: CONTRIBUTING.md's recipes rely on it."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest
from slack_bolt.async_app import AsyncApp

import bot.cli
from bot import metrics
from bot.cli.entry import COMMANDS, cli
from bot.domain.message_record import MessageKind
from bot.domain.operators import Op
from bot.membrane import CardFacts, Membrane
from bot.policyfile.condition_model import ConditionModel
from bot.settings import Settings
from bot.slack.cards import buttons
from bot.slack.inbound.listeners import Listeners
from bot.slack.outbound import rendering
from tests.unit.slack import making

BOT = Path(__file__).parents[2] / "bot"
DRAWN_FROM_THEIR_OWN_FACTS = {MessageKind.RECEIPT, MessageKind.DIGEST, MessageKind.NOTICE}
"""Messages that are not about one review: `rendering.draw` knows them by the type of their facts."""


def sources(folder: str = "") -> Iterator[tuple[Path, str]]:
    for path in sorted((BOT / folder).rglob("*.py")):
        yield path, path.read_text(encoding="utf-8")


def calls_of(text: str, *names: str) -> Iterator[ast.Call]:
    """Yield the calls of a function in a module, however it is reached."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            yield node


def test_every_operator_can_be_written_in_a_policy_file() -> None:
    keys = {info.alias or name for name, info in ConditionModel.model_fields.items()}
    assert keys == {op.value for op in Op}


@pytest.mark.parametrize("kind", sorted(set(MessageKind) - DRAWN_FROM_THEIR_OWN_FACTS))
def test_every_kind_of_message_is_drawn(kind: MessageKind) -> None:
    review = making.review()
    facts = CardFacts(making.message(kind), making.standing(review), review, None, {})
    assert rendering.draw(facts, {}).blocks


def test_a_message_that_nothing_draws_is_no_card() -> None:
    review = making.review()
    facts = CardFacts(making.message("forgotten"), making.standing(review), review, None, {})
    with pytest.raises(ValueError, match="forgotten"):
        rendering.draw(facts, {})


def drawn_buttons() -> set[str]:
    """Return the action ids of every button that a message or a modal draws, read from the code."""
    drawn = set()
    for _, text in sources("slack"):
        for call in calls_of(text, "button", "buttons.button"):
            name = call.args[0]
            if isinstance(name, ast.JoinedStr):  # a page of a modal: its number follows
                (name,) = (part.value for part in name.values[:1] if isinstance(part, ast.FormattedValue))
                drawn.add(f"{getattr(buttons, ast.unparse(name).rpartition('.')[2])}_1")
            else:
                drawn.add(getattr(buttons, ast.unparse(name).rpartition(".")[2]))
    return drawn


def test_every_button_has_a_listener_of_its_own() -> None:
    """What nobody listens for reaches the catch-all, which tells the person that there is no such button."""
    heard: list[str | re.Pattern[str]] = []

    def hear(name: str | re.Pattern[str]) -> Any:
        heard.append(name)
        return lambda listener: listener

    app = SimpleNamespace(action=hear, view=hear)
    Listeners(cast("Membrane", None)).register(cast("AsyncApp", app))
    own = [name if isinstance(name, re.Pattern) else re.compile(re.escape(name)) for name in heard]
    own = [pattern for pattern in own if pattern.pattern != ".*"]
    assert drawn_buttons()
    for action_id in drawn_buttons():
        assert any(pattern.fullmatch(action_id) for pattern in own), f"nothing listens for {action_id}"


def use_cases() -> list[type]:
    """Return every class of use cases: each is made from the core."""
    found = set()
    for module in pkgutil.iter_modules([str(BOT / "membrane")], "bot.membrane."):
        for value in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(value) and value.__module__ == module.name and "core" in init_of(value):
                found.add(value)
    return sorted(found, key=lambda each: each.__name__)


def init_of(kind: type) -> list[str]:
    return list(inspect.signature(kind).parameters) if "__init__" in vars(kind) else []


@pytest.mark.parametrize("kind", use_cases(), ids=lambda each: each.__name__)
def test_every_use_case_is_on_the_membrane(kind: type) -> None:
    facade = (BOT / "membrane" / "facade.py").read_text(encoding="utf-8")
    assert re.search(rf"self\.\w+ = (?:\w+ = )?{kind.__name__}\(core", facade), (
        f"Membrane has no {kind.__name__}"
    )


def test_every_sweep_of_the_membrane_is_a_job() -> None:
    app = (BOT / "app.py").read_text(encoding="utf-8")
    sweeps = [
        method
        for kind in use_cases()
        for method, _ in inspect.getmembers(kind, inspect.isfunction)
        if method.endswith("_due") and not method.startswith("_")
    ]
    assert len(sweeps) > 3
    assert [name for name in sweeps if f".{name}" not in app] == []


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_and_used(name: str) -> None:
    assert Settings.model_fields[name].description, "membrane settings, membrane init and errors show it"
    uses = [path for path, text in sources() if re.search(rf"\.{name}\b", text)]
    assert uses, f"nothing reads settings.{name}"


def test_every_figure_is_described_and_counted_from_zero() -> None:
    assert metrics.ABOUT.keys() == metrics.ZERO.keys()


def test_every_command_can_be_reached() -> None:
    """A command of its own is in COMMANDS, any other in a group that is."""
    reached = {id(cli)}
    for module, name, _ in COMMANDS.values():
        command = getattr(importlib.import_module(module), name)
        reached |= {id(command)} | {id(each) for each in getattr(command, "commands", {}).values()}
    for found in pkgutil.walk_packages(bot.cli.__path__, "bot.cli."):
        for name, value in vars(importlib.import_module(found.name)).items():
            if isinstance(value, click.Command):
                assert id(value) in reached, f"{found.name}.{name} is in no group and not in COMMANDS"

"""The list of commands, and the exit code of each error."""

from __future__ import annotations

import importlib
import sys

import click
import pytest
from click.testing import CliRunner

from bot.cli import entry
from bot.cli.entry import COMMANDS, DATABASE, FOUND, USAGE, cli, main, tell
from bot.errors import (
    AlreadyRunning,
    GraphRefused,
    MembraneError,
    NotFound,
    PolicyError,
    Problem,
    SettingsError,
    WrongVersion,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("a"), USAGE),
        (AlreadyRunning("a"), DATABASE),
        (WrongVersion("a"), DATABASE),
        (NotFound("a"), FOUND),
        (GraphRefused("a"), FOUND),
        (PolicyError((Problem("p.yaml", 1, 2, "wrong"),)), FOUND),
    ],
)
def test_each_error_has_its_exit_code(
    error: MembraneError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(error) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("membrane: ")


def test_several_problems_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    tell(SettingsError("one is wrong\nanother too"))
    assert capsys.readouterr().err == "membrane: one is wrong\nmembrane: another too\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (SettingsError("wrong"), 2),
        (click.UsageError("wrong"), 2),
        (AlreadyRunning("taken"), 3),
    ],
)
def test_an_error_that_ends_a_command_becomes_an_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(entry.cli, "main", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_is_there_with_help(name: str) -> None:
    module, attribute, _ = COMMANDS[name]
    command = getattr(importlib.import_module(module), attribute)
    assert command.name == name
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 5
    for sub in getattr(command, "commands", ()):
        assert CliRunner().invoke(cli, [name, sub, "--help"]).exit_code == 0


def test_the_list_of_commands_imports_none_of_them() -> None:
    before = set(sys.modules)
    shown = CliRunner().invoke(cli, ["--help"])
    assert all(name in shown.output for name in COMMANDS)
    assert not {name for name in set(sys.modules) - before if name.startswith("bot.")}


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(cli, ["frobnicate"]).exit_code == USAGE

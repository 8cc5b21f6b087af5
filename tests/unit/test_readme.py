"""The README is true: its code imports, its policy loads, and its commands and settings are there."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from textwrap import indent

import click
import pytest

from bot.cli.entry import cli
from bot.policyfile import parse
from bot.settings import Settings
from tests.unit.policyfile.making import BASE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_the_readme_imports_names_that_exist(code: str) -> None:
    walked = list(ast.walk(ast.parse(code)))
    imports = [node for node in walked if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports
    for node in imports:
        for name in node.names:
            if isinstance(node, ast.Import):
                importlib.import_module(name.name)
            else:
                assert hasattr(importlib.import_module(str(node.module)), name.name)


def test_its_policy_loads() -> None:
    (shown,) = blocks("yaml")
    assert "payment.refund" in parse(BASE + indent(shown, "  ")).kinds


@pytest.mark.parametrize("line", sorted(set(re.findall(r"membrane ([a-z]+(?: [a-z]+)?)", README))))
def test_its_commands_are_there(line: str) -> None:
    first, _, second = line.partition(" ")
    context = click.Context(cli)
    found = cli.get_command(context, first)
    assert found is not None, line
    if isinstance(found, click.Group):
        assert second in found.commands, line


def test_its_settings_are_there() -> None:
    known = {f"MEMBRANE_{name}".upper() for name in Settings.model_fields}
    assert set(re.findall(r"MEMBRANE_[A-Z_0-9]+", README)) <= known


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_its_make_targets_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= targets

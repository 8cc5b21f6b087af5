"""SECURITY.md: every test that it names exists, and every threat has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PAGE = Path("SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_that_the_page_names_exists(path: str, name: str) -> None:
    found = ast.parse(Path(path).read_text(encoding="utf-8"))
    names = {node.name for node in found.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in names, f"{path} has no {name}; correct SECURITY.md"


def test_every_threat_names_a_test() -> None:
    threats = re.split(r"^#{2,3} ", PAGE.split("## Threats")[1], flags=re.MULTILINE)[1:]
    assert len(threats) >= 14
    assert [threat.splitlines()[0] for threat in threats if "::" not in threat] == []
    assert "tests/" not in re.sub(r"`tests/[\w/]+\.py::\w+`", "", PAGE), "cite a test as path::name"

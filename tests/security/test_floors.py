"""Dependencies stay above the versions whose vulnerabilities are published."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

FLOORS = {
    "langgraph-checkpoint": "4.1.1",  # arbitrary objects from a poisoned checkpoint
    "langgraph-checkpoint-sqlite": "3.0.1",  # SQL injection through filters
    "langgraph": "1.0.10",
}


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


@pytest.mark.parametrize("name", FLOORS)
def test_no_vulnerable_version_may_be_installed(name: str) -> None:
    declared = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (asked,) = (each for each in declared if re.split(r"[<>=!~ ]", each)[0] == name)
    (floor,) = re.findall(r">=([\d.]+)", asked)
    assert _numbers(floor) >= _numbers(FLOORS[name])
    assert _numbers(version(name)) >= _numbers(floor)
    (locked,) = re.findall(
        rf"^{name}==([\d.]+)", Path("requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert _numbers(locked) >= _numbers(floor)

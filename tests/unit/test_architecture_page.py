"""`bot/README.md` is true: its floors are those of import-linter, and it names every folder and file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from bot.domain.states import ActionState

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "bot" / "README.md").read_text(encoding="utf-8")


def floors() -> list[str]:
    """Return the layers of import-linter's contract, from the top."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = (each for each in linter["contracts"] if each["type"] == "layers")
    found: list[str] = contract["layers"]
    return found


def test_its_floors_are_those_of_the_linter() -> None:
    (picture,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    drawn = [re.split(r" {2,}", line.strip())[0] for line in picture.splitlines()]
    assert drawn == floors()


def test_it_says_what_every_folder_and_file_is_for() -> None:
    answers = PAGE.split("## The folders")[1].split("\n## ")[0]
    named = set(re.findall(r"`([\w./]+)`", "".join(re.findall(r"^\| (.+?) \|", answers, re.MULTILINE))))
    folders = {f"{path.parent.name}/" for path in (ROOT / "bot").glob("*/__init__.py")}
    files = {path.name for path in (ROOT / "bot").glob("*.py") if path.name != "__init__.py"}
    assert named == folders | files


def test_it_draws_every_state_of_an_action() -> None:
    (picture,) = re.findall(r"^stateDiagram-v2\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"(\w+)(?= -->|:)", picture)) == {state.value for state in ActionState}

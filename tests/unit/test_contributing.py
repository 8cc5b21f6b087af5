"""CONTRIBUTING.md is true: the tests that it shows pass, and its commands are there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.examples import PAGE, shown

MAKEFILE = Path(__file__).parents[2] / "Makefile"


def test_the_test_of_a_rule_passes() -> None:
    shown("test_an_irreversible_kind_is_tier_3")()


def test_its_make_targets_are_those_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= targets
    assert targets - named <= {"help", "clean"}

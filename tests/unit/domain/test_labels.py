"""The rule for labels agrees with the pattern that the API's page shows to clients."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.labels import PATTERN, what_is_wrong


@given(st.text(min_size=1, max_size=12))
@example("a\n")
@example("\u3000a")
@example("नमस्ते\u200dक")
@example("\U000f0000")
def test_the_pattern_and_the_rule_agree(text: str) -> None:
    assert (what_is_wrong(text) is None) == bool(re.search(PATTERN, text))


@pytest.mark.parametrize("category", ["Cc", "Cs", "Co", "Zl", "Zp"])
def test_no_control_and_no_line_end_is_in_a_label(category: str) -> None:
    chars = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == category]
    assert chars
    assert [char for char in chars if what_is_wrong(f"a{char}b") is None] == []


@pytest.mark.parametrize("text", ["run-7", "заказ 12", "👩\u200d🚀", "a" * 200, "ⵣ", "می\u200cخواهم"])
def test_printable_text_of_any_script_is_a_label(text: str) -> None:
    assert what_is_wrong(text) is None

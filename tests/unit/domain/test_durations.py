"""Durations in text are exact in files that are read back, and never zero for people."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.durations import as_written, in_sentence, in_table, read_duration

YEAR = 365 * 86_400
SIZES = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}


@pytest.mark.parametrize(
    ("seconds", "sentence", "table", "written"),
    [
        (0, "0 seconds", "0s", "0s"),
        (0.4, "less than a second", "<1s", "0.4s"),
        (1, "1 second", "1s", "1s"),
        (59.6, "1 minute", "1m", "59.6s"),
        (61, "1 minute 1 second", "1m 1s", "61s"),
        (90, "1 minute 30 seconds", "1m 30s", "90s"),
        (1800, "30 minutes", "30m", "30m"),
        (3600, "1 hour", "1h", "1h"),
        (3661, "1 hour 1 minute", "1h 1m", "3661s"),
        (5400, "1 hour 30 minutes", "1h 30m", "90m"),
        (7205, "2 hours", "2h", "7205s"),
        (14400, "4 hours", "4h", "4h"),
        (90061, "1 day 1 hour", "1d 1h", "90061s"),
        (604800, "7 days", "7d", "7d"),
    ],
)
def test_a_duration_in_text(seconds: float, sentence: str, table: str, written: str) -> None:
    assert (in_sentence(seconds), in_table(seconds), as_written(seconds)) == (sentence, table, written)


@given(st.integers(1, YEAR))
def test_a_duration_of_a_policy_is_read_back_as_it_was_written(seconds: int) -> None:
    assert read_duration(as_written(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "0s", "-1m", "1.5h", "1h 30m", "30 m", "90", "1w", "١m", "1m\n"])
def test_other_texts_are_no_durations(text: str) -> None:
    assert read_duration(text) is None


@given(st.floats(0, YEAR, exclude_min=True))
@example(0.5)
@example(5e-324)
def test_a_duration_is_never_said_to_be_zero(seconds: float) -> None:
    assert not re.search(r"\b0", in_sentence(seconds))
    assert not re.search(r"\b0", in_table(seconds))


@given(st.floats(0, YEAR), st.floats(0, YEAR))
@example(59.6, 60.4)
def test_a_longer_duration_never_reads_as_a_shorter_one(one: float, other: float) -> None:
    shorter, longer = sorted((one, other))
    assert _meant(in_sentence(shorter)) <= _meant(in_sentence(longer))


@given(st.floats(1, YEAR))
def test_a_duration_has_at_most_two_adjacent_units(seconds: float) -> None:
    said = re.findall(r"(\d+) (day|hour|minute|second)(s?)", in_sentence(seconds))
    assert " ".join(f"{count} {unit}{plural}" for count, unit, plural in said) == in_sentence(seconds)
    assert all((plural == "") == (count == "1") for count, _, plural in said)
    order = [list(SIZES).index(unit) for _, unit, _ in said]
    assert order in [[order[0]], [order[0], order[0] + 1]]
    assert abs(_meant(in_sentence(seconds)) - seconds) <= SIZES[said[0][1]]
    assert in_table(seconds) == " ".join(f"{count}{unit[0]}" for count, unit, _ in said)


def _meant(words: str) -> float:
    if words == "less than a second":
        return 0.5
    return sum(
        int(count) * SIZES[unit] for count, unit in re.findall(r"(\d+) (day|hour|minute|second)", words)
    )

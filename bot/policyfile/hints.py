"""Hints for misspelt names in a policy file."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.spelling import nearest


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint with the most similar known word, or else with the known words."""
    words = sorted(known)
    if (near := nearest(word, words)) is not None:
        return f"did you mean {near}?"
    if not words:
        return ""
    return f"known: {', '.join(words[:14])}{' …' if len(words) > 14 else ''}"

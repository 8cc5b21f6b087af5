"""The judgement of a condition on a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Judgement = int
"""NO, YES or DOUBT. The last two are true: doubt counts as matched."""
NO: Judgement = 0
YES: Judgement = 1
DOUBT: Judgement = 2

Judge = Callable[[Any], Judgement]
"""Judges one value."""

"""Verdicts of a judge on a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Verdict = int
"""NO, YES or DOUBT. The last two are true: doubt counts as matched."""
NO: Verdict = 0
YES: Verdict = 1
DOUBT: Verdict = 2

Judge = Callable[[Any], Verdict]
"""Judges one value."""

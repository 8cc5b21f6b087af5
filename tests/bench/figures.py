"""A benchmark's figure, its aim, and its printed form."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `aim` is an upper bound, or a lower one where `more_is_better`; None: report."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    more_is_better: bool = False
    note: str = ""
    """The limiting factor, printed when the aim is missed."""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.more_is_better else self.value <= self.aim

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return {**asdict(self), "met": self.met}

    def __str__(self) -> str:
        sign = "" if self.aim is None else ("≥" if self.more_is_better else "≤")
        aim = "" if self.aim is None else f"{sign} {self.aim:g}"
        mark = {True: "met", False: "MISSED", None: "–"}[self.met]
        line = f"{self.name:<78} {self.value:>12,.2f} {self.unit:<8} {aim:>10}  {mark}"
        if not self.note or self.met:
            return line
        return f"{line}\n{textwrap.fill(self.note, 110, initial_indent='    ', subsequent_indent='    ')}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile, `share` from 0 to 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def p99(values: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return percentile(values, 0.99)


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)

"""Something that does not hold, and the checks that look for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.chaos.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be. `about` are the ids to look up in the journal."""

    rule: str
    what: str
    about: tuple[str, ...] = ()


Check = Callable[[Evidence], Iterator[Violation]]

"""The tests that CONTRIBUTING.md shows: they run beside those of the folder that each is for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"


def shown(name: str) -> Callable[..., Any]:
    """Return the test of that name on the page."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = (block for block in blocks if f"def {name}(" in block)
    names: dict[str, Any] = {"__name__": name}
    exec(compile(code, str(PAGE), "exec"), names)
    found: Callable[..., Any] = names[name]
    return found

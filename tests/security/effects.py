"""What the hosted graphs did. A module of its own, since the host imports the graphs under another name."""

from __future__ import annotations

from typing import Any

done: list[Any] = []

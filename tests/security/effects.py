"""The effects of the hosted graphs. A separate module: the host imports the graphs under another name."""

from __future__ import annotations

from typing import Any

done: list[Any] = []

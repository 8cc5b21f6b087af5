"""Graphs that the bot hosts in the tests. They write a line per effect to a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import START, StateGraph

from bot.graph import Execution, gate_graph

VARIABLE = "ACCEPTANCE_LEDGER"
"""The environment names the file."""


def effect(run: Execution) -> dict[str, Any]:
    """Write a line, then fail if the arguments say so."""
    line = {"key": run.key, "kind": run.kind, "args": run.args, "attempt": run.attempt}
    with Path(os.environ[VARIABLE]).open("a") as file:
        file.write(json.dumps(line) + "\n")
    if "fail" in run.args:
        raise RuntimeError(run.args["fail"])
    return {"written": run.kind}


class _Nothing(TypedDict):
    why: str


def _raises(state: _Nothing) -> _Nothing:
    raise ValueError(f"this graph is broken: {state['why']}")


_broken = StateGraph(_Nothing)
_broken.add_node("raises", _raises)
_broken.add_edge(START, "raises")

graph = gate_graph(effect).compile()
broken = _broken.compile()

"""Graphs that misbehave like a beginner's: they hang, block the event loop, or print."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt


class State(TypedDict, total=False):
    text: str


def _hang(state: State) -> dict[str, Any]:
    print("hanging:", state["text"])
    threading.Event().wait()
    return {}


def _hang_elsewhere(state: State) -> dict[str, Any]:
    print("hanging:", state["text"])
    with ThreadPoolExecutor(1) as pool:  # the interpreter waits for its threads
        pool.submit(threading.Event().wait)
    return {}


@tool
async def sleepy(seconds: float) -> str:
    """Sleep as one should not."""
    time.sleep(seconds)
    return "slept"


async def _hold(state: State) -> dict[str, Any]:
    return {"text": await sleepy.ainvoke({"seconds": float(state["text"])})}


def _chatter(state: State) -> dict[str, Any]:
    print(state["text"])
    sys.stdout.buffer.write(b"in bytes\n")
    print("no newline,", end="")
    print(" then one")
    print("to stderr", file=sys.stderr)
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return {}


def _ask(state: State) -> dict[str, Any]:
    return {"text": interrupt({"question": "Which address?", "note": state["text"]})}


def _graph(node: Any) -> Any:
    return StateGraph(State).add_node("node", node).add_edge(START, "node").compile()


hang, elsewhere, hold, chatter = _graph(_hang), _graph(_hang_elsewhere), _graph(_hold), _graph(_chatter)
asks = _graph(_ask)

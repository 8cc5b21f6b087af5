"""Graphs whose synchronous code blocks until a test releases it."""

from __future__ import annotations

import threading
from typing import Any, TypedDict

from langgraph.graph import START, StateGraph

go = threading.Event()
entered = threading.Semaphore(0)
ran: list[str] = []


class State(TypedDict, total=False):
    name: str


def hang(state: State) -> dict[str, Any]:
    print("waiting", state["name"])
    entered.release()
    go.wait()
    return {}


def quick(state: State) -> dict[str, Any]:
    ran.append(state["name"])
    return {}


hanging = StateGraph(State).add_node("hang", hang).add_edge(START, "hang")
fine = StateGraph(State).add_node("quick", quick).add_edge(START, "quick")

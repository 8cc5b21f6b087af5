"""Hosted LangGraph graphs: the gate that authors build on, and the host that runs their threads.

What an author of a graph needs is here:

    gate_graph(effect)                           a graph of one gated action
    add_gate(builder, effect=…, propose=…)       the same as nodes of their own StateGraph
    MembraneMiddleware()                         gates every tool of a LangChain agent
    execution()                                  inside an effect: its idempotency key and attempt
"""

from __future__ import annotations

import os

os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"  # read when langgraph is imported, so it stands before that

from bot.graph.answer import Answer
from bot.graph.execution import Execution, execution
from bot.graph.gate import Gate, Settled, add_gate, gate_graph
from bot.graph.gate_payload import Proposal
from bot.graph.middleware import MembraneMiddleware

__all__ = [
    "Answer",
    "Execution",
    "Gate",
    "MembraneMiddleware",
    "Proposal",
    "Settled",
    "add_gate",
    "execution",
    "gate_graph",
]

"""The graphs of the tests' host. It imports this file under another name, but the graphs are the same."""

from tests.integration.graph.agents import (
    batched,
    gated,
    harmless,
    nested_agent,
    one,
    one_blocking,
    own_graph,
    per_call,
    raising,
    strange,
    supervisor,
    two_gates,
    ungated,
    with_stock_agent,
    with_sub_agent,
    with_sync_stock_agent,
)

__all__ = [
    "batched",
    "gated",
    "harmless",
    "nested_agent",
    "one",
    "one_blocking",
    "own_graph",
    "per_call",
    "raising",
    "strange",
    "supervisor",
    "two_gates",
    "ungated",
    "with_stock_agent",
    "with_sub_agent",
    "with_sync_stock_agent",
]

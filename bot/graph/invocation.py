"""Invokes a hosted graph in its run context, and reads the state that it saved."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot

from bot.domain.hosting import ThreadRecord
from bot.graph.code_origin import code_from
from bot.graph.loader import Hosted
from bot.graph.run_context import RunContext, entered


async def invoke(hosted: Hosted, given: Any, config: RunnableConfig, context: RunContext) -> None:
    """Run a graph. Afterwards nothing of it starts, and the reports of its tools are written.

    A cancelled run does not wait for the reports and saves nothing more: the host waits when it stops.
    """
    cut = await context.membrane.scrubber.text_scrubber(context.thread.id)
    try:
        with entered(context), code_from(context.thread.id, cut), closing(context.permits):
            await hosted.graph.ainvoke(given, config, durability="sync")
    except Exception:
        await context.reports.written()
        raise
    except asyncio.CancelledError:
        context.reports.abandon()
        raise
    await context.reports.written()


async def saved_state(hosted: Hosted, thread: ThreadRecord) -> StateSnapshot:
    """Return a thread's saved state, with its sub-graphs."""
    return await hosted.graph.aget_state({"configurable": {"thread_id": thread.id}}, subgraphs=True)

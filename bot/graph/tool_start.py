"""One start of a tool: its arguments as the tool reads them, the permit that fits, or why none does."""

from __future__ import annotations

import sys
from typing import Any

from langchain_core.tools import BaseTool

from bot.domain.action import Action
from bot.domain.digest import is_version_1
from bot.errors import BadAction
from bot.graph.run_context import RunContext
from bot.graph.stop_reasons import ARGS_CHANGED, READ_OTHERWISE, Stop, already_used, not_asked
from bot.graph.tool_arguments import read_args, read_text
from bot.graph.tool_permits import Permit


class ToolStart:
    """One start of a tool in a hosted run, with the arguments as the tool reads them."""

    def __init__(
        self, context: RunContext, tool: str, call_id: str | None, given: dict[str, Any] | str
    ) -> None:
        self._context, self._tool, self._call_id = context, tool, call_id
        self._kind, self._given = context.kind_of_tool(tool), given
        self._unread: str | None = None
        self._args: dict[str, Any] = {}
        try:
            found = _starting_tool(tool)
            self._args = read_text(found, given) if isinstance(given, str) else read_args(found, given)
        except BadAction as bad:
            self._unread = str(bad)

    def permit(self) -> Permit | None:
        """Return the permit that this start uses; None if there is none."""
        return self._context.permits.take(self._tool, self._kind, self._call_id, self._same)

    def why_stopped(self) -> tuple[Stop, Permit | None]:
        """Return why there is no permit, and this call's own permit if it starts with other arguments."""
        alike = self._context.permits.like(self._tool, self._kind, self._call_id)
        if self._unread is not None:
            return self._stop(self._unread, "arguments unread"), None
        if used := next((each for each in alike if self._same(each)), None):
            return self._stop(already_used(used), "claim used"), None
        if sent := next((each for each in alike if each.open and self._as_sent(each)), None):
            return self._stop(READ_OTHERWISE, "arguments read otherwise"), sent
        if own := next((each for each in alike if self._call_id and each.call_id == self._call_id), None):
            return self._stop(ARGS_CHANGED, "arguments changed"), own
        tier = self._context.membrane.policy.strictest(self._kind)
        return self._stop(not_asked(self._kind, tier), "no claim"), None

    def _stop(self, why: str, code: str) -> Stop:
        return Stop(self._tool, self._kind, why, code)

    def _same(self, permit: Permit) -> bool:
        """Whether this starts with exactly the arguments of a permit."""
        if self._unread is not None:
            return False
        # Earlier releases asked about the arguments as they were sent.
        return self._fits(permit, self._args) or (
            is_version_1(permit.action.args_digest) and self._as_sent(permit)
        )

    def _as_sent(self, permit: Permit) -> bool:
        return isinstance(self._given, dict) and self._fits(permit, self._given)

    def _fits(self, permit: Permit, args: dict[str, Any]) -> bool:
        try:
            action = Action.of(permit.action.kind, args, agent=permit.action.agent)
        except BadAction:
            return False
        return self._context.membrane.digest_fits(permit.action.args_digest, action)


_STARTS = {BaseTool.run.__code__, BaseTool.arun.__code__}


def _starting_tool(name: str) -> BaseTool:
    """Return the tool that starts, read from the call stack: LangChain gives callbacks only its name.

    Raises BadAction if LangChain's own code does not start it.
    """
    frame = sys._getframe()  # noqa: SLF001 - the tool is nowhere else
    while frame is not None and frame.f_code not in _STARTS:
        frame = frame.f_back  # type: ignore[assignment]
    tool = frame.f_locals.get("self") if frame is not None else None
    if not isinstance(tool, BaseTool) or tool.name != name:
        raise BadAction("it is not started by LangChain's own BaseTool.run, so its arguments cannot be read")
    return tool

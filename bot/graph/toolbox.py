"""The tools of a hosted graph by name. With them the host reads the calls of stock agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.tools import BaseTool

from bot.domain.action import MAX_DESCRIPTION, Action
from bot.domain.hosting import ThreadRecord
from bot.errors import BadAction
from bot.graph.gate_payload import action_of
from bot.graph.tool_arguments import Unfit, read_args

KindOfTool = Callable[[str], str]
SAME_ID = (
    "several calls of this message have the id {id}, so their answers could not be told apart; give each "
    "call an id of its own"
)


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The visible tools of a graph. `complete` says that its agents can have no other tools."""

    tools: Mapping[str, Sequence[BaseTool]] = field(default_factory=dict)
    complete: bool = False

    def action(
        self, request: Mapping[str, Any], thread: ThreadRecord, kind_of_tool: KindOfTool, *, own: bool
    ) -> Action:
        """Return the action of a tool call, with its arguments as the tool reads them.

        `own` says that a visible agent of the graph made the call, so that a tool which is not here does not
        exist. Raises Unfit with the text that a ToolNode would give the model, or BadAction if the call
        cannot be put before a person.
        """
        name = str(request.get("name"))
        description = str(request.get("description") or "")
        if description.endswith(f"Tool: {name}\nArgs: {request.get('args')}"):
            description = ""  # LangChain's default text only repeats the arguments, and the card shows them
        proposal = {
            "kind": kind_of_tool(name),
            "args": self._args(name, request.get("args"), own=own),
            "description": description[:MAX_DESCRIPTION] or None,
        }
        return action_of(proposal, thread)

    def _args(self, name: str, given: Any, *, own: bool) -> Any:
        found = self.tools.get(name, ())
        if not found and own and self.complete:
            raise Unfit(f"{name} is not a valid tool, try one of {sorted(self.tools)}")
        if not isinstance(given, dict) or not found:
            return given
        read = [read_args(tool, given) for tool in found]
        if any(each != read[0] for each in read):
            raise BadAction(
                f"the graph has several tools named {name}, which read these arguments differently"
            )
        return read[0]

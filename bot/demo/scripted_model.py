"""A chat model that needs no network: it plays the scripted turns of each ticket.

It is a LangChain chat model like any other. With another model, an agent built on it becomes a real one.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

TICKET = re.compile(r"\bT-\d+\b")


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One tool call of a turn."""

    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """The text and tool calls of the model in one turn.

    A turn with `then` is played only if every tool call of the turn before was executed: nobody writes "your
    money is on its way" about a rejected refund.
    """

    text: str
    uses: tuple[ToolUse, ...] = ()
    then: bool = False


Script = Sequence[Turn]


class ScriptedModel(BaseChatModel):
    """Plays the script of the ticket that the thread was started with, one turn per call.

    After the last turn it sums up what the tools said, as a model would. The summary shows that an agent can
    tell "nobody answered" from "a person said no".
    """

    scripts: Mapping[str, Script]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],  # noqa: ARG002 - the script knows them
        *,
        tool_choice: str | None = None,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,  # noqa: ARG002
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model itself: the script names the tools to call."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's signature
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResult:
        script = self.scripts[ticket_of(messages)]
        spoken = sum(isinstance(message, AIMessage) for message in messages)
        turn = script[spoken] if spoken < len(script) else None
        if turn is None or (turn.then and not _carried_out(messages)):
            return _say(_summary(messages))
        return _say(turn.text, turn.uses)


def ticket_of(messages: Sequence[BaseMessage]) -> str:
    """Return the ticket of a conversation. Raises ValueError if it names none."""
    for message in messages:
        if isinstance(message, HumanMessage) and (found := TICKET.search(message.text)):
            return found[0]
    raise ValueError("the conversation names no ticket (T-1041), so there is nothing to play")


def _last_answers(messages: Sequence[BaseMessage]) -> list[ToolMessage]:
    answers: list[ToolMessage] = []
    for message in reversed(messages):
        if not isinstance(message, ToolMessage):
            break
        answers.insert(0, message)
    return answers


def _carried_out(messages: Sequence[BaseMessage]) -> bool:
    return all(answer.status != "error" for answer in _last_answers(messages))


def _summary(messages: Sequence[BaseMessage]) -> str:
    said = [answer.text for answer in _last_answers(messages) if answer.status == "error"]
    return f"I stop here: {'; '.join(said)}" if said else "Done."


def _say(text: str, uses: Sequence[ToolUse] = ()) -> ChatResult:
    calls = [
        {"type": "tool_call", "name": use.name, "args": dict(use.args), "id": f"call_{uuid.uuid4().hex}"}
        for use in uses
    ]
    return ChatResult(generations=[ChatGeneration(message=AIMessage(text, tool_calls=calls))])

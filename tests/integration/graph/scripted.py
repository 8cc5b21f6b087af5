"""A chat model without a network: it answers from a script, so a thread can run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

Turn = str | list[tuple[str, dict[str, Any]]]
"""What the model says in one turn: a text, or calls of tools with their arguments."""


class ScriptedModel(BaseChatModel):
    """Answers the n-th time with the n-th turn of the script that the user's message names."""

    scripts: dict[str, list[Turn]]
    one_id: dict[str, str] = Field(default_factory=dict)
    """The id that all calls of a script have, as some models answer."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> ScriptedModel:
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked = [message for message in messages if isinstance(message, HumanMessage)][-1]
        spoken = sum(isinstance(each, AIMessage) for each in messages[messages.index(asked) :])
        script = self.scripts[asked.text]
        turn = script[spoken] if spoken < len(script) else "done"
        if isinstance(turn, str):
            return ChatResult(generations=[ChatGeneration(message=AIMessage(turn))])
        calls = [
            {"name": name, "args": args, "id": self.one_id.get(asked.text) or f"call_{spoken}_{index}"}
            for index, (name, args) in enumerate(turn)
        ]
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=calls))])


def say(text: str) -> dict[str, Any]:
    """Return the input of a thread: the user's message."""
    return {"messages": [{"role": "user", "content": text}]}

"""The scripted model plays its tickets like a chat model and heeds its tools' results."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from bot.demo.day import CRM_TICKETS, HOSTED, SUPPORT_TICKETS
from bot.demo.scripted_model import ScriptedModel, ToolUse, Turn, ticket_of

MODEL = ScriptedModel(
    scripts={
        "T-1": (
            Turn("I refund it.", (ToolUse("issue_refund", {"amount": 9}),)),
            Turn("I write.", (ToolUse("send_email", {}),), then=True),
        )
    }
)
ASKED: list[BaseMessage] = [HumanMessage("T-1: my money, please")]


def test_a_turn_calls_its_tools_with_ids_of_their_own() -> None:
    said, again = MODEL.invoke(ASKED), MODEL.invoke(ASKED)
    assert said.text == "I refund it."
    assert said.tool_calls[0]["name"] == "issue_refund"
    assert said.tool_calls[0]["args"] == {"amount": 9}
    assert said.tool_calls[0]["id"] != again.tool_calls[0]["id"]


def _after(status: str, text: str) -> AIMessage:
    call = MODEL.invoke(ASKED)
    told = ToolMessage(text, tool_call_id=call.tool_calls[0]["id"], status=status)
    return MODEL.invoke([*ASKED, call, told])


def test_the_model_goes_on_when_the_tool_was_carried_out() -> None:
    assert _after("success", "{}").tool_calls[0]["name"] == "send_email"


def test_the_model_stops_and_says_why_when_the_tool_was_not_carried_out() -> None:
    said = _after("error", "issue_refund was not run: rejected by U0CLEO")
    assert said.tool_calls == []
    assert "rejected by U0CLEO" in said.text


def test_the_model_ends_after_the_last_turn() -> None:
    two = [AIMessage("one"), AIMessage("two")]
    assert MODEL.invoke([*ASKED, *two]).text == "Done."


def test_binding_tools_keeps_the_script() -> None:
    assert MODEL.bind_tools([]) is MODEL


def test_a_conversation_without_a_ticket_is_an_error() -> None:
    with pytest.raises(ValueError, match="names no ticket"):
        ticket_of([HumanMessage("hello")])


def test_every_ticket_of_the_day_has_a_script() -> None:
    known = {*SUPPORT_TICKETS, *CRM_TICKETS}
    for job in HOSTED:
        if "messages" in job.given:
            assert ticket_of([HumanMessage(job.given["messages"][0]["content"])]) in known

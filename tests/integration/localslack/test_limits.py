"""Each documented limit: at the limit it passes, one above it is refused."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack
from tests.integration.localslack.conftest import button, card

Blocks = list[dict[str, Any]]


def text(size: int, kind: str = "mrkdwn") -> dict[str, Any]:
    return {"type": kind, "text": "x" * size}


def plain(size: int) -> dict[str, Any]:
    return text(size, "plain_text")


def section(size: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": text(size), **more}


def actions(*elements: dict[str, Any]) -> Blocks:
    return [{"type": "actions", "elements": list(elements)}]


def buttons(count: int) -> Blocks:
    return actions(*(button(f"b{n}") for n in range(count)))


def option(text_size: int = 5, value_size: int = 5, mark: str = "") -> dict[str, Any]:
    return {"text": plain(text_size), "value": mark + "v" * (value_size - len(mark))}


def select(options: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "s", "options": options, **more}


def confirm(title: int = 5, body: int = 5, yes: int = 5, no: int = 5) -> Blocks:
    dialog = {"title": plain(title), "text": text(body), "confirm": plain(yes), "deny": plain(no)}
    return actions(button(confirm=dialog))


def radio(count: int) -> Blocks:
    element = {
        "type": "radio_buttons",
        "action_id": "r",
        "options": [option(mark=str(n)) for n in range(count)],
    }
    return actions(element)


# The limited part, a value that passes, a value that does not.
MESSAGE_LIMITS: dict[str, tuple[Blocks, Blocks]] = {
    "blocks": ([{"type": "divider"}] * 50, [{"type": "divider"}] * 51),
    "section text": ([section(3000)], [section(3001)]),
    "section text must not be empty": ([section(1)], [section(0)]),
    "section needs text or fields": ([{"type": "section", "fields": [text(1)]}], [{"type": "section"}]),
    "fields": ([section(fields=[text(1)] * 10)], [section(fields=[text(1)] * 11)]),
    "field text": ([section(fields=[text(2000)])], [section(fields=[text(2001)])]),
    "header": ([{"type": "header", "text": plain(150)}], [{"type": "header", "text": plain(151)}]),
    "header is plain": ([{"type": "header", "text": plain(5)}], [{"type": "header", "text": text(5)}]),
    "context": (
        [{"type": "context", "elements": [text(1)] * 10}],
        [{"type": "context", "elements": [text(1)] * 11}],
    ),
    "actions": (buttons(25), buttons(26)),
    "actions must not be empty": (buttons(1), buttons(0)),
    "button text": (actions(button(text=plain(75))), actions(button(text=plain(76)))),
    "button value": (actions(button(value="v" * 2000)), actions(button(value="v" * 2001))),
    "button style": (actions(button(style="danger")), actions(button(style="warning"))),
    "button url": (actions(button(url="u" * 3000)), actions(button(url="u" * 3001))),
    "action_id": (actions(button("a" * 255)), actions(button("a" * 256))),
    "action_id is unique in a block": (actions(button("a"), button("b")), actions(button("a"), button("a"))),
    "block_id": ([section(block_id="b" * 255)], [section(block_id="b" * 256)]),
    "block_id is unique": (
        [section(block_id="a"), section(block_id="b")],
        [section(block_id="a"), section(block_id="a")],
    ),
    "options": (
        actions(select([option(mark=f"{n:03}") for n in range(100)])),
        actions(select([option()] * 101)),
    ),
    "option text": (actions(select([option(75)])), actions(select([option(76)]))),
    "option value": (actions(select([option(5, 150)])), actions(select([option(5, 151)]))),
    "initial option": (
        actions(select([option()], initial_option=option())),
        actions(select([option()], initial_option=option(6))),
    ),
    "placeholder": (
        actions(select([option()], placeholder=plain(150))),
        actions(select([option()], placeholder=plain(151))),
    ),
    "radio buttons": (radio(10), radio(11)),
    "confirm title": (confirm(title=100), confirm(title=101)),
    "confirm text": (confirm(body=300), confirm(body=301)),
    "confirm button": (confirm(yes=30), confirm(yes=31)),
    "confirm deny": (confirm(no=30), confirm(no=31)),
    "block types": ([section()], [{"type": "marquee"}]),
    "element types": (buttons(1), actions({"type": "plain_text_input", "action_id": "t"})),
    "unknown fields": ([section()], [section(colour="red")]),
    "texts are objects": ([section()], [{"type": "section", "text": "x"}]),
}


@pytest.mark.parametrize("limit", MESSAGE_LIMITS)
async def test_message_limits(web: AsyncWebClient, limit: str) -> None:
    fits, too_much = MESSAGE_LIMITS[limit]
    ts = (await web.chat_postMessage(channel="C0APPR", text="t", blocks=fits))["ts"]
    with pytest.raises(SlackApiError) as posted:
        await web.chat_postMessage(channel="C0APPR", text="t", blocks=too_much)
    with pytest.raises(SlackApiError) as updated:
        await web.chat_update(channel="C0APPR", ts=ts, text="t", blocks=too_much)
    for refused in (posted, updated):
        answer = refused.value.response
        assert answer["error"] == "invalid_blocks"
        assert all("[json-pointer:/blocks" in message for message in answer["response_metadata"]["messages"])


async def test_the_text_of_all_blocks_together(web: AsyncWebClient) -> None:
    await web.chat_postMessage(channel="C0APPR", text="t", blocks=[section(2750)] * 4)
    with pytest.raises(SlackApiError, match="msg_blocks_too_long"):
        await web.chat_postMessage(channel="C0APPR", text="t", blocks=[*[section(2750)] * 4, section(1)])


async def test_long_text_is_cut_when_posted_and_refused_when_updated(web: AsyncWebClient) -> None:
    posted = await web.chat_postMessage(channel="C0APPR", text="x" * 40_001)
    assert len(posted["message"]["text"]) == 40_000
    assert posted["response_metadata"]["warnings"] == ["message_truncated"]
    await web.chat_update(channel="C0APPR", ts=posted["ts"], text="x" * 4000)
    with pytest.raises(SlackApiError, match="msg_too_long"):
        await web.chat_update(channel="C0APPR", ts=posted["ts"], text="x" * 4001)


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"event_type": "e", "event_payload": {"big": "x" * 8000}}, "metadata_too_large"),
        ({"event_type": "e"}, "invalid_metadata_format"),
        ({"event_payload": {}}, "invalid_metadata_format"),
        ([], "invalid_metadata_format"),
        ("{", "invalid_metadata_format"),
    ],
)
async def test_metadata(web: AsyncWebClient, metadata: Any, error: str) -> None:
    body = {"channel": "C0APPR", "text": "t", "metadata": metadata}
    with pytest.raises(SlackApiError, match=error):
        await web.api_call("chat.postMessage", json=body)


@pytest.mark.parametrize("blocks", ["{", '"text"', '{"type": "section"}'])
async def test_blocks_that_are_not_a_list_are_refused(web: AsyncWebClient, blocks: str) -> None:
    with pytest.raises(SlackApiError, match="invalid_blocks_format"):
        await web.api_call("chat.postMessage", json={"channel": "C0APPR", "text": "t", "blocks": blocks})


def modal(**more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain(24), "blocks": [section()], **more}


def asking(**element: Any) -> dict[str, Any]:
    field = {"type": "plain_text_input", "action_id": "t", **element}
    return modal(submit=plain(4), blocks=[{"type": "input", "label": plain(5), "element": field}])


VIEW_LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "title": (modal(), modal(title=plain(25))),
    "title is needed": (modal(), modal(title=None)),
    "submit": (modal(submit=plain(24)), modal(submit=plain(25))),
    "submit is needed with inputs": (asking(), {**asking(), "submit": None}),
    "close": (modal(close=plain(24)), modal(close=plain(25))),
    "blocks": (modal(blocks=[{"type": "divider"}] * 100), modal(blocks=[{"type": "divider"}] * 101)),
    "private_metadata": (modal(private_metadata="x" * 3000), modal(private_metadata="x" * 3001)),
    "callback_id": (modal(callback_id="x" * 255), modal(callback_id="x" * 256)),
    "external_id": (modal(external_id="x" * 255), modal(external_id="x" * 256)),
    "type": (modal(), modal(type="home")),
    "unknown fields": (modal(), modal(colour="red")),
    "input max_length": (asking(max_length=3000), asking(max_length=3001)),
    "input min_length": (asking(min_length=3000), asking(min_length=3001)),
    "input initial_value": (
        asking(initial_value="x" * 10, max_length=10),
        asking(initial_value="x" * 11, max_length=10),
    ),
}


@pytest.mark.parametrize("limit", VIEW_LIMITS)
async def test_modal_limits(slack: LocalSlack, web: AsyncWebClient, limit: str) -> None:
    fits, too_much = VIEW_LIMITS[limit]
    assert (await web.views_open(trigger_id=slack.state.triggers.issue("U0AAA"), view=fits))["ok"]
    trigger_id = slack.state.triggers.issue("U0AAA")
    with pytest.raises(SlackApiError) as refused:
        await web.views_open(trigger_id=trigger_id, view=too_much)
    assert refused.value.response["error"] == "invalid_arguments"
    assert "[json-pointer:/view" in refused.value.response["response_metadata"]["messages"][0]
    assert (await web.views_open(trigger_id=trigger_id, view=modal()))["ok"], (
        "a refusal must not spend the trigger"
    )


async def test_a_huge_view(slack: LocalSlack, web: AsyncWebClient) -> None:
    huge = modal(blocks=[section(3000)] * 90)
    with pytest.raises(SlackApiError, match="view_too_large"):
        await web.views_open(trigger_id=slack.state.triggers.issue("U0AAA"), view=huge)


async def test_ids_that_the_app_left_out_are_generated(web: AsyncWebClient) -> None:
    nameless = button()
    del nameless["action_id"]
    posted = await web.chat_postMessage(channel="C0APPR", text="t", blocks=[*actions(nameless), *card()])
    first = posted["message"]["blocks"][0]
    assert first["block_id"]
    assert first["elements"][0]["action_id"]

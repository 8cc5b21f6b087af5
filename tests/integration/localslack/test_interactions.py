"""People click, and a real Bolt app in Socket Mode answers."""

import asyncio
from functools import partial
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack, Person, PersonError
from tests.integration.localslack.conftest import Clock, Connect, button, card
from tests.waiting import eventually

META = {"event_type": "card", "event_payload": {"card": "c1"}}
MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "reason",
    "notify_on_close": True,
    "private_metadata": "r1",
    "title": {"type": "plain_text", "text": "Reject"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why?"},
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True, "min_length": 3},
        }
    ],
}


async def test_a_click_reaches_bolt_and_the_card_is_redrawn(
    app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    seen: list[dict[str, Any]] = []

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        seen.append(body)
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text="Approved", blocks=[]
        )

    async with connected(app):
        posted = await web.chat_postMessage(
            channel="#agent-approvals", text="a card", blocks=card(), metadata=META
        )
        clicked = await ada.click("#agent-approvals", posted["ts"], "approve")
        assert (clicked.acked, clicked.reason) == (True, "ok")
        shown = await ada.wait_for_message("#agent-approvals", "Approved")
    assert shown["ts"] == posted["ts"]
    body = seen[0]
    assert body["type"] == "block_actions"
    assert body["user"]["id"] == "U0AAA"
    assert body["team"]["id"] == "T0LOCAL"
    assert body["api_app_id"] == "A0CHECKPOINT"
    assert body["container"] == {
        "type": "message",
        "message_ts": posted["ts"],
        "channel_id": "C0APPR",
        "is_ephemeral": False,
    }
    assert body["channel"] == {"id": "C0APPR", "name": "agent-approvals"}
    assert body["message"]["blocks"][1]["elements"][0]["action_id"] == "approve"
    assert body["message"]["metadata"] == META
    action = body["actions"][0]
    assert (action["action_id"], action["block_id"], action["value"], action["type"]) == (
        "approve",
        "answers",
        "1",
        "button",
    )


async def test_a_response_url_answers_five_times(
    app: AsyncApp, web: AsyncWebClient, ada: Person, ben: Person, connected: Connect
) -> None:
    answers: list[Any] = []

    @app.action("approve")
    async def approve(ack: Any, respond: Any) -> None:
        await ack()
        answers.extend([await respond(f"no. {n}", replace_original=False) for n in range(6)])

    async with connected(app):
        ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
        await ada.click("C0APPR", ts, "approve")
        shown = await ada.wait_for_message("C0APPR", lambda m: m["text"] == "no. 4")
        async with asyncio.timeout(60):
            while len(answers) < 6:
                await asyncio.sleep(0.01)
    assert shown["ephemeral"]
    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert len(await ben.messages("C0APPR")) == 1


async def test_a_response_url_replaces_and_deletes(
    app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    @app.action("replace")
    async def replace(ack: Any, respond: Any) -> None:
        await respond("another", replace_original=True)
        await ack()

    @app.action("delete")
    async def delete(ack: Any, respond: Any) -> None:
        await respond(delete_original=True)
        await ack()

    @app.action("tell")
    async def tell(ack: Any, respond: Any) -> None:
        await respond("to all", response_type="in_channel", replace_original=False)
        await ack()

    async with connected(app):
        blocks = card(button("replace"), button("delete"), button("tell"))
        ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=blocks))["ts"]
        await ada.click("C0APPR", ts, "tell")
        assert not (await ada.wait_for_message("C0APPR", "to all"))["ephemeral"]
        await ada.click("C0APPR", ts, "delete")
        assert ts not in [m["ts"] for m in await ada.messages("C0APPR")]
        ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=blocks))["ts"]
        await ada.click("C0APPR", ts, "replace")
        replaced = (await ada.messages("C0APPR"))[-1]
    assert (replaced["ts"], replaced["text"], replaced["blocks"]) == (ts, "another", None)


async def test_an_ephemeral_answer_can_be_clicked_by_its_reader_only(
    app: AsyncApp, web: AsyncWebClient, ada: Person, ben: Person, connected: Connect
) -> None:
    bodies: list[dict[str, Any]] = []

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        bodies.append(body)

    async with connected(app):
        await web.chat_postEphemeral(channel="C0APPR", user="U0AAA", text="just you", blocks=card())
        message = await ada.wait_for_message("C0APPR", "Refund")
        assert (await ada.click("C0APPR", message, "approve")).acked
        with pytest.raises(PersonError, match="no message"):
            await ben.click("C0APPR", message, "approve")
    assert bodies[0]["container"]["is_ephemeral"]
    assert "message" not in bodies[0]


async def test_a_select_in_a_message(
    app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    bodies: list[dict[str, Any]] = []

    @app.action("pick")
    async def pick(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        bodies.append(body)

    options = [{"text": {"type": "plain_text", "text": f"No. {n}"}, "value": str(n)} for n in range(3)]
    async with connected(app):
        blocks = card({"type": "static_select", "action_id": "pick", "options": options})
        ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=blocks))["ts"]
        await ada.click("C0APPR", ts, "pick", chosen="2")
    assert bodies[0]["actions"][0]["selected_option"] == options[2]
    assert bodies[0]["state"]["values"]["answers"]["pick"]["selected_option"] == options[2]


@pytest.mark.parametrize("answer", ["close", "errors", "update", "push", "clear"])
async def test_a_modal_is_opened_filled_and_submitted(
    answer: str, app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    submitted: list[dict[str, Any]] = []
    other = {**MODAL, "title": {"type": "plain_text", "text": "Sure?"}}
    responses: dict[str, dict[str, Any]] = {
        "close": {},
        "errors": {"response_action": "errors", "errors": {"why": "Say more."}},
        "update": {"response_action": "update", "view": other},
        "push": {"response_action": "push", "view": other},
        "clear": {"response_action": "clear"},
    }

    @app.action("approve")
    async def reject(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        await ack()

    @app.view("reason")
    async def reason(ack: Any, body: dict[str, Any]) -> None:
        submitted.append(body)
        await ack(**responses[answer])

    async with connected(app):
        ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
        await ada.click("C0APPR", ts, "approve")
        view = await ada.wait_for_view("Reject")
        assert (await ada.submit(view, {"text": ""})).errors == {
            "why": "Please complete this required field."
        }
        assert (await ada.submit(view, {"text": "no"})).errors == {
            "why": "Please enter at least 3 characters."
        }
        assert not submitted
        result = await ada.submit(view, {"text": "too much"})
        assert result.acked
        views = (await ada.state())["views"]
    body = submitted[0]
    assert body["view"]["state"]["values"] == {
        "why": {"text": {"type": "plain_text_input", "value": "too much"}}
    }
    assert (body["view"]["private_metadata"], body["response_urls"]) == ("r1", [])
    assert [view["title"]["text"] for view in views] == {
        "close": [],
        "errors": ["Reject"],
        "update": ["Sure?"],
        "push": ["Reject", "Sure?"],
        "clear": [],
    }[answer]
    assert result.errors == ({"why": "Say more."} if answer == "errors" else {})


async def test_the_bot_hears_of_a_closed_modal_if_it_asked_for_it(
    app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    closed: list[dict[str, Any]] = []

    @app.action("approve")
    async def reject(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        await ack()

    @app.view_closed("reason")
    async def reason(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        closed.append(body)

    async with connected(app):
        ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
        await ada.click("C0APPR", ts, "approve")
        await ada.close_view(await ada.wait_for_view())
        assert (await ada.state())["views"] == []
    assert closed[0]["is_cleared"] is False


async def test_a_trigger_works_once_and_for_three_seconds(
    app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect, clock: Clock
) -> None:
    errors: list[str] = []

    @app.action("approve")
    async def open_twice(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        with pytest.raises(SlackApiError) as spent:
            await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        errors.append(spent.value.response["error"])
        await ack()

    @app.action("late")
    async def open_late(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        clock.ahead += 3.1
        with pytest.raises(SlackApiError) as late:
            await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        errors.append(late.value.response["error"])
        await ack()

    async with connected(app):
        ts = (await web.chat_postMessage(channel="C0APPR", text="c", blocks=card(button(), button("late"))))[
            "ts"
        ]
        assert (await ada.click("C0APPR", ts, "approve")).acked
        assert (await ada.click("C0APPR", ts, "late")).acked
    assert errors == ["exchanged_trigger_id", "expired_trigger_id"]


async def test_three_views_deep_and_no_further(
    app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    pushing = {**MODAL, "blocks": card(button("push"))}
    pushing.pop("submit")
    errors: list[str] = []

    @app.action("approve")
    async def first(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=pushing)
        await ack()

    @app.action("push")
    async def push(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        try:
            await client.views_push(trigger_id=body["trigger_id"], view=pushing)
        except SlackApiError as error:
            errors.append(error.response["error"])

    async def pushed(count: int) -> bool:
        """Whether that many views were opened or refused."""
        return len((await ada.state())["views"]) + len(errors) == count

    async with connected(app):
        ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
        await ada.click("C0APPR", ts, "approve")
        for count in (2, 3, 4):
            view = await ada.wait_for_view()
            await ada.click_view(view, "push")
            await eventually(partial(pushed, count))
        assert len((await ada.state())["views"]) == 3
    assert errors == ["push_limit_reached"]


async def test_nobody_answers(
    slack: LocalSlack, app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    over = asyncio.Event()

    @app.action("approve")
    async def approve(ack: Any) -> None:
        await over.wait()
        await ack()

    ts = (
        await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card(button(), button("other")))
    )["ts"]
    assert (await ada.click("C0APPR", ts, "approve")).reason == "not_connected"
    slack.sockets.ack_timeout = 0.1
    async with connected(app):
        clicked = await ada.click("C0APPR", ts, "approve")
        assert (clicked.acked, clicked.reason) == (False, "timeout")
        assert (await ada.click("C0APPR", ts, "other")).reason == "timeout"
        over.set()
    assert not (await ada.state())["bot"]["connected"]


async def test_home(slack: LocalSlack, app: AsyncApp, ada: Person, connected: Connect) -> None:
    homes: list[dict[str, Any]] = []

    @app.event("app_home_opened")
    async def opened(event: dict[str, Any], client: AsyncWebClient) -> None:
        homes.append(event)
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": card()})

    async with connected(app):
        await ada.open_home()
        await ada.state(since=(await ada.state())["version"] - 1, wait=1)
        async with asyncio.timeout(60):
            while not (await ada.state())["home"]:
                await asyncio.sleep(0.02)
        home = (await ada.state())["home"]
        await ada.open_home()
        async with asyncio.timeout(60):
            while len(homes) < 2:
                await asyncio.sleep(0.01)
    assert home["blocks"][1]["elements"][0]["action_id"] == "approve"
    assert homes[0]["tab"] == "home"
    assert homes[1]["view"]["id"] == home["id"]


async def test_a_person_outside_a_channel_sees_and_clicks_nothing(web: AsyncWebClient, ben: Person) -> None:
    ts = await web.chat_postMessage(channel="U0AAA", text="a page", blocks=card())
    with pytest.raises(PersonError, match="in no conversation"):
        await ben.click(str(ts["channel"]), str(ts["ts"]), "approve")


async def test_the_bot_hears_what_people_say_if_it_asked_for_it(
    slack: LocalSlack, app: AsyncApp, ada: Person, connected: Connect
) -> None:
    heard: list[tuple[str, str]] = []
    both = asyncio.Event()
    slack.people.subscriptions = frozenset({"message.im", "message.channels"})

    @app.event("message")
    async def message(event: dict[str, Any]) -> None:
        heard.append((event["channel_type"], event["text"]))
        if len(heard) == 2:
            both.set()

    async with connected(app):
        await ada.post("dm", "hello bot")
        await ada.post("C0AWAY", "the bot is not here")
        await ada.post("C0APPR", "hello all")
        await asyncio.wait_for(both.wait(), 60)
    assert sorted(heard) == [("channel", "hello all"), ("im", "hello bot")]

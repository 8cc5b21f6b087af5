"""Clicks arrive by Socket Mode and by signed requests, and forged ones change nothing."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from bot.app import Bot
from bot.localslack import LocalSlack, Person
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import APPROVALS, CLEO
from tests.acceptance.conftest import ACK_S
from tests.acceptance.staging import Stage
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_TIMES = (
    "yesterday",
    "9" * 309,
    "9" * 5000,
    "1e9",
    "nan",
    "-inf",
    "-1",
    "+1",
    "0x1",
    "1_0",
    "1.5",
    ",",
)
OLD_S = 301
"""A signed request of Slack's is valid for five minutes."""


@pytest.fixture(params=["socket", "http"])
def way(request: pytest.FixtureRequest) -> str:
    """How clicks arrive."""
    return str(request.param)


async def asked_card(agent: Agent, cleo: Person, kind: str = "data.delete") -> tuple[Json, Json]:
    """Propose an action, and return it with its card."""
    asked = await agent.propose(kind, {"what": "old logs"})
    return asked, await cleo.wait_for_message(APPROVALS, kind)


def value_of(card: Json, action_id: str = "approve") -> str:
    elements = [each for block in card["blocks"] for each in block.get("elements", ())]
    return next(str(each["value"]) for each in elements if each.get("action_id") == action_id)


async def test_a_vote_a_modal_and_an_answer_go_both_ways(agent: Agent, cleo: Person, dia: Person) -> None:
    asked, card = await asked_card(agent, cleo)
    assert (await cleo.click(APPROVALS, card, "approve")).acked
    assert (await cleo.wait_for_message(APPROVALS, "You approved it."))["ephemeral"]
    await cleo.wait_for_message(APPROVALS, "Approved: ")
    assert (await agent.wait_for(asked, "approved"))["decided_by"] == [CLEO]
    again, card = await asked_card(agent, cleo, "payment.transfer")
    assert (await dia.click(APPROVALS, card, "reject_with_note")).acked
    modal = await dia.wait_for_view("Why not?")
    assert (await dia.submit(modal, {"note": "the account is new"})).acked
    assert (await agent.wait_for(again, "rejected"))["note"] == "the account is new"


NOBODYS = json.dumps({"r": "rev_none", "a": "act_none", "d": "0" * 64})
NOT_OURS = (
    ("no_such_button", "x"),
    ("approve", "not json"),
    ("approve", '{"r": "rev_1", "a": ["act_1"], "d": 3}'),
    ("approve", NOBODYS),
    ("reject_with_note", NOBODYS),
    ("acknowledge", NOBODYS),
    ("view_all", NOBODYS),
)


async def test_a_button_that_is_not_ours_is_answered_and_changes_nothing(
    stage: Stage, agent: Agent, cleo: Person
) -> None:
    """It has an unknown action id, a value that the bot never wrote, or a review that does not exist."""
    await asked_card(agent, cleo)
    await stage.shown()
    before = stage.everything()
    for action_id, value in NOT_OURS:
        with capture_logs() as logged:
            ts = await forged(stage.slack, action_id, value)
            assert (await cleo.click(APPROVALS, ts, action_id)).acked
            told = await cleo.wait_for_message(APPROVALS, lambda message: bool(message.get("ephemeral")))
        assert "nothing was changed" in told["text"], (action_id, value)
        assert "click_not_counted" in [line["event"] for line in logged], (action_id, value)
        await cleo.dismiss(APPROVALS, told["ts"])
    assert stage.everything() == before


async def test_a_button_for_other_arguments_is_refused_and_the_card_drawn_again(
    stage: Stage, agent: Agent, cleo: Person
) -> None:
    """The button names the right review and a digest that its card never showed."""
    asked, card = await asked_card(agent, cleo)
    value = json.dumps({**json.loads(value_of(card)), "d": "0" * 64})
    ts = await forged(stage.slack, "approve", value)
    assert (await cleo.click(APPROVALS, ts, "approve")).acked
    await cleo.wait_for_message(APPROVALS, "The arguments changed")
    assert stage.rows("votes") == []
    assert (await agent.standing(asked))["state"] == "waiting"
    assert "review.vote_refused" in stage.journal()


async def forged(slack: LocalSlack, action_id: str, value: str) -> str:
    """Post a message with a button that the bot never drew, and return its ts."""
    web = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    words = {"type": "plain_text", "text": "Click me"}
    element = {"type": "button", "action_id": action_id, "value": value, "text": words}
    blocks = [{"type": "actions", "elements": [element]}]
    return str((await web.chat_postMessage(channel=APPROVALS, text="forged", blocks=blocks))["ts"])


MALFORMED: tuple[Json, ...] = (
    {},
    {"type": "block_actions"},
    {"type": "block_actions", "user": {"id": 7}, "actions": [{"action_id": "approve"}]},
    {"type": "block_actions", "user": None, "actions": [], "view": None},
    {"type": "view_submission", "user": {"id": CLEO}, "view": {"callback_id": "note", "state": 3}},
    {"type": "no_such_type", "user": {"id": CLEO}},
)


@pytest.mark.parametrize("way", ["socket"])
async def test_a_malformed_payload_on_a_socket_changes_nothing(
    stage: Stage, agent: Agent, cleo: Person
) -> None:
    asked, card = await asked_card(agent, cleo)
    await stage.shown()
    before = stage.everything()
    stage.slack.sockets.ack_timeout = 0.2
    for payload in MALFORMED:
        await stage.slack.delivery.interaction(payload, wants_response=True)
    assert stage.everything() == before
    stage.slack.sockets.ack_timeout = ACK_S
    assert (await cleo.click(APPROVALS, card, "approve")).acked
    await agent.wait_for(asked, "approved")


class Signer:
    """Signs requests like Slack, or almost like it."""

    def __init__(self, slack: LocalSlack, bot: Bot) -> None:
        self._slack = slack
        self._url = f"{bot.api_url}/slack/events"

    async def post(
        self,
        body: str,
        *,
        secret: str | None = None,
        ago: float = 0.0,
        at: str = "",
        drop: str = "",
        form: bool = True,
    ) -> int:
        """Send a body; `drop` is a header to leave out. Returns the status."""
        at = at or str(int(time.time() - ago))
        verifier = SignatureVerifier(secret or self._slack.signing_secret)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": verifier.generate_signature(timestamp=at, body=body) or "",
        }
        headers.pop(drop, None)
        async with httpx2.AsyncClient(verify=False, timeout=PATIENCE_S) as web:
            return (await web.post(self._url, content=body, headers=headers)).status_code


def click_by(voter: str, card: Json, team: str, **changes: Any) -> Json:
    """A click on the card's Approve button, as Slack tells of it."""
    pressed = {"type": "button", "action_id": "approve", "block_id": "review", "value": value_of(card)}
    return {
        "type": "block_actions",
        "team": {"id": team},
        "user": {"id": voter, "team_id": team},
        "container": {"type": "message", "message_ts": card["ts"], "channel_id": APPROVALS},
        "channel": {"id": APPROVALS},
        "trigger_id": "1.2.3",
        "actions": [pressed],
        **changes,
    }


def form_of(payload: Json) -> str:
    """The body of a request that delivers a payload."""
    return urlencode({"payload": json.dumps(payload)})


@pytest.mark.parametrize("way", ["http"])
async def test_only_a_fresh_request_with_slacks_signature_counts(
    stage: Stage, bot: Bot, agent: Agent, cleo: Person
) -> None:
    """The bot refuses a click with a wrong signature or a stale time, and then takes it with right ones."""
    asked, card = await asked_card(agent, cleo)
    await stage.shown()
    before, signer = stage.everything(), Signer(stage.slack, bot)
    body = form_of(click_by(CLEO, card, stage.slack.team_id))
    with capture_logs() as logged:
        assert await signer.post(body, secret="another secret of thirty-two characters") == 401
        assert await signer.post(body, ago=OLD_S) == 401
        assert await signer.post(body, ago=-OLD_S) == 401
        assert await signer.post(body, drop="X-Slack-Signature") == 401
        assert await signer.post(body, drop="X-Slack-Request-Timestamp") == 401
        for odd in NO_TIMES:
            assert await signer.post(body, at=odd) == 401, odd
        assert await signer.post("payload=[]", secret="another secret of thirty-two characters") == 401
    refused = [line["why"] for line in logged if line["event"] == "slack_request_refused"]
    assert len(refused) == 6 + len(NO_TIMES)
    assert "SLACK_SIGNING_SECRET" in refused[0]
    assert stage.everything() == before
    assert await signer.post(body) == 200
    assert (await agent.wait_for(asked, "approved"))["decided_by"] == [CLEO]


@pytest.mark.parametrize("way", ["http"])
async def test_a_signed_request_that_makes_no_sense_changes_nothing(
    stage: Stage, bot: Bot, agent: Agent, cleo: Person
) -> None:
    asked, card = await asked_card(agent, cleo)
    await stage.shown()
    before, signer, team = stage.everything(), Signer(stage.slack, bot), stage.slack.team_id
    for body in (
        "",
        "payload=",
        "payload=%7B",
        "payload=[]",
        "payload=3",
        "payload=%00%ff",
        "a=b",
        form_of(click_by(CLEO, card, team, actions=[])),
        form_of(click_by(CLEO, card, team, actions=[{"action_id": "approve"}])),
        form_of(click_by(CLEO, card, team, user={"name": "nobody"})),
        form_of(click_by("*", card, team)),
        form_of(click_by(CLEO, card, team, type="shortcut")),
    ):
        await signer.post(body)
    for body in ("", "{", "[]", "3", '{"type": "event_callback"}', '{"type": "event_callback", "event": 3}'):
        await signer.post(body, form=False)
    assert await signer.post("x" * 1_000_001) == 413
    assert stage.everything() == before
    assert (await cleo.click(APPROVALS, card, "approve")).acked
    await agent.wait_for(asked, "approved")


@pytest.mark.parametrize("way", ["http"])
async def test_slack_can_check_the_address(stage: Stage, bot: Bot) -> None:
    assert await stage.slack.delivery.verify_url()
    assert (
        await Signer(stage.slack, bot).post('{"type": "url_verification"}', secret="x" * 32, form=False)
        == 401
    )


async def test_a_click_of_somebody_from_another_workspace_is_refused(
    stage: Stage, agent: Agent, cleo: Person
) -> None:
    """The click's workspace counts, even if the user is a member."""
    _, card = await asked_card(agent, cleo)
    await stage.shown()
    before = stage.everything()
    assert (await stage.slack.delivery.interaction(click_by(CLEO, card, "T0OTHER"))).acked
    assert stage.everything() == before

"""The Web API, through the real client."""

from collections.abc import Awaitable
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack, Person
from bot.localslack.methods import ALL_SCOPES
from tests.integration.localslack.conftest import Clock, card

# The client warns of messages without text. These tests show how Slack treats them.
pytestmark = pytest.mark.filterwarnings("ignore:The top-level `text` argument is missing")

META = {"event_type": "card", "event_payload": {"card": "c1"}}


async def refusal(call: Awaitable[Any]) -> Any:
    """Make a call that is refused, and return the answer."""
    with pytest.raises(SlackApiError) as refused:
        await call
    return refused.value.response


async def test_auth(slack: LocalSlack, web: AsyncWebClient) -> None:
    answer = await web.auth_test()
    assert answer["user_id"] == slack.bot_user_id
    assert answer["team_id"] == slack.team_id
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")
    assert (await web.api_test(foo="bar"))["args"] == {"foo": "bar"}
    assert (await refusal(web.api_test(error="my_error")))["error"] == "my_error"


@pytest.mark.parametrize(
    ("token", "error"),
    [("", "not_authed"), ("xoxb-wrong", "invalid_auth"), ("app", "not_allowed_token_type")],
)
async def test_wrong_tokens(slack: LocalSlack, token: str, error: str) -> None:
    given = slack.app_token if token == "app" else token
    client = AsyncWebClient(token=given or None, base_url=slack.api_url)
    assert (await refusal(client.auth_test()))["error"] == error


@pytest.mark.parametrize("encoding", ["form", "json", "query"])
async def test_encodings_and_where_the_token_is(slack: LocalSlack, encoding: str) -> None:
    args = {
        "channel": "C0APPR",
        "text": "hello",
        "blocks": "[]",
        "metadata": '{"event_type":"e","event_payload":{}}',
    }
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    url = slack.api_url + "chat.postMessage"
    async with aiohttp.ClientSession() as session:
        if encoding == "json":
            response = await session.post(url, json=args, headers=headers)
        elif encoding == "form":
            response = await session.post(url, data={**args, "token": slack.bot_token})
        else:
            response = await session.post(url, params=args, headers=headers)
        body = await response.json()
    assert body["ok"], body
    assert body["message"]["text"] == "hello"
    assert slack.calls.of("chat.postMessage")[0].args == args


async def test_bodies_without_arguments_are_refused(slack: LocalSlack) -> None:
    url = slack.api_url + "chat.postMessage"
    json_type = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session:
        answers = [
            await (await session.post(url, data="{", headers=json_type)).json(),
            await (await session.post(url, data="[]", headers=json_type)).json(),
            await (await session.post(url, data="x", headers={"Content-Type": "text/csv"})).json(),
        ]
    assert [answer["error"] for answer in answers] == ["invalid_json", "json_not_object", "invalid_post_type"]


async def test_unknown_methods(web: AsyncWebClient) -> None:
    assert (await refusal(web.api_call("chat.whisper")))["error"] == "unknown_method"


async def test_missing_scopes(slack: LocalSlack, web: AsyncWebClient) -> None:
    slack.scopes = ALL_SCOPES - {"chat:write", "groups:read", "usergroups:read"}
    answer = await refusal(web.chat_postMessage(channel="C0APPR", text="hi"))
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")
    assert "users:read" in answer["provided"].split(",")
    assert (await web.conversations_list())["ok"]
    answer = await refusal(web.conversations_list(types="public_channel,private_channel"))
    assert (answer["error"], answer["needed"]) == ("missing_scope", "groups:read")
    assert (await refusal(web.usergroups_list()))["needed"] == "usergroups:read"


async def test_posting_by_name_id_and_person(web: AsyncWebClient) -> None:
    for channel in ("#agent-approvals", "agent-approvals", "C0APPR"):
        answer = await web.chat_postMessage(channel=channel, text="hello")
        assert answer["channel"] == "C0APPR"
        message = answer["message"]
        assert (message["bot_id"], message["app_id"], message["team"]) == (
            "B0CHECKPOINT",
            "A0CHECKPOINT",
            "T0LOCAL",
        )
    assert (await web.chat_postMessage(channel="U0AAA", text="hello"))["channel"].startswith("D")
    # https://github.com/slackapi/python-slack-sdk/issues/1156: a deactivated person's DM takes messages
    assert (await web.chat_postMessage(channel="U0OLD", text="hello"))["ok"]


@pytest.mark.parametrize(
    ("channel", "text", "error"),
    [
        ("C0NONE", "hi", "channel_not_found"),
        ("#nowhere", "hi", "channel_not_found"),
        ("C0PRIV", "hi", "channel_not_found"),
        ("C0AWAY", "hi", "not_in_channel"),
        ("C0ARCH", "hi", "is_archived"),
        ("C0APPR", "  ", "no_text"),
    ],
)
async def test_posts_that_are_refused(web: AsyncWebClient, channel: str, text: str, error: str) -> None:
    assert (await refusal(web.chat_postMessage(channel=channel, text=text)))["error"] == error


async def test_joining_a_channel(slack: LocalSlack, web: AsyncWebClient) -> None:
    assert (await web.conversations_join(channel="C0AWAY"))["channel"]["is_member"]
    assert (await web.conversations_join(channel="C0AWAY"))["warning"] == "already_in_channel"
    assert (await web.chat_postMessage(channel="#elsewhere", text="here now"))["ok"]
    assert (await refusal(web.conversations_join(channel="C0ARCH")))["error"] == "is_archived"
    slack.scopes = ALL_SCOPES | {"chat:write.public"}
    slack.state.change_channel("C0AWAY", members=["U0AAA"])
    assert (await web.chat_postMessage(channel="#elsewhere", text="from outside"))["ok"]


async def test_updating(web: AsyncWebClient, ada: Person) -> None:
    ts = (await web.chat_postMessage(channel="C0APPR", text="a", blocks=card(), metadata=META))["ts"]

    answer = await web.chat_update(channel="C0APPR", ts=ts, text="b", blocks=card()[:1])
    assert (answer["text"], len(answer["message"]["blocks"])) == ("b", 1)
    assert not (await ada.messages("C0APPR"))[0]["edited"]

    answer = await web.chat_update(channel="C0APPR", ts=ts, text="only text")
    assert "blocks" not in answer["message"]
    assert answer["message"]["metadata"] == META
    assert (await ada.messages("C0APPR"))[0]["edited"]

    await web.chat_update(channel="C0APPR", ts=ts, blocks=card(), metadata={})
    found = (await web.conversations_history(channel="C0APPR", include_all_metadata=True))["messages"][0]
    assert found["text"] == "only text"
    assert "metadata" not in found


async def test_updates_that_are_refused(slack: LocalSlack, web: AsyncWebClient) -> None:
    ts = (await web.chat_postMessage(channel="U0AAA", text="a page"))["ts"]
    dm = (await web.conversations_open(users="U0AAA"))["channel"]["id"]
    assert (await web.chat_update(channel=dm, ts=ts, text="with its D id"))["ok"]
    said = slack.people.post("U0AAA", "C0APPR", "my own")
    own = (await web.chat_postMessage(channel="C0APPR", text="mine"))["ts"]
    for channel, message, text, error in (
        ("U0AAA", ts, "x", "channel_not_found"),
        ("#agent-approvals", own, "x", "channel_not_found"),
        ("C0APPR", "1.000001", "x", "message_not_found"),
        ("C0APPR", said.ts, "x", "cant_update_message"),
        ("C0APPR", own, "x" * 4001, "msg_too_long"),
        ("C0APPR", own, "", "no_text"),
    ):
        assert (await refusal(web.chat_update(channel=channel, ts=message, text=text)))["error"] == error
    slack.state.change_channel("C0APPR", is_archived=True)
    assert (await refusal(web.chat_update(channel="C0APPR", ts=own, text="x")))["error"] == "is_inactive"


async def test_deleting(slack: LocalSlack, web: AsyncWebClient) -> None:
    said = slack.people.post("U0AAA", "C0APPR", "my own")
    own = (await web.chat_postMessage(channel="C0APPR", text="mine"))["ts"]
    assert (await web.chat_delete(channel="C0APPR", ts=own))["ts"] == own
    assert (await refusal(web.chat_delete(channel="C0APPR", ts=own)))["error"] == "message_not_found"
    assert (await refusal(web.chat_delete(channel="C0APPR", ts=said.ts)))["error"] == "cant_delete_message"


async def test_ephemerals(web: AsyncWebClient, ada: Person, ben: Person) -> None:
    await web.chat_postEphemeral(channel="C0APPR", user="U0AAA", text="psst")
    shown = (await ada.messages("C0APPR"))[0]
    assert shown["ephemeral"]
    assert await ben.messages("C0APPR") == []
    assert (await web.conversations_history(channel="C0APPR"))["messages"] == []
    answer = await refusal(web.chat_postEphemeral(channel="C0APPR", user="U0OLD", text="psst"))
    assert answer["error"] == "user_not_in_channel"
    assert (await ada.state())["conversations"][0]["unread"] == 1
    await ada.dismiss("C0APPR", shown["ts"])
    assert await ada.messages("C0APPR") == []


async def test_permalinks(web: AsyncWebClient) -> None:
    ts = str((await web.chat_postMessage(channel="C0APPR", text="a"))["ts"])
    link = (await web.chat_getPermalink(channel="C0APPR", message_ts=ts))["permalink"]
    assert link == f"https://local.slack.com/archives/C0APPR/p{ts.replace('.', '')}"
    answer = await refusal(web.chat_getPermalink(channel="C0APPR", message_ts="1.0"))
    assert answer["error"] == "message_not_found"


async def test_history_pages_and_ranges(web: AsyncWebClient) -> None:
    posted = [
        (await web.chat_postMessage(channel="C0APPR", text=str(n), metadata=META))["ts"] for n in range(5)
    ]
    found: list[str] = []
    cursor = ""
    for _ in range(3):
        page = await web.conversations_history(channel="C0APPR", limit=2, cursor=cursor)
        found += [message["text"] for message in page["messages"]]
        cursor = page["response_metadata"]["next_cursor"]
        assert page["has_more"] == bool(cursor)
        assert all("metadata" not in message for message in page["messages"])
    assert (found, cursor) == (["4", "3", "2", "1", "0"], "")

    between = await web.conversations_history(channel="C0APPR", oldest=posted[1], latest=posted[3])
    assert [message["text"] for message in between["messages"]] == ["2"]
    around = await web.conversations_history(
        channel="C0APPR", oldest=posted[1], latest=posted[3], inclusive=True
    )
    assert [message["text"] for message in around["messages"]] == ["3", "2", "1"]
    whole = await web.conversations_history(channel="C0APPR", include_all_metadata=True)
    assert all(message["metadata"] == META for message in whole["messages"])


async def test_history_refusals(web: AsyncWebClient) -> None:
    await web.chat_postMessage(channel="C0APPR", text="a")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"channel": "C0NONE"}, "channel_not_found"),
        ({"channel": "C0AWAY"}, "not_in_channel"),
        ({"channel": "C0APPR", "cursor": "nonsense"}, "invalid_cursor"),
        ({"channel": "C0APPR", "limit": "many"}, "invalid_limit"),
        ({"channel": "C0APPR", "oldest": "then"}, "invalid_ts_oldest"),
    ]
    for args, error in refused:
        assert (await refusal(web.conversations_history(**args)))["error"] == error


async def test_direct_messages(web: AsyncWebClient, ben: Person) -> None:
    first = await web.conversations_open(users="U0AAA")
    again = await web.conversations_open(users=["U0AAA"], return_im=True)
    assert first["channel"] == {"id": again["channel"]["id"]}
    assert (again["already_open"], again["channel"]["user"]) == (True, "U0AAA")
    group = await web.conversations_open(users="U0AAA,U0BBB")
    assert group["channel"]["id"].startswith("G")
    assert "Checkpoint" in [c["name"] for c in (await ben.state())["conversations"]][-1]
    for users, error in (
        ("U0NONE", "user_not_found"),
        ("U0OLD", "user_disabled"),
        ("U0BOT", "cannot_dm_bot"),
        ("", "users_list_not_supplied"),
        (",".join(f"U{n}" for n in range(9)), "too_many_users"),
    ):
        assert (await refusal(web.conversations_open(users=users)))["error"] == error
    answer = await refusal(web.conversations_open(channel="C0APPR"))
    assert answer["error"] == "method_not_supported_for_channel_type"


async def test_listing_conversations(web: AsyncWebClient) -> None:
    await web.conversations_open(users="U0AAA")
    everything = await web.conversations_list(types="public_channel,private_channel,im", limit=2)
    ids = [c["id"] for c in everything["channels"]]
    assert ids == ["C0APPR", "C0AWAY"]
    rest = await web.conversations_list(
        types="public_channel,private_channel,im", cursor=everything["response_metadata"]["next_cursor"]
    )
    assert [c["id"] for c in rest["channels"]][:1] == ["C0ARCH"]
    assert len(rest["channels"]) == 2
    unarchived = await web.conversations_list(exclude_archived=True)
    assert [c["id"] for c in unarchived["channels"]] == ["C0APPR", "C0AWAY"]
    mine = await web.users_conversations()
    assert [c["id"] for c in mine["channels"]] == ["C0APPR", "C0ARCH"]
    assert (await refusal(web.conversations_list(types="everything")))["error"] == "invalid_types"


async def test_channel_info_and_members(web: AsyncWebClient) -> None:
    info = (await web.conversations_info(channel="C0APPR", include_num_members=True))["channel"]
    assert (info["name"], info["num_members"], info["is_member"]) == ("agent-approvals", 5, True)
    assert "num_members" not in (await web.conversations_info(channel="C0APPR"))["channel"]
    page = await web.conversations_members(channel="C0APPR", limit=4)
    rest = await web.conversations_members(channel="C0APPR", cursor=page["response_metadata"]["next_cursor"])
    assert [*page["members"], *rest["members"]] == ["U0AAA", "U0BBB", "U0GST", "U0STR", "U0CHECKPOINT"]
    assert (await refusal(web.conversations_members(channel="C0PRIV")))["error"] == "channel_not_found"


async def test_users_and_what_bars_them_from_voting(slack: LocalSlack, web: AsyncWebClient) -> None:
    async def user(user_id: str) -> dict[str, Any]:
        return dict((await web.users_info(user=user_id))["user"])

    ada = await user("U0AAA")
    assert (ada["real_name"], ada["tz"], ada["tz_offset"]) == ("Ada Okafor", "Africa/Lagos", 3600)
    assert not ada["deleted"]
    assert (await user("U0GST"))["is_restricted"]
    assert (await user("U0OLD"))["deleted"]
    assert (await user("U0BOT"))["is_bot"]
    stranger = await user("U0STR")
    assert stranger["is_stranger"]
    assert stranger["team_id"] != slack.team_id
    slack.state.change_user("U0AAA", deleted=True)
    gone = await user("U0AAA")
    assert gone["deleted"]
    assert "real_name" not in gone
    assert gone["profile"]["real_name"] == "Ada Okafor"
    assert (await refusal(web.users_info(user="U0NONE")))["error"] == "user_not_found"
    listed = [member["id"] for member in (await web.users_list())["members"]]
    assert "U0STR" not in listed
    assert "U0OLD" in listed


async def test_user_groups_need_a_paid_plan(slack: LocalSlack, web: AsyncWebClient) -> None:
    groups = (await web.usergroups_list(include_users=True))["usergroups"]
    assert [(group["handle"], group["users"]) for group in groups] == [("finance", ["U0AAA", "U0BBB"])]
    slack.state.change_usergroup("S0FIN", members=("U0BBB",))
    assert (await web.usergroups_users_list(usergroup="S0FIN"))["users"] == ["U0BBB"]
    assert (await refusal(web.usergroups_users_list(usergroup="S0OFF")))["error"] == "subteam_disabled"
    assert (await refusal(web.usergroups_users_list(usergroup="S0NO")))["error"] == "no_such_subteam"
    slack.state.paid = False
    assert (await refusal(web.usergroups_list()))["error"] == "plan_upgrade_required"


async def test_home_and_its_hash(web: AsyncWebClient, ada: Person) -> None:
    home = {"type": "home", "blocks": card()}
    first = (await web.views_publish(user_id="U0AAA", view=home))["view"]
    second = (await web.views_publish(user_id="U0AAA", view=home, hash=first["hash"]))["view"]
    assert second["id"] == first["id"]
    stale = web.views_publish(user_id="U0AAA", view=home, hash=first["hash"])
    assert (await refusal(stale))["error"] == "hash_conflict"
    assert (await refusal(web.views_publish(user_id="U0NO", view=home)))["error"] == "user_not_found"
    assert (await ada.state())["home"]["id"] == first["id"]


async def test_updating_a_view(slack: LocalSlack, web: AsyncWebClient, clock: Clock) -> None:
    view: dict[str, Any] = {
        "type": "modal",
        "external_id": "r1",
        "title": {"type": "plain_text", "text": "One"},
        "blocks": [],
    }
    opened = (await web.views_open(trigger_id=slack.state.triggers.issue("U0AAA"), view=view))["view"]
    updated = (await web.views_update(external_id="r1", view=view, hash=opened["hash"]))["view"]
    assert updated["id"] == opened["id"]
    stale = web.views_update(view_id=opened["id"], view=view, hash=opened["hash"])
    assert (await refusal(stale))["error"] == "hash_conflict"
    assert (await refusal(web.views_update(view_id="V0", view=view)))["error"] == "not_found"
    again = web.views_open(trigger_id=slack.state.triggers.issue("U0BBB"), view=view)
    assert (await refusal(again))["error"] == "duplicate_external_id"
    assert (await refusal(web.views_open(trigger_id="1.2.x", view=view)))["error"] == "invalid_trigger_id"
    answer = await refusal(web.api_call("views.open", json={"trigger_id": "1.2.x"}))
    assert answer["response_metadata"]["messages"] == ["[ERROR] missing required field: view"]

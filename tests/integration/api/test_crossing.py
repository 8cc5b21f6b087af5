"""Wait, claim, report, withdraw: an action's way from the answer to its receipt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx2
import orjson
import pytest

from bot.domain.record import Verdict
from bot.domain.risk import Tier
from bot.store import journal
from tests import fakes
from tests.integration.api.conftest import Bot
from tests.waiting import until


async def proposed(agent: httpx2.AsyncClient, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = (await agent.post("/v1/actions", json={"kind": kind, "args": {"id": 1}})).json()
    return found


async def look(agent: httpx2.AsyncClient, action: dict[str, Any], wait: float = 0) -> dict[str, Any]:
    found: dict[str, Any] = (await agent.get(f"/v1/actions/{action['id']}", params={"wait": wait})).json()
    return found


async def claim(agent: httpx2.AsyncClient, action: dict[str, Any], **more: Any) -> httpx2.Response:
    asked = {"args_digest": action["args_digest"], **more}
    return await agent.post(f"/v1/actions/{action['id']}/claim", json=asked)


async def report(agent: httpx2.AsyncClient, action: dict[str, Any], **what: Any) -> httpx2.Response:
    return await agent.post(f"/v1/actions/{action['id']}/report", json=what)


async def test_an_approved_action_is_claimed_run_and_reported(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "money.wire")
    await bot.vote(action, note="checked with the bank")
    found = await look(agent, action)
    assert (found["state"], found["outcome"], found["nobody_answered"]) == ("approved", "approved", False)
    assert found["decided_by"] == [fakes.CLEO, fakes.DIA]
    assert found["note"] == "checked with the bank"
    assert found["may_start"] is True
    assert found["message"] == ("Approved by U0CLEO and U0DIA: checked with the bank. Claim it, then act.")
    claimed = (await claim(agent, action)).json()
    assert (claimed["kind"], claimed["args"], claimed["attempt"]) == ("money.wire", {"id": 1}, 1)
    assert claimed["key"].startswith("rev_")
    assert (await look(agent, action))["state"] == "running"
    done = (await report(agent, action, receipt="executed", result={"transfer": 7})).json()
    assert (done["receipt"], done["result"], done["message"]) == ("executed", {"transfer": 7}, "Executed.")


async def test_a_failure_is_a_receipt_with_the_error(agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "db.read")
    await claim(agent, action)
    done = (await report(agent, action, receipt="failed", detail="no such table")).json()
    assert (done["receipt"], done["message"]) == ("failed", "Failed: no such table.")


async def test_a_rejection_names_who_and_why(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "money.wire")
    await bot.vote(action, approve=False, note="wrong account.")
    found = await look(agent, action)
    assert (found["outcome"], found["nobody_answered"], found["receipt"]) == ("rejected", False, "denied")
    assert found["decided_by"] == [fakes.CLEO]
    assert found["message"] == "Rejected by U0CLEO: wrong account. Do not do it."
    refused = await claim(agent, action)
    assert (refused.status_code, refused.json()["reason"]) == (409, "not_approved")


@pytest.mark.parametrize(
    ("kind", "state", "receipt", "then"),
    [
        ("money.wire", "aborted", "denied", "It is aborted and does not run."),
        ("mail.send", "halted", "halted", "It is halted, and can still be answered."),
    ],
)
async def test_an_expiry_is_told_apart_from_a_rejection(
    bot: Bot, agent: httpx2.AsyncClient, kind: str, state: str, receipt: str, then: str
) -> None:
    action = await proposed(agent, kind)
    await fakes.send(bot.membrane)
    await bot.pass_time(1001)
    found = await look(agent, action)
    assert (found["state"], found["outcome"], found["receipt"]) == (state, "expired", receipt)
    assert found["nobody_answered"] is True
    assert found["decided_by"] == []
    expected = "Nobody answered within 16 minutes 40 seconds; this is not a refusal by a person. "
    assert found["message"] == expected + then
    assert (await claim(agent, action)).json()["reason"] == "not_approved"


async def test_an_expiry_with_half_a_quorum_is_not_reported_as_unanswered(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    action = await proposed(agent, "money.wire")
    await bot.vote(action, voters=(fakes.CLEO,))
    half = await look(agent, action)
    assert half["message"].endswith(
        "(1 of 2 approvals). If not enough people approve within "
        "16 minutes 40 seconds, it is aborted and does not "
        "run."
    )
    await bot.pass_time(1001)
    found = await look(agent, action)
    assert (found["outcome"], found["outcome_reason"], found["nobody_answered"]) == (
        "expired",
        "quorum_short",
        False,
    )
    assert found["message"] == (
        "Only 1 of 2 approved within 16 minutes 40 seconds; this is not a refusal by a person. "
        "It is aborted and does not run."
    )
    assert found["detail"] == "only 1 of 2 approved within the window"
    entries = await bot.db.read(lambda connection: list(journal.entries(connection, action_id=action["id"])))
    (closed,) = [orjson.loads(each.body) for each in entries if each.event == "review.closed"]
    assert (closed["reason"], closed["approvals"]) == ("quorum_short", [fakes.CLEO])


def follows(found: dict[str, Any]) -> tuple[bool, str, str]:
    return found["done"], found["next"], found["state"]


async def test_each_answer_says_what_to_do_next(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "money.wire")
    assert follows(action) == (False, "wait", "waiting")
    await bot.vote(action)
    assert follows(await look(agent, action)) == (False, "claim", "approved")
    freeze = await bot.membrane.freezes.freeze("mailer", why="audit", by="gus")
    assert follows(await look(agent, action)) == (False, "wait", "approved")
    await bot.membrane.freezes.thaw(freeze.name, by="gus")
    await claim(agent, action)
    assert follows(await look(agent, action)) == (False, "wait", "running")
    done = (await report(agent, action, receipt="executed")).json()
    assert follows(done) == (True, "stop", "executed")


async def test_an_action_that_passed_too_long_ago_is_done(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "db.read")
    assert follows(action) == (False, "claim", "passed")
    await bot.pass_time(3601)
    assert follows(await look(agent, action)) == (True, "stop", "passed")


async def test_an_unknown_receipt_is_done_once_a_person_leaves_it(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    action = await proposed(agent, "money.wire")
    await bot.vote(action)
    await claim(agent, action)
    await bot.pass_time(601)
    assert follows(await look(agent, action)) == (False, "wait", "unknown")
    await bot.membrane.unknowns.resolve(
        action["id"], fakes.CLEO, Verdict.LEFT, number=1, args_digest=action["args_digest"]
    )
    assert follows(await look(agent, action)) == (True, "stop", "unknown")


@pytest.mark.parametrize(("kind", "state"), [("money.wire", "aborted"), ("mail.send", "halted")])
async def test_an_unshown_review_is_told_apart_from_an_unanswered_one(
    bot: Bot, agent: httpx2.AsyncClient, kind: str, state: str
) -> None:
    action = await proposed(agent, kind)
    assert action["review"]["shown_at"] is None
    opened, latest = (datetime.fromisoformat(action["review"][each]) for each in ("opened_at", "expires_at"))
    assert (latest - opened).total_seconds() == 2000, "one window until it is shown, and one after it"
    await bot.pass_time(1001)
    found = await look(agent, action)
    assert (found["state"], found["outcome"], found["outcome_reason"]) == (state, "expired", "never_shown")
    assert found["nobody_answered"] is False
    words = (
        "Nobody who may decide was shown it within 16 minutes 40 seconds; this is not a refusal by a person."
    )
    assert found["message"].startswith(words)
    assert found["detail"] == "nobody who may decide was shown it within the window"
    assert 'membrane_reviews_expired_total{reason="never_shown"} 1.0' in await metrics(bot)


async def test_the_window_reported_to_an_agent_is_fixed_once_people_see_the_card(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    action = await proposed(agent, "money.wire")
    bot.clock.forward(600)
    await fakes.send(bot.membrane)
    shown = (await look(agent, action))["review"]
    seen, latest = (datetime.fromisoformat(shown[each]) for each in ("shown_at", "expires_at"))
    assert (latest - seen).total_seconds() == 1000
    await bot.pass_time(999)
    assert (await look(agent, action))["review"] == shown
    await bot.pass_time(1)
    assert (await look(agent, action))["outcome_reason"] == "nobody_answered"


async def metrics(bot: Bot) -> str:
    async with bot.client() as client:
        return (await client.get("/metrics")).text


async def test_a_halted_action_can_still_be_approved(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "mail.send")
    await bot.pass_time(1001)
    halted = await look(agent, action)
    assert halted["review"]["expires_at"] is None
    assert halted["review"]["if_nobody_answers_text"] == "it stays halted, and is named in every digest"
    await bot.vote(action)
    found = await look(agent, action)
    assert (found["state"], found["nobody_answered"]) == ("approved", False)
    assert (await claim(agent, action)).status_code == 200


async def test_an_overdue_sign_off_says_so_and_never_resumes(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "release.sign")
    await bot.pass_time(1001)
    found = await look(agent, action)
    assert (found["state"], found["outcome"]) == ("waiting", None)
    assert found["review"]["overdue_at"] is not None
    assert "It is overdue" in found["message"]


async def test_invariant_13_an_approval_lapses(bot: Bot, agent: httpx2.AsyncClient) -> None:
    """An approval is valid for a time, for its arguments, once; after that the action is asked again."""
    action = await proposed(agent, "mail.send")
    await bot.vote(action)
    bot.clock.forward(100.5)
    assert (await look(agent, action))["may_start"] is False
    lapsed = await claim(agent, action)
    assert (lapsed.status_code, lapsed.json()["reason"]) == (409, "lapsed")
    assert lapsed.json()["type"] == "urn:membrane:problem:claim-refused"
    again = await look(agent, action)
    assert (again["state"], again["outcome"], again["decided_by"]) == ("waiting", None, [])
    assert again["review"]["id"] != action["review"]["id"]

    await bot.vote(action)
    other = await claim(agent, {**action, "args_digest": "0" * 64})
    assert (other.status_code, other.json()["reason"]) == (409, "args_changed")
    assert (await claim(agent, action)).status_code == 200
    twice = await claim(agent, action, claimant="another process")
    assert (twice.status_code, twice.json()["reason"]) == (409, "already_claimed")
    await report(agent, action, receipt="executed")
    assert (await claim(agent, action)).json()["reason"] == "already_claimed"


async def test_invariant_9_only_the_arguments_that_were_shown_can_be_claimed(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    first = await proposed(agent, "money.wire")
    other = (await agent.post("/v1/actions", json={"kind": "money.wire", "args": {"id": 2}})).json()
    await bot.vote(first)
    crossed = await claim(agent, {**first, "args_digest": other["args_digest"]})
    assert crossed.json()["reason"] == "args_changed"
    assert (await claim(agent, first)).json()["args"] == {"id": 1}


async def test_one_of_many_simultaneous_claims_succeeds(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "db.read")
    named = (claim(agent, action, claimant=f"worker {number}") for number in range(8))
    answers = await asyncio.gather(*named)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_simultaneous_claims_of_one_process_all_get_the_same_key(agent: httpx2.AsyncClient) -> None:
    """They look like retries: one of them is the first, and all carry one key."""
    action = await proposed(agent, "db.read")
    answers = [each.json() for each in await asyncio.gather(*(claim(agent, action) for _ in range(8)))]
    assert sorted(answer["repeated"] for answer in answers) == [False] + [True] * 7
    assert len({answer["key"] for answer in answers}) == 1
    assert {answer["attempt"] for answer in answers} == {1}


async def test_a_claim_without_a_report_is_unknown_and_reruns_only_if_idempotent(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    once, idempotent = await proposed(agent, "data.delete"), await proposed(agent, "job.run")
    for action in (once, idempotent):
        await bot.vote(action, voters=(fakes.CLEO,))
        assert (await claim(agent, action)).status_code == 200
    await bot.pass_time(601)
    assert (await look(agent, once))["receipt"] == "unknown"
    assert (await claim(agent, once, rerun=True)).json()["reason"] == "already_claimed"
    again = await claim(agent, idempotent, rerun=True)
    assert (again.status_code, again.json()["attempt"]) == (200, 2)
    late = await report(agent, once, receipt="executed")
    assert late.json()["receipt"] == "executed"


async def test_a_report_without_a_claim_is_refused(agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "db.read")
    refused = await report(agent, action, receipt="executed")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:membrane:problem:report-refused")


async def test_a_withdrawn_action_closes_its_review_without_an_outcome(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    action = await proposed(agent, "money.wire")
    url = f"/v1/actions/{action['id']}/withdraw"
    gone = (await agent.post(url, json={"why": "the order was cancelled"})).json()
    assert (gone["state"], gone["outcome"], gone["receipt"]) == ("withdrawn", None, None)
    assert gone["review"]["state"] == "withdrawn"
    assert gone["message"] == "Withdrawn: the order was cancelled."
    assert await bot.membrane.open_reviews() == 0
    assert (await claim(agent, action)).json()["reason"] == "not_approved"


async def test_a_started_action_cannot_be_withdrawn(agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "db.read")
    await claim(agent, action)
    late = await agent.post(f"/v1/actions/{action['id']}/withdraw", json={"why": "changed my mind"})
    assert (late.status_code, late.json()["type"]) == (409, "urn:membrane:problem:conflict")


async def test_a_long_poll_answers_when_somebody_decides(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "money.wire")
    waiting = asyncio.create_task(look(agent, action, wait=30))
    await until(lambda: bot.membrane.wakeups.is_watched(action["id"]))
    assert not waiting.done()
    await bot.vote(action)
    async with asyncio.timeout(60):
        assert (await waiting)["outcome"] == "approved"


async def test_a_long_poll_on_an_action_that_does_not_wait_answers_at_once(agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent, "db.read")
    async with asyncio.timeout(60):
        assert (await look(agent, action, wait=60))["state"] == "passed"


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "soon"])
async def test_a_wait_out_of_bounds_is_refused(agent: httpx2.AsyncClient, wait: str) -> None:
    answer = await agent.get("/v1/actions/act_1", params={"wait": wait})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "query.wait"


async def test_invariant_14_an_action_that_passed_under_a_looser_policy_is_asked_at_the_claim(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    """The agent is told why, and where its action stands; it waits, and claims again."""
    passed = (await agent.post("/v1/actions", json={"kind": "db.read", "args": {"id": 1}})).json()
    now = bot.in_force[-1]
    stricter = replace(now.actions["db.read"], tier=Tier.SYNC_APPROVAL)
    bot.in_force.append(replace(now, actions={**now.actions, "db.read": stricter}))
    path, claim = f"/v1/actions/{passed['id']}", {"args_digest": passed["args_digest"]}
    refused = await agent.post(f"{path}/claim", json=claim)
    told = refused.json()
    assert (refused.status_code, told["reason"], told["state"]) == (409, "tightened", "waiting")
    assert "people are asked: it is Tier 3 now, not 0" in told["detail"]
    assert (await agent.get(path)).json()["tier"] == 3
    await bot.vote(passed)
    assert (await agent.post(f"{path}/claim", json={**claim, "args": {"id": 1}})).status_code == 200

"""People who read and click in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from bot.localslack import LocalSlack
from tests.acceptance.agent import Agent
from tests.acceptance.company import ADA, APPROVALS, CLEO, DIA, DIGEST, GUEST, GUS, STRANGER
from tests.acceptance.conftest import Open
from tests.acceptance.staging import Stage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def message(page: Page, words: str) -> Locator:
    """The newest message with these words that everybody sees."""
    return page.locator("li.message:not(.ephemeral)").filter(has_text=words).last


def button(within: Locator | Page, action_id: str) -> Locator:
    return within.locator(f"[data-action-id={action_id}]")


def whisper(page: Page) -> Locator:
    """The newest message that only this person sees."""
    return page.locator("li.message.ephemeral").last


async def test_an_approval_changes_the_card_and_lets_the_action_start(open_page: Open, agent: Agent) -> None:
    page = await open_page(CLEO)
    asked = await agent.propose("data.delete", {"what": "old logs", "count": 12}, on_behalf_of=GUS)
    card = message(page, "data.delete")
    await expect(card).to_contain_text("Proposed by the agent ops-agent for @Gus Romero")
    await expect(card).to_contain_text('what: "old logs"')
    await expect(card).to_contain_text("Why it is here: Tier 3, sync approval")
    await expect(card).to_contain_text("it is aborted and will not run")
    await button(card, "approve").click()
    await expect(card).to_contain_text("✅ Approved by @Cleo Díaz")
    await expect(button(card, "approve")).to_have_count(0)
    await expect(whisper(page)).to_contain_text("You approved it.")
    approved = await agent.wait_for(asked, "approved")
    assert approved["decided_by"] == [CLEO]
    assert (await agent.claim(asked))["args"] == {"what": "old logs", "count": 12}
    await agent.report(asked, result={"gone": 12})
    await expect(card).to_contain_text("🏁 Executed")


async def test_two_people_make_a_quorum(open_page: Open, agent: Agent) -> None:
    asked = await agent.propose("payment.transfer", {"amount": 90_000})
    cleos, dias = await open_page(CLEO), await open_page(DIA)
    await button(message(cleos, "payment.transfer"), "approve").click()
    await expect(message(dias, "payment.transfer")).to_contain_text("1 of 2 approvals: @Cleo Díaz")
    await button(message(cleos, "payment.transfer"), "approve").click()
    await expect(whisper(cleos)).to_contain_text("Your approval is already counted.")
    assert (await agent.standing(asked))["state"] == "waiting"
    await button(message(dias, "payment.transfer"), "approve").click()
    await expect(message(cleos, "payment.transfer")).to_contain_text("Approved by @Cleo Díaz and @Dia Patel")
    assert (await agent.wait_for(asked, "approved"))["may_start"]


async def test_a_rejection_is_one_click(open_page: Open, agent: Agent) -> None:
    page = await open_page(DIA)
    asked = await agent.propose("data.delete", {"what": "everything"})
    card = message(page, "data.delete")
    await button(card, "reject").click()
    await expect(card).to_contain_text("⛔ Rejected by @Dia Patel")
    rejected = await agent.wait_for(asked, "rejected")
    assert (rejected["outcome"], rejected["nobody_answered"]) == ("rejected", False)
    assert (await agent.claim(asked, expect=409))["reason"] == "not_approved"


async def test_a_rejection_with_a_note_goes_through_a_modal(open_page: Open, agent: Agent) -> None:
    page = await open_page(CLEO)
    asked = await agent.propose("data.delete", {"what": "old logs"})
    card = message(page, "data.delete")
    await button(card, "reject_with_note").click()
    await expect(page.get_by_test_id("modal-title")).to_have_text("Reject with a note")
    await page.get_by_test_id("modal-submit").click()
    await expect(page.get_by_test_id("input-error").filter(visible=True)).to_have_count(1)
    await page.get_by_label("Why not?").fill("Legal hold until March,\nask <@U0DIA> then.")
    await page.get_by_test_id("modal-submit").click()
    await expect(page.get_by_test_id("modal")).to_be_hidden()
    await expect(card).to_contain_text("⛔ Rejected by @Cleo Díaz")
    await expect(card.locator("blockquote")).to_contain_text("ask <@U0DIA> then.")
    assert (await agent.wait_for(asked, "rejected"))["note"] == "Legal hold until March,\nask <@U0DIA> then."


async def test_view_all_shows_every_argument(open_page: Open, agent: Agent) -> None:
    page = await open_page(CLEO)
    lines = {f"row_{n:03}": "x" * 200 for n in range(150)}
    await agent.propose("data.delete", lines, description="Rows that nobody needs.")
    card = message(page, "data.delete")
    await expect(card).to_contain_text("Cut here; all of it is under “View all”.")
    await expect(card).not_to_contain_text("row_149")
    await button(card, "view_all").click()
    modal = page.get_by_test_id("modal")
    await expect(modal).to_contain_text("row_000")
    await modal.get_by_text(re.compile("Page 2 of")).click()
    await expect(modal).to_contain_text("row_149")
    await expect(modal).to_contain_text("Rows that nobody needs.")
    await page.keyboard.press("Escape")
    await expect(modal).to_be_hidden()


async def test_a_late_click_is_told_who_decided(open_page: Open, agent: Agent, slack: LocalSlack) -> None:
    """Dia clicks before her card is redrawn."""
    await agent.propose("data.delete", {"what": "old logs"})
    cleos, dias = await open_page(CLEO), await open_page(DIA)
    await expect(button(message(dias, "data.delete"), "reject")).to_be_visible()
    slow = slack.faults.arm(method="chat.update", kind="error", error="internal_error", times=100)
    await button(message(cleos, "data.delete"), "approve").click()
    await expect(whisper(cleos)).to_contain_text("You approved it.")
    await button(message(dias, "data.delete"), "reject").click()
    await expect(whisper(dias)).to_contain_text("This is decided already: approved by @Cleo Díaz")
    await expect(whisper(dias)).to_contain_text("Your click changed nothing.")
    slow.times = 0
    await expect(message(dias, "data.delete")).to_contain_text("Approved by @Cleo Díaz")


REFUSED = {
    ADA: "You are not one of the approvers",
    GUS: "somebody else has to decide it",
    GUEST: "Only full members of this workspace can vote",
    STRANGER: "Only full members of this workspace can vote",
}


async def test_a_person_who_may_not_vote_is_told_why(stage: Stage, open_page: Open, agent: Agent) -> None:
    await agent.propose("data.delete", {"what": "old logs"})
    pages = {who: await open_page(who) for who in REFUSED}
    for page in pages.values():
        await expect(button(message(page, "data.delete"), "approve")).to_be_visible()
    await stage.shown()
    before = stage.everything()
    for who, words in REFUSED.items():
        await button(message(pages[who], "data.delete"), "approve").click()
        await expect(whisper(pages[who])).to_contain_text(words)
    assert stage.everything() == before
    assert stage.journal()[-len(REFUSED) :] == ["review.vote_refused"] * len(REFUSED)


async def test_an_escalation_pages_somebody_who_takes_it_and_answers(open_page: Open, agent: Agent) -> None:
    page = await open_page(ADA)
    asked = await agent.propose("service.restart", {"service": "billing"})
    direct = page.locator(".conversation", has_text="Checkpoint")
    await expect(direct.get_by_test_id("badge")).to_have_text("1")
    await direct.click()
    paged = message(page, "You are paged")
    await expect(paged).to_contain_text("because nobody has answered yet: step 1 of 1")
    await expect(paged).to_contain_text("service.restart")
    await button(paged, "acknowledge").click()
    await expect(paged).to_contain_text("@Ada Okafor is on it; nobody else is paged until")
    await button(paged, "approve").click()
    await expect(paged).to_contain_text("✅ Approved by @Ada Okafor")
    await expect(button(paged, "approve")).to_have_count(0)
    await page.locator(f".conversation[data-channel={APPROVALS}]").click()
    await expect(message(page, "service.restart")).to_contain_text("✅ Approved by @Ada Okafor")
    assert (await agent.wait_for(asked, "approved"))["decided_by"] == [ADA]


async def test_a_digest_lists_the_passed_actions_for_review(open_page: Open, agent: Agent) -> None:
    page = await open_page(CLEO, DIGEST)
    await expect(page.get_by_test_id("empty")).to_contain_text("start of #agent-digest")
    for cost in (5, 40):
        await agent.propose("report.generate", {"name": f"churn for {cost}", "cost": cost})
    digest = message(page, "2 actions passed and may be looked over")
    await expect(digest).to_contain_text("report.generate by ops-agent: 2 × · 45.00 USD")
    await expect(digest).to_contain_text("churn for 40")


async def test_when_nobody_answers_the_card_says_so_and_a_new_one_can_be_answered(
    open_page: Open, agent: Agent
) -> None:
    page = await open_page(CLEO)
    asked = await agent.propose("config.flag", {"flag": "new-checkout"})
    first = page.get_by_test_id("message").filter(has_text="config.flag").first
    await expect(first).to_contain_text("It was halted: its state is kept, and it can still be answered.")
    await expect(button(first, "approve")).to_have_count(0)
    await expect(first.get_by_role("link", name="its new card")).to_be_visible()
    halted = await agent.standing(asked)
    assert (halted["outcome"], halted["nobody_answered"]) == ("expired", True)
    second = message(page, "asked again")
    await expect(second).to_contain_text("no window. It was halted when nobody answered")
    await button(second, "approve").click()
    await expect(second).to_contain_text("✅ Approved by @Cleo Díaz")
    assert (await agent.wait_for(asked, "approved"))["decided_by"] == [CLEO]

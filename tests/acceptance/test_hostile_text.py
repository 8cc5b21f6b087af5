"""Text of agents and people stays text on the page: it never pings, links, formats, hides or runs."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import CLEO, DIGEST, GUS
from tests.acceptance.conftest import Open
from tests.acceptance.test_clicking import button, message

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MARKUP = (
    "<script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "</pre></div><iframe srcdoc='<script>parent.pwned = 1</script>'></iframe>",
    "<svg onload=window.pwned=1>",
    "&lt;b&gt;bold&lt;/b&gt; &amp; &quot;",
)
SLACKS = (
    "<!channel> <!here> <@U0CLEO> <#C0ADMIN> <!subteam^S0FINANCE>",
    "<https://evil.example|https://northwind.example> https://evil.example/login",
    "*bold* _italic_ ~struck~ `code` ```block``` &gt; quote\n> quote\n• item",
    "<!date^0^{date}|now> :rotating_light: <mailto:ceo@northwind.example|CEO>",
    "mailto:eve@evil.example javascript:alert(1) [link](https://evil.example)",
)
HIDING = (
    "invoice\u202egnp.exe",
    "pay\u200bpal\u2060 \ufeff\u00ad",
    "a\u2066b\u2069 \u200f\u061c",
    "\x1b[2Jcleared\x00 \x07 \r first \u2028 second \u2029 third",
    "\U000e0041\U000e0042 \ue000 \ufff9",
)
HOSTILE = (*MARKUP, *SLACKS, *HIDING)
INVISIBLE = (
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


async def nothing_works_in(part: Locator, page: Page) -> None:
    """Fail if the DOM has an element that such text could have made, or a hidden character."""
    for made in ("script", "img", "iframe", "svg", "object", "[onerror]", "[onload]", "s", ".emoji"):
        assert await part.locator(made).count() == 0, made
    formatted = " ".join(await part.locator("em, strong").all_inner_texts())
    assert not any(words in formatted for words in ("bold", "italic", "now"))
    links = await part.locator("a").evaluate_all("all => all.map((each) => each.href)")
    assert links == []
    mentions = await part.locator(".mention").all_inner_texts()
    assert set(mentions) <= {"@Gus Romero", "@Cleo Díaz"}, mentions
    assert await part.locator(".broadcast").count() == 0
    assert await page.evaluate("window.pwned") is None
    hidden = await part.evaluate(f"(part) => part.innerText.match(/{INVISIBLE}/gu)")
    assert hidden is None


async def test_nothing_that_an_agent_wrote_works_on_a_card(open_page: Open, agent: Agent) -> None:
    page = await open_page(CLEO)
    args: Json = {f"arg {n} {words[:12]}": words for n, words in enumerate(HOSTILE)}
    args["nested"] = {"<!channel>": list(HOSTILE)}
    await agent.propose("payment.transfer", args, description="\n".join(HOSTILE), on_behalf_of=GUS)
    card = message(page, "payment.transfer")
    await expect(button(card, "approve")).to_be_visible()
    await nothing_works_in(card, page)
    await expect(card).to_contain_text("<script>window.pwned = 1</script>")
    await expect(card).to_contain_text("⟨U+202E⟩")
    await button(card, "view_all").click()
    modal = page.get_by_test_id("modal")
    await expect(modal).to_contain_text("<!channel> <!here> <@U0CLEO>")
    await expect(modal).to_contain_text("⟨U+200B⟩")
    await nothing_works_in(modal, page)


async def test_nothing_that_a_reviewer_or_an_executor_wrote_works(open_page: Open, agent: Agent) -> None:
    page = await open_page(CLEO)
    asked = await agent.propose("data.delete", {"what": "old logs"})
    card = message(page, "data.delete")
    await button(card, "approve").click()
    await agent.wait_for(asked, "approved")
    await agent.claim(asked)
    await agent.report(asked, "failed", detail="\n".join(HOSTILE[:6]))
    await expect(card).to_contain_text("❌ Failed")
    await expect(card).to_contain_text("<img src=x onerror=")
    await nothing_works_in(card, page)
    await agent.propose("data.delete", {"what": "more"})
    second = message(page, 'what: "more"')
    await button(second, "reject_with_note").click()
    await page.get_by_label("Why not?").fill("\n".join((*MARKUP, *SLACKS)))
    await page.get_by_test_id("modal-submit").click()
    await expect(second).to_contain_text("⛔ Rejected by @Cleo Díaz")
    await nothing_works_in(second, page)


async def test_nothing_that_an_agent_wrote_works_in_a_digest(open_page: Open, agent: Agent) -> None:
    page = await open_page(CLEO, DIGEST)
    for words in HOSTILE[:6]:
        await agent.propose("report.generate", {"name": words, "cost": 5})
    digest = message(page, "passed and may be looked over")
    await expect(digest).to_contain_text("report.generate")
    await nothing_works_in(digest, page)

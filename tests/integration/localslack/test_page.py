"""The page in a real browser."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack, Person
from tests.integration.localslack.conftest import Connect, button, card
from tests.waiting import until

pytestmark = pytest.mark.browser

LAUNCH = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
Open = Callable[..., Awaitable[Page]]


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium_path, args=LAUNCH.split())
        yield launched
        await launched.close()


@pytest.fixture
async def open_page(slack: LocalSlack, browser: Browser) -> AsyncIterator[Open]:
    """Open the page as a person; any error in the console fails the test."""
    complaints: list[str] = []

    async def show(as_user: str = "U0AAA", channel: str = "C0APPR", **options: Any) -> Page:
        page = await browser.new_page(**options)
        page.set_default_timeout(5000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        await page.goto(f"{slack.base_url}/?as={as_user}#{channel}")
        await expect(page.get_by_test_id("title")).not_to_be_empty()
        return page

    yield show
    offline = re.compile("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET")
    assert [complaint for complaint in complaints if not offline.search(complaint)] == []


async def test_reading_clicking_and_seeing_the_answer_without_a_reload(
    app: AsyncApp, web: AsyncWebClient, open_page: Open, connected: Connect
) -> None:
    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.chat_update(
            channel=body["channel"]["id"],
            ts=body["message"]["ts"],
            text="Approved",
            blocks=[
                {
                    "type": "section",
                    "text": {"type": "mrkdwn", "text": f"Approved by <@{body['user']['id']}>"},
                }
            ],
        )

    page = await open_page()
    await expect(page.get_by_test_id("empty")).to_contain_text("start of #agent-approvals")
    async with connected(app):
        ts = (
            await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card(button(style="primary")))
        )["ts"]
        message = page.locator(f"[data-ts='{ts}']")
        await expect(message).to_contain_text("Refund 10 USD")
        await expect(message.locator("strong")).to_have_text("Refund")
        await message.locator("[data-action-id=approve]").click()
        await expect(message).to_contain_text("Approved by @Ada Okafor")
        await expect(message.locator("[data-action-id]")).to_have_count(0)


async def test_the_button_shows_that_the_bot_does_not_answer(
    slack: LocalSlack, app: AsyncApp, web: AsyncWebClient, open_page: Open, connected: Connect
) -> None:
    slack.sockets.ack_timeout = 2.0  # long enough to see the busy button
    await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card())
    page = await open_page()
    await expect(page.get_by_test_id("bot-status")).to_contain_text("not running")
    approve = page.locator("[data-action-id=approve]")
    await approve.click()
    await expect(page.get_by_test_id("action-failed")).to_contain_text("Checkpoint is not running")
    async with connected(app):
        await expect(page.get_by_test_id("bot-status")).to_have_text("Checkpoint is connected")
        await approve.click()
        await expect(approve).to_have_attribute("aria-busy", "true")
        await expect(page.get_by_test_id("action-failed")).to_contain_text("not responding")
        await expect(approve).to_be_enabled()


async def test_a_confirm_dialog_can_be_declined(
    slack: LocalSlack, app: AsyncApp, web: AsyncWebClient, open_page: Open, connected: Connect
) -> None:
    clicks: list[str] = []

    @app.action("approve")
    async def approve(ack: Any) -> None:
        clicks.append("click")
        await ack()

    dialog = {
        "title": {"type": "plain_text", "text": "Sure?"},
        "text": {"type": "mrkdwn", "text": "It is *final*"},
    }
    await web.chat_postMessage(channel="C0APPR", text="c", blocks=card(button(confirm=dialog)))
    async with connected(app):
        page = await open_page()
        approve_button = page.locator("[data-action-id=approve]")
        await approve_button.click()
        await expect(page.get_by_test_id("confirm")).to_contain_text("It is final")
        await page.get_by_test_id("confirm-deny").click()
        await approve_button.click()
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("confirm")).to_be_hidden()
        assert clicks == []
        await approve_button.click()
        await page.get_by_test_id("confirm-yes").click()
        await expect(approve_button).not_to_have_attribute("aria-busy", "true")
        await until(lambda: clicks)
    assert clicks == ["click"]


MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "reason",
    "title": {"type": "plain_text", "text": "Reject"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why?"},
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
        },
        {
            "type": "input",
            "block_id": "kind",
            "label": {"type": "plain_text", "text": "Kind"},
            "element": {
                "type": "static_select",
                "action_id": "kind",
                "options": [{"text": {"type": "plain_text", "text": "Wrong amount"}, "value": "amount"}],
            },
        },
    ],
}


async def test_filling_in_a_modal(
    app: AsyncApp, web: AsyncWebClient, open_page: Open, connected: Connect
) -> None:
    submitted: list[dict[str, Any]] = []

    @app.action("approve")
    async def reject(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        await ack()

    @app.view("reason")
    async def reason(ack: Any, body: dict[str, Any]) -> None:
        submitted.append(body["view"]["state"]["values"])
        if len(submitted) == 1:
            await ack(response_action="errors", errors={"why": "Say more."})
        else:
            await ack()

    await web.chat_postMessage(channel="C0APPR", text="c", blocks=card())
    async with connected(app):
        page = await open_page()
        await page.locator("[data-action-id=approve]").click()
        await expect(page.get_by_test_id("modal-title")).to_have_text("Reject")
        await page.get_by_test_id("modal-submit").click()
        errors = page.get_by_test_id("input-error").filter(visible=True)
        await expect(errors).to_have_text(["Please complete this required field."] * 2)
        await page.get_by_label("Why?").fill("no")
        await page.get_by_label("Kind").select_option("amount")
        await page.get_by_test_id("modal-submit").click()
        await expect(errors).to_have_text(["Say more."])
        await expect(page.get_by_label("Why?")).to_have_value("no")
        await expect(page.get_by_label("Why?")).to_be_focused()
        await page.get_by_label("Why?").fill("the customer ordered twice")
        await page.get_by_test_id("modal-submit").click()
        await expect(page.get_by_test_id("modal")).to_be_hidden()
    assert submitted[1]["why"]["text"]["value"] == "the customer ordered twice"
    assert submitted[1]["kind"]["kind"]["selected_option"]["value"] == "amount"


async def test_a_modal_closes_by_escape_and_keeps_what_was_typed_when_it_is_updated(
    slack: LocalSlack, web: AsyncWebClient, open_page: Open, ada: Person
) -> None:
    page = await open_page()
    opened = await web.views_open(trigger_id=slack.state.triggers.issue("U0AAA"), view=MODAL)
    await page.get_by_label("Why?").fill("half a sen")
    changed = {**MODAL, "title": {"type": "plain_text", "text": "Still there?"}}
    await web.views_update(view_id=opened["view"]["id"], view=changed)
    await expect(page.get_by_test_id("modal-title")).to_have_text("Still there?")
    await expect(page.get_by_label("Why?")).to_have_value("half a sen")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("modal")).to_be_hidden()
    assert (await ada.state())["views"] == []


HOSTILE = "<img src=x onerror=alert(1)> </pre><script>alert(1)</script>"


async def test_text_is_never_markup(web: AsyncWebClient, open_page: Open) -> None:
    escaped = HOSTILE.replace("<", "&lt;").replace(">", "&gt;")
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": HOSTILE}},
        {"type": "section", "text": {"type": "mrkdwn", "text": escaped}},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"```{escaped}```"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "<javascript:alert(1)|click> <data:text/html,x|me>"},
        },
        {"type": "section", "text": {"type": "plain_text", "text": "*not bold* <@U0AAA>"}},
        {"type": "actions", "elements": [button(text={"type": "plain_text", "text": HOSTILE})]},
    ]
    ts = (await web.chat_postMessage(channel="C0APPR", text=HOSTILE, blocks=blocks, metadata=None))["ts"]
    page = await open_page()
    message = page.locator(f"[data-ts='{ts}']")
    await expect(message.locator("h3")).to_have_text(HOSTILE)
    await expect(message.locator("pre")).to_have_text(HOSTILE)
    await expect(message.locator("img, script")).to_have_count(0)
    await expect(message.locator("a")).to_have_count(0)
    await expect(message).to_contain_text("*not bold* <@U0AAA>")


MRKDWN = {
    "*bold* _it_ ~gone~": "<strong>bold</strong> <em>it</em> <s>gone</s>",
    "*bold _both_*": "<strong>bold <em>both</em></strong>",
    "2*3*4 snake_case_name * not *": "2*3*4 snake_case_name * not *",
    "`*code* &amp; :x:`": "<code>*code* &amp; :x:</code>",
    "&gt; quoted\nplain": "<blockquote>quoted</blockquote>plain",
    ">>> all\nof it": "<blockquote>all<br>of it</blockquote>",
    ":x: :no_such_thing:": '<span class="emoji" title=":x:">❌</span> :no_such_thing:',
    "&lt;b&gt; &amp;amp;": "&lt;b&gt; &amp;amp;",
    "<!here>": '<span class="mention broadcast">@here</span>',
    "<!subteam^S0FIN>": '<span class="mention">@finance</span>',
    "<#C0PRIV>": '<a class="mention" href="#C0PRIV">#secret</a>',
    "<@U0NONE|somebody>": '<span class="mention" data-mention="U0NONE">@somebody</span>',
    "<javascript:alert(1)|x>": "<span>x</span>",
    "```\na *b*\n```": "<pre><code>a *b*</code></pre>",
}


async def test_mrkdwn(web: AsyncWebClient, open_page: Open) -> None:
    for source in MRKDWN:
        await web.chat_postMessage(channel="C0APPR", text=source)
    page = await open_page()
    texts = page.locator(".message .text")
    await expect(texts).to_have_count(len(MRKDWN))
    shown = [(await text.inner_html()).strip() for text in await texts.all()]
    assert dict(zip(MRKDWN, shown, strict=True)) == MRKDWN


async def test_links_and_dates_in_the_readers_zone(web: AsyncWebClient, open_page: Open) -> None:
    moment = 1_767_225_600  # 2026-01-01T00:00:00Z, an hour later in Lagos
    when = f"<!date^{moment}^{{date_num}} {{time}}|then>"
    text = f"<https://example.com/a?b=1&amp;c=2|docs> https://example.com/x, {when}"
    await web.chat_postMessage(channel="C0APPR", text=text)
    await web.chat_postMessage(
        channel="C0APPR",
        text="v",
        blocks=[
            {"type": "section", "text": {"type": "mrkdwn", "text": "https://example.com/v", "verbatim": True}}
        ],
    )
    page = await open_page()
    links = page.locator(".text a")
    await expect(links).to_have_count(2)
    await expect(links.nth(0)).to_have_attribute("href", "https://example.com/a?b=1&c=2")
    await expect(links.nth(0)).to_have_attribute("rel", "noopener noreferrer")
    await expect(links.nth(1)).to_have_attribute("href", "https://example.com/x")
    await expect(page.locator(".card a")).to_have_count(0)
    moments = page.locator("time[data-moment]")
    await expect(moments).to_have_text("2026-01-01 1:00 AM")
    await expect(moments).to_have_attribute("title", re.compile("ago|in "))
    soon = f"<!date^{int(time.time()) + 1500}^{{ago}}|then>"
    await web.chat_postMessage(channel="C0APPR", text=soon)
    await expect(moments.nth(1)).to_have_text("in 25 minutes")


async def test_being_somebody_else_unread_marks_and_private_words(
    slack: LocalSlack, web: AsyncWebClient, open_page: Open
) -> None:
    page = await open_page("U0AAA", "C0AWAY")
    sidebar = page.locator("button[data-channel=C0APPR]")
    await web.chat_postMessage(channel="C0APPR", text="one")
    await web.chat_postEphemeral(channel="C0APPR", user="U0BBB", text="for ben")
    await expect(sidebar.get_by_test_id("badge")).to_have_text("1")
    await expect(page).to_have_title(re.compile(r"^\(1\) # elsewhere"))
    await sidebar.click()
    await expect(page.get_by_test_id("message")).to_have_count(1)
    await expect(sidebar.get_by_test_id("badge")).to_have_count(0)
    assert page.url.endswith("/?as=U0AAA#C0APPR")
    await page.get_by_test_id("you-select").select_option("U0BBB")
    await expect(page.get_by_test_id("message")).to_have_count(2)
    await expect(page.get_by_test_id("only-you")).to_contain_text("Only visible to you")
    await page.get_by_role("button", name="Dismiss").click()
    await expect(page.get_by_test_id("message")).to_have_count(1)
    assert page.url.endswith("/?as=U0BBB#C0APPR")
    await page.go_back()
    await expect(page.locator("#you-name")).to_have_text("Ada Okafor")


async def test_writing_a_message_by_keyboard(web: AsyncWebClient, open_page: Open, ben: Person) -> None:
    page = await open_page()
    await page.get_by_test_id("say").fill("a < b & *c*")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("message")).to_contain_text("a < b & c")
    assert (await ben.messages("C0APPR"))[0]["text"] == "a &lt; b &amp; *c*"
    await page.get_by_test_id("say").fill("two\nlines")
    await page.get_by_test_id("send").click()
    await expect(page.get_by_test_id("message")).to_have_count(2)
    await expect(page.get_by_test_id("say")).to_have_value("")


async def test_the_home_tab(app: AsyncApp, open_page: Open, connected: Connect) -> None:
    seen: list[str] = []

    @app.event("app_home_opened")
    async def opened(event: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": card()})

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        seen.append(body["container"]["type"])

    async with connected(app):
        page = await open_page()
        await page.get_by_test_id("bot-dm").click()
        await page.get_by_test_id("tab-home").click()
        await page.get_by_test_id("home").locator("[data-action-id=approve]").click()
        await expect(page.get_by_test_id("banner")).to_be_hidden()
        await until(lambda: seen)
        await page.get_by_test_id("tab-messages").click()
        await expect(page.get_by_test_id("home")).to_be_hidden()
    assert seen == ["view"]


async def test_the_page_shows_a_lost_connection_and_reconnects(
    slack: LocalSlack, web: AsyncWebClient, open_page: Open
) -> None:
    await web.chat_postMessage(channel="C0APPR", text="before")
    page = await open_page()
    await expect(page.get_by_test_id("message")).to_have_count(1)
    await slack.stop()
    await expect(page.get_by_test_id("banner")).to_contain_text("connection to the workspace is lost")
    await slack.start()
    await expect(page.get_by_test_id("banner")).to_be_hidden()
    await web.chat_postMessage(channel="C0APPR", text="after")
    await expect(page.get_by_test_id("message")).to_have_count(2)


async def test_a_narrow_window_has_a_drawer(web: AsyncWebClient, open_page: Open) -> None:
    await web.chat_postMessage(channel="C0APPR", text="c", blocks=card(*(button(f"b{n}") for n in range(6))))
    page = await open_page(viewport={"width": 380, "height": 700})
    await expect(page.locator("[data-action-id=b5]")).to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 380
    entry = page.locator("button[data-channel=C0AWAY]")
    await expect(entry).not_to_be_in_viewport()
    await page.get_by_role("button", name="Conversations").click()
    await entry.click()
    await expect(page.get_by_test_id("title")).to_have_text("# elsewhere")
    await expect(entry).not_to_be_in_viewport()

"""An answer of a proxy, a portal or an outage page in Slack's place is a failed call and nothing worse."""

from __future__ import annotations

import pytest
from aiohttp import web

from bot.slack.failures import CallFailed
from bot.slack.identity import identify, web_client
from bot.slack.web_api import POST, Calls

NO_MORE = '{"ok": true}'
"""It confirms a post without its place, so the bot searches for the message."""
ODD = [
    ("<html>ok</html>", "text/html", 200),
    ("[]", "application/json", 200),
    ("null", "application/json", 200),
    ('"x"', "application/json", 200),
    ("7", "application/json", 200),
    ("", "application/json", 200),
    ("{", "application/json", 200),
    ("{}", "application/json", 200),
    (NO_MORE, "application/json", 200),
    ("\ud83d".encode("utf-16", "surrogatepass").decode("latin-1"), "application/json", 200),
    ("<html>", "text/html", 403),
    ("<html>", "text/html", 429),
    ("<html>", "text/html", 503),
]


@pytest.mark.parametrize(("body", "kind", "status"), ODD)
async def test_an_odd_answer_is_a_failed_call(body: str, kind: str, status: int) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type=kind, status=status)

    app = web.Application()
    app.router.add_route("*", "/{x:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = web_client("xoxb-1", f"http://127.0.0.1:{runner.addresses[0][1]}/api/")
    try:
        with pytest.raises(CallFailed):
            await identify(client)
        if body != NO_MORE:
            with pytest.raises(CallFailed):
                await Calls(client).call(POST, client.chat_postMessage, channel="C1", text="x")
    finally:
        await runner.cleanup()

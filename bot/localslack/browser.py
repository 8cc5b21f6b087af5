"""The protocol of the page, the tests and the autopilot: ``/local/…``, JSON and server-sent events.

Reads; ``as`` names the person (``since`` and ``wait`` delay the answer until something changes):

- ``GET users``, ``GET state?as=``, ``GET messages?as=&channel=&before=&limit=``
- ``GET events``: ``{"version", "run"}`` after each change

Acts; JSON with ``as``, and the page's token in ``X-Localslack-Token``:

- ``POST click`` {channel, ts or view_id, action_id, block_id?, chosen?, entered?} → {acked, reason}
- ``POST submit`` {view_id, entered} → {acked, reason, errors}; ``POST close`` {view_id, everything?}
- ``POST post`` {channel, text}, ``read`` {channel, ts}, ``dismiss`` {channel, ts}, ``dm`` {}, ``home`` {}
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from bot.localslack.client_state import ClientState
from bot.localslack.loopback_guard import LoopbackGuard
from bot.localslack.people_acts import PeopleActs
from bot.localslack.refusals import PersonRefusal
from bot.localslack.socket_mode import Reply
from bot.localslack.state import State
from bot.localslack.workspace import Json

PAGE = Path(__file__).parent / "page"
LONGEST_WAIT = 30.0  # seconds of a long poll
HEARTBEAT = 10.0  # seconds between signs of life on the event stream
MESSAGES = 200

Act = Callable[[Json], Awaitable[Json]]


class Browser:
    """The routes of the page.

    Args:
        closing: set when the server stops; ends waiting requests.
    """

    def __init__(
        self,
        *,
        state: State,
        people: PeopleActs,
        client: ClientState,
        guard: LoopbackGuard,
        closing: asyncio.Event,
    ) -> None:
        self._state = state
        self._people = people
        self._client = client
        self._guard = guard
        self._closing = closing

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the server."""
        posts: dict[str, Act] = {
            "click": self._click,
            "submit": self._submit,
            "close": self._close,
            "home": self._home,
            "read": self._read,
            "post": self._post,
            "dismiss": self._dismiss,
            "dm": self._dm,
        }
        gets = {"state": self._get_state, "messages": self._get_messages, "users": self._get_users}
        return [
            web.get("/", self._page),
            web.get("/page/{name}", self._asset),
            web.get("/local/events", self._events),
            *(web.get(f"/local/{name}", handler) for name, handler in gets.items()),
            *(web.post(f"/local/{name}", _posting(act)) for name, act in posts.items()),
        ]

    # The page

    async def _page(self, _request: web.Request) -> web.Response:
        html = (PAGE / "index.html").read_text(encoding="utf-8")
        filled = html.replace("{{token}}", self._guard.token).replace("{{run}}", self._guard.run)
        return web.Response(text=filled, content_type="text/html")

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in {path.name for path in PAGE.iterdir()} - {"index.html"}:
            raise web.HTTPNotFound
        return web.FileResponse(PAGE / name)

    # Reads

    async def _get_users(self, _request: web.Request) -> web.Response:
        return web.json_response({"users": self._client.users()})

    async def _get_state(self, request: web.Request) -> web.Response:
        await self._wait(request)
        return web.json_response(self._client.state(request.query.get("as", "")))

    async def _get_messages(self, request: web.Request) -> web.Response:
        await self._wait(request)
        query = request.query
        conversation = self._people.conversation(query.get("as", ""), query.get("channel", ""))
        limit = _number(query.get("limit"), MESSAGES)
        seen = conversation.seen_by(query.get("as", ""), before=query.get("before", ""), limit=int(limit))
        version = self._state.changes.version
        return web.json_response({"version": version, "messages": [self._client.message(m) for m in seen]})

    async def _wait(self, request: web.Request) -> None:
        """Delay the answer until a change after version ``since``, for at most ``wait`` seconds."""
        if "since" in request.query and not self._closing.is_set():
            wait = min(_number(request.query.get("wait"), LONGEST_WAIT), LONGEST_WAIT)
            await self._state.changes.after(int(_number(request.query["since"], 0)), timeout=wait)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        version = -1
        try:
            while not self._closing.is_set():
                latest = await self._state.changes.after(version, timeout=HEARTBEAT)
                text = (
                    ": alive\n\n"
                    if latest == version
                    else f"data: {json.dumps({'version': latest, 'run': self._guard.run})}\n\n"
                )
                version = latest
                await response.write(text.encode())
        except ConnectionError:
            pass  # the page is gone
        return response

    # Acts

    async def _click(self, body: Json) -> Json:
        user_id, action_id = body["as"], body["action_id"]
        block_id, chosen, entered = body.get("block_id") or "", body.get("chosen"), body.get("entered")
        if "view_id" in body:
            act = self._people.click_view(
                user_id, body["view_id"], action_id, block_id=block_id, chosen=chosen, entered=entered
            )
        else:
            act = self._people.click(
                user_id,
                body["channel"],
                body["ts"],
                action_id,
                block_id=block_id,
                chosen=chosen,
                entered=entered,
            )
        return _shown(await act)

    async def _submit(self, body: Json) -> Json:
        submitted = await self._people.submit(body["as"], body["view_id"], body.get("entered") or {})
        return {**_shown(submitted.reply), "errors": submitted.errors}

    async def _close(self, body: Json) -> Json:
        return _shown(
            await self._people.close(body["as"], body["view_id"], everything=bool(body.get("everything")))
        )

    async def _home(self, body: Json) -> Json:
        self._people.open_home(body["as"])
        return {}

    async def _read(self, body: Json) -> Json:
        self._people.read(body["as"], body["channel"], body["ts"])
        return {}

    async def _post(self, body: Json) -> Json:
        return {"ts": self._people.post(body["as"], body["channel"], str(body["text"])).ts}

    async def _dismiss(self, body: Json) -> Json:
        self._people.dismiss(body["as"], body["channel"], body["ts"])
        return {}

    async def _dm(self, body: Json) -> Json:
        return {"channel": self._people.open_dm(body["as"]).id}


def _posting(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text())
            return web.json_response({"ok": True, **await act(body)})
        except (KeyError, TypeError, ValueError) as problem:
            raise PersonRefusal(f"the request is not understood: {problem!r}") from None

    return handle


def _number(text: str | None, default: float) -> float:
    try:
        return float(text) if text else default
    except ValueError:
        raise PersonRefusal(f"{text!r} is not a number") from None


def _shown(reply: Reply) -> Json:
    return {"acked": reply.acked, "reason": reply.reason}

"""A client that acts as one person, for tests and for the demo's autopilot."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp

from bot.localslack.workspace import Json

Wanted = Callable[[Json], bool]


class PersonError(Exception):
    """The workspace refused an act, or an awaited message or view did not appear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicked:
    """The result that the client shows after a click or a submission.

    Attributes:
        acked: the bot acknowledged in time; if not, Slack shows a warning triangle.
        reason: ``ok``, or why not: ``timeout``, ``not_connected``, ``http_404``, …
        errors: the messages under a modal's inputs, by block id.
    """

    acked: bool
    reason: str
    errors: dict[str, str] = field(default_factory=dict)


class Person:
    """Acts as one user of the workspace at `base_url`. An async context manager; or `close` it.

    Channels may be named by id or by name, with or without ``#``; ``"dm"`` is the one with the bot.
    """

    def __init__(self, base_url: str, user_id: str) -> None:
        self.user_id = user_id
        self._base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._token = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # Reads

    async def state(self, *, since: int | None = None, wait: float = 0) -> Json:
        """Return everything the person sees, except the messages; see ``GET /local/state``."""
        later = {} if since is None else {"since": str(since), "wait": str(wait)}
        return await self._get("state", later)

    async def channel_id(self, channel: str) -> str:
        """Return the id of a conversation that the person is in.

        Raises:
            PersonError: they are in no conversation of that name.
        """
        state = await self.state()
        name = channel.removeprefix("#")
        for conversation in state["conversations"]:
            is_dm = conversation["kind"] == "im" and state["bot"]["user"] in conversation["members"]
            if conversation["id"] == channel or (is_dm and channel == "dm") or conversation["name"] == name:
                return str(conversation["id"])
        if channel == "dm":
            return str((await self._post("dm", {}))["channel"])
        raise PersonError(f"{self.user_id} is in no conversation {channel!r}")

    async def messages(self, channel: str, *, limit: int = 200) -> list[Json]:
        """Return the messages in a conversation, oldest first."""
        found = await self._get("messages", {"channel": await self.channel_id(channel), "limit": str(limit)})
        return list(found["messages"])

    async def wait_for_message(
        self,
        channel: str,
        wanted: Wanted | str = "",
        *,
        timeout: float = 60.0,  # noqa: ASYNC109  (a deadline with a message of its own)
    ) -> Json:
        """Wait for a message that `wanted` accepts or that contains this text; return the newest one.

        Raises:
            PersonError: none came within `timeout` seconds.
        """
        fits = wanted if callable(wanted) else lambda message: wanted in all_text(message)
        channel_id = "" if channel == "dm" else await self.channel_id(channel)

        async def look() -> Json | None:
            found = await self.messages(channel_id or "dm")
            return next((message for message in reversed(found) if fits(message)), None)

        return await self._until(look, timeout, f"a message like {wanted!r} in {channel}")

    async def wait_for_view(self, wanted: Wanted | str = "", *, timeout: float = 60.0) -> Json:  # noqa: ASYNC109  (as above)
        """Wait for a top modal that `wanted` accepts, and return it.

        Raises:
            PersonError: none came within `timeout` seconds.
        """
        fits = wanted if callable(wanted) else lambda view: wanted in all_text(view)

        async def look() -> Json | None:
            views = (await self.state())["views"]
            return views[-1] if views and fits(views[-1]) else None

        return await self._until(look, timeout, f"a modal like {wanted!r}")

    # Acts

    async def click(
        self,
        channel: str,
        message: Json | str,
        action: str | re.Pattern[str],
        *,
        chosen: Any = None,
        entered: Json | None = None,
        block_id: str = "",
    ) -> Clicked:
        """Use a button or select of a message.

        `action` is its action id; or a pattern, for which `message` must be the message itself and not its
        ts. `chosen` is the value of the option chosen in a select, `entered` holds the values of other inputs
        in the message, by action id.

        Raises:
            PersonError: the message or the element does not exist.
        """
        ts = message if isinstance(message, str) else message["ts"]
        target = {"channel": await self.channel_id(channel), "ts": ts}
        action_id = action if isinstance(action, str) else _matching(message, action)
        more = {"action_id": action_id, "chosen": chosen, "entered": entered, "block_id": block_id}
        return _clicked(await self._post("click", {**target, **more}))

    async def click_view(
        self,
        view: Json | str,
        action: str | re.Pattern[str],
        *,
        chosen: Any = None,
        entered: Json | None = None,
    ) -> Clicked:
        """Use a button or select of a modal or Home tab."""
        view_id = view if isinstance(view, str) else view["id"]
        action_id = action if isinstance(action, str) else _matching(view, action)
        body = {"view_id": view_id, "action_id": action_id, "chosen": chosen, "entered": entered}
        return _clicked(await self._post("click", body))

    async def submit(self, view: Json | str, entered: Json | None = None) -> Clicked:
        """Press a modal's submit button.

        `entered` is by action id or block id: text, an option's value, or a list of values.
        """
        view_id = view if isinstance(view, str) else view["id"]
        return _clicked(await self._post("submit", {"view_id": view_id, "entered": entered or {}}))

    async def close_view(self, view: Json | str, *, everything: bool = False) -> Clicked:
        """Close a modal."""
        view_id = view if isinstance(view, str) else view["id"]
        return _clicked(await self._post("close", {"view_id": view_id, "everything": everything}))

    async def open_home(self) -> None:
        """Open the app's Home tab."""
        await self._post("home", {})

    async def post(self, channel: str, text: str) -> str:
        """Post a message and return its ts."""
        return str(
            (await self._post("post", {"channel": await self.channel_id(channel), "text": text}))["ts"]
        )

    async def read(self, channel: str, ts: str) -> None:
        """Mark everything up to `ts` as seen."""
        await self._post("read", {"channel": await self.channel_id(channel), "ts": ts})

    async def dismiss(self, channel: str, ts: str) -> None:
        """Dismiss an ephemeral message."""
        await self._post("dismiss", {"channel": await self.channel_id(channel), "ts": ts})

    # Transport

    async def _until(self, look: Callable[[], Any], seconds: float, what: str) -> Json:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            version = (await self.state())["version"]
            found: Json | None = await look()
            if found is not None:
                return found
            left = deadline - loop.time()
            if left <= 0:
                raise PersonError(f"{self.user_id} waited {seconds:g} s for {what}")
            await self.state(since=version, wait=left)

    async def _get(self, path: str, query: dict[str, str]) -> Json:
        session = await self._ready()
        async with session.get(
            f"{self._base_url}/local/{path}", params={"as": self.user_id, **query}
        ) as response:
            return await _json(response)

    async def _post(self, path: str, body: Json) -> Json:
        session = await self._ready()
        headers = {"X-Localslack-Token": self._token}
        whole = {"as": self.user_id, **body}
        async with session.post(f"{self._base_url}/local/{path}", json=whole, headers=headers) as response:
            return await _json(response)

    async def _ready(self) -> aiohttp.ClientSession:
        """Return the session. The first call fetches the page for its token, as a browser does."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        if not self._token:
            async with self._session.get(f"{self._base_url}/") as response:
                found = re.search(r'name="localslack-token" content="([^"]+)"', await response.text())
            if found is None:
                raise PersonError(f"no local workspace answers at {self._base_url}")
            self._token = found[1]
        return self._session


def all_text(value: Any) -> str:
    """Return every text in a message or view, one per line."""
    if isinstance(value, list):
        return "\n".join(filter(None, map(all_text, value)))
    if not isinstance(value, dict):
        return ""
    own = [item for key, item in value.items() if key == "text" and isinstance(item, str)]
    return "\n".join(filter(None, [*own, *(all_text(item) for item in value.values())]))


def elements_of(shown: Json) -> list[Json]:
    """Return every button, select and input of a message or view, top to bottom."""
    found: list[Json] = []
    for block in shown.get("blocks") or ():
        found += [*block.get("elements", ()), block.get("accessory") or {}, block.get("element") or {}]
    return [element for element in found if "action_id" in element]


def _matching(shown: Json | str, pattern: re.Pattern[str]) -> str:
    if isinstance(shown, str):
        raise PersonError("give the message itself, not its ts, to find an action by a pattern")
    for element in elements_of(shown):
        if pattern.search(element["action_id"]):
            return str(element["action_id"])
    raise PersonError(f"no action like {pattern.pattern!r} is there")


def _clicked(answer: Json) -> Clicked:
    return Clicked(acked=answer["acked"], reason=answer["reason"], errors=answer.get("errors", {}))


async def _json(response: aiohttp.ClientResponse) -> Json:
    body: Json = await response.json()
    if response.status >= 400:
        raise PersonError(str(body.get("error", response.status)))
    return body

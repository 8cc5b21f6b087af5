"""Delivers interactions and events to the bot, over Socket Mode or by signed HTTP requests."""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp

from bot.localslack.faults import Fault, Faults
from bot.localslack.socket_mode import Reply, Sockets
from bot.localslack.workspace import Json, RequestUrls

RETRIES = (0.0, 60.0, 300.0)  # seconds before each retry of an event

Spawn = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class _Parcel:
    kind: Literal["interactions", "events"]
    payload: Json
    wants_response: bool = False


class BotDelivery:
    """Delivers to the bot, with retries for events.

    Attributes:
        target: ``"socket"``, a request URL for everything, or one each. May change at any time.
        retry_scale: a factor on the waits between retries; 0 for tests that do not wait.
    """

    def __init__(
        self,
        *,
        target: str | RequestUrls,
        sockets: Sockets,
        signing_secret: str,
        faults: Faults,
        spawn: Spawn,
        retry_scale: float,
    ) -> None:
        self.target = target
        self.retry_scale = retry_scale
        self._sockets = sockets
        self._secret = signing_secret
        self._faults = faults
        self._spawn = spawn
        self._overtaken: list[asyncio.Event] = []

    async def interaction(self, payload: Json, *, wants_response: bool = False) -> Reply:
        """Deliver a click or a submission once; Slack does not retry those."""
        return await self._with_faults(_Parcel("interactions", payload, wants_response), {})

    def event(self, payload: Json) -> None:
        """Deliver an event in the background, retrying until it is acknowledged."""
        self._spawn(self._event(payload))

    async def verify_url(self) -> bool:
        """Send ``url_verification`` to the events URL, as Slack does when one is entered."""
        challenge = uuid.uuid4().hex
        payload = {"token": "local", "challenge": challenge, "type": "url_verification"}
        reply = await self._post(_Parcel("events", payload), {})
        return reply.acked and challenge in json.dumps(reply.response or {})

    async def _event(self, payload: Json) -> None:
        parcel = _Parcel("events", payload)
        reply = await self._with_faults(parcel, {"retry_attempt": 0, "retry_reason": ""})
        for attempt, wait in enumerate(RETRIES, start=1):
            if reply.acked or reply.reason == "no_retry":
                return
            await asyncio.sleep(wait * self.retry_scale)
            extra = {"retry_attempt": attempt, "retry_reason": _retry_reason(reply.reason)}
            reply = await self._with_faults(parcel, extra)

    async def _with_faults(self, parcel: _Parcel, extra: Json) -> Reply:
        fault = self._faults.take(parcel.kind, parcel.payload)
        if fault is not None:
            return await self._faulty(fault, parcel, extra)
        reply = await self._send(parcel, extra)
        for waits in self._overtaken:
            waits.set()
        return reply

    async def _faulty(self, fault: Fault, parcel: _Parcel, extra: Json) -> Reply:
        if fault.kind == "lost":
            return Reply(acked=False, reason="lost")
        if fault.kind == "late":
            await self._faults.last(fault)
            return await self._send(parcel, extra)
        if fault.kind == "out_of_order":
            await self._next_one(fault.seconds)
            return await self._send(parcel, extra)
        if fault.kind == "at_once":
            reply, _ = await asyncio.gather(self._send(parcel, extra), self._send(parcel, extra))
            return reply
        reply = await self._send(parcel, extra)
        await self._send(parcel, extra)
        return reply

    async def _next_one(self, seconds: float) -> None:
        """Wait until another parcel was delivered, for at most `seconds`."""
        overtaken = asyncio.Event()
        self._overtaken.append(overtaken)
        try:
            async with asyncio.timeout(seconds):
                await overtaken.wait()
        except TimeoutError:
            pass
        finally:
            self._overtaken.remove(overtaken)

    async def _send(self, parcel: _Parcel, extra: Json) -> Reply:
        if self.target != "socket":
            return await self._post(parcel, extra)
        kind: Literal["interactive", "events_api"] = (
            "interactive" if parcel.kind == "interactions" else "events_api"
        )
        wants = parcel.wants_response
        return await self._sockets.deliver(kind, parcel.payload, wants_response=wants, extra=extra)

    def _url(self, kind: str) -> str:
        if isinstance(self.target, RequestUrls):
            return self.target.interactivity if kind == "interactions" else self.target.events
        return self.target

    async def _post(self, parcel: _Parcel, extra: Json) -> Reply:
        text = json.dumps(parcel.payload)
        body = urlencode({"payload": text}) if parcel.kind == "interactions" else text
        headers = self._headers(parcel.kind, body, extra)
        timeout = aiohttp.ClientTimeout(total=self._sockets.ack_timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._url(parcel.kind), data=body.encode(), headers=headers) as response,
            ):
                return await _reply(response)
        except TimeoutError:
            return Reply(acked=False, reason="timeout")
        except aiohttp.ClientError:
            return Reply(acked=False, reason="connection_failed")

    def _headers(self, kind: str, body: str, extra: Json) -> dict[str, str]:
        timestamp = str(int(time.time()))  # the bot compares it with its own clock
        base = f"v0:{timestamp}:{body}".encode()
        signature = "v0=" + hmac.new(self._secret.encode(), base, hashlib.sha256).hexdigest()
        form = "application/x-www-form-urlencoded"
        headers = {
            "Content-Type": form if kind == "interactions" else "application/json",
            "User-Agent": "Slackbot 1.0 (local)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature,
        }
        if extra.get("retry_attempt"):
            headers["x-slack-retry-num"] = str(extra["retry_attempt"])
            headers["x-slack-retry-reason"] = extra["retry_reason"]
        return headers


async def _reply(response: aiohttp.ClientResponse) -> Reply:
    text = await response.text()
    if not 200 <= response.status < 300:
        stop = response.headers.get("x-slack-no-retry") == "1"
        return Reply(acked=False, reason="no_retry" if stop else f"http_{response.status}")
    try:
        body = json.loads(text)
    except ValueError:
        body = {"text": text} if text else None
    return Reply(acked=True, response=body if isinstance(body, dict) and body else None)


def _retry_reason(reason: str) -> str:
    """Return Slack's word for the reason of a retry."""
    if reason == "timeout":
        return "http_timeout"
    return "http_error" if reason.startswith("http_") else "connection_failed"

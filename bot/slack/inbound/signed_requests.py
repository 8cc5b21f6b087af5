"""Receives clicks as HTTP requests that Slack signs."""

from __future__ import annotations

import asyncio
import re

import structlog
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from bot.errors import SettingsError

MOST_BYTES = 1_000_000
"""Largest body of a request in bytes; Slack's are far smaller."""
MOST_DIGITS = 19
"""Most digits of a declared length."""
BODY_S = 10.0
"""How long a request's body may take to arrive; Slack itself gives up after three seconds."""
TIMESTAMP = re.compile(r"[0-9]{1,12}")
SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
NOT_SIGNED = (
    "its signature is missing or wrong, or it is older than five minutes; if it was Slack's, fix "
    "SLACK_SIGNING_SECRET or this machine's clock"
)

_log = structlog.get_logger(__name__)


class HttpDelivery:
    """Requests to `POST /slack/events`: clicks, modals, and Slack's check of the address.

    Raises SettingsError without a signing secret: anybody could sign with none.
    """

    def __init__(self, app: AsyncApp, signing_secret: str) -> None:
        if not signing_secret:
            raise SettingsError(
                "SLACK_SIGNING_SECRET is not set; delivery by http takes only signed requests."
            )
        self._app = app
        self._verifier = SignatureVerifier(signing_secret)
        self._open = False

    async def start(self) -> None:
        """Take requests."""
        self._open = True

    async def stop(self) -> None:
        """Refuse requests from now on: Slack tries again later."""
        self._open = False

    def healthy(self) -> bool:
        """Whether requests are taken."""
        return self._open

    def others(self) -> int:
        """Return 0: Slack delivers to one address, where this bot is."""
        return 0

    async def handle(self, request: Request) -> Response:
        """Answer one request. A request without Slack's signature is refused."""
        if not self._open:
            return Response("the bot is not up", status_code=503)
        try:
            body = await self._signed_body(request)
        except _NotTaken as refusal:
            return Response(str(refusal), status_code=refusal.status)
        try:
            answer = await self._app.async_dispatch(to_async_bolt_request(request, body))
        except Exception as error:  # noqa: BLE001 - Bolt reads a body's parts all over, trusting their types
            _log.warning("slack_request_not_read", error=f"{type(error).__name__}: {error}")
            return Response("not a request of Slack's", status_code=400)
        if answer.status >= 500:  # Bolt failed, and logged it: our listeners raise nothing
            return Response("not a request of Slack's", status_code=400)
        return to_starlette_response(answer)

    async def _signed_body(self, request: Request) -> bytes:
        """Return the body of a request that Slack signed lately. Bolt reads the body before it checks."""
        declared = request.headers.get("content-length", "")
        if len(declared) > MOST_DIGITS or (declared.isdecimal() and int(declared) > MOST_BYTES):
            raise _NotTaken(413, "too large")
        stamp = _stamp(request)  # before the body, which nobody needs without one
        body = await _body(request) if stamp is not None else b""
        if stamp is None or not self._is_valid(body, *stamp):
            _log.warning("slack_request_refused", why=NOT_SIGNED)
            raise _NotTaken(401, "not signed by Slack")
        return body

    def _is_valid(self, body: bytes, timestamp: str, signature: str) -> bool:
        try:
            return self._verifier.is_valid(body, timestamp, signature)
        except UnicodeDecodeError:  # the SDK reads the body as UTF-8, which is what Slack sends
            return False


class _NotTaken(Exception):
    """A refused request, and the status of the answer."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)


def _stamp(request: Request) -> tuple[str, str] | None:
    """Return the time and the signature of a request, if both have the one form that Slack gives them.

    The SDK's own reading takes spaces and other scripts' digits, and stumbles over a time of 309 digits.
    """
    times = request.headers.getlist("x-slack-request-timestamp")
    signatures = request.headers.getlist("x-slack-signature")
    if len(times) != 1 or len(signatures) != 1:
        return None
    if not TIMESTAMP.fullmatch(times[0]) or not SIGNATURE.fullmatch(signatures[0]):
        return None
    return times[0], signatures[0]


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise _NotTaken(413, "too large")
    except TimeoutError as error:
        raise _NotTaken(408, "the body did not arrive") from error
    except ClientDisconnect as error:
        raise _NotTaken(400, "the client went away") from error
    return bytes(body)

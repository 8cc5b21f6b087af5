"""Refuses requests of other machines, and of other web pages in the same browser."""

import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.localslack.refusals import PersonRefusal

TOKEN_HEADER = "X-Localslack-Token"  # noqa: S105  (a header's name)
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# The Host header shows DNS rebinding; the port may be that of a tunnel.
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def check_loopback(host: str) -> None:
    """Refuse a host that other machines can reach.

    Raises:
        ValueError: `host` is not a loopback address.
    """
    if host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the local workspace listens on this machine only, not on {host!r}")


class LoopbackGuard:
    """Checks Host against DNS rebinding, Origin and a per-run token against other pages' writes."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self.run = secrets.token_hex(4)  # tells a page that the server has restarted

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse requests that do not come from the page, a bot or a test on this machine."""
        if not _LOOPBACK.fullmatch(request.headers.get("Host", "")):
            return web.json_response({"error": "this workspace is only known as 127.0.0.1"}, status=421)
        if request.path.startswith("/local/"):
            complaint = self._complaint(request)
            if complaint:
                return web.json_response({"error": complaint}, status=403)
        try:
            response = await handler(request)
        except PersonRefusal as refusal:
            response = web.json_response({"error": str(refusal)}, status=refusal.status)
        if not response.prepared:
            self._harden(response)
        return response

    def _complaint(self, request: web.Request) -> str:
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return "another page asked"
        if request.method == "GET":
            return ""
        if request.headers.get("Origin") not in (None, f"http://{request.headers['Host']}"):
            return "another page asked"
        given = request.headers.get(TOKEN_HEADER, "")
        return (
            ""
            if secrets.compare_digest(given.encode(), self.token.encode())
            else "the page's token is missing"
        )

    @staticmethod
    def _harden(response: web.StreamResponse) -> None:
        response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")

"""Which proxy a request goes through: the environment's, as curl and Python's urllib read it.

slack_sdk takes a proxy from the environment too, but not its exceptions: it sent requests for this machine to
a company's proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it


def proxy_for(url: str, *, proxies: Mapping[str, str] | None = None) -> str | None:
    """Return the URL of the proxy for a request, or None where it goes direct.

    `HTTPS_PROXY` or `HTTP_PROXY` holds by the URL's scheme (wss counts as https), then `ALL_PROXY`. What
    `NO_PROXY` names goes direct, and so does this machine, whatever is set. `proxies` are by scheme, `no`
    for the exceptions; the environment's unless given.
    """
    named = getproxies_environment() if proxies is None else dict(proxies)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_this_machine(host) or proxy_bypass_environment(parts.netloc.rpartition("@")[2], named):
        return None
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    return named.get(scheme) or named.get("all") or None


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

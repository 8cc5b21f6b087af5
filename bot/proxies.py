"""Which proxy a request goes through: the environment's, as curl and Python's urllib read it.

slack_sdk takes a proxy from the environment too, but not its exceptions: it sent requests for this machine to
a company's proxy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies_environment

PORTS = {"https": 443, "http": 80}
_WITH_PORT = re.compile(r"(\[[^\]]+\]|[^:\[\]]+):(\d+)")


def proxy_for(url: str, *, proxies: Mapping[str, str] | None = None) -> str | None:
    """Return the URL of the proxy for a request, or None where it goes direct.

    `HTTPS_PROXY` or `HTTP_PROXY` holds by the URL's scheme (wss counts as https), then `ALL_PROXY`, each in
    capitals or not. What `NO_PROXY` names goes direct: hosts with all below them, `*`, addresses and networks
    (10.0.0.0/8), each with a port or for all; and so does this machine, whatever is set. `proxies` are by
    scheme, `no` for the exceptions; the environment's unless given.
    """
    named = getproxies_environment() if proxies is None else dict(proxies)
    parts = urlsplit(url)
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    if _is_this_machine(parts.hostname or "") or _goes_direct(parts, scheme, named.get("no") or ""):
        return None
    found = (named.get(scheme) or named.get("all") or "").strip()
    if not found:
        return None
    return found if "://" in found else f"http://{found}"


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _goes_direct(parts: SplitResult, scheme: str, exceptions: str) -> bool:
    host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS.get(scheme)
    for each in re.split(r"[\s,]+", exceptions.lower()):
        entry = each
        if with_port := _WITH_PORT.fullmatch(each):
            if int(with_port[2]) != port:
                continue
            entry = with_port[1]
        if _names(entry.strip("[]"), host):
            return True
    return False


def _names(entry: str, host: str) -> bool:
    """Whether an exception is of this host: by its name, by one above it, by its address or network."""
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except (ValueError, TypeError):
        name = entry.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))

"""The proxy for a request, from the environment, as curl and Python's urllib read it.

slack_sdk reads the proxy but not its exceptions, so it would send requests for this machine to a company's
proxy.
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
    """Return the URL of the proxy for a request, or None for a direct one.

    The URL's scheme selects `HTTPS_PROXY` or `HTTP_PROXY` (wss counts as https), else `ALL_PROXY`, each in
    upper or lower case. `NO_PROXY` lists direct hosts: a name with its subdomains, `*`, addresses and
    networks (10.0.0.0/8), each with or without a port. Requests to this machine are always direct. `proxies`
    maps schemes to proxies, and `no` to the exceptions; the environment's by default.
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
    """Whether an exception covers this host: by name, by a parent domain, by address or network."""
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except (ValueError, TypeError):
        name = entry.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))

"""Checks of the values of settings. Each check returns the value, corrected if that is safe.

An error message continues the setting's name ("SLACK_BOT_TOKEN is not a token …") and never repeats a secret.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from pydantic import AfterValidator, SecretStr

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SECRET_LENGTH = 32
"""Minimum length in characters. A shorter secret could be guessed, and with it arguments from digests."""
LOOPBACK = re.compile(r"(127(\.\d+){3}|localhost|\[::1\])(:\d+)?(/|$)")


def token(prefix: str, page: str) -> AfterValidator:
    """Return a check of a Slack token's form; `page` is the page of Slack that shows the token."""
    shape = re.compile(rf"{prefix}-[0-9A-Za-z-]{{8,}}")

    def check(value: SecretStr) -> SecretStr:
        text = value.get_secret_value().strip()
        if text.startswith("xoxe."):
            raise ValueError("is a rotating token; turn token rotation off in the Slack app's settings")
        if not shape.fullmatch(text):
            raise ValueError(f"is not a token that starts with {prefix}-; copy it from {page}")
        return SecretStr(text)

    return AfterValidator(check)


def long_enough(value: SecretStr) -> SecretStr:
    """Refuse a secret that is short enough to guess."""
    text = value.get_secret_value().strip()
    if len(text) < SECRET_LENGTH:
        raise ValueError(f"has {len(text)} characters, and at least {SECRET_LENGTH} are needed")
    return SecretStr(text)


def each_long_enough(values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    """Refuse secrets that are short enough to guess."""
    return tuple(long_enough(value) for value in values)


def slack_url(value: str) -> str:
    """Refuse a URL that must not receive a token; add the final slash that slack-sdk needs."""
    scheme, _, rest = value.partition("://")
    if scheme not in ("https", "http") or not rest:
        raise ValueError("is not a URL that starts with https://")
    if scheme == "http" and not LOOPBACK.match(rest):
        raise ValueError("is http:// to another machine, so the token would cross the network unencrypted")
    return value if value.endswith("/") else value + "/"


def lower(value: Any) -> Any:
    """Convert to lower case, so that INFO means info."""
    return value.strip().lower() if isinstance(value, str) else value


def split(value: Any) -> Any:
    """Split at commas."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def networks(value: Any) -> Any:
    """Parse addresses and networks, separated by commas."""
    found = split(value)
    try:
        return tuple(ipaddress.ip_network(each) for each in found)
    except ValueError as error:
        raise ValueError(
            f"has an entry that is not an address or network ({error}); write 10.0.0.5 or 10.0.0.0/8"
        ) from error


def graph_names(value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an entry that does not name a graph, and a name that occurs twice."""
    names = []
    for spec in value:
        name, equals, source = spec.partition("=")
        if equals and name and ":" in source:
            names.append(name)
        elif not spec.endswith(".json"):
            raise ValueError(f"has {spec!r}, which is neither name=path/file.py:graph nor a langgraph.json")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"names the graph {twice!r} twice")
    return value

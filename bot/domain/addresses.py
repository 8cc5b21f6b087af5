"""The domain of an e-mail address, a URL or a host name, in the one form in which domains are compared.

That form is lower case, without the trailing dot, and ASCII (IDNA). Whatever could be read in two ways has
no domain here, and that is doubt: `"acme.example" <eve@evil.example>`, two addresses in one text,
`https://acme.example@evil.example/`, a backslash, an IP address in brackets, a letter that the two editions
of IDNA read differently.
"""

from __future__ import annotations

import re
from encodings import idna

MAX_ADDRESS = 2048
"""Characters. Longer ones are doubt."""
MAX_DOMAIN = 253

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_ASCII_DOMAIN = re.compile(rf"({_LABEL}\.){{0,40}}{_LABEL}")
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$&'*/=?^_`{|}~+\-\u00a1-\uffff]{1,64}")
_HOST_OF_URL = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{0,31}://([^/?#\\@\s:\[\]]{1,253})(?::\d{0,5})?(?:[/?#].*)?", re.DOTALL
)
_HOST = re.compile(r"[^/?#\\@\s:\[\]]{1,253}")
_READ_DIFFERENTLY = re.compile("[\u00df\u03c2\u200c\u200d\u1e9e]")
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")


def domain_of(text: str) -> str | None:
    """Return the domain of an e-mail address, a URL or a host name; None where it is in doubt."""
    if len(text) > MAX_ADDRESS:
        return None
    if "://" in text:
        url = _HOST_OF_URL.fullmatch(text)
        return normal_domain(url[1]) if url else None
    local, at, host = text.rpartition("@")
    if at and not _LOCAL_PART.fullmatch(local):
        return None
    return normal_domain(host) if _HOST.fullmatch(host) else None


def normal_domain(domain: str) -> str | None:
    """Return a domain in the form in which domains are compared, or None if it is none."""
    if not domain.isascii():
        ascii_domain = _to_ascii(domain)
        if ascii_domain is None:
            return None
        domain = ascii_domain
    domain = domain.lower().removesuffix(".")
    return domain if len(domain) <= MAX_DOMAIN and _ASCII_DOMAIN.fullmatch(domain) else None


def _to_ascii(domain: str) -> str | None:
    if len(domain) > MAX_DOMAIN or _READ_DIFFERENTLY.search(domain):
        return None
    labels = _OTHER_DOTS.sub(".", domain).split(".")
    try:
        return ".".join(idna.ToASCII(label).decode("ascii") if label else "" for label in labels)
    except UnicodeError:
        return None


class DomainSet:
    """Domains to look others up in. `acme.example` is that domain alone, `*.acme.example` all below it."""

    __slots__ = ("_below", "_exact")

    def __init__(self, entries: tuple[str, ...]) -> None:
        """Take normal domains, each perhaps after `*.`."""
        self._exact = frozenset(entry for entry in entries if not entry.startswith("*."))
        self._below = tuple(entry[1:] for entry in entries if entry.startswith("*."))

    def __contains__(self, domain: str) -> bool:
        """Whether a normal domain is one of these."""
        return domain in self._exact or bool(self._below and domain.endswith(self._below))


def normal_entry(entry: str) -> str | None:
    """Return an entry of a list of domains in normal form (`*.` kept), or None if it is none."""
    below = entry.startswith("*.")
    domain = normal_domain(entry[2:] if below else entry)
    if domain is None:
        return None
    return f"*.{domain}" if below else domain

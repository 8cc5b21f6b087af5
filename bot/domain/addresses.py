"""E-mail addresses, URLs and host names, in the forms that every reader understands alike.

Each has one strict grammar. A text outside of it has no reading here, which is doubt: two addresses in
one text, a display name, a quoted or commented local part, a route (`a!b@c`, `a%b@c`), an encoded word, user
information in a URL, a backslash, an address by number, a letter that two editions of IDNA read differently.
`idna` decides what a host name is. A WHATWG parser and the RFC 3986 parser of the standard library both read
a URL, and have to find the same host.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import idna
from pydantic_core import Url

from bot.domain.lookalikes import look_of_domain
from bot.domain.plain_text import fold, is_plain
from bot.domain.scripts import has_one_script

MAX_URL = 2048
"""Characters. Longer ones are doubt."""
MAX_EMAIL = 254
MAX_DOMAIN = 253
MAX_LABELS = 41
MAX_LOCAL_PART = 64

SCHEMES = frozenset(
    {"http", "https", "ws", "wss", "ftp", "ftps", "sftp", "ssh", "git", "s3", "gs", "hdfs"}
    | {
        "postgres",
        "postgresql",
        "mysql",
        "redis",
        "rediss",
        "amqp",
        "amqps",
        "mqtt",
        "mqtts",
        "ldap",
        "ldaps",
    }
)
"""The schemes of URLs that name a host and that no reader takes for a script, a file or a mailbox."""

_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_ATOM = r"[A-Za-z0-9_+'-]+"
_LOCAL_PART = re.compile(rf"(?!-){_ATOM}(?:\.{_ATOM})*")
_ESCAPE = r"%(?:[2-6A-Ea-e][0-9A-Fa-f]|[7Ff][0-9A-Ea-e])"
_PATH = rf"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|{_ESCAPE})*"
_URL = re.compile(
    rf"([A-Za-z][A-Za-z0-9+.-]{{0,31}})://([A-Za-z0-9.-]{{1,253}})(?::[1-9][0-9]{{0,4}})?"
    rf"(?:(/{_PATH})?(\?(?:[?]|{_PATH})*)?(#(?:[?]|{_PATH})*)?)"
)
_DOTS_IN_PATH = re.compile(r"(?:^|/)(?:\.|%2[Ee]){1,2}(?:/|$)")
_ALSO_MAIL = re.compile(r"[@,;%!]")
_LENIENT_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_LENIENT = re.compile(rf"(?:{_LENIENT_LABEL}\.){{0,40}}{_LENIENT_LABEL}")
_READ_DIFFERENTLY = re.compile("[\u00df\u03c2\u200c\u200d\u1e9e]")


class Address(NamedTuple):
    """An address: its domain, the form in which it is compared, and the form that ignores spelling."""

    domain: str
    normal: str
    folded: str


def read_hostname(text: str) -> Address | None:
    """Return a host name, in lower case and ASCII; None if it is in doubt."""
    host = _ascii_hostname(text)
    return None if host is None else Address(host, host, host)


def read_email(text: str) -> Address | None:
    """Return one e-mail address, without a display name; None if it is in doubt."""
    local, at, host = text.rpartition("@")
    if not at or len(text) > MAX_EMAIL or len(local) > MAX_LOCAL_PART or not _LOCAL_PART.fullmatch(local):
        return None
    domain = _ascii_hostname(host)
    if domain is None or "." not in domain:
        return None
    normal = f"{local}@{domain}"
    return Address(domain, normal, normal.casefold())


def read_url(text: str) -> Address | None:
    """Return an absolute URL with a host; None if it is in doubt."""
    found = _URL.fullmatch(text) if len(text) <= MAX_URL else None
    if found is None or found[1].lower() not in SCHEMES or _DOTS_IN_PATH.search(found[3] or ""):
        return None
    domain = _ascii_hostname(found[2])
    if domain is None:
        return None
    try:
        url, host = Url(text), urlsplit(text).hostname
    except ValueError:
        return None
    if url.username or (url.host or "").lower() != domain or host != domain:
        return None
    normal = str(url)
    return Address(domain, normal, unquote(normal).casefold().rstrip("/"))


def domain_of(text: str) -> str | None:
    """Return the domain of a text that is not declared to be an address; None if it is in doubt.

    A URL in which a mailer could find an address has two readings, so it has none here.
    """
    if "://" in text:
        address = None if _ALSO_MAIL.search(text) else read_url(text)
    else:
        address = read_email(text) if "@" in text else read_hostname(text)
    return None if address is None else address.domain


def _ascii_hostname(text: str) -> str | None:
    if len(text) > MAX_DOMAIN or text.count(".") >= MAX_LABELS or text.endswith("."):
        return None
    return _encoded(text.lower() if text.isascii() else text)


@lru_cache(maxsize=4096)
def _encoded(text: str) -> str | None:
    """Return a host name in ASCII; None if it is not one, is a number, or its letters are in doubt."""
    try:
        host = idna.encode(text, strict=True).decode("ascii")
        letters = idna.decode(host, strict=True) if "xn--" in host else host
    except UnicodeError:
        return None
    if _NUMERIC.fullmatch(host) or not _has_one_encoding(text) or not _has_one_encoding(letters):
        return None
    return host


def _has_one_encoding(text: str) -> bool:
    """Whether both editions of IDNA agree on a host name: there is nothing for the older one to map."""
    if text.isascii():
        return True
    return fold(text) == text and is_plain(text) and all(map(has_one_script, text.split(".")))


def normal_domain(domain: str) -> str | None:
    """Return a domain as a policy may list it, in the form in which domains are compared; None if it is none.

    A list may name more than a host name can be, as `_dmarc.acme.example`; that is then in no address.
    """
    if not domain.isascii():
        ascii_domain = _to_ascii(domain)
        if ascii_domain is None:
            return None
        domain = ascii_domain
    domain = domain.lower().removesuffix(".")
    return domain if len(domain) <= MAX_DOMAIN and _LENIENT.fullmatch(domain) else None


def _to_ascii(domain: str) -> str | None:
    if len(domain) > MAX_DOMAIN or _READ_DIFFERENTLY.search(domain):
        return None
    try:
        return ".".join(map(_ascii_label, idna.uts46_remap(domain, std3_rules=False).split(".")))
    except UnicodeError:
        return None


def _ascii_label(label: str) -> str:
    """Encode a label that need not be of a host name: a list may name `☃.example`. Raises UnicodeError."""
    if label.isascii():
        return label
    if any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in label):
        idna.check_bidi(label)
    return "xn--" + label.encode("punycode").decode("ascii")


class DomainSet:
    """Domains to look others up in. `acme.example` is that domain alone, `*.acme.example` all below it."""

    __slots__ = ("_below", "_exact", "_look_below", "_looks")

    def __init__(self, entries: tuple[str, ...]) -> None:
        """Take normal domains, each perhaps after `*.`."""
        self._exact = frozenset(entry for entry in entries if not entry.startswith("*."))
        self._below = tuple(entry[1:] for entry in entries if entry.startswith("*."))
        self._looks = frozenset(map(look_of_domain, self._exact))
        self._look_below = tuple(map(look_of_domain, self._below))

    def __contains__(self, domain: str) -> bool:
        """Whether a normal domain is one of these."""
        return domain in self._exact or bool(self._below and domain.endswith(self._below))

    def looks_listed(self, domain: str) -> bool:
        """Whether a normal domain is drawn like one of these, as `evi1.example` is like `evil.example`."""
        seen = look_of_domain(domain)
        return seen in self._looks or bool(self._look_below and seen.endswith(self._look_below))


def normal_entry(entry: str) -> str | None:
    """Return an entry of a list of domains in normal form (`*.` kept), or None if it is none."""
    below = entry.startswith("*.")
    domain = normal_domain(entry[2:] if below else entry)
    if domain is None:
        return None
    return f"*.{domain}" if below else domain

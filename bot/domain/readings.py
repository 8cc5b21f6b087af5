"""The reading of a text by its declared type: one, or none, which is doubt.

What a reading is compared by: `normal` is equal for two spellings of one thing, `folded` also for spellings
that some readers take for the same (another case, an escape). Where only the folded forms are equal, it is
in doubt whether the two are one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bot.domain.addresses import Address, domain_of, read_email, read_hostname, read_url
from bot.domain.names import read_identifier, read_instant, read_path
from bot.domain.operators import ArgType
from bot.domain.plain_text import fold


class Reading(NamedTuple):
    """A text, read by its type. Addresses have a `domain`; `words` are the parts of a name between dots."""

    normal: str
    folded: str
    domain: str | None = None
    words: tuple[str, ...] = ()


Reader = Callable[[str], Reading | None]


def _of_address(read: Callable[[str], Address | None]) -> Reader:
    def reader(text: str) -> Reading | None:
        address = read(text)
        return None if address is None else Reading(address.normal, address.folded, address.domain)

    return reader


def _path(text: str) -> Reading | None:
    path = read_path(text)
    return None if path is None else Reading(path, fold(path))


def _identifier(text: str) -> Reading | None:
    name = read_identifier(text)
    return None if name is None else Reading(name, name, words=tuple(name.split(".")))


def _instant(text: str) -> Reading | None:
    instant = read_instant(text)
    return None if instant is None else Reading(str(instant), str(instant))


READERS: Mapping[ArgType, Reader] = {
    ArgType.EMAIL: _of_address(read_email),
    ArgType.URL: _of_address(read_url),
    ArgType.HOSTNAME: _of_address(read_hostname),
    ArgType.PATH: _path,
    ArgType.IDENTIFIER: _identifier,
    ArgType.DATETIME: _instant,
}
"""The types of text that have a grammar, and what reads them."""

EXAMPLES: Mapping[ArgType, str] = {
    ArgType.EMAIL: "eve@acme.example, one address without a name",
    ArgType.URL: "https://acme.example/a, without a user",
    ArgType.HOSTNAME: "www.acme.example",
    ArgType.PATH: "/srv/prod, absolute and without `..`",
    ArgType.IDENTIFIER: "customers, or public.customers",
    ArgType.DATETIME: "2026-06-01T09:00:00Z, with its offset",
}
"""How a text of each type is written, for errors."""


def domain_by(kind: ArgType | None) -> Callable[[str], str | None]:
    """Return the function that finds the domain of a text of a type, or of undeclared text."""
    reader = READERS.get(kind) if kind else None
    if reader is None:
        return domain_of

    def domain(text: str) -> str | None:
        reading = reader(text)
        return None if reading is None else reading.domain

    return domain

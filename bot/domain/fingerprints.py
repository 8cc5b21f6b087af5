"""Recognising a redacted value in later text, without keeping the value.

In place of a redacted value the store keeps the length and a keyed hash of each form that the value can have
in text. Later text about the same action or its thread is searched for words of these lengths and hashes, and
loses them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from bot.domain.digest import Keyring
from bot.domain.redaction import REDACTED, SHORTEST, forms

MOST = 64
"""Fingerprints of one redacted argument at most."""
LONGEST = 256
"""Characters of a word: a longer value is recognised piece by piece."""
MAX_SEARCHED = 16 * 1024
"""Characters of one text that are searched. A longer text is cut, since the rest may hold a value."""
_PURPOSE = b"membrane redact"
_KEPT = re.compile(r"redacted(?: \d{1,3}:[0-9a-f]{16})+")

Fingerprint = tuple[int, str]


def written(keyring: Keyring, value: Any) -> str:
    """Return the fingerprints to store in place of a redacted value."""
    pieces = {form[at : at + LONGEST] for form in forms(value) for at in range(0, len(form), LONGEST)}
    words = sorted((word for word in pieces if len(word) >= SHORTEST), key=lambda word: (-len(word), word))
    secret = keyring.current.secret
    return " ".join([str(REDACTED), *(f"{len(word)}:{_hash(secret, word)}" for word in words[:MOST])])


def kept_in(arguments: Iterable[str]) -> frozenset[Fingerprint]:
    """Return the fingerprints in stored arguments, each of them as JSON text."""
    found = {mark for text in arguments for kept in _KEPT.findall(text) for mark in kept.split(" ")[1:]}
    return frozenset((int(length), mac) for length, _, mac in (mark.partition(":") for mark in found))


def cut_out(keyring: Keyring, marks: frozenset[Fingerprint], value: Any) -> Any:
    """Return text, or plain JSON, without the values that have these fingerprints."""
    if not marks:
        return value
    lengths: defaultdict[int, set[str]] = defaultdict(set)
    for length, mac in marks:
        lengths[length].add(mac)
    secrets = [key.secret for key in keyring.keys]
    return _cleaned(value, dict(sorted(lengths.items(), reverse=True)), secrets)


def _cleaned(value: Any, lengths: Mapping[int, set[str]], secrets: list[bytes]) -> Any:
    if isinstance(value, str):
        return _without(value, lengths, secrets)
    if isinstance(value, Mapping):
        return {
            _cleaned(key, lengths, secrets): _cleaned(item, lengths, secrets) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_cleaned(item, lengths, secrets) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = next(iter(forms(value)), "")
        return REDACTED if text and _without(text, lengths, secrets) != text else value
    return value


def _without(text: str, lengths: Mapping[int, set[str]], secrets: list[bytes]) -> str:
    if len(text) > MAX_SEARCHED:
        text = f"{text[:MAX_SEARCHED]}…"
    for length, macs in lengths.items():
        at, parts = 0, []
        for start in range(len(text) - length + 1):
            if start < at:
                continue
            word = text[start : start + length]
            if any(_hash(secret, word) in macs for secret in secrets):
                parts.append(text[at:start])
                at = start + length
        if parts:
            text = REDACTED.join([*parts, text[at:]])
    return text


def _hash(secret: bytes, word: str) -> str:
    return blake2b(
        word.encode(errors="surrogatepass"), key=secret[:64], digest_size=8, person=_PURPOSE
    ).hexdigest()

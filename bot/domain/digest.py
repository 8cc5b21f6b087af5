"""The digest that binds a person's answer to exactly these arguments, its versions and its keys.

Keyed (HMAC-SHA256 with the bot's own secret), because a plain hash of a small secret can be guessed. A
digest names its version and its key, as `2.1f0c9a3b.<64 hex digits>`, so that what was proposed under an
earlier release or an earlier secret is still recognised. Version 1 was 64 bare hex digits over the canonical
JSON of the arguments. Version 2 is over their normal form, in which `900`, `900.0` and `9e2` are one value.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from bot.domain.numbers import normal

DIGEST = re.compile(r"(2\.[0-9a-f]{8}\.)?[0-9a-f]{64}")
"""An args digest, as rows, buttons and answers hold it."""
_KEY_ID = b"checkpoint-membrane key id"
_V2 = b"2\n"  # no kind starts with a digit, so no digest of version 1 covers the same bytes
_RESULT = "the result"  # no kind has a space in it


@dataclass(frozen=True, slots=True)
class Key:
    """A secret and its id. Build it with `Key.of`; the id says nothing of the secret."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> Key:
        """Return the key of a secret."""
        return cls(hmac.digest(secret, _KEY_ID, "sha256")[:4].hex(), secret)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The key that new digests are made with, and older ones whose digests still count."""

    current: Key
    older: tuple[Key, ...] = ()

    @classmethod
    def of(cls, secret: bytes, *older: bytes) -> Keyring:
        """Return the ring of the secret in use and of older ones."""
        return cls(Key.of(secret), tuple(Key.of(each) for each in older))

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every key, the current one first."""
        return (self.current, *self.older)


def args_digest(keyring: Keyring, kind: str, args: Mapping[str, Any]) -> str:
    """Return the digest of a kind and its arguments, under the current key."""
    return _version_2(keyring.current, kind, _json(normal(args)))


def matches(keyring: Keyring, digest: str, kind: str, args: Mapping[str, Any]) -> bool:
    """Whether a digest of any version, under any key of the ring, is of this kind and these arguments."""
    found = DIGEST.fullmatch(digest)
    if found is None:
        return False
    if found[1] is None:
        written = _json(args)
        return any(hmac.compare_digest(digest, _version_1(key, kind, written)) for key in keyring.keys)
    written = _json(normal(args))
    return any(hmac.compare_digest(digest, _version_2(key, kind, written)) for key in keyring.keys)


def is_version_1(digest: str) -> bool:
    """Whether a digest was made by a release before version 2, which digested what a call was sent with."""
    return "." not in digest


def alternatives(keyring: Keyring, kind: str, args: Mapping[str, Any]) -> tuple[str, ...]:
    """Return every digest that the same action may be stored under, for a look-up; the current one first."""
    written, as_sent = _json(normal(args)), _json(args)
    now = [_version_2(key, kind, written) for key in keyring.keys]
    return (*now, *(_version_1(key, kind, as_sent) for key in keyring.keys))


def result_digest(keyring: Keyring, result: Any) -> str:
    """Return the digest of what an effect returned: keyed, as it may be small and secret."""
    return _version_2(keyring.current, _RESULT, _json(normal(result)))


def _version_1(key: Key, kind: str, written: bytes) -> str:
    return hmac.digest(key.secret, kind.encode() + b"\n" + written, "sha256").hex()


def _version_2(key: Key, kind: str, written: bytes) -> str:
    mac = hmac.digest(key.secret, _V2 + kind.encode() + b"\n" + written, "sha256").hex()
    return f"2.{key.id}.{mac}"


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

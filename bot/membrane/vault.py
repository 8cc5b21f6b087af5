"""Encrypts stored values that have to be read back: the input, the questions and the state of threads.

AES-256-GCM under a key of its own for each purpose, derived (HKDF-SHA256) from the bot's secret, with a
random nonce each time, which is safe for 2^32 values a key. A value does not open if it was changed, moved to
another place or sealed under a missing secret.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.domain.digest import Keyring, matches
from bot.domain.record import ActionRecord
from bot.errors import StoreError

NONCE = 12
"""Length of a nonce in bytes."""
MARK = b"\x00mk2"
"""The first bytes of a sealed value that names its key. A nonce begins so once in 2^32 values."""
HEAD = len(MARK) + 4
"""Length of the mark and the key's id in bytes."""
KEY = "sealed"
"""The only member of a sealed JSON object."""


def key_of(sealed: bytes) -> bytes | None:
    """Return the id of the key that a value is sealed under; None if it names none."""
    return sealed[len(MARK) : HEAD] if sealed.startswith(MARK) else None


def _opened(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], place)


class Vault:
    """Seals values of one purpose under the current key of a ring, and opens those of its older keys too.

    A sealed value begins with MARK and the id of its key. Before keys had ids it began with its nonce: what
    opens in no other way is tried as one of those.
    """

    def __init__(self, keyring: Keyring, purpose: str) -> None:
        info = f"checkpoint-membrane {purpose}".encode()
        self._ciphers = {
            bytes.fromhex(key.id): AESGCM(HKDF(SHA256(), 32, salt=None, info=info).derive(key.secret))
            for key in keyring.keys
        }
        self._current = bytes.fromhex(keyring.current.id)

    def seal(self, plain: bytes, place: str = "") -> bytes:
        """Return the value sealed. It opens only at the same `place`, such as the id of its row."""
        head, nonce = MARK + self._current, os.urandom(NONCE)
        return head + nonce + self._ciphers[self._current].encrypt(nonce, plain, head + place.encode())

    def open(self, sealed: bytes, place: str = "") -> bytes:
        """Return the value sealed at this place. Raises StoreError for anything else."""
        key_id = key_of(sealed)
        head = sealed[:HEAD] if key_id is not None else b""
        if (cipher := self._ciphers.get(key_id or b"")) is not None:
            with suppress(InvalidTag, ValueError):
                return _opened(cipher, sealed[HEAD:], head + place.encode())
        for cipher in self._ciphers.values():
            with suppress(InvalidTag, ValueError):
                return _opened(cipher, sealed, place.encode())
        under = "another MEMBRANE_SECRET"
        if key_id is not None and key_id not in self._ciphers:
            under = f"the key {key_id.hex()}, which is missing"
        raise StoreError(
            f"the sealed value{f' at {place}' if place else ''} does not open: it was changed, or sealed "
            f"under {under}; restore the secret it was written with (MEMBRANE_SECRET, or MEMBRANE_SECRET_OLD)"
        )

    def is_current(self, sealed: bytes) -> bool:
        """Whether a value is sealed under the current key."""
        return key_of(sealed) == self._current

    def seal_json(self, value: Any, place: str) -> dict[str, Any]:
        """Return plain JSON sealed, as a JSON object."""
        return {KEY: base64.b64encode(self.seal(orjson.dumps(value), place)).decode()}

    def open_json(self, sealed: dict[str, Any], place: str) -> dict[str, Any]:
        """Return the value that `seal_json` sealed at this place. Raises StoreError for anything else."""
        value: dict[str, Any] = orjson.loads(self.open(_bytes(sealed, place), place))
        return value

    def reseal(self, sealed: dict[str, Any], place: str) -> dict[str, Any] | None:
        """Return the value sealed under the current key; None if it is already. Raises StoreError."""
        data = _bytes(sealed, place)
        if self.is_current(data):
            return None
        return {KEY: base64.b64encode(self.seal(self.open(data, place), place)).decode()}


def named_key(sealed: dict[str, Any]) -> str:
    """Return the id of the key that a sealed JSON object names; "" if it names none."""
    return (key_of(_bytes(sealed, "its row")) or b"").hex()


def _bytes(sealed: dict[str, Any], place: str) -> bytes:
    try:
        return base64.b64decode(sealed[KEY], validate=True)
    except (KeyError, TypeError, binascii.Error) as error:
        raise StoreError(
            f"the value at {place} should be sealed and is not; somebody changed the database"
        ) from error


def matches_keyring(keyring: Keyring, kept: Iterable[ActionRecord]) -> bool:
    """Whether these actions were written under a secret of this ring; True if that is unknown.

    Their args digests tell. One match is enough, because a changed row matches under no secret. Actions with
    redacted arguments do not count: the store lacks the values that were digested.
    """
    telling = [each for each in kept if not each.ruling.redact]
    return not telling or any(matches(keyring, each.args_digest, each.kind, each.args) for each in telling)

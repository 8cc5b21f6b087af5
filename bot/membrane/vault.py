"""Sealing what has to be read back, and must not lie open: the input of threads, what they ask, their state.

AES-256-GCM under a key of its own for each purpose, derived (HKDF-SHA256) from the bot's secret, with a
random nonce each time, which is safe for 2^32 values a key. What was changed, moved to another place or
sealed under another secret does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable
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
"""Bytes of a nonce."""
KEY = "sealed"
"""The one key of a sealed JSON object."""


class Vault:
    """Seals and opens values of one purpose."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=f"checkpoint-membrane {purpose}".encode()).derive(secret)
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, place: str = "") -> bytes:
        """Return it sealed. It opens only at the same `place`, such as the id of its row."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str = "") -> bytes:
        """Return what was sealed at this place. Raises StoreError for anything else."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise StoreError(
                f"what is sealed{f' at {place}' if place else ''} does not open: it was changed, or sealed "
                "under another MEMBRANE_SECRET; restore the one it was written with"
            ) from error

    def seal_json(self, value: Any, place: str) -> dict[str, Any]:
        """Return plain JSON, sealed, as a JSON object."""
        return {KEY: base64.b64encode(self.seal(orjson.dumps(value), place)).decode()}

    def open_json(self, sealed: dict[str, Any], place: str) -> dict[str, Any]:
        """Return what `seal_json` sealed at this place. Raises StoreError for anything else."""
        try:
            data = base64.b64decode(sealed[KEY], validate=True)
        except (KeyError, TypeError, binascii.Error) as error:
            raise StoreError(
                f"what should be sealed at {place} is not; somebody changed the database"
            ) from error
        value: dict[str, Any] = orjson.loads(self.open(data, place))
        return value


def fits(keyring: Keyring, kept: Iterable[ActionRecord]) -> bool:
    """Whether what is kept was written under a secret of this ring; True where nothing tells.

    The args digests tell. One match is enough, since a row that somebody changed matches under no secret.
    Where arguments are redacted, the digest is of what is not kept.
    """
    telling = [each for each in kept if not each.ruling.redact]
    return not telling or any(matches(keyring, each.args_digest, each.kind, each.args) for each in telling)

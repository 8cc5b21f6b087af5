"""The serializer of saved state: it reads strictly and seals.

Saved state holds every argument and message of a thread, including values that the policy redacts. So it is
sealed with LangGraph's EncryptedSerializer, which keeps the strict reading of msgpack, and with the
membrane's vault as its cipher. State that is not sealed, or was changed, is never read.
"""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.serde._msgpack import STRICT_MSGPACK_ENABLED
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from bot.errors import SettingsError, StoreError
from bot.membrane import Vault

CIPHER = "membrane"
"""The suffix of a sealed value's type, after the +."""


class _Cipher:
    """The vault as LangGraph's CipherProtocol."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return CIPHER, self._vault.seal(plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        if ciphername != CIPHER:
            raise StoreError(f"saved state is sealed with {ciphername[:40]!r}, and only {CIPHER} is read")
        return self._vault.open(ciphertext)


class SealedSerializer(EncryptedSerializer):
    """Seals values, and reads only sealed ones, where LangGraph's own class would read others too."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Open and read a saved value. Raises StoreError if this bot did not save it."""
        if "+" not in data[0]:
            raise StoreError(
                "a thread's saved state is not sealed, so the bot did not write it; end the thread"
            )
        return super().loads_typed(data)


def sealed(vault: Vault) -> SealedSerializer:
    """Return a serializer that seals with the vault. Raises SettingsError unless LangGraph reads strictly."""
    check_strict()
    return SealedSerializer(_Cipher(vault), JsonPlusSerializer())


def sealed_alike(serde: SerializerProtocol) -> SealedSerializer:
    """Return a sealing serializer for one that LangGraph derived from a sealing one."""
    assert isinstance(serde, EncryptedSerializer), "LangGraph keeps the cipher"
    return SealedSerializer(serde.cipher, serde.serde)


def check_strict() -> None:
    """Raise SettingsError unless LangGraph reads saved state strictly.

    Otherwise a poisoned row of `threads.db` could run a command when it is read.
    """
    if not STRICT_MSGPACK_ENABLED:
        raise SettingsError(
            "LangGraph was imported before bot.graph, so it would read saved state without restrictions; "
            "set LANGGRAPH_STRICT_MSGPACK=true in the environment, or import bot.graph first"
        )

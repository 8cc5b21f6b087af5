"""The vault: what it sealed opens again at its place, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import StoreError
from bot.membrane import Vault
from tests.fakes import SECRET

VAULT = Vault(SECRET, "rows")


@given(plain=st.binary(max_size=200), place=st.text(max_size=20))
def test_what_was_sealed_opens(plain: bytes, place: str) -> None:
    sealed = VAULT.seal(plain, place)
    assert VAULT.open(sealed, place) == plain
    assert VAULT.seal(plain, place) != sealed, "each time anew"
    assert len(plain) < 4 or plain not in sealed


@given(plain=st.binary(max_size=50), at=st.integers(0, 1000), flip=st.integers(1, 255))
def test_what_was_changed_does_not_open(plain: bytes, at: int, flip: int) -> None:
    sealed = bytearray(VAULT.seal(plain))
    sealed[at % len(sealed)] ^= flip
    with pytest.raises(StoreError, match="was changed"):
        VAULT.open(bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 100])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(StoreError, match="does not open"):
        VAULT.open(sealed)


def test_place_purpose_and_secret_have_to_be_the_same() -> None:
    sealed = VAULT.seal_json({"card": 1}, "thr_1")
    assert VAULT.open_json(sealed, "thr_1") == {"card": 1}
    others = ((VAULT, "thr_2"), (Vault(SECRET, "threads"), "thr_1"), (Vault(b"?" * 32, "rows"), "thr_1"))
    for vault, place in others:
        with pytest.raises(StoreError, match=f"at {place} does not open"):
            vault.open_json(sealed, place)


@pytest.mark.parametrize("row", [{"card": 1}, {"sealed": "%"}, {"sealed": 5}, {}])
def test_a_row_that_is_not_sealed_is_not_read(row: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="should be sealed at thr_1"):
        VAULT.open_json(row, "thr_1")

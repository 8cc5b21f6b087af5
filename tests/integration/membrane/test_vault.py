"""The vault opens a value that it sealed, at its own place, and nothing else."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.digest import Keyring
from bot.domain.states import InterruptShape, ThreadState
from bot.errors import StoreError
from bot.membrane import Call, Membrane, Parked, Vault, sealed_under
from bot.membrane.vault import HEAD, MARK
from tests.fakes import SECRET
from tests.integration.membrane.conftest import Room

VAULT = Vault(Keyring.of(SECRET), "rows")
NEW = b"another secret of thirty-two chars"


@given(plain=st.binary(max_size=200), place=st.text(max_size=20))
def test_a_sealed_value_opens(plain: bytes, place: str) -> None:
    sealed = VAULT.seal(plain, place)
    assert VAULT.open(sealed, place) == plain
    assert VAULT.seal(plain, place) != sealed, "each seal differs"
    assert len(plain) < 4 or plain not in sealed[HEAD:]


@given(plain=st.binary(max_size=50), at=st.integers(0, 1000), flip=st.integers(1, 255))
def test_a_changed_value_does_not_open(plain: bytes, at: int, flip: int) -> None:
    sealed = bytearray(VAULT.seal(plain))
    sealed[at % len(sealed)] ^= flip
    with pytest.raises(StoreError, match="was changed"):
        VAULT.open(bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 100])
def test_an_unsealed_value_does_not_open(sealed: bytes) -> None:
    with pytest.raises(StoreError, match="does not open"):
        VAULT.open(sealed)


def test_a_value_opens_only_with_its_own_place_purpose_and_secret() -> None:
    sealed = VAULT.seal_json({"card": 1}, "thr_1")
    assert VAULT.open_json(sealed, "thr_1") == {"card": 1}
    others = (
        (VAULT, "thr_2"),
        (Vault(Keyring.of(SECRET), "threads"), "thr_1"),
        (Vault(Keyring.of(b"?" * 32), "rows"), "thr_1"),
    )
    for vault, place in others:
        with pytest.raises(StoreError, match=f"at {place} does not open"):
            vault.open_json(sealed, place)


@pytest.mark.parametrize("row", [{"card": 1}, {"sealed": "%"}, {"sealed": 5}, {}])
def test_a_row_that_is_not_sealed_is_not_read(row: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="the value at thr_1 should be sealed"):
        VAULT.open_json(row, "thr_1")


def unnamed(secret: bytes, purpose: str, plain: bytes, place: str) -> bytes:
    """Seal as the first release did, without a key id."""
    key = HKDF(SHA256(), 32, salt=None, info=f"checkpoint-membrane {purpose}".encode()).derive(secret)
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


@given(plain=st.binary(max_size=50), place=st.text(max_size=20))
def test_a_value_sealed_before_keys_had_ids_opens_under_any_key_of_the_ring(plain: bytes, place: str) -> None:
    old = unnamed(SECRET, "rows", plain, place)
    for ring in (Keyring.of(SECRET), Keyring.of(NEW, SECRET), Keyring.of(NEW, b"?" * 32, SECRET)):
        assert Vault(ring, "rows").open(old, place) == plain
    with pytest.raises(StoreError, match="does not open"):
        Vault(Keyring.of(NEW), "rows").open(old, place)


def test_after_a_rotation_old_values_open_and_new_ones_are_sealed_under_the_new_key() -> None:
    ring = Keyring.of(NEW, SECRET)
    rotated, old = Vault(ring, "rows"), VAULT.seal(b"old", "thr_1")
    assert rotated.open(old, "thr_1") == b"old"
    assert not rotated.is_current(old)
    new = rotated.seal(b"new", "thr_1")
    assert rotated.is_current(new)
    assert Vault(Keyring.of(NEW), "rows").open(new, "thr_1") == b"new"
    with pytest.raises(StoreError, match=f"sealed under the key {ring.current.id}, which is missing"):
        VAULT.open(new, "thr_1")


def test_a_value_with_a_changed_key_id_does_not_open() -> None:
    ring = Keyring.of(NEW, SECRET)
    sealed = VAULT.seal(b"old", "thr_1")
    forged = sealed[: len(MARK)] + bytes.fromhex(ring.current.id) + sealed[HEAD:]
    with pytest.raises(StoreError, match="was changed"):
        Vault(ring, "rows").open(forged, "thr_1")


async def test_rows_of_hosted_threads_are_sealed_under_the_current_key_after_the_start(room: Room) -> None:
    made = [
        await room.membrane.threads.start("g", {"n": n}, graph_version="1", agent="ops") for n in range(250)
    ]
    action = room.action("data.delete")
    await room.membrane.interrupts.park(
        made[0].id, Parked("int_1", InterruptShape.GATE, {"why": "x"}, (Call(action),))
    )
    await room.membrane.threads.set_state(
        made[1].id, ThreadState.FINISHED, result={"result": 7, "cut": False}
    )
    ring = Keyring.of(NEW, SECRET)
    before, after = (Keyring.of(SECRET).current.id, ring.current.id)
    assert await room.db.read(sealed_under) == {before: 252}
    rotated = Membrane(room.db, lambda: room.in_force[-1], room.people, secret=ring, clock=room.clock)
    assert [await rotated.seals.renew() for _ in range(5)] == [200, 50, 1, 1, 0]
    assert await room.db.read(sealed_under) == {after: 252}
    fresh = Membrane(
        room.db, lambda: room.in_force[-1], room.people, secret=Keyring.of(NEW), clock=room.clock
    )
    assert [(await fresh.threads.get(each.id)).input for each in made] == [{"n": n} for n in range(250)]
    assert [each.payload for each in await fresh.interrupts.of_thread(made[0].id)] == [{"why": "x"}]

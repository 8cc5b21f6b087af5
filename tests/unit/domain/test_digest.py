"""One value has one args digest in any spelling, and digests of earlier releases and secrets still match."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.digest import DIGEST, Key, Keyring, alternatives, args_digest, matches, result_digest

SECRET, OLDER, OTHER = b"a secret of thirty-two characters", b"the secret before that one, kept", b"x" * 32
RING = Keyring.of(SECRET, OLDER)
INTEGERS = st.integers(-(2**63), 2**64 - 1)
NUMBERS = INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5).map(float)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=4)
ARGS = st.dictionaries(
    st.text(max_size=3),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
    ),
    max_size=3,
)


def version_1(secret: bytes, kind: str, args: dict[str, Any]) -> str:
    """The digest as the release before versions made it."""
    canonical = orjson.dumps(args, option=orjson.OPT_SORT_KEYS)
    return hmac.new(secret, kind.encode() + b"\n" + canonical, hashlib.sha256).hexdigest()


def worth(number: float) -> Decimal:
    """The value of a number's shortest decimal."""
    return Decimal(repr(number))


def test_a_digest_has_its_documented_form() -> None:
    found = args_digest(RING, "payment.refund", {"amount": 900})
    assert DIGEST.fullmatch(found)
    assert found.split(".")[:2] == ["2", Key.of(SECRET).id]
    assert SECRET.decode() not in repr(RING)
    assert DIGEST.fullmatch("0" * 64), "of the release before"
    assert not DIGEST.fullmatch("3.00000000." + "0" * 64)


@pytest.mark.parametrize("other", ["900.0", "9e2", "9.00E+2", "90e1"])
def test_spellings_of_one_number_are_one_value(other: str) -> None:
    args = json.loads('{"amount": %s, "deep": [{"n": %s}]}' % (other, other))  # noqa: UP031 - braces
    assert args_digest(RING, "x.y", args) == args_digest(RING, "x.y", {"amount": 900, "deep": [{"n": 900}]})


@given(NUMBERS, NUMBERS)
def test_equal_numbers_and_only_those_have_equal_digests(one: float, two: float) -> None:
    same = args_digest(RING, "x.y", {"n": one}) == args_digest(RING, "x.y", {"n": two})
    assert same == (worth(one) == worth(two))


@pytest.mark.parametrize(
    ("one", "two"), [(0.0, -0.0), (0, -0.0), (1e17, 10**17), (2**53, 2.0**53), (1e22, 10.0**22)]
)
def test_one_number_twice(one: float, two: float) -> None:
    assert args_digest(RING, "x.y", {"n": one}) == args_digest(RING, "x.y", {"n": two})


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (1, True),
        (0, False),
        (0, None),
        (1, "1"),
        (2**53, 2**53 + 1),
        (1e300, 1.0000000000000002e300),
        (1, [1]),
    ],
)
def test_different_values_have_different_digests(one: Any, two: Any) -> None:
    assert args_digest(RING, "x.y", {"n": one}) != args_digest(RING, "x.y", {"n": two})


@given(ARGS)
def test_every_digest_that_it_may_be_stored_under_is_recognised(args: dict[str, Any]) -> None:
    found = alternatives(RING, "x.y", args)
    assert found[0] == args_digest(RING, "x.y", args)
    assert version_1(SECRET, "x.y", args) in found
    assert version_1(OLDER, "x.y", args) in found
    assert args_digest(Keyring.of(OLDER), "x.y", args) in found
    assert all(matches(RING, each, "x.y", args) for each in found)
    assert not any(matches(Keyring.of(OTHER), each, "x.y", args) for each in found)
    assert not any(matches(RING, each, "x.z", args) for each in found)
    assert not any(matches(RING, each, "x.y", {**args, "more": 1}) for each in found if "more" not in args)


@given(st.text(max_size=80))
def test_a_text_that_is_no_digest_never_matches(text: str) -> None:
    assert not matches(RING, text, "x.y", {})


def test_a_key_id_is_part_of_the_digest() -> None:
    made = args_digest(RING, "x.y", {})
    swapped = made.replace(Key.of(SECRET).id, Key.of(OLDER).id)
    assert not matches(RING, swapped, "x.y", {})


def test_a_result_has_a_digest_that_no_action_has() -> None:
    assert result_digest(RING, {"a": 1.0}) == result_digest(RING, {"a": 1})
    assert result_digest(RING, {"a": 1}) != args_digest(RING, "result", {"a": 1})
    assert DIGEST.fullmatch(result_digest(RING, "sent"))

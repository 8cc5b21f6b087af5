"""Redaction finds the values, puts a placeholder in their place, and keeps them out of the trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.action import Action, canonical_json
from bot.domain.digest import Keyring, args_digest
from bot.domain.operators import Condition, Op
from bot.domain.policy_changes import changes_between
from bot.domain.redaction import Redacted, redact, scrub, withheld
from bot.domain.ruling import Ruling
from tests.unit.policy.making import LARGE, NUMBER, STRING, kind, policy, rule, ruling

CARD = "4242424242424242"


@pytest.mark.parametrize(
    ("path", "args", "left"),
    [
        ("card", {"card": CARD, "sum": 5}, {"card": "redacted", "sum": 5}),
        ("card", {"sum": 5}, {"sum": 5}),
        ("card", {"card": {"number": CARD, "cvc": 7}}, {"card": "redacted"}),
        ("to.ssn", {"to": {"ssn": CARD, "name": "Bo"}}, {"to": {"ssn": "redacted", "name": "Bo"}}),
        (
            "to.ssn",
            {"to": [{"ssn": 1}, {"ssn": 2}, None]},
            {"to": [{"ssn": "redacted"}, {"ssn": "redacted"}, None]},
        ),
        ("to.ssn", {"to": None}, {"to": None}),
        ("to.ssn", {"to": "somebody"}, {"to": "redacted"}),
        ("to.ssn", {"to": f'{{"ssn": "{CARD}"}}'}, {"to": "redacted"}),
        ("to.ssn", {"to": [{"ssn": 1}, "2"]}, {"to": [{"ssn": "redacted"}, "redacted"]}),
        ("to.ssn", {"to.ssn": CARD}, {"to.ssn": "redacted"}),
        ("a.b.c", {"a.b": {"c": 1}, "a": {"b.c": 2}}, {"a.b": {"c": "redacted"}, "a": {"b.c": "redacted"}}),
    ],
)
def test_the_value_at_a_path_is_redacted(path: str, args: dict[str, Any], left: dict[str, Any]) -> None:
    before = json.dumps(args)
    assert redact(args, [path]) == left
    assert json.dumps(args) == before, "the agent's own arguments stay as they are"


def test_values_of_an_object_sent_as_text_are_cut_out_of_the_description() -> None:
    args = {"to": json.dumps([{"ssn": CARD, "name": "Bo"}])}
    assert scrub(f"pay Bo, {CARD}", args, ["to.ssn"]) == "pay Bo, redacted"


def test_a_redacted_value_differs_from_an_argument_that_reads_redacted() -> None:
    kept = redact({"card": CARD, "note": "redacted"}, ["card"])
    assert isinstance(kept["card"], Redacted)
    assert not isinstance(kept["note"], Redacted)
    assert redact(json.loads(json.dumps(kept)), ["card"]) == kept, "and is found again after it was stored"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc.", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


@given(
    args=st.dictionaries(st.sampled_from("abc"), PLAIN, max_size=3),
    path=st.sampled_from(["a", "a.b", "a.b.c"]),
)
def test_redacting_twice_is_redacting_once(args: dict[str, Any], path: str) -> None:
    once = redact(args, [path])
    assert redact(once, [path]) == once


@given(words=st.text(min_size=3, max_size=12))
def test_no_copy_of_a_value_stays_in_the_description(words: str) -> None:
    args = {"card": words}
    told = f"pay {words} with {args!r} or {json.dumps(args)}"
    action = withheld(Action.of("x.y", args, agent="bot", description=told), ("card",))
    assert words not in (action.description or "").replace("redacted", "\0")
    assert canonical_json({"card": "redacted"}) == action.canonical


def test_copies_are_cut_out_of_results_too() -> None:
    args = {"card": CARD, "pin": 4711, "sure": True}
    said = {CARD: [f"charged {CARD}", 4711, 47], "ok": True, "none": None}
    assert scrub(said, args, ["card", "pin", "sure"]) == {
        "redacted": ["charged redacted", "redacted", 47],
        "ok": True,
        "none": None,
    }


def test_conditions_see_what_people_do_not() -> None:
    """And the trace does not say what they compared it with, since that may be the value."""
    guarded = kind(
        args={"card": STRING, "amount": NUMBER},
        redact=("card",),
        rules=(rule(3, "card", Condition(Op.EQ, CARD), because="a known stolen card"),),
    )
    for card, tier in ((CARD, 3), ("5555", 0)):
        found = ruling(guarded, {"card": card, "amount": 1})
        assert found.tier == tier
        assert CARD not in found.to_json().decode()
    assert "card, which is redacted" in found.to_json().decode()
    assert Ruling.from_dict(found.to_dict()) == found


def test_the_digest_covers_what_is_redacted() -> None:
    one, two = (Action.of("x.y", {"card": card}, agent="bot") for card in ("1111", "2222"))
    assert withheld(one, ("card",)).canonical == withheld(two, ("card",)).canonical
    ring = Keyring.of(b"k")
    assert args_digest(ring, one.kind, one.args) != args_digest(ring, two.kind, two.args)


def test_a_change_of_what_is_redacted_is_said() -> None:
    shown, hidden = policy(kind(risk=LARGE)), policy(kind(risk=LARGE, redact=("card",)))
    assert shown.version != hidden.version
    assert [str(change) for change in changes_between(hidden, shown)] == [
        "LOOSER: payment.refund: no longer redacts card"
    ]
    assert [str(change) for change in changes_between(shown, hidden)] == [
        "MAYBE LOOSER: payment.refund: redacts card, so reviewers do not see it any more"
    ]

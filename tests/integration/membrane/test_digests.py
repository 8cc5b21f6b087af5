"""Spellings of one number are one action, and actions proposed before digests had versions still work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.action import Action
from bot.domain.digest import Keyring
from bot.domain.redaction import REDACTED
from bot.domain.states import ActionState
from bot.errors import ClaimRefused, Conflict, Refusal
from bot.membrane import Membrane
from tests.fakes import CLEO, SECRET, as_of_version_1, policy
from tests.integration.membrane.conftest import Room

NEWER = b"the secret that came after that one"


async def test_spellings_of_one_number_are_one_action(room: Room) -> None:
    """For the remembered rejection and under an idempotency key."""
    first = await room.membrane.proposals.propose(room.action("data.delete", amount=900))
    assert first.review is not None
    await room.membrane.votes.cast(
        first.review.id, CLEO, approve=False, args_digest=first.review.args_digest, note="never"
    )
    for spelling in (900.0, 9e2):
        again = await room.membrane.proposals.propose(room.action("data.delete", amount=spelling))
        assert (again.action.state, again.action.remembers) == (ActionState.REJECTED, first.action.id)
        assert again.action.args_digest == first.action.args_digest
    once = await room.membrane.proposals.propose(room.action("db.read", n=900), idempotency_key="k")
    twice = await room.membrane.proposals.propose(room.action("db.read", n=900.0), idempotency_key="k")
    assert once.action.id == twice.action.id
    with pytest.raises(Conflict):
        await room.membrane.proposals.propose(room.action("db.read", n=900.5), idempotency_key="k")


async def test_an_action_proposed_before_versions_is_approved_claimed_and_reported(room: Room) -> None:
    await room.membrane.proposals.propose(room.action("data.delete", amount=900.0))
    await as_of_version_1(room.db)
    (earlier,) = await room.membrane.proposals.listed(None, most=1)
    assert len(earlier.args_digest) == 64
    review = (await room.membrane.proposals.standing(earlier.id)).review
    assert review is not None
    await room.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=earlier.args_digest)
    with pytest.raises(ClaimRefused) as caught:
        await room.membrane.claims.start(earlier.id, room.action("data.delete", amount=901.0))
    assert caught.value.reason is Refusal.ARGS_CHANGED
    await room.membrane.claims.start(earlier.id, earlier.args_digest)
    after = await room.membrane.reports.record(earlier.id, executed=True)
    assert after.action.state is ActionState.EXECUTED


async def test_a_hosted_action_from_before_versions_is_claimed_with_the_arguments_that_run(
    room: Room,
) -> None:
    """This holds even if the store does not keep all of the arguments."""
    actions = policy().actions
    hidden = replace(actions["data.delete"], redact=("card",))
    room.in_force.append(replace(policy(), actions={**actions, hidden.name: hidden}))
    args = {"card": "4242424242424242", "amount": 900.0}
    await room.membrane.proposals.propose(Action.of("data.delete", args, agent="ops-agent"))
    await as_of_version_1(room.db, args)
    (earlier,) = await room.membrane.proposals.listed(None, most=1)
    assert earlier.args["card"] == REDACTED
    review = (await room.membrane.proposals.standing(earlier.id)).review
    assert review is not None
    await room.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=earlier.args_digest)
    other = Action.of("data.delete", {**args, "card": "4000000000000002"}, agent="ops-agent")
    with pytest.raises(ClaimRefused):
        await room.membrane.claims.start(earlier.id, other)
    claim = await room.membrane.claims.start(earlier.id, Action.of("data.delete", args, agent="ops-agent"))
    assert claim.key.endswith(earlier.args_digest)


async def test_a_rejection_and_a_key_from_before_versions_are_remembered(room: Room) -> None:
    first = await room.membrane.proposals.propose(room.action("data.delete", amount=900.0))
    read = await room.membrane.proposals.propose(room.action("db.read", amount=900.0), idempotency_key="k")
    await as_of_version_1(room.db)
    review = (await room.membrane.proposals.standing(first.action.id)).review
    assert review is not None
    await room.membrane.votes.cast(review.id, CLEO, approve=False, args_digest=review.args_digest)
    again = await room.membrane.proposals.propose(room.action("data.delete", amount=900.0))
    assert again.action.remembers == first.action.id
    key = await room.membrane.proposals.propose(room.action("db.read", amount=900.0), idempotency_key="k")
    assert key.action.id == read.action.id


async def test_digests_signed_with_an_earlier_secret_are_still_recognised(room: Room) -> None:
    first = await room.membrane.proposals.propose(room.action("data.delete", amount=900))
    ring = Keyring.of(NEWER, SECRET)
    later = Membrane(room.db, lambda: room.in_force[-1], room.people, secret=ring, clock=room.clock)
    assert first.review is not None
    await later.votes.cast(first.review.id, CLEO, approve=True, args_digest=first.action.args_digest)
    await later.claims.start(first.action.id, room.action("data.delete", amount=900.0))
    then = await later.proposals.propose(room.action("data.delete", amount=900))
    assert then.action.args_digest != first.action.args_digest
    assert later.digest_fits(first.action.args_digest, room.action("data.delete", amount=900))

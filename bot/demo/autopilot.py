"""The people's part of the day: who decides what, who may not vote, who votes too late.

All scenes play at once. A scene waits for the messages that it needs, and fails if one does not appear. If a
scene fails, the demo ends with an error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

from bot.demo.colleague import ALREADY_COUNTED, DECIDED, DM, Colleague, NotSeen, deadline_of, first_to_see
from bot.demo.company import ADA, BEN, CLEO, DIA, DIGEST, EVE, FAY, FINN, GUS, OPS, PEOPLE
from bot.localslack import PersonError

NOT_AN_APPROVER = "You are not one of the approvers"
IN_YOUR_NAME = "somebody else has to decide it"
TOO_LATE = "window"
"""A word in the answer to somebody who votes after the window."""

Cast = Mapping[str, Colleague]
Scene = Callable[[Cast], Awaitable[None]]


async def large_refund(cast: Cast) -> None:
    """A refund that needs two approvals: clicks that do not count, a second click, a late rejection."""
    cleo, dia, eve = cast[CLEO], cast[DIA], cast[EVE]
    card = await cleo.sees("payment.refund", "O-1044", buttons=True)
    _told(IN_YOUR_NAME, await cast[GUS].clicks(card, "approve"))
    _told(NOT_AN_APPROVER, await cast[FINN].clicks(card, "approve"))
    async with eve.modal:
        note = await eve.opens_note(card)
        await cleo.approves(card)
        _told(ALREADY_COUNTED, await cleo.clicks(card, "approve"))
        await dia.approves(card)
        _told(DECIDED, await eve.submits(note, "I would have asked for the invoice first."))
    await cleo.sees_on(card, "Approved")


async def noisy_machine(cast: Cast) -> None:
    """A refund that is rejected with a reason."""
    card = await cast[CLEO].sees("payment.refund", "O-1043", buttons=True)
    await cast[CLEO].rejects(card, "Noisy is not broken: offer a visit first.")


async def second_grinder(cast: Cast) -> None:
    """A refund that finance approves, then a mail about it to somebody outside the company."""
    await cast[FAY].approves(await cast[FAY].sees("payment.refund", "O-1042", buttons=True))
    await cast[DIA].approves(await cast[DIA].sees("mail.send", "sam@acme.example", buttons=True))


async def invoice(cast: Cast) -> None:
    """A transfer by an agent that proposes over HTTP; two people from finance approve it."""
    card = await cast[FINN].sees("payment.transfer", buttons=True)
    await cast[FINN].approves(card)
    await cast[FAY].approves(card)


async def unknown_kind(cast: Cast) -> None:
    """A kind that the policy does not name, so it is Tier 3."""
    card = await cast[EVE].sees("dns.update", "unknown-kind", buttons=True)
    await cast[EVE].rejects(card, "Not by an agent; open a change request.")


async def campaign(cast: Cast) -> None:
    """One interrupt with four tool calls of four tiers: two pass, one is approved, one is rejected."""
    grant = await cast[CLEO].sees("permission.grant", "agency@globex.example", buttons=True)
    await cast[CLEO].rejects(grant, "The agency gets no administrator.")
    export = await cast[EVE].sees("data.export", "name", buttons=True)
    await cast[EVE].approves(export)


async def new_checkout(cast: Cast) -> None:
    """A feature flag for a tenth of the customers."""
    card = await cast[DIA].sees("config.feature-flag", "new-checkout", where=OPS, buttons=True)
    await cast[DIA].approves(card, OPS)


async def stale_sessions(cast: Cast) -> None:
    """A Tier 3 action that nobody answers: it is aborted, and Dia answers too late."""
    dia = cast[DIA]
    card = await dia.sees("data.delete", "stale sessions", where=OPS, buttons=True)
    async with dia.modal:
        note = await dia.opens_note(card, OPS)
        await asyncio.sleep(deadline_of(card) - time.time() + 1.0)  # the card shows the deadline
        _told(TOO_LATE, await dia.submits(note, "Keep them until the audit is over."))


async def unpaid_orders(cast: Cast) -> None:
    """A Tier 2 action that nobody answers: it is halted and escalated, and a paged person approves it."""
    paged, page = await first_to_see((cast[ADA], cast[BEN]), "db.write", "You are paged", "stays halted")
    await paged.approves(page, where=DM)


async def production(cast: Cast) -> None:
    """A mandated sign-off: overdue, with repeated pages to more people, then signed by two."""
    page = await cast[CLEO].sees("deploy.production", "You are paged", "repetition", "Overdue", where=DM)
    await cast[CLEO].approves(page, where=DM)
    await cast[EVE].approves(await cast[EVE].sees("deploy.production", where=OPS, buttons=True), OPS)


async def digest(cast: Cast) -> None:
    """The digest lists what passed."""
    await cast[ADA].sees("passed and may be looked over", where=DIGEST)


SCENES: tuple[Scene, ...] = (
    large_refund,
    noisy_machine,
    second_grinder,
    invoice,
    unknown_kind,
    campaign,
    new_checkout,
    stale_sessions,
    unpaid_orders,
    production,
    digest,
)


async def play(base_url: str, ends_at: float) -> list[str]:
    """Play every scene. Return a sentence for each failed scene."""
    async with AsyncExitStack() as stack:
        cast = {
            person.id: await stack.enter_async_context(Colleague(base_url, person.id, ends_at))
            for person in PEOPLE
        }
        found = await asyncio.gather(*(_play(scene, cast) for scene in SCENES))
    return [miss for miss in found if miss is not None]


async def _play(scene: Scene, cast: Cast) -> str | None:
    try:
        await scene(cast)
    except (NotSeen, PersonError) as miss:
        return f"{scene.__name__.replace('_', ' ')}: {miss}"
    return None


def _told(words: str, answer: str) -> None:
    if words not in answer:
        raise NotSeen(f"somebody should have been told “{words}”, and was told “{answer}”")

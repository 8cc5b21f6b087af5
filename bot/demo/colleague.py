"""A colleague at Northwind, who reads cards, clicks, and reads the bot's answers, as in a browser.

No act waits for a fixed time: each waits for the message that it needs, and reports one that does not appear.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from bot.demo.company import APPROVALS, name_of
from bot.localslack import Person, PersonError
from bot.localslack.person import all_text

Json = dict[str, Any]

DM = "dm"
TRIES = 4
"""How often to click: people click again if the bot does not answer or takes too long."""
BETWEEN_LOOKS_S = 0.2
"""Pause between looks: everybody looks at every change, which would be most of the work."""
PATIENCE_S = 8.0
"""How long to wait for an answer before the next click."""

APPROVED, COUNTED = "You approved it", "Your approval counts"
ALREADY_COUNTED, DECIDED = "already counted", "decided already: approved"
REJECTED = "decided already: rejected"
TOO_SLOW = "That took too long"


class NotSeen(Exception):
    """An expected message did not appear. The text says which, and to whom."""


class Colleague:
    """One person. The demo ends at `ends_at` (monotonic seconds). An async context manager."""

    def __init__(self, base_url: str, user: str, ends_at: float) -> None:
        self.user = user
        self.name = name_of(user)
        self.modal = asyncio.Lock()
        """Held while a modal is open: a person has one modal at a time."""
        self._hands = asyncio.Lock()
        self._person = Person(base_url, user)
        self._ends_at = ends_at

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._person.close()

    async def sees(self, *words: str, where: str = APPROVALS, buttons: bool = False) -> Json:
        """Wait for a message with all of these words, and return it. Ephemeral messages do not count.

        With `buttons`, the message must be a card to decide whose headline has the first word: a card also
        names the other calls of its turn.
        """

        def fits(message: Json) -> bool:
            if message["ephemeral"] or not has(message, words):
                return False
            return not buttons or (words[0] in headline(message) and bool(action_of(message, "approve")))

        return await self._wait(where, fits, f"a message with {', '.join(words)} in {where}")

    async def sees_on(self, message: Json, *words: str, where: str = APPROVALS) -> Json:
        """Wait until this message has all of these words."""

        def fits(other: Json) -> bool:
            return bool(other["ts"] == message["ts"]) and has(other, words)

        return await self._wait(where, fits, f"{', '.join(words)} on the card {headline(message)}")

    async def clicks(self, message: Json, action: str, where: str = APPROVALS) -> str:
        """Click a button. Return the bot's ephemeral answer; empty if it was lost."""
        async with self._hands:
            before = {each["ts"] for each in await self._asides(where)}
            try:
                clicked = await self._person.click(where, message, action)
            except PersonError as gone:
                what = f"{self.name} found no button {action} on {headline(message)}"
                raise NotSeen(f"{what}: {gone}") from gone
            return await self._answer(before, where) if clicked.acked else ""

    async def approves(self, message: Json, where: str = APPROVALS) -> None:
        """Approve until the bot confirms that the vote counts."""
        answer = ""
        for attempt in range(TRIES):
            answer = await self.clicks(message, "approve", where)
            if APPROVED in answer or COUNTED in answer:
                return
            if attempt and (ALREADY_COUNTED in answer or DECIDED in answer):
                return  # the previous click counted, but its answer was lost
            if answer and TOO_SLOW not in answer:
                break
        raise NotSeen(f"{self.name}'s approval of {headline(message)} did not count: {answer or 'no answer'}")

    async def opens_note(self, message: Json, where: str = APPROVALS) -> Json:
        """Open the modal for a rejection note, and return it. Hold `modal` meanwhile."""
        for _ in range(TRIES):
            clicked = await self._person.click(where, message, "reject_with_note")
            views = (await self._person.state())["views"]
            if views and "Why not?" in all_text(views[-1]):
                return dict(views[-1])
        raise NotSeen(f"{self.name} was shown no modal for {headline(message)}: {clicked.reason}")

    async def submits(self, modal: Json, note: str) -> str:
        """Submit the modal. Return the bot's objection; empty if the vote counts."""
        for _ in range(TRIES):
            submitted = await self._person.submit(modal, {"note": note})
            if submitted.errors:
                raise NotSeen(f"{self.name}'s note was not taken: {submitted.errors}")
            if submitted.acked:
                break
        views = (await self._person.state())["views"]
        left = next((view for view in views if view["id"] == modal["id"]), None)
        if left is None:
            return ""
        await self._person.close_view(left)
        return all_text(left)

    async def rejects(self, message: Json, note: str) -> None:
        """Reject with a note, again if the bot was too slow. Raises NotSeen if the vote does not count."""
        answer = ""
        for attempt in range(TRIES):
            if attempt and await self._is_decided(message):
                return  # the previous vote counted, but its answer came too late
            async with self.modal:
                answer = await self.submits(await self.opens_note(message), note)
            if not answer or (attempt and REJECTED in answer):
                return
            if TOO_SLOW not in answer:
                break
        raise NotSeen(f"{self.name}'s rejection of {headline(message)} did not count: {answer}")

    async def _is_decided(self, card: Json) -> bool:
        """Whether a card has no button left to decide with."""
        shown = [each for each in await self._person.messages(APPROVALS) if each["ts"] == card["ts"]]
        return not any(action_of(each, "approve") for each in shown)

    async def counts(self, fits: Callable[[Json], bool], where: str) -> int:
        """Return how many messages in a conversation match."""
        return sum(map(fits, await self._person.messages(where)))

    async def _asides(self, where: str) -> list[Json]:
        """Return the messages that only this person sees."""
        return [message for message in await self._person.messages(where) if message["ephemeral"]]

    async def _answer(self, before: set[str], where: str) -> str:
        ends_at = min(self._ends_at, time.monotonic() + PATIENCE_S)
        version = 0
        while True:
            new = [message for message in await self._asides(where) if message["ts"] not in before]
            left = ends_at - time.monotonic()
            if new or left <= 0:
                return all_text(new[-1]) if new else ""
            version = (await self._person.state(since=version, wait=left))["version"]

    async def _wait(self, where: str, fits: Callable[[Json], bool], what: str) -> Json:
        """Wait for a matching message and return the newest. Look again after each change."""
        version = (await self._person.state())["version"]
        while True:
            found = [message for message in await self._person.messages(where) if fits(message)]
            if found:
                return found[-1]
            left = self._ends_at - time.monotonic()
            if left <= 0:
                raise NotSeen(f"{self.name} did not see {what}")
            await asyncio.sleep(BETWEEN_LOOKS_S)
            version = (await self._person.state(since=version, wait=left))["version"]


async def first_to_see(
    colleagues: Sequence[Colleague], *words: str, where: str = DM
) -> tuple[Colleague, Json]:
    """Return the first colleague who sees such a message, and the message. The others stop looking."""
    looking = {asyncio.ensure_future(each.sees(*words, where=where)): each for each in colleagues}
    try:
        done, _ = await asyncio.wait(looking, return_when=asyncio.FIRST_COMPLETED)
        seen = done.pop()
        return looking[seen], seen.result()
    finally:
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)


def has(message: Json, words: Sequence[str]) -> bool:
    """Whether a message contains all of these words, each as a whole word."""
    text = " ".join(all_text(message).split())
    return all(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)


def action_of(message: Json, action_id: str) -> Json | None:
    """Return a message's button with this id, or None."""
    elements = (each for block in message.get("blocks") or () for each in block.get("elements", ()))
    return next((each for each in elements if each.get("action_id") == action_id), None)


def deadline_of(message: Json) -> float:
    """Return the deadline on a card, its first instant, in epoch seconds; 0 if it has none."""
    found = re.search(r"<!date\^(\d+)\^", str(message.get("blocks")))
    return float(found[1]) if found else 0.0


def headline(message: Json) -> str:
    """Return the headline of a card."""
    return str(message.get("text") or "")[:90]

"""A colleague at Northwind: reads cards, clicks, and hears what the bot answers, as in a browser.

Nothing here waits for a time to pass: each act waits for what it needs to see, and says what it did not see.
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
"""A click that was not heard, or took the bot too long, is tried again, as people do."""
BETWEEN_LOOKS_S = 0.2
"""Everybody looks at everything that changes: without a pause that would be most of the work."""
PATIENCE_S = 8.0
"""How long somebody who clicked waits for an answer before they click again."""

APPROVED, COUNTED = "You approved it", "Your approval counts"
ALREADY_COUNTED, DECIDED = "already counted", "decided already: approved"
TOO_SLOW = "That took too long"


class NotSeen(Exception):
    """Something that should have been shown was not. The text says what, and to whom."""


class Colleague:
    """One person. `ends_at` (monotonic seconds) is when the demo's time is up. An async context manager."""

    def __init__(self, base_url: str, user: str, ends_at: float) -> None:
        self.user = user
        self.name = name_of(user)
        self.modal = asyncio.Lock()
        """Held while a modal is open: one person looks at one at a time."""
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
        """Wait for a message with all of these words in it, and return it. No aside to this person is one.

        `buttons`: one to be decided, which is about the first of the words. A card names the other calls of
        its turn as well.
        """

        def fits(message: Json) -> bool:
            if message["ephemeral"] or not has(message, words):
                return False
            return not buttons or (words[0] in headline(message) and bool(action_of(message, "approve")))

        return await self._wait(where, fits, f"a message with {', '.join(words)} in {where}")

    async def sees_on(self, message: Json, *words: str, where: str = APPROVALS) -> Json:
        """Wait until this message has all of these words in it."""

        def fits(other: Json) -> bool:
            return bool(other["ts"] == message["ts"]) and has(other, words)

        return await self._wait(where, fits, f"{', '.join(words)} on the card {headline(message)}")

    async def clicks(self, message: Json, action: str, where: str = APPROVALS) -> str:
        """Click a button, and return what the bot answers to this person alone; nothing if that is lost."""
        async with self._hands:
            before = {each["ts"] for each in await self._asides(where)}
            try:
                clicked = await self._person.click(where, message, action)
            except PersonError as gone:
                what = f"{self.name} found no button {action} on {headline(message)}"
                raise NotSeen(f"{what}: {gone}") from gone
            return await self._answer(before, where) if clicked.acked else ""

    async def approves(self, message: Json, where: str = APPROVALS) -> None:
        """Approve, until the bot says that it counts."""
        answer = ""
        for attempt in range(TRIES):
            answer = await self.clicks(message, "approve", where)
            if APPROVED in answer or COUNTED in answer:
                return
            if attempt and (ALREADY_COUNTED in answer or DECIDED in answer):
                return  # the click before had counted, though its answer was lost
            if answer and TOO_SLOW not in answer:
                break
        raise NotSeen(f"{self.name}'s approval of {headline(message)} did not count: {answer or 'no answer'}")

    async def opens_note(self, message: Json, where: str = APPROVALS) -> Json:
        """Open the modal that asks why not, and return it. Hold `modal` meanwhile."""
        for _ in range(TRIES):
            clicked = await self._person.click(where, message, "reject_with_note")
            views = (await self._person.state())["views"]
            if views and "Why not?" in all_text(views[-1]):
                return dict(views[-1])
        raise NotSeen(f"{self.name} was shown no modal for {headline(message)}: {clicked.reason}")

    async def submits(self, modal: Json, note: str) -> str:
        """Press the modal's button, and return what the bot says against it; nothing if it counts."""
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
        """Reject with a note, and see to it that it counts."""
        async with self.modal:
            answer = await self.submits(await self.opens_note(message), note)
        if answer:
            raise NotSeen(f"{self.name}'s rejection of {headline(message)} did not count: {answer}")

    async def counts(self, fits: Callable[[Json], bool], where: str) -> int:
        """Return how many messages in a conversation are like that."""
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
        """Return the newest message that fits, once there is one; look again when something has changed."""
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
    """Return who sees such a message first, and the message. The others stop looking."""
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
    """Whether all of these words stand in a message, each as a whole."""
    text = " ".join(all_text(message).split())
    return all(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)


def action_of(message: Json, action_id: str) -> Json | None:
    """Return a message's button of that id, if it has one."""
    elements = (each for block in message.get("blocks") or () for each in block.get("elements", ()))
    return next((each for each in elements if each.get("action_id") == action_id), None)


def deadline_of(message: Json) -> float:
    """Return until when a card waits: the first instant it names. Epoch seconds, 0 if it names none."""
    found = re.search(r"<!date\^(\d+)\^", str(message.get("blocks")))
    return float(found[1]) if found else 0.0


def headline(message: Json) -> str:
    """Return what a card is about, in its own words."""
    return str(message.get("text") or "")[:90]

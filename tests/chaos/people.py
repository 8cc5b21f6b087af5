"""The people: they see cards and pages, and click, each in a way that the seed has chosen for the review.

They look at the workspace's own memory, which costs nothing, and act over its real protocol.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp

from bot.localslack import LocalSlack, Person, PersonError
from bot.localslack.conversation import Conversation, Message
from tests.chaos.world import EVERYBODY, KINDS, ONCALL, OWNER, Kind

Json = dict[str, Any]

LOOK_S = 0.1
JOB = re.compile(r"job-\d{6}")


@dataclass(frozen=True, slots=True)
class Question:
    """A review that is asked somewhere: on its card, or on a page."""

    review_id: str
    kind: Kind
    job: str
    channel: str
    ts: str
    voters: tuple[str, ...]
    """Who may vote and sees it: all approvers on a card, one person on a page."""
    is_card: bool


Act = Callable[["Crowd", Question, Random], Awaitable[None]]


class Crowd:
    """Everybody who clicks. Phases: `act` at first, `rest` while the windows run out, then `finish`."""

    def __init__(self, slack: LocalSlack, seed: str) -> None:
        self._slack = slack
        self._seed = seed
        self._stack = AsyncExitStack()
        self._persons: dict[str, Person] = {}
        self._seen: dict[tuple[str, str], int] = {}
        self._plans: set[str] = set()
        self._reviews: dict[str, set[str]] = {}
        self._acts: set[asyncio.Task[None]] = set()
        self.phase = "act"
        self.clicks = 0

    async def mill_about(self) -> None:
        """Look and click until cancelled."""
        async with self._stack:
            for user in EVERYBODY:
                self._persons[user] = await self._stack.enter_async_context(self._slack.person(user))
            try:
                while True:
                    if self.phase == "act":
                        self._take_up(list(self._questions(new=True)))
                    elif self.phase == "finish" and not self._acts:
                        for question in self._questions(new=False):
                            self._begin(_decide(self, question, Random(question.review_id)))
                    await asyncio.sleep(LOOK_S)
            finally:
                for task in list(self._acts):
                    task.cancel()
                await asyncio.gather(*self._acts, return_exceptions=True)

    def _take_up(self, questions: list[Question]) -> None:
        for question in questions:
            if question.review_id in self._plans and question.is_card:
                continue
            self._plans.add(question.review_id)
            rng = Random(f"{self._seed} {question.job} {self.asked(question)}")
            acts, weights = zip(*(ON_CARDS if question.is_card else ON_PAGES), strict=True)
            self._begin(rng.choices(acts, weights)[0](self, question, rng))

    def _begin(self, act: Any) -> None:
        task = asyncio.create_task(act)
        self._acts.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._acts.discard(task)
        if not task.cancelled():
            task.exception()  # a click into a bot that dies fails, and people shrug

    def _questions(self, *, new: bool) -> Iterator[Question]:
        """Yield what can be voted on now; with `new`, only what was not looked at before."""
        for conversation in self._slack.state.conversations.values():
            for message in list(conversation.messages.values()):
                at = (conversation.id, message.ts)
                if new and at in self._seen:
                    continue
                self._seen[at] = message.revision
                question = question_of(conversation, message)
                if question is not None:
                    yield question

    def asked(self, question: Question) -> int:
        """Return how often people have been asked about this job; on a slow machine approvals lapse."""
        self._reviews.setdefault(question.job, set()).add(question.review_id)
        return len(self._reviews[question.job])

    # What a person can do

    async def click(self, user: str, question: Question, action: str) -> bool:
        """Click once. False: it was not heard, or the button is gone."""
        self.clicks += 1
        try:
            clicked = await self._persons[user].click(question.channel, question.ts, action)
        except (PersonError, aiohttp.ClientError):
            return False
        return clicked.acked

    async def insist(self, user: str, question: Question, action: str) -> None:
        """Click until it is heard, as people do."""
        for _ in range(6):
            if await self.click(user, question, action) or not self.can_vote(question):
                return
            await asyncio.sleep(0.3)

    async def note(self, user: str, question: Question) -> None:
        """Reject with a note, in the modal."""
        person = self._persons[user]
        if await self.click(user, question, "reject_with_note"):
            try:
                view = await person.wait_for_view("Why not?", timeout=1.0)
                await person.submit(view, {"note": f"not {question.job}, please"})
                await person.close_view(view, everything=True)
            except (PersonError, aiohttp.ClientError):
                return

    def can_vote(self, question: Question) -> bool:
        """Whether the message still has its buttons."""
        conversation = self._slack.state.conversations[question.channel]
        message = conversation.messages.get(question.ts)
        return message is not None and question_of(conversation, message) is not None


def question_of(conversation: Conversation, message: Message) -> Question | None:
    """Return what a message asks, if it has buttons to vote with."""
    button = next((each for each in _elements(message) if each.get("action_id") == "approve"), None)
    if button is None:
        return None
    text = json.dumps(message.blocks)
    job = JOB.search(text)
    # A card names the other calls of its turn too, below its own.
    named = [name for name in KINDS if name in text]
    kind = KINDS[min(named, key=text.index)] if named else None
    if job is None or kind is None:
        return None
    review_id = json.loads(button["value"])["r"]
    voters = tuple(user for user in kind.approvers if user in conversation.members)
    is_card = all(each.get("action_id") != "acknowledge" for each in _elements(message))
    return Question(review_id, kind, job[0], conversation.id, message.ts, voters, is_card)


def _elements(message: Message) -> Iterator[Json]:
    for block in message.blocks or ():
        yield from block.get("elements", ())


# The acts: what happens to one question.


def _voters(question: Question, rng: Random) -> list[str]:
    return rng.sample(question.voters, len(question.voters))


async def _soon(rng: Random) -> None:
    await asyncio.sleep(rng.uniform(0.0, 0.8))


async def _approve(crowd: Crowd, question: Question, rng: Random) -> None:
    await _soon(rng)
    for user in _voters(question, rng)[: question.kind.quorum]:
        await crowd.insist(user, question, "approve")


async def _reject(crowd: Crowd, question: Question, rng: Random) -> None:
    await _soon(rng)
    for user in _voters(question, rng)[:1]:
        await crowd.insist(user, question, "reject")


async def _reject_with_note(crowd: Crowd, question: Question, rng: Random) -> None:
    await _soon(rng)
    for user in _voters(question, rng)[:1]:
        await crowd.note(user, question)


async def _double_click(crowd: Crowd, question: Question, rng: Random) -> None:
    """The same person clicks two or three times at once."""
    await _soon(rng)
    for user in _voters(question, rng)[: question.kind.quorum]:
        clicks = [crowd.click(user, question, "approve") for _ in range(rng.randint(2, 3))]
        await asyncio.gather(*clicks)


async def _everybody(crowd: Crowd, question: Question, rng: Random) -> None:
    """All approvers, and some who are none, click at once."""
    await _soon(rng)
    strangers = rng.sample([OWNER, *ONCALL], 2)
    await asyncio.gather(*(crowd.click(user, question, "approve") for user in [*question.voters, *strangers]))


async def _quarrel(crowd: Crowd, question: Question, rng: Random) -> None:
    """Some approve and some reject, at once."""
    await _soon(rng)
    voters = _voters(question, rng)
    await asyncio.gather(*(crowd.click(user, question, rng.choice(("approve", "reject"))) for user in voters))


async def _too_late(crowd: Crowd, question: Question, rng: Random) -> None:
    """Somebody decides just as the window runs out."""
    await asyncio.sleep(question.kind.window_s - 0.2)
    for _ in range(8):
        await crowd.click(_voters(question, rng)[0], question, rng.choice(("approve", "reject")))
        await asyncio.sleep(0.05)


async def _look(crowd: Crowd, question: Question, rng: Random) -> None:
    """Somebody looks at everything there is, and leaves it at that."""
    await _soon(rng)
    await crowd.click(_voters(question, rng)[0], question, "view_all")


async def _ignore(_crowd: Crowd, _question: Question, _rng: Random) -> None:
    """Nobody does anything."""


async def _acknowledge(crowd: Crowd, question: Question, rng: Random) -> None:
    """Somebody who was paged says that they are on it, and then decides, or does not."""
    await _soon(rng)
    for user in _voters(question, rng)[:1]:
        await crowd.click(user, question, "acknowledge")
        if rng.random() < 0.6:
            await asyncio.sleep(0.3)
            await crowd.insist(user, question, "approve")


async def _decide(crowd: Crowd, question: Question, rng: Random) -> None:
    """Answer what is still open, at the end."""
    if not question.is_card:
        return
    tired = crowd.asked(question) > 3
    if tired or rng.random() < 0.3:
        await crowd.insist(_voters(question, rng)[0], question, "reject")
        return
    for user in _voters(question, rng)[: question.kind.quorum]:
        await crowd.insist(user, question, "approve")


ON_CARDS: tuple[tuple[Act, int], ...] = (
    (_approve, 8),
    (_reject, 2),
    (_reject_with_note, 1),
    (_double_click, 2),
    (_everybody, 2),
    (_quarrel, 2),
    (_too_late, 1),
    (_look, 1),
    (_ignore, 3),
)
ON_PAGES: tuple[tuple[Act, int], ...] = ((_ignore, 3), (_acknowledge, 2), (_approve, 1))

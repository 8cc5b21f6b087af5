"""The timeline: one line for each event, as it happens.

Lines come from the bot's journal, so each event is durable before it is printed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TextIO

import orjson
from sqlalchemy import Connection

from bot.demo.company import DIGEST, name_of
from bot.domain.durations import in_sentence
from bot.domain.record import ActionRecord, JournalEntry, Standing
from bot.store import journal
from bot.store.database import Database

LOOK_AGAIN_S = 0.2
MARGIN = 50
"""Entries to read again: entries are ordered by time, and a commit may add an earlier one."""
TOLD_CHARACTERS = 70

GREY, RED, GREEN, YELLOW, BLUE = 90, 31, 32, 33, 36
PLAIN = 0

Line = tuple[str, int]


class Timeline:
    """Writes lines to `out`, in colour on a terminal. `began` is the start of the demo, epoch seconds."""

    def __init__(self, out: TextIO, began: float) -> None:
        self._out = out
        self._began = began
        self._colour = out.isatty()

    def say(self, text: str, colour: int = PLAIN, at: float | None = None) -> None:
        """Write a line. `at` is the time of the event; now by default."""
        since = (time.time() if at is None else at) - self._began
        line = f"{since:6.1f}  {text}"
        if self._colour and colour != PLAIN:
            line = f"\x1b[{colour}m{line}\x1b[0m"
        print(line, file=self._out, flush=True)


class Follower:
    """Reads the growing journal and prints it. `quiet` leaves out actions of Tier 0."""

    def __init__(
        self,
        db: Database,
        standing: Callable[[str], Awaitable[Standing]],
        timeline: Timeline,
        *,
        quiet: bool = False,
    ) -> None:
        self._db = db
        self._standing = standing
        self._timeline = timeline
        self._quiet = quiet
        self._told: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Print new entries until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(LOOK_AGAIN_S)

    async def catch_up(self) -> None:
        """Print the entries since the last call."""
        for entry in await self._db.read(self._new):
            self._told.add((entry.writer, entry.seq))
            action = (await self._standing(entry.action_id)).action if entry.action_id else None
            if action is not None and self._quiet and not action.tier:
                continue
            line = line_of(entry.event, orjson.loads(entry.body), action)
            if line is not None:
                self._timeline.say(*line, at=entry.at)

    def _new(self, connection: Connection) -> list[JournalEntry]:
        count = journal.count(connection) - len(self._told)
        if count <= 0:
            return []
        found = journal.entries(connection, last=count + MARGIN)
        return [entry for entry in found if (entry.writer, entry.seq) not in self._told]


def line_of(event: str, body: Mapping[str, Any], action: ActionRecord | None) -> Line | None:
    """Return the line for a journal entry; None if it needs no line."""
    if event == "digest.made":
        count = body["actions"]
        what = f"{count} actions to look over" if count else "halted actions that still wait"
        return f"{DIGEST} gets a digest: {what}", BLUE
    tell = _TELL.get(event)
    return tell(body, action) if tell is not None and action is not None else None


def told(action: ActionRecord) -> str:
    """Return an action in a few words: its kind and arguments."""
    values = (_plain(value) for value in action.args.values() if value is not None)
    text = f"{action.kind} ({', '.join(values)})"
    return text if len(text) <= TOLD_CHARACTERS else f"{text[: TOLD_CHARACTERS - 2]}…)"


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _names(users: list[str]) -> str:
    return " and ".join(name_of(user) for user in users) or "nobody"


def _passed(body: Mapping[str, Any], action: ActionRecord) -> Line:
    return f"{action.agent}: {told(action)} passes, Tier {body['tier']}", GREY


def _opened(body: Mapping[str, Any], action: ActionRecord) -> Line:
    if body["predecessor"] is not None:
        return f"{told(action)} is halted and asked again, without a window", YELLOW
    window = in_sentence(action.ruling.window_s) if action.ruling.window_s else "no window"
    who = f"{body['quorum']} of {', '.join(action.ruling.approvers)}"
    return f"{action.agent}: {told(action)} waits, Tier {body['tier']}: {who}; {window}", YELLOW


def _vote(body: Mapping[str, Any], action: ActionRecord) -> Line:
    verb = "approves" if body["approve"] else "rejects"
    return f"   {name_of(body['voter'])} {verb} {told(action)}", PLAIN


def _vote_refused(body: Mapping[str, Any], action: ActionRecord) -> Line:
    return f"   {name_of(body['voter'])}'s click on {told(action)} does not count: {body['reason']}", RED


def _closed(body: Mapping[str, Any], action: ActionRecord) -> Line:
    note = f": “{body['note']}”" if body["note"] else ""
    if body["state"] == "expired":
        return f"{told(action)} expires: nobody answered; then {action.ruling.default}", RED
    if body["state"] == "withdrawn":
        return f"{told(action)} is withdrawn; nobody judged it{note}", GREY
    colour = GREEN if body["state"] == "approved" else RED
    return f"{told(action)} is {body['state']} by {_names(body['decided_by'])}{note}", colour


def _overdue(_body: Mapping[str, Any], action: ActionRecord) -> Line:
    return f"{told(action)} is overdue; it stays pending, and people are paged until one acts", RED


def _paged(body: Mapping[str, Any], action: ActionRecord) -> Line | None:
    reached = [name_of(user) for user in body["to"]] + body["posts"]
    return (f"   {' and '.join(reached)} paged about {told(action)}", BLUE) if reached else None


def _acknowledged(body: Mapping[str, Any], action: ActionRecord) -> Line:
    return f"   {name_of(body['by'])} is on it: {told(action)}", BLUE


def _executed(_body: Mapping[str, Any], action: ActionRecord) -> Line | None:
    return (f"{told(action)} is done", GREEN) if action.tier.waits else None


def _failed(body: Mapping[str, Any], action: ActionRecord) -> Line:
    return f"{told(action)} failed: {body['detail']}", RED


_TELL: Mapping[str, Callable[[Mapping[str, Any], ActionRecord], Line | None]] = {
    "action.passed": _passed,
    "review.opened": _opened,
    "review.vote": _vote,
    "review.vote_refused": _vote_refused,
    "review.closed": _closed,
    "review.overdue": _overdue,
    "review.paged": _paged,
    "review.acknowledged": _acknowledged,
    "action.executed": _executed,
    "action.failed": _failed,
}

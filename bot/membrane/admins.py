"""Notices to the policy's admins about things that need their attention, once a day for each thing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import structlog

from bot.domain.message_order import Priority
from bot.domain.message_record import MessageKind
from bot.domain.notices import Notice, Subject
from bot.membrane.core import Core
from bot.store import messages, notices
from bot.store.database import Transaction

DAY_S = 86_400
HOUR_S = 3_600
ONE_BY_ONE = 5
"""Notices of one subject within an hour that get their own message; one more message lists the rest."""
LISTED = 10
"""Maximum number of notices that this message lists."""

_log = structlog.get_logger(__name__)


class Admins:
    """Tells the admin channel of the policy in force or, if it has none, each of its admins."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def recipients(self) -> list[str]:
        """Return whom to tell: one channel, or people. Empty if nobody is known right now."""
        policy = self._core.policy()
        return [policy.admin_channel] if policy.admin_channel else await self.persons()

    async def persons(self) -> list[str]:
        """Return the Slack ids of the admins that can be resolved now."""
        found = await self._core.people.resolve(self._core.policy().admins)
        return sorted(found.users)

    async def tell(self, notice: Notice) -> None:
        """Want a notice, unless one about the same thing was wanted today. Logs it every time."""
        recipients = await self.recipients()
        await self._core.db.write(lambda tx: self.want(tx, recipients, notice))
        self._core.wakeups.wake()

    def want(self, tx: Transaction, recipients: Sequence[str], notice: Notice) -> bool:
        """Want a notice in the caller's transaction.

        Returns whether it is news to somebody today.
        """
        return want(tx, recipients, notice, self._core.clock())


def want(tx: Transaction, recipients: Sequence[str], notice: Notice, now: float) -> bool:
    """Want a notice to each recipient who did not get the same one today. Return whether anybody gets it.

    After ONE_BY_ONE notices of one subject within an hour, one message counts and lists the rest.
    """
    subject = notice.subject
    _log.warning(
        "admins_told" if recipients else "admins_not_told",
        subject=subject.name.lower(),
        about=notice.about,
        words=str(notice),
    )
    news = [each for each in recipients if _want_one(tx, each, notice, now)]
    return bool(news)


def _want_one(tx: Transaction, recipient: str, notice: Notice, now: float) -> bool:
    subject, connection = notice.subject, tx.connection
    message = _id(subject, f"{notice.about}\n{recipient}\n{int(now // DAY_S)}")
    hour = now // HOUR_S * HOUR_S
    told = notices.count(connection, _id(subject), recipient, hour)
    if told < ONE_BY_ONE:
        return _send(tx, message, recipient, notice, now)
    folded_into = _id(subject, f"folded {recipient} {hour}")
    if not notices.fold(connection, message, recipient, str(notice), into=folded_into, now=now):
        return False
    count, latest = notices.folded(connection, _id(subject), folded_into, LISTED)
    summary = _summary(notice, count, latest)
    if not _send(tx, folded_into, recipient, summary, now):
        notices.rewrite(connection, folded_into, str(summary), now)
    return True


def _send(tx: Transaction, message: str, recipient: str, notice: Notice, now: float) -> bool:
    priority = Priority.PAGE_3 if notice.subject.urgent else Priority.REST
    return messages.want(
        tx.connection, message, MessageKind.NOTICE, recipient, now=now, priority=priority, body=str(notice)
    )


def _summary(notice: Notice, count: int, latest: Sequence[str]) -> Notice:
    """Return the notice that stands for those of an hour that have no message of their own."""
    heads = tuple(body.split("\n", 1)[0].removeprefix(f"{notice.subject.level}: ") for body in latest)
    more = (f"and {count - len(heads)} before these",) if count > len(heads) else ()
    return Notice(
        notice.subject,
        what=f"{count} more {notice.subject.many} within this hour. The latest:",
        where="the bot's log has each of them in full (admins_told)",
        todo=notice.todo,
        details=(*heads, *more),
    )


def _id(subject: Subject, of: str = "") -> str:
    lead = f"msg_{subject.name.lower()}_"
    return f"{lead}{hashlib.sha256(of.encode()).hexdigest()[:24]}" if of else lead

"""Vote on a review, acknowledge it, open it: the use cases of a reviewer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from bot.domain import review as transitions
from bot.domain.escalation import page_at, quiet_until
from bot.domain.record import NOT_TOLD, Clicked, Standing
from bot.domain.review import Review, Vote
from bot.domain.states import ReviewState
from bot.errors import Refusal, VoteRefused
from bot.membrane.changes import UncheckedVoters, cast_vote
from bot.membrane.core import Core, standing_of, the_action, the_review
from bot.membrane.entitlement import admit, entitle, requesters_of, still_entitled
from bot.membrane.first_shown import note_seen
from bot.store import redraws, reviews, sightings
from bot.store.database import Transaction


def _asked(connection: Connection, review_id: str) -> tuple[Review, frozenset[str]]:
    """Return a review and everybody who may not decide it: its requesters then and now."""
    review = the_review(connection, review_id)
    return review, review.requesters | requesters_of(connection, the_action(connection, review.action_id))


class Votes:
    """The use cases of a reviewer. Rights are checked when the click arrives."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def cast(
        self,
        review_id: str,
        voter: str,
        *,
        approve: bool,
        args_digest: str,
        note: str | None = None,
        team: str | None = None,
        clicked: Clicked = NOT_TOLD,
    ) -> Standing:
        """Count a vote; it may make the outcome. Raises VoteRefused with the reason, or NotFound.

        `args_digest` is that of the voter's card; the `clicked` message is redrawn first.
        """
        core = self._core
        asked, requesters = await core.db.read(lambda connection: _asked(connection, review_id))
        cast = partial(Vote, voter, approve, args_digest, note=note)
        try:
            if asked.pending:  # for a closed review, casting tells anybody who was first
                await entitle(core, voter, team, names=asked.ruling.approvers, requesters=requesters)
            standing = await self._count(asked, requesters, cast, clicked)
        except VoteRefused as refused:
            await self._refused(asked, voter, refused, clicked)
            raise
        core.wakeups.wake(asked.action_id)
        return standing

    async def _count(
        self, asked: Review, requesters: frozenset[str], cast: Callable[..., Vote], clicked: Clicked
    ) -> Standing:
        """Cast a vote. If it fills the quorum, every counted voter is checked again first.

        A vote that arrives meanwhile is checked in the next turn of the loop.
        """
        while True:
            voters = transitions.to_check(asked, cast(at=self._core.clock()))
            names = asked.ruling.approvers
            checked = await still_entitled(self._core, voters, names=names, requesters=requesters)
            try:
                return await self._core.db.write(partial(self._cast, asked, cast, clicked, checked))
            except UncheckedVoters:
                asked, requesters = await self._core.db.read(partial(_asked, review_id=asked.id))

    def _cast(
        self,
        asked: Review,
        cast: Callable[..., Vote],
        clicked: Clicked,
        checked: dict[str, Refusal | None],
        tx: Transaction,
    ) -> Standing:
        vote = cast(at=self._core.clock())
        cast_vote(self._core, tx, asked.id, vote, clicked=clicked, checked=checked)
        return standing_of(tx.connection, asked.action_id)

    async def may_vote(self, review_id: str, voter: str, *, team: str | None = None) -> None:
        """Raise VoteRefused if a vote of this person certainly would not count now, or NotFound."""
        asked, requesters = await self._core.db.read(lambda connection: _asked(connection, review_id))
        try:
            await entitle(self._core, voter, team, names=asked.ruling.approvers, requesters=requesters)
        except VoteRefused as refused:
            if refused.reason is not Refusal.UNRESOLVED:
                raise

    async def may_look(self, user: str, *, team: str | None = None) -> None:
        """Raise VoteRefused for somebody who may not see all of an action: only full members may.

        Raises MembraneError if that cannot be found out now.
        """
        await admit(self._core, user, team)

    async def _refused(self, asked: Review, voter: str, refused: VoteRefused, clicked: Clicked) -> None:
        """Journal who was refused and why. A card that shows other arguments is redrawn."""
        now = self._core.clock()

        def work(tx: Transaction) -> None:
            body = {"voter": voter, "reason": refused.reason}
            tx.journal(now, "review.vote_refused", body, action_id=asked.action_id, review_id=asked.id)
            if refused.reason is Refusal.ARGS_CHANGED:
                redraws.touch(tx.connection, asked.id, now=now, clicked=clicked)

        await self._core.db.write(work)
        self._core.wakeups.wake()

    async def acknowledge(
        self, review_id: str, user: str, clicked: Clicked = NOT_TOLD, *, team: str | None = None
    ) -> Review:
        """Record that somebody is on it, which quiets the chain for a time. Raises VoteRefused or NotFound.

        Only people who may decide the review can quiet its chain, and each of them once.
        """
        core = self._core
        asked, requesters = await core.db.read(lambda connection: _asked(connection, review_id))
        try:
            if asked.pending:
                await entitle(core, user, team, names=asked.ruling.approvers, requesters=requesters)
            review = await core.db.write(lambda tx: self._acknowledge(tx, review_id, user, clicked))
        except VoteRefused as refused:
            await self._ack_refused(asked, user, refused)
            raise
        core.wakeups.wake(review.action_id)
        return review

    def _acknowledge(self, tx: Transaction, review_id: str, user: str, clicked: Clicked) -> Review:
        review = the_review(tx.connection, review_id)
        if not review.pending:
            withdrawn = review.state is ReviewState.WITHDRAWN
            reason = Refusal.WITHDRAWN if withdrawn else Refusal.DECIDED
            raise VoteRefused(reason, f"This is already {review.state}; no more pages come.")
        if any(vote.voter == user for vote in review.approvals):
            raise VoteRefused(
                Refusal.ALREADY_VOTED, "You have approved it, and it waits for others, so its pages go on."
            )
        if review.acked_by == user and (review.quiet_until or 0.0) > self._core.clock():
            return review  # Slack repeats a click if it is not sure that the first one arrived
        if review.acked_by == user or sightings.acknowledged(tx.connection, review_id, user):
            raise VoteRefused(
                Refusal.ALREADY_ACKNOWLEDGED,
                "You have acknowledged it already, and each person can quiet its pages once. They go on "
                "until somebody decides: approve it, or reject it.",
            )
        return self._quiet(tx, note_seen(tx, review, self._core.clock()), user, clicked)

    async def _ack_refused(self, asked: Review, user: str, refused: VoteRefused) -> None:
        body = {"by": user, "reason": refused.reason}
        now = self._core.clock()
        await self._core.db.write(
            lambda tx: tx.journal(
                now, "review.ack_refused", body, action_id=asked.action_id, review_id=asked.id
            )
        )

    def _quiet(self, tx: Transaction, review: Review, user: str, clicked: Clicked) -> Review:
        now, chain, window = self._core.clock(), review.ruling.chain, review.ruling.window_s
        if chain is None or window is None:
            return review
        closes = review.expires_at is not None and not review.ruling.mandated
        until = quiet_until(chain, now, review.window_from, window if closes else None)
        following = page_at(chain, review.position, review.window_from, window)
        then = max(following.due_at, until) if following else None
        reviews.acknowledge(tx.connection, review.id, user, until, then)
        sightings.record(tx.connection, review.id, user, sightings.ACKNOWLEDGED, now)
        redraws.touch(tx.connection, review.id, now=now, clicked=clicked)
        body = {"by": user, "quiet_until": until}
        tx.journal(now, "review.acknowledged", body, action_id=review.action_id, review_id=review.id)
        return the_review(tx.connection, review.id)

    async def record_view(self, review_id: str, viewer: str, what: str = "opened") -> None:
        """Record when a reviewer opened a review. These times tell judging from mere clicking."""
        now = self._core.clock()

        def work(tx: Transaction) -> None:
            review = the_review(tx.connection, review_id)
            sightings.record(tx.connection, review_id, viewer, what, now)
            body = {"viewer": viewer, "what": what}
            tx.journal(now, "review.seen", body, action_id=review.action_id, review_id=review_id)

        await self._core.db.write(work)

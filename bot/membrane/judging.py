"""Vote, acknowledge, open: what a person does to a review."""

from __future__ import annotations

from sqlalchemy import Connection

from bot.domain.escalation import page_at, quiet_until
from bot.domain.record import NOT_TOLD, Clicked, Standing
from bot.domain.review import Review, ReviewState, Vote
from bot.errors import Refusal, VoteRefused
from bot.membrane.changes import cast_vote
from bot.membrane.core import Core, entitle, standing_of, the_review
from bot.store import messages, reviews
from bot.store.database import Transaction


class Judging:
    """The use cases of a reviewer. Who may do what is checked when the click arrives."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def vote(
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

        `args_digest` is of the arguments that the voter's card showed; `clicked` is drawn again first.
        """
        core = self._core
        asked = await core.db.read(lambda connection: the_review(connection, review_id))
        try:
            if asked.pending:  # otherwise casting says who was first, whoever asks
                await entitle(core, voter, team, names=asked.ruling.approvers, requesters=asked.requesters)
            standing = await core.db.write(
                lambda tx: self._cast(
                    tx, review_id, Vote(voter, approve, args_digest, core.clock(), note), clicked
                )
            )
        except VoteRefused as refused:
            await self._refused(asked, voter, refused, clicked)
            raise
        core.bells.ring(asked.action_id)
        return standing

    async def may_vote(self, review_id: str, voter: str, *, team: str | None = None) -> None:
        """Raise VoteRefused where a vote of this person would surely not count now, or NotFound."""
        asked = await self._core.db.read(lambda connection: the_review(connection, review_id))
        try:
            await entitle(self._core, voter, team, names=asked.ruling.approvers, requesters=asked.requesters)
        except VoteRefused as refused:
            if refused.reason is not Refusal.UNRESOLVED:
                raise

    def _cast(self, tx: Transaction, review_id: str, vote: Vote, clicked: Clicked) -> Standing:
        cast_vote(self._core, tx, review_id, vote, clicked)
        return standing_of(tx.connection, the_review(tx.connection, review_id).action_id)

    async def _refused(self, asked: Review, voter: str, refused: VoteRefused, clicked: Clicked) -> None:
        """Keep who was refused and why; a card that shows other arguments is drawn again."""
        now = self._core.clock()

        def work(tx: Transaction) -> None:
            body = {"voter": voter, "reason": refused.reason}
            tx.journal(now, "review.vote_refused", body, action_id=asked.action_id, review_id=asked.id)
            if refused.reason is Refusal.ARGS_CHANGED:
                messages.touch(tx.connection, asked.id, now=now, clicked=clicked)

        await self._core.db.write(work)
        self._core.bells.ring()

    async def acknowledge(self, review_id: str, user: str, clicked: Clicked = NOT_TOLD) -> Review:
        """Note that somebody is on it, which quiets the chain for a time. Raises VoteRefused or NotFound.

        Only somebody who was paged about it, or who may vote on it, can quiet its chain.
        """
        core = self._core
        asked = await core.db.read(lambda connection: the_review(connection, review_id))
        found = await core.people.resolve(asked.ruling.approvers)
        member = await core.people.full_member(user)

        def work(tx: Transaction) -> Review:
            review = the_review(tx.connection, review_id)
            if not review.pending:
                withdrawn = review.state is ReviewState.WITHDRAWN
                reason = Refusal.WITHDRAWN if withdrawn else Refusal.DECIDED
                raise VoteRefused(reason, f"This is already {review.state}; no more pages come.")
            if not member:
                raise VoteRefused(
                    Refusal.NOT_A_MEMBER, "Only full members of this workspace can quiet its pages."
                )
            if user not in found.users and not messages.was_paged(tx.connection, review_id, user):
                raise VoteRefused(Refusal.NOT_APPROVER, "You were not paged about this, so its pages go on.")
            return self._quiet(tx, review, user, clicked)

        review = await core.db.write(work)
        core.bells.ring(review.action_id)
        return review

    def _quiet(self, tx: Transaction, review: Review, user: str, clicked: Clicked) -> Review:
        now, chain, window = self._core.clock(), review.ruling.chain, review.ruling.window_s
        if chain is None or window is None:
            return review
        closes = review.expires_at is not None and not review.ruling.mandated
        until = quiet_until(chain, now, review.opened_at, window if closes else None)
        following = page_at(chain, review.position, review.opened_at, window)
        then = max(following.due_at, until) if following else None
        reviews.acknowledge(tx.connection, review.id, user, until, then)
        messages.touch(tx.connection, review.id, now=now, clicked=clicked)
        body = {"by": user, "quiet_until": until}
        tx.journal(now, "review.acknowledged", body, action_id=review.action_id, review_id=review.id)
        return the_review(tx.connection, review.id)

    async def standing_of_review(self, review_id: str) -> Standing:
        """Return the action that a review is about, with all its reviews. Raises NotFound."""

        def work(connection: Connection) -> Standing:
            return standing_of(connection, the_review(connection, review_id).action_id)

        return await self._core.db.read(work)

    async def saw(self, review_id: str, viewer: str, what: str = "opened") -> None:
        """Keep when a reviewer opened a review: what tells judging from clicking is in those times."""
        now = self._core.clock()

        def work(tx: Transaction) -> None:
            review = the_review(tx.connection, review_id)
            reviews.saw(tx.connection, review_id, viewer, what, now)
            body = {"viewer": viewer, "what": what}
            tx.journal(now, "review.seen", body, action_id=review.action_id, review_id=review_id)

        await self._core.db.write(work)

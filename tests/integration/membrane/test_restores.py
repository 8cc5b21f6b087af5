"""The bot recognises a database restored from a backup, and no effect runs twice."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.domain.action import Action
from bot.domain.message_record import Message, MessageKind
from bot.domain.record import Standing, Verdict
from bot.domain.states import ActionState
from bot.errors import ClaimRefused, NotFound
from bot.membrane import CardFacts, Membrane, ReceiptFacts, Tokens
from bot.store import backup, facts, heads, restores
from bot.store.database import open_database
from bot.store.sqlite import SQLITE
from tests.fakes import ADA, CLEO, DIA, SECRET, Clock, FakeDirectory, policy


@dataclass
class House:
    """A data folder on which one bot after the other starts."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    outside: Path | None = None

    @property
    def database(self) -> Path:
        return self.folder / "membrane.db"

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Membrane]:
        """Start as the bot does, and stop as it does."""
        db = open_database(self.database, exclusive=True)
        rules = policy()
        membrane = Membrane(db, lambda: rules, FakeDirectory(), secret=SECRET, clock=self.clock)
        paths = [self.folder / "journal.head", *([self.outside] if self.outside else [])]
        try:
            await membrane.restores.check_on_start(paths)
            await membrane.take_over()
            await membrane.put_in_force(rules.version, "")
            await membrane.restores.sweep()
            yield membrane
            await membrane.restores.note_head()
        finally:
            await db.close()

    def copy(self) -> Path:
        """Copy the database as a tool would that does not know the bot."""
        copied = self.folder.parent / "copy.db"
        SQLITE.copy(self.database, copied)
        return copied

    def put_back(self, copied: Path) -> None:
        for file in self.folder.glob("membrane.db*"):
            file.unlink()
        shutil.copy(copied, self.database)

    def back_up(self) -> Path:
        """Copy the database as `membrane backup` does, and unpack it."""
        target = self.folder.parent / "backup.tar"
        backup.make(self.folder, target, self.clock())
        shutil.unpack_archive(target, self.folder.parent / "unpacked", filter="data")
        return self.folder.parent / "unpacked" / "membrane.db"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "data")


WAYS: dict[str, Callable[[House], Path]] = {"backup": House.back_up, "plain copy": House.copy}
way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def action(kind: str, **args: object) -> Action:
    return Action.of(kind, args or {"id": 1}, agent="ops-agent")


async def approve(membrane: Membrane, standing: Standing, *voters: str) -> Standing:
    for voter in voters:
        review = (await membrane.proposals.standing(standing.action.id)).review
        assert review
        await membrane.votes.cast(review.id, voter, approve=True, args_digest=review.args_digest)
    return await membrane.proposals.standing(standing.action.id)


async def run(membrane: Membrane, standing: Standing) -> None:
    await membrane.claims.start(standing.action.id, standing.action.args_digest)
    await membrane.reports.record(standing.action.id, executed=True)


async def say(membrane: Membrane, standing: Standing, verdict: Verdict) -> Standing:
    of = standing.action
    return await membrane.unknowns.resolve(of.id, CLEO, verdict, number=1, args_digest=of.args_digest)


async def restored(membrane: Membrane) -> str:
    return await membrane.restores.status() or ""


@way
async def test_an_effect_that_ran_after_the_backup_does_not_run_again(
    house: House, way: Callable[[House], Path]
) -> None:
    async with house.bot() as membrane:
        standing = await membrane.proposals.propose(action("mail.send"))
    copied = way(house)
    async with house.bot() as membrane:
        await run(membrane, await approve(membrane, standing, ADA))
    house.put_back(copied)
    async with house.bot() as membrane:
        assert "restored from a backup" in await restored(membrane)
        again = await approve(membrane, standing, ADA)
        with pytest.raises(ClaimRefused, match="restored from a backup"):
            await membrane.claims.start(again.action.id, again.action.args_digest)
        asked = await membrane.proposals.standing(standing.action.id)
        assert asked.action.state is ActionState.UNKNOWN
        with pytest.raises(ClaimRefused, match="restored from a backup"):
            await membrane.claims.start(again.action.id, again.action.args_digest, rerun=True)
        after = await say(membrane, again, Verdict.HAPPENED)
        assert after.action.state is ActionState.EXECUTED


@way
async def test_an_effect_that_did_not_run_goes_on_under_the_same_key(
    house: House, way: Callable[[House], Path]
) -> None:
    async with house.bot() as membrane:
        standing = await membrane.proposals.propose(action("money.wire"))
    copied = way(house)
    async with house.bot() as membrane:
        approved = await approve(membrane, standing, CLEO, DIA)
        first = await membrane.claims.start(approved.action.id, approved.action.args_digest)
    house.put_back(copied)
    async with house.bot() as membrane:
        approved = await approve(membrane, standing, CLEO, DIA)
        await membrane.restores.sweep()
        assert (await membrane.proposals.standing(standing.action.id)).action.state is ActionState.UNKNOWN
        after = await say(membrane, standing, Verdict.DID_NOT)
        assert after.action.state is ActionState.APPROVED
        claim = await membrane.claims.start(standing.action.id, standing.action.args_digest)
        assert claim.key == first.key, "the key lets the target recognise a second start"
        await membrane.reports.record(standing.action.id, executed=True)
        await membrane.restores.sweep()
        assert await restored(membrane) == "", "the restore ends once every outcome is known"


@way
async def test_people_are_asked_at_once_about_approved_passed_and_running_actions(
    house: House, way: Callable[[House], Path]
) -> None:
    async with house.bot() as membrane:
        approved = await approve(membrane, await membrane.proposals.propose(action("mail.send")), ADA)
        passed = await membrane.proposals.propose(action("db.read"))
        running = await membrane.proposals.propose(action("report.make"))
        await membrane.claims.start(running.action.id, running.action.args_digest)
        done = await membrane.proposals.propose(action("db.read", other=2))
        await run(membrane, done)
    copied = way(house)
    async with house.bot() as membrane:
        for each in (approved, passed):
            await run(membrane, each)
        await membrane.reports.record(running.action.id, executed=True)
    house.put_back(copied)
    async with house.bot() as membrane:
        for each in (approved, passed, running):
            assert (await membrane.proposals.standing(each.action.id)).action.state is ActionState.UNKNOWN
        assert (await membrane.proposals.standing(done.action.id)).action.state is ActionState.EXECUTED
        late = await membrane.reports.record(running.action.id, executed=True)
        assert late.action.state is ActionState.EXECUTED, "the agent's own report is believed"


@way
async def test_tokens_are_refused_until_they_are_confirmed(
    house: House, way: Callable[[House], Path]
) -> None:
    async with house.bot() as membrane:
        kept, secret = await membrane.tokens.create("ops-agent", CLEO)
        revoked, stolen = await membrane.tokens.create("bad-agent", CLEO)
    copied = way(house)
    async with house.bot() as membrane:
        await membrane.tokens.revoke(revoked.id)
    house.put_back(copied)
    async with house.bot() as membrane:
        for token in (secret, stolen):
            found = await membrane.tokens.authenticate(token)
            assert found
            assert found.unconfirmed_since == house.clock.now
        assert "2 tokens" in await restored(membrane)
        assert await membrane.tokens.confirm(kept.id) == [kept.id]
        found = await membrane.tokens.authenticate(secret)
        assert found
        assert found.unconfirmed_since is None
        await membrane.tokens.revoke(revoked.id)
        assert await membrane.tokens.authenticate(stolen) is None
        with pytest.raises(NotFound):
            await membrane.tokens.confirm(kept.id)
        assert await membrane.tokens.confirm(None) == []
        await membrane.restores.sweep()
        assert await restored(membrane) == ""


@way
async def test_cards_mention_the_restore_and_ask_about_it(house: House, way: Callable[[House], Path]) -> None:
    async with house.bot() as membrane:
        waiting = await membrane.proposals.propose(action("money.wire"))
    copied = way(house)
    async with house.bot() as membrane:
        await membrane.proposals.withdraw(waiting.action.id, agent="ops-agent", why="changed my mind")
    house.put_back(copied)
    async with house.bot() as membrane:
        leased = {message.kind: message for message in await membrane.outbox.lease(50)}
        facts = await membrane.outbox.facts(leased[MessageKind.CARD])
        assert isinstance(facts, CardFacts)
        assert facts.restored_from is not None
        assert "membrane token confirm" in (leased[MessageKind.NOTICE].body or "")
        await approve(membrane, waiting, CLEO, DIA)
        await membrane.restores.sweep()
        (receipt,) = [each for each in await membrane.outbox.lease(50) if each.kind == "receipt"]
        asked = await membrane.outbox.facts(receipt)
        assert isinstance(asked, ReceiptFacts)
        assert asked.unknown.restored_from == facts.restored_from
        new = await membrane.proposals.propose(action("mail.send"))
        assert new.review
        of = new.review.id
        (card,) = await messages_of(membrane, of)
        later = await membrane.outbox.facts(card)
        assert isinstance(later, CardFacts)
        assert later.restored_from is None
        assert later.restore is not None


async def messages_of(membrane: Membrane, review_id: str) -> list[Message]:
    return [each for each in await membrane.outbox.lease(50) if each.review_id == review_id]


async def test_starts_stops_and_kills_do_not_count_as_a_restore(house: House) -> None:
    for _ in range(3):
        async with house.bot() as membrane:
            await membrane.proposals.propose(action("db.read"))
            assert await restored(membrane) == ""
    async with killed(house) as membrane:
        await membrane.proposals.propose(action("mail.send"))
    async with house.bot() as membrane:
        assert await restored(membrane) == ""


@asynccontextmanager
async def killed(house: House) -> AsyncIterator[Membrane]:
    """End a bot before it notes where its journal ends."""
    db = open_database(house.database, exclusive=True)
    rules = policy()
    membrane = Membrane(db, lambda: rules, FakeDirectory(), secret=SECRET, clock=house.clock)
    await membrane.restores.check_on_start([house.folder / "journal.head"])
    yield membrane
    await db.close()


@pytest.mark.parametrize("cut_at", [1, 2])
async def test_a_kill_during_the_first_start_does_not_count_as_a_restore(house: House, cut_at: int) -> None:
    """The bot writes the note before the database names itself, and again after it."""
    db = open_database(house.database, exclusive=True)
    rules = policy()
    membrane = Membrane(db, lambda: rules, FakeDirectory(), secret=SECRET, clock=house.clock)
    await membrane.proposals.propose(action("mail.send"))
    await db.write(lambda tx: facts.set_fact(tx.connection, restores.EPOCH, None))  # as an earlier version
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "write", cut(heads.write, cut_at))
        with pytest.raises(Killed):
            await membrane.restores.check_on_start([house.folder / "journal.head"])
    await db.close()
    async with house.bot() as membrane:
        assert await restored(membrane) == ""


class Killed(Exception):
    """Stands for the end of the process."""


def cut(
    write: Callable[[Path, heads.JournalHead], None], at: int
) -> Callable[[Path, heads.JournalHead], None]:
    calls = iter(range(1, 9))

    def until(path: Path, head: heads.JournalHead) -> None:
        if next(calls) == at:
            raise Killed
        write(path, head)

    return until


async def test_a_database_of_an_earlier_version_does_not_count_as_a_restore(house: House) -> None:
    db = open_database(house.database, exclusive=True)
    rules = policy()
    membrane = Membrane(db, lambda: rules, FakeDirectory(), secret=SECRET, clock=house.clock)
    await membrane.proposals.propose(action("mail.send"))
    await db.write(lambda tx: facts.set_fact(tx.connection, restores.EPOCH, None))
    await db.close()
    async with house.bot() as membrane:
        assert await restored(membrane) == ""


async def test_a_new_database_beside_an_old_note_does_not_count_as_a_restore(house: House) -> None:
    """Somebody deletes the databases to start over, and makes a token before the first start."""
    async with house.bot() as membrane:
        await membrane.proposals.propose(action("mail.send"))
    for file in house.folder.glob("membrane.db*"):
        file.unlink()
    db = open_database(house.database, writer="cli")
    await Tokens(db).create("ops-agent", CLEO)
    await db.close()
    for _ in range(2):
        async with house.bot() as membrane:
            assert await restored(membrane) == ""


async def test_passed_actions_without_a_question_do_not_delay_the_end_of_a_restore(house: House) -> None:
    async with house.bot() as membrane:
        for number in range(25):
            await membrane.proposals.propose(action("db.read", n=number))
    house.put_back(house.back_up())
    async with house.bot() as membrane:
        assert "20 actions" in await restored(membrane)


async def test_a_missing_note_or_one_of_another_database_counts_as_a_restore(
    house: House, tmp_path: Path
) -> None:
    async with house.bot() as membrane:
        await membrane.proposals.propose(action("mail.send"))
    note = house.folder / "journal.head"
    kept = note.read_bytes()
    note.unlink()
    async with house.bot() as membrane:
        assert "is missing" in await restored(membrane)
    async with house.bot() as membrane:
        assert "is missing" in await restored(membrane), "the restore lasts until every outcome is known"
    other = House(tmp_path / "other")
    async with other.bot() as membrane:
        await membrane.proposals.propose(action("mail.send"))
    (other.folder / "journal.head").write_bytes(kept)
    async with other.bot() as membrane:
        assert "belongs to another database" in await restored(membrane)


async def test_the_note_outside_reveals_a_folder_that_was_restored_whole(
    house: House, tmp_path: Path
) -> None:
    house.outside = tmp_path / "head"
    async with house.bot() as membrane:
        standing = await membrane.proposals.propose(action("mail.send"))
    shutil.copytree(house.folder, tmp_path / "whole")
    async with house.bot() as membrane:
        await approve(membrane, standing, ADA)
    shutil.rmtree(house.folder)
    shutil.move(tmp_path / "whole", house.folder)
    async with house.bot() as membrane:
        assert "restored from a backup" in await restored(membrane)


async def test_the_end_of_the_journal_reveals_a_restore_within_one_start(house: House) -> None:
    async with house.bot() as membrane:
        standing = await membrane.proposals.propose(action("mail.send"))
        copied = house.copy()
        await approve(membrane, standing, ADA)
    house.put_back(copied)
    async with house.bot() as membrane:
        assert "of its journal ends at entry" in await restored(membrane)


async def test_the_restore_is_in_the_journal(house: House) -> None:
    async with house.bot() as membrane:
        await membrane.proposals.propose(action("mail.send"))
    house.put_back(house.back_up())
    async with house.bot() as membrane:
        assert await restored(membrane)
    reader = open_database(house.database, readonly=True)
    found = await reader.read(restores.restore)
    await reader.close()
    assert found is not None
    assert found.since == house.clock.now

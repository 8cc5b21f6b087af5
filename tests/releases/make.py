"""Makes what a release leaves behind: run `python -m tests.releases.make v0_2` with the code of that release.

A real bot runs between a local workspace and an agent over HTTP, until everything that can be unfinished is.
Then its data folder is packed, with what Slack showed and what the agent remembered. Never make one again
that is there: it is what that release wrote.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bot.domain.risk import Tier
from bot.localslack import LocalSlack, Person
from bot.membrane import Membrane, Resolved
from bot.membrane.retention import Retention
from bot.policyfile import parse
from bot.policyfile.loading import read as read_policy
from bot.store import files, journal
from bot.store.database import Database, open_database
from bot.store.journal import Anchor
from tests.acceptance.agent import Agent
from tests.acceptance.company import APPROVALS, CLEO, DIA, GUS, workspace
from tests.integration.graph.scripted import say
from tests.releases.staging import CARD, Json, Place, kept
from tests.waiting import eventually

HERE = Path(__file__).parent
ZOE = "Zoe\u0308"
NUMBERS = {"amount": 900.0, "small": 1e-7, "whole": 9007199254740993, "list": [1.0, 2.5, -0.0], "to": ZOE}
"""Arguments whose digest changes if numbers or texts are read differently."""


class _Everybody:
    """The people of the policy, for decisions while no bot runs."""

    async def resolve(self, names: Sequence[str], *, fresh: bool = False) -> Resolved:
        return Resolved(frozenset({CLEO, DIA}))

    async def full_member(self, user: str, team: str | None = None, *, fresh: bool = False) -> bool:
        return True


class Making:
    """The run that is kept."""

    def __init__(self, place: Place, agent: Agent, cleo: Person, dia: Person) -> None:
        self.place, self.agent, self.cleo, self.dia = place, agent, cleo, dia
        self.actions: dict[str, Json] = {}
        self.threads: dict[str, str] = {}

    async def propose(self, name: str, kind: str, args: Json, **more: Any) -> Json:
        """Propose an action, and keep what an agent would remember."""
        answer = await self.agent.propose(kind, args, **more)
        self.actions[name] = {"id": answer["id"], "kind": kind, "args": args, **_of(answer), **more}
        return answer

    async def card(self, action: Json | str) -> Json:
        """Wait for the card of an action with a button to approve it."""
        wanted = action if isinstance(action, str) else action["id"]

        def shown(message: Json) -> bool:
            text = json.dumps(message.get("blocks"))
            return wanted in text and '"action_id": "approve"' in text

        return await self.cleo.wait_for_message(APPROVALS, shown)

    async def approve(self, action: Json, person: Person | None = None) -> None:
        """Approve an action on its card."""
        assert (await (person or self.cleo).click(APPROVALS, await self.card(action), "approve")).acked

    async def over_http(self) -> None:
        """Leave actions of every state behind."""
        agent = self.agent
        done = await self.propose("executed", "db.read", {"table": "old"})
        await agent.claim(done)
        await agent.report(done, result={"rows": 3})
        lost = await self.propose("unknown", "service.restart", {"service": "search"})
        await self.approve(lost)
        await agent.wait_for(lost, "approved")
        await agent.claim(lost)
        await self.propose("halted", "config.flag", {"flag": "dark-mode"})
        await self.propose("overdue", "deploy.production", {"version": "2.4"})
        await self.propose("aborted", "message.broadcast", {"text": "hello"})
        await self.propose("passed", "db.read", {"table": "users"})
        await self.propose("noticed", "report.generate", {"name": "weekly", "cost": 3.5})
        await self.propose("waiting", "mail.send", {"to": "new@northwind.example", "text": "hi"})
        await self.propose("keyed", "mail.send", {"to": "keyed@x.example"}, idempotency_key="order-7")
        await self.propose("numbers waiting", "payment.refund", NUMBERS)
        await self.propose("noted", "mail.send", {"to": "note@x.example"})
        await self.propose("redacted", "card.charge", {"amount": 9.5, "card_number": CARD})
        await self.propose("half", "payment.transfer", {"amount": 10_000})
        await self.approve(self.actions["half"])
        for name, kind, args in (
            ("approved", "data.delete", {"what": "logs"}),
            ("numbers approved", "payment.refund", {**NUMBERS, "again": True}),
            ("running", "data.delete", {"what": "running"}),
        ):
            await self.approve(await self.propose(name, kind, args))
            await agent.wait_for(self.actions[name], "approved")
        await agent.claim(self.actions["running"])
        await self.reject("rejected", {"what": "the customers"})
        await self.reject("numbers rejected", {**NUMBERS, "what": "rejected"})
        taken = await self.propose("withdrawn", "mail.send", {"to": "back@x.example"})
        await agent.ask("POST", f"/v1/actions/{taken['id']}/withdraw", json={"why": "moot"})

    async def reject(self, name: str, args: Json) -> None:
        """Propose an action, and have it rejected with a note."""
        action = await self.propose(name, "data.delete", args)
        await self.cleo.click(APPROVALS, await self.card(action), "reject_with_note")
        view = await self.cleo.wait_for_view("Reject")
        await self.cleo.submit(view, {"note": "keep them"})
        await self.agent.wait_for(action, "rejected")

    async def hosted(self) -> None:
        """Leave threads parked in every shape."""
        refund = {"kind": "payment.refund", "args": NUMBERS}
        charge = {"kind": "card.charge", "args": {"amount": 7.0, "card_number": CARD}}
        given: dict[str, tuple[str, Json]] = {
            "gate": ("one", {"kind": "data.delete", "args": {"id": 10}}),
            "gate with numbers": ("one", refund),
            "gate, redacted": ("one", charge),
            "gate, halted": ("one", {"kind": "config.flag", "args": {"name": "gated"}}),
            "gate, answered": ("one", {"kind": "data.delete", "args": {"id": 20}}),
            "second gate": ("order", {"first": "db.read", "number": 30}),
            "batch": ("batched", say("batch")),
            "batch, halted": ("batched", say("halted batch")),
            "calls": ("per_call", say("calls")),
            "middleware": ("wrapped", say("wrapped")),
            "middleware, halted": ("wrapped", say("halted wrapped")),
            "finished": ("one", {"kind": "db.read", "args": {"table": "done"}}),
        }
        for name, (graph, what) in given.items():
            started = await self.agent.start(graph, what)
            self.threads[name] = started["id"]
            await self.agent.thread(started, "finished" if name == "finished" else "parked")
        for name in ("batch", "calls"):
            mail = next(each for each in (await self.of(name)) if each["kind"] == "mail.send")
            await self.approve(mail)
            await self.agent.wait_for(mail, "approved", "executed")
            await self.agent.thread({"id": self.threads[name]}, "parked")
        for name in ("gate, halted", "batch, halted", "middleware, halted"):
            await self.agent.wait_for((await self.of(name))[0], "halted")
            await self.card((await self.of(name))[0])

    async def of(self, name: str) -> list[Json]:
        """Return the actions of a thread."""
        found = await self.agent.ask("GET", f"/v1/threads/{self.threads[name]}")
        return list(found["actions"])

    async def settled(self) -> None:
        """Wait until every window has ended and Slack shows everything."""
        for name, state in {"unknown": "unknown", "halted": "halted", "aborted": "aborted"}.items():
            await self.agent.wait_for(self.actions[name], state)

        async def overdue() -> bool:
            found = await self.agent.standing(self.actions["overdue"])
            return bool(found["review"]["overdue_at"])

        await eventually(overdue, what="overdue")
        for name in ("halted", "overdue", "waiting", "redacted", "half"):
            await self.card(self.actions[name])
        assert (
            await self.dia.click(APPROVALS, await self.card(self.actions["noted"]), "reject_with_note")
        ).acked
        await self.dia.wait_for_view("Reject")


def _of(answer: Json) -> Json:
    return {name: answer[name] for name in ("args_digest", "state")}


async def _posted(data: Path) -> None:
    async def look() -> bool:
        db = open_database(data / "membrane.db", readonly=True)
        try:
            return await db.read(
                lambda connection: (
                    connection.exec_driver_sql(
                        "SELECT count(*) FROM messages WHERE due_at IS NOT NULL AND posted_at IS NULL"
                    ).scalar()
                    == 0
                )
            )
        finally:
            await db.close()

    await eventually(look, what="every message posted", within=240)


async def _without_a_bot(place: Place, making: Making, anchors: Path) -> None:
    """Decide one more review like a bot that is killed before it resumes the thread. Prune and export."""
    rules = parse(read_policy(place.folder / "policy.yaml"), "policy.yaml")
    db = open_database(place.data / "membrane.db", exclusive=True)
    try:
        secret = (place.data / "secret").read_bytes().strip()
        membrane = Membrane(db, lambda: rules, _Everybody(), secret=secret)
        (answered,) = await membrane.interrupts.actions_of(making.threads["gate, answered"])
        standing = await membrane.proposals.standing(answered.id)
        assert standing.review is not None
        await membrane.votes.cast(standing.review.id, CLEO, approve=True, args_digest=answered.args_digest)
        await _anchor(db, anchors)
        pruned = await Retention(db, place.data / "archive", {Tier.TRANSPARENT: 0.0}).prune()
        assert pruned.entries, "no action is old enough to prune"
        assert not pruned.failed, pruned.failed
        await _anchor(db, anchors)

        def write(connection: Any) -> None:
            with files.written(anchors.with_name("export.jsonl.gz")) as out:
                journal.export(connection, out, time.time(), ())

        await db.read(write)
    finally:
        await db.close()


async def _anchor(db: Database, path: Path) -> None:
    with path.open("a") as file:
        file.write(Anchor(time.time(), await db.read(journal.ends)).to_line() + "\n")


async def make(target: Path, folder: Path) -> None:
    """Run the bot in a folder, and pack what it leaves into `target`."""
    shutil.copy(target / "policy.yaml", folder)
    async with LocalSlack(workspace(), rate_scale=None, retry_scale=0) as slack:
        place = Place(slack, folder)
        async with place.run() as bot:
            live = await bot.membrane.tokens.create("ops-agent", GUS)
            dead = await bot.membrane.tokens.create("ops-agent", GUS)
            await bot.membrane.tokens.revoke(dead[0].id)
            async with Agent(bot.api_url, live[1]) as agent, slack.person(CLEO) as c, slack.person(DIA) as d:
                making = Making(place, agent, c, d)
                await making.over_http()
                await making.hosted()
                await making.settled()
                await _posted(place.data)
        await _without_a_bot(place, making, target / "anchors.jsonl")
        said = {
            "made_by": f"checkpoint-membrane {version('checkpoint-membrane')}, commit {_commit()}",
            "made_at": time.time(),
            "token": live[1],
            "revoked_token": dead[1],
            "actions": making.actions,
            "threads": making.threads,
            "effects": place.effects(),
            "slack": kept(slack),
        }
    (folder / "left.json").write_text(json.dumps(said, indent=1))
    with tarfile.open(target / "left.tar.xz", "w:xz") as tar:
        tar.add(place.data, "data", filter=_plain)
        tar.add(folder / "left.json", "left.json", filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return None if member.name.endswith((".lock", "-shm", "-wal")) else member


def _commit() -> str:
    line = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Make the fixture of the release that is named, whose folder has a policy in it and nothing else."""
    target = HERE / sys.argv[1]
    if (target / "left.tar.xz").exists():
        sys.exit(f"{target} is there already: it is what that release wrote")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(make(target, Path(folder)))


if __name__ == "__main__":
    main()

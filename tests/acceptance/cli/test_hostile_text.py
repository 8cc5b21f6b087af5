"""Commands print text of agents, people and files without terminal control or forged lines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bot.domain.hosting import Cause
from bot.domain.states import ThreadState
from bot.membrane.freezes import Freezes
from tests import fakes
from tests.acceptance.cli.conftest import PROGRAM, Room, Shell

ODD = "\u2028\u2029\x85\x9b\x1b\u202e\u2066\u200b\x7f\x07\x08\x0b\x0c\u061c\ufeff\U000e0041"
EVIL = f"a{ODD}z\rrev_forged  approved\x1b[2J\x9b2J"
SECRET = {"MEMBRANE_SECRET": fakes.SECRET.decode()}
POLICY = Path(__file__).parents[3] / "policies" / "default.yaml"


def check(said: str, command: object) -> None:
    """Every character is printed or a line feed."""
    found = {f"U+{ord(char):04X}" for char in said if char != "\n" and not char.isprintable()}
    assert not found, (command, found)
    assert not [line for line in said.splitlines() if line.strip().startswith("rev_forged")], command


@pytest.fixture
async def seeded(room: Room) -> tuple[str, str, str]:
    """A review, an action and a thread, with hostile text in every field that others may write."""
    standing = await room.propose("money.wire", to=EVIL, **{f"key{EVIL}": [EVIL, {"x": EVIL}]})
    assert standing.review
    made = await room.membrane.threads.start(
        "support", {"in": EVIL}, graph_version="1", agent="mailer", owner=fakes.GUS
    )
    await room.membrane.threads.set_state(made.id, ThreadState.RUNNING)
    await room.membrane.stalls.stall(
        made.id, Cause.QUESTION, f"why {EVIL}", questions={f"int{EVIL}": {EVIL: EVIL}}
    )
    await Freezes(room.db).freeze("mail.send", why=EVIL, by=f"op{EVIL}")
    await room.db.write(lambda tx: tx.journal(1.0, f"odd.{EVIL}", {EVIL: EVIL}))
    return standing.review.id, standing.action.id, made.id


async def test_no_command_prints_terminal_control_characters(
    shell: Shell, room: Room, seeded: tuple[str, str, str]
) -> None:
    review, action, thread = seeded
    reading: list[tuple[str, ...]] = [
        ("reviews", "list"),
        ("reviews", "list", "--state", "all"),
        ("reviews", "show", review),
        ("reviews", "show", action),
        ("threads", "list", "--state", "all"),
        ("threads", "show", thread),
        ("token", "list"),
        ("journal", "show", "--all"),
        ("journal", "verify"),
        ("freeze", "--list"),
        ("secret", "status"),
    ]
    for command in reading:
        for more in ((), ("--json",)):
            told = await shell.run(*command, *more, **SECRET)
            check(told.out + told.err, (*command, *more))
    exported = await shell.spawn(PROGRAM, "journal", "export")
    check(exported.out, "journal export")
    (shell.folder / "e.jsonl").write_text(exported.out)
    assert (await shell.run("journal", "verify", "--file", "e.jsonl")).code == 0
    assert EVIL in {json.loads(line).get("event", "")[4:] for line in exported.out.splitlines()}


async def test_no_command_echoes_its_arguments_raw(shell: Shell, room: Room) -> None:
    for command in (
        ("reviews", "show", EVIL),
        ("reviews", "list", "--kind", EVIL),
        ("reviews", "point", EVIL, EVIL),
        ("threads", "show", EVIL),
        ("threads", "retry", EVIL),
        ("threads", "withdraw", EVIL, "--why", EVIL),
        ("token", "revoke", EVIL),
        ("token", "confirm", EVIL),
        ("token", "create", "--agent", EVIL, "--owner", "U0AAA"),
        ("token", "create", "--agent", "x", "--owner", EVIL),
        ("freeze", EVIL, "--why", EVIL),
        ("freeze", "mail.send", "--why", EVIL),
        ("thaw", EVIL),
        ("thaw", "other" + EVIL),
        ("secret", "drop", EVIL),
        ("policy", "explain", EVIL),
        ("policy", "check", EVIL),
        ("journal", "verify", "--has", EVIL),
        ("journal", "verify", "--file", EVIL),
        ("journal", "export", "--chain", EVIL, "--out", "e.jsonl"),
        ("backup", f"no{EVIL}/b.tar"),
        ("settings", EVIL),
        ("run", EVIL),
    ):
        told = await shell.run(*command, **SECRET)
        check(told.out + told.err, command)


async def test_no_command_prints_redacted_values(shell: Shell, room: Room) -> None:
    good = POLICY.read_text()
    shutil.copy(POLICY, shell.folder / "good.yaml")
    hostile = good.replace("read only", "read only \u202e\u2066 \u2028 rev_forged").replace(
        "  db.read:", "  db.read:\n    says: 'reads \u202e {table}'", 1
    )
    (shell.folder / "odd.yaml").write_text(hostile + "\n# \u202e\n")
    (shell.folder / "broken.yaml").write_text(hostile.replace("reversible", "rever\u202esible", 3))
    for command in (
        ("policy", "check", "odd.yaml"),
        ("policy", "check", "broken.yaml"),
        ("policy", "diff", "good.yaml", "odd.yaml"),
        ("policy", "diff", "odd.yaml", "good.yaml"),
        ("policy", "explain", "db.read", "--policy", "odd.yaml"),
        ("policy", "apply", "broken.yaml"),
    ):
        for more in ((), ("--json",)):
            told = await shell.run(*command, *(more if command[1] != "apply" else ()))
            check(told.out + told.err, (*command, *more))

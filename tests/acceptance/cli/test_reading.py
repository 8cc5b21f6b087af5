"""Commands list reviews, the journal and settings beside a running bot."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sqlite3
from pathlib import Path

from tests import fakes
from tests.acceptance.cli.conftest import PROGRAM, Room, Shell


async def test_the_list_shows_open_reviews_with_deadline_and_approvers(shell: Shell, room: Room) -> None:
    assert (await shell.run("reviews", "list")).out == "Nothing waits for a person.\n"
    standing = await room.propose("money.wire", amount=7)
    listed = await shell.run("reviews", "list")
    head, line = listed.out.splitlines()
    assert (listed.code, listed.err) == (0, "")
    assert head.split()[:3] == ["REVIEW", "AGE", "TIER"]
    assert line.split()[0] == standing.review.id
    for part in (" 3 ", "money.wire", "mailer", "pending", "in 16m", "0/2", "leads", "#agent-approvals"):
        assert part in line


async def test_the_list_can_be_narrowed_and_read_by_machines(shell: Shell, room: Room) -> None:
    wire, mail = await room.propose("money.wire"), await room.propose("mail.send")
    review = wire.review
    await room.membrane.votes.cast(
        review.id, fakes.CLEO, approve=False, args_digest=review.args_digest, note="not\nnow"
    )
    rejected = await shell.run("reviews", "list", "--state", "rejected", "--json")
    (found,) = json.loads(rejected.out)
    assert (found["id"], found["decided_by"], found["note"]) == (review.id, [fakes.CLEO], "not\nnow")
    every = await shell.run("reviews", "list", "--state", "all", "--kind", "mail.send", "--agent", "mailer")
    assert mail.review.id in every.out
    assert review.id not in every.out


async def test_the_list_tells_executed_actions_from_approved_ones(shell: Shell, room: Room) -> None:
    """After a restore an operator has to see which approved actions can still be claimed."""
    for executed in (True, False):
        standing = await room.propose("mail.send", to=str(executed))
        review = standing.review
        await room.membrane.votes.cast(review.id, fakes.CLEO, approve=True, args_digest=review.args_digest)
        if executed:
            await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
            await room.membrane.reports.record(standing.action.id, executed=True)
    listed = (await shell.run("reviews", "list", "--state", "approved")).out.splitlines()
    assert "RECEIPT" in listed[0]
    assert ["executed" in line for line in listed[1:]] == [False, True]
    machines = json.loads((await shell.run("reviews", "list", "--state", "approved", "--json")).out)
    assert [each["receipt"] for each in machines] == [None, "executed"]


async def test_show_prints_a_whole_review_without_control_characters(shell: Shell, room: Room) -> None:
    standing = await room.propose("money.wire", to="\x1b[2J\u202eevil")
    review = standing.review
    await room.membrane.votes.cast(review.id, fakes.CLEO, approve=True, args_digest=review.args_digest)
    for found_by in (review.id, standing.action.id):
        shown = await shell.run("reviews", "show", found_by)
        assert shown.code == 0
        assert "\x1b" not in shown.out
        assert "\u202e" not in shown.out
        assert "⟨U+202E⟩evil" in shown.out
        assert f"{fakes.CLEO} approved" in shown.out
        assert "review.vote" in shown.out
        assert "2 of them" in shown.out
        assert re.search(r"^card +#\S+ +\S* +wanted$", shown.out, re.MULTILINE), shown.out
    story = json.loads((await shell.run("reviews", "show", review.id, "--json")).out)
    assert story["reviews"][0]["votes"][0]["voter"] == fakes.CLEO
    assert {entry["event"] for entry in story["journal"]} >= {"action.proposed", "review.opened"}


async def test_a_review_that_is_not_there_is_an_error_in_a_line(shell: Shell, room: Room) -> None:
    missing = await shell.run("reviews", "show", "rev_0")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err.startswith("membrane: no review or action has the id rev_0")
    assert len(missing.err.splitlines()) == 1


async def test_the_journal_is_shown_and_narrowed(shell: Shell, room: Room) -> None:
    first, second = await room.propose("db.read"), await room.propose("money.wire")
    shown = await shell.run("journal", "show", "--action", second.action.id)
    assert [line.split()[2] for line in shown.out.splitlines()] == ["action.proposed", "review.opened"]
    machines = await shell.run("journal", "show", "--all", "--json")
    entries = [json.loads(line) for line in machines.out.splitlines()]
    assert [entry["action_id"] for entry in entries][:2] == [first.action.id, second.action.id]
    assert entries[0]["body"]["kind"] == "db.read"
    last = await shell.run("journal", "show", "--last", "1", "--event", "action.passed")
    assert len(last.out.splitlines()) == 1


async def test_the_journal_is_verified_and_a_change_is_found(shell: Shell, room: Room) -> None:
    for _ in range(3):
        await room.propose("db.read")
    whole = await shell.run("journal", "verify")
    assert whole.code == 0
    assert whole.out.startswith("The journal is whole: 3 entries.\n  head of bot.tier0: entry 3, ")
    head = whole.out.split()[-1]
    assert (await shell.run("journal", "verify", "--has", head)).code == 0
    lost = await shell.run("journal", "verify", "--has", "0" * 64)
    assert lost.code == 1
    assert "No entry has the hash" in lost.out
    with sqlite3.connect(room.db.path) as connection:
        connection.execute("DROP TRIGGER journal_no_update")
        connection.execute("UPDATE journal SET body = ? WHERE seq = 2", (b'{"kind":"forged"}',))
    connection.close()
    broken = await shell.run("journal", "verify", "--json")
    told = json.loads(broken.out)
    assert (broken.code, told["whole"], told["entries"]) == (1, False, 3)
    assert [(each["writer"], each["seq"]) for each in told["breaks"]] == [("bot.tier0", 2)]


async def test_a_reader_that_stops_early_is_no_error(shell: Shell, room: Room) -> None:
    await asyncio.gather(*(room.propose("db.read", text="x" * 200) for _ in range(1500)))
    line = f"set -o pipefail; '{PROGRAM}' journal show --all | head -n 1"
    ended = await shell.spawn("bash", "-c", line)
    assert (len(ended.out.splitlines()), ended.err, ended.code) == (1, "", 141)


async def test_settings_are_listed_without_secrets_and_wrong_ones_named(shell: Shell) -> None:
    token = "xoxb-1234567890-abcdef"
    listed = await shell.run("settings", SLACK_BOT_TOKEN=token, MEMBRANE_PORT="http", MEMBRANE_HOTS="x")
    assert listed.code == 2
    assert "SLACK_BOT_TOKEN = (set)  (environment)" in listed.out
    assert "MEMBRANE_PORT = http  (environment)" in listed.out
    assert token not in listed.out + listed.err
    assert [line.split()[1].partition("=")[0] for line in listed.err.splitlines()] == [
        "MEMBRANE_HOTS",
        "MEMBRANE_PORT",
    ]
    rows = json.loads((await shell.run("settings", "--json")).out)
    assert {"name": "MEMBRANE_HOST", "default": "127.0.0.1"}.items() <= next(
        row for row in rows if row["name"] == "MEMBRANE_HOST"
    ).items()


async def test_a_list_shows_the_arguments_and_a_filter_looks_at_all(shell: Shell, room: Room) -> None:
    """`--kind` filters all reviews, not only the latest page."""
    wire = await room.propose("money.wire", to="ap@acme.example", note="x" * 200)
    for number in range(3):
        await room.propose("mail.send", number=number)
    listed = await shell.run("reviews", "list", "--kind", "money.wire", "--last", "1")
    assert wire.review.id in listed.out
    assert '"to":"ap@acme.example"' in (await shell.run("reviews", "list", "--json")).out.replace(" ", "")
    assert "ARGUMENTS" in listed.out
    assert "more characters)" in listed.out


async def test_no_line_can_be_forged(shell: Shell, room: Room) -> None:
    """A line separator ends no line here, and JSON holds no terminal control character."""
    evil = "a\u2028rev_forged  approved\u2029\x85\x9b2J\u202eb\x7f"
    standing = await room.propose("money.wire", to=evil)
    shown = (await shell.run("reviews", "show", standing.review.id)).out
    assert not [line for line in shown.splitlines() if line.strip().startswith("rev_forged")]
    for command in (("show", standing.review.id), ("list",)):
        told = (await shell.run("reviews", *command, "--json")).out
        assert not set(told) & set("\u2028\u2029\x85\x9b\u202e\x7f")
        assert evil in str(json.loads(told)) or repr(evil)[1:-1] in str(json.loads(told))


async def test_a_typing_error_in_a_hash_is_no_broken_journal(shell: Shell, room: Room) -> None:
    await room.propose("money.wire")
    for typed in ("abc", "g" * 64, "a" * 63):
        told = await shell.run("journal", "verify", "--has", typed)
        assert (told.code, told.out) == (2, "")
        assert "64 hex digits" in told.err


async def test_a_folder_that_is_not_there_is_not_made(shell: Shell, room: Room) -> None:
    """A missing folder is usually a typing error or an unmounted disk."""
    await room.propose("money.wire")
    missing = shell.folder / "not" / "mounted"
    for command in (
        ("backup", str(missing / "b.tar")),
        ("journal", "export", "--out", str(missing / "j.jsonl")),
    ):
        told = await shell.run(*command)
        assert told.code == 2
        assert f"there is no folder {missing}" in told.err
    assert not missing.parent.exists()


POLICY = Path(__file__).parents[3] / "policies" / "default.yaml"
COMMANDS = (
    "reviews list",
    "token list",
    "threads list",
    "journal verify",
    "journal export",
    "secret status",
    "freeze --list",
    "backup b.tar",
    "doctor",
)


async def test_another_user_reads_which_folder_is_closed_to_them(shell: Shell, room: Room) -> None:
    await room.propose("money.wire")
    folder = shell.folder / ".membrane"
    # The superuser opens every folder unless it gives up that right.
    without = "--bounding-set=-dac_override,-dac_read_search"
    before = ["setpriv", without] if os.geteuid() == 0 else []
    folder.chmod(0)
    try:
        for command in COMMANDS:
            told = await shell.spawn(*before, PROGRAM, *command.split())
            assert "Traceback" not in told.err
            assert "closed to this user" in told.err + told.out, command
        for command in ("freeze everything --why test", "token create --agent a --owner U0AAA"):
            told = await shell.spawn(*before, PROGRAM, *command.split())
            assert "run this as the user that the bot runs as" in told.err, command
        (shell.folder / "policies").mkdir()
        shutil.copy(POLICY, shell.folder / "policies")
        checked = await shell.spawn(*before, PROGRAM, "policy", "check", "policies/default.yaml")
        assert checked.code == 0, "anybody may check a policy"
        assert "open reviews were not checked" in checked.out
        doctor = await shell.spawn(*before, PROGRAM, "doctor", "--no-slack")
        assert "policy" in doctor.out, "the doctor still checks the rest"
    finally:
        folder.chmod(0o700)

"""Commands end with documented exit codes and one line per error, never with a traceback."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests import fakes
from tests.acceptance.cli.conftest import PROGRAM, Room, Shell

TOKENS = {"SLACK_BOT_TOKEN": "xoxb-1234567890-abc", "SLACK_APP_TOKEN": "xapp-1-A0123-456-abc"}


async def test_a_token_made_beside_the_bot_works_at_once_until_it_is_revoked(
    shell: Shell, room: Room
) -> None:
    made = await shell.run("token", "create", "--agent", "mailer", "--owner", fakes.GUS)
    secret = made.out.strip()
    assert (made.code, secret[:4]) == (0, "mbr_")
    assert secret not in made.err
    record = await room.membrane.tokens.authenticate(secret)
    assert record is not None
    assert (record.agent, record.owner) == ("mailer", fakes.GUS)
    listed = await shell.run("token", "list")
    assert record.id in listed.out
    assert secret not in listed.out
    assert (await shell.run("token", "revoke", record.id)).out == f"{record.id} is revoked.\n"
    assert await type(room.membrane.tokens)(room.db).authenticate(secret) is None
    assert "No tokens." in (await shell.run("token", "list")).out
    (row,) = json.loads((await shell.run("token", "list", "--all", "--json")).out)
    assert row["revoked_at"]
    again = await shell.run("token", "revoke", record.id)
    assert (again.code, again.err) == (1, f"membrane: there is no live token {record.id}\n")


async def test_a_token_can_be_made_before_the_first_start(shell: Shell) -> None:
    made = await shell.run("token", "create", "--agent", "mailer", "--owner", "U0GUS", "--json")
    assert json.loads(made.out)["token"].startswith("mbr_")


async def test_wrong_usage_ends_with_2(shell: Shell) -> None:
    for args in (
        ("frobnicate",),
        ("token", "create", "--agent", "mailer"),
        ("token", "create", "--agent", "two words", "--owner", "U0GUS"),
        ("token", "create", "--agent", "mailer", "--owner", "gus"),
        ("reviews", "list", "--state", "maybe"),
        ("journal", "show", "--last", "0"),
    ):
        ended = await shell.run(*args)
        assert (args, ended.code, ended.out) == (args, 2, "")
        assert "Traceback" not in ended.err


async def test_missing_and_misspelt_settings_stop_the_start_with_2(shell: Shell) -> None:
    missing = await shell.run("run")
    assert missing.code == 2
    assert [line.split()[1] for line in missing.err.splitlines()] == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]
    misspelt = await shell.run("run", MEMBRANE_PROT="1", **TOKENS)
    assert (misspelt.code, misspelt.err) == (
        2,
        "membrane: MEMBRANE_PROT is not a setting; did you mean MEMBRANE_PORT?\n",
    )


async def test_no_database_ends_with_3(shell: Shell) -> None:
    for command in (("reviews", "list"), ("journal", "verify"), ("token", "list")):
        ended = await shell.run(*command)
        assert (ended.code, ended.out) == (3, "")
        assert ended.err.startswith("membrane: there is no database at .membrane/membrane.db")


async def test_a_file_that_is_no_database_ends_with_3(shell: Shell) -> None:
    path = shell.folder / ".membrane" / "membrane.db"
    path.parent.mkdir()
    path.write_bytes(b"not a database at all, but long enough to look like one" * 100)
    ended = await shell.run("reviews", "list")
    assert ended.code == 3
    assert "cannot be used" in ended.err
    assert "Traceback" not in ended.err


async def test_a_second_bot_on_the_folder_ends_with_3(shell: Shell, room: Room) -> None:
    policy = Path(__file__).parents[3] / "policies" / "default.yaml"
    ended = await shell.spawn(PROGRAM, "run", MEMBRANE_POLICY=str(policy), MEMBRANE_PORT="0", **TOKENS)
    assert ended.code == 3
    assert "another bot" in ended.err
    assert "Traceback" not in ended.err


async def test_a_policy_that_does_not_load_ends_with_1_and_names_the_place(shell: Shell) -> None:
    (shell.folder / "policy.yaml").write_text("version: 1\nactoins: {}\n")
    ended = await shell.spawn(PROGRAM, "run", MEMBRANE_POLICY="policy.yaml", MEMBRANE_PORT="0", **TOKENS)
    assert ended.code == 1
    assert "policy.yaml:" in ended.err
    assert "Traceback" not in ended.err


async def test_help_is_quick_and_the_version_is_told(shell: Shell) -> None:
    told = await shell.spawn(sys.executable, "-X", "importtime", PROGRAM, "--help")
    assert told.code == 0
    imported = {line.rpartition("|")[2].strip() for line in told.err.splitlines()}
    assert "click" in imported
    dear = {"bot.app", "sqlalchemy", "pydantic", "langgraph", "langchain_core", "slack_sdk", "fastapi"}
    assert imported & dear == set(), "importing the whole bot takes seconds"
    assert (await shell.spawn(PROGRAM, "--version")).out.startswith("membrane, version ")

"""`membrane init`: an empty folder becomes one that the bot starts in."""

from __future__ import annotations

from tests.acceptance.cli.conftest import PROGRAM, Shell

FILES = ("policies/default.yaml", "policies/policy.schema.json", "manifest.yml", ".env", "agents/example.py")


async def test_an_empty_folder_gets_all_that_a_first_run_needs(shell: Shell) -> None:
    """The operator only adds Slack's tokens and the people of the policy."""
    made = await shell.spawn(PROGRAM, "init")
    assert (made.code, made.err) == (0, "")
    assert [line.split()[1] for line in made.out.splitlines() if line.startswith("wrote")] == list(FILES)
    assert "membrane doctor" in made.out
    assert (await shell.run("policy", "check", "policies/default.yaml")).code == 0
    looked = await shell.spawn(PROGRAM, "doctor", "--no-slack")
    failed = [line for line in looked.out.splitlines() if line.startswith("fail")]
    assert [line.split()[2] for line in failed] == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]
    assert [line for line in looked.out.splitlines() if line.startswith("warn")] == []
    assert [line for line in looked.out.splitlines() if line.startswith("ok   graph") and "example" in line]


async def test_the_settings_of_init_load_and_only_their_owner_reads_them(shell: Shell) -> None:
    await shell.spawn(PROGRAM, "init", "new/folder")
    folder = shell.folder / "new" / "folder"
    assert (folder / ".env").stat().st_mode & 0o077 == 0
    shell.patch.chdir(folder)
    listed = await shell.run("settings")
    assert (listed.code, listed.err) == (0, "")
    text = (folder / ".env").read_text()
    for line in ("SLACK_BOT_TOKEN=", "SLACK_APP_TOKEN=", "#MEMBRANE_DATA=.membrane"):
        assert line in text.splitlines(), "an operator can paste the token after it"
    (folder / ".env").write_text(text.replace("#MEMBRANE_", "MEMBRANE_").replace("MEMBRANE_SECRET=", "#"))
    assert (await shell.run("settings")).err == "", "every suggested value is valid"


async def test_init_keeps_existing_files(shell: Shell) -> None:
    (shell.folder / ".env").write_text("SLACK_BOT_TOKEN=mine\n")
    made = await shell.spawn(PROGRAM, "init")
    assert (shell.folder / ".env").read_text() == "SLACK_BOT_TOKEN=mine\n"
    assert "kept   .env" in made.out

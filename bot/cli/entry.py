"""The entry point: the list of commands, and the exit code of each error."""

from __future__ import annotations

import importlib
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from bot.cli.output import say
from bot.errors import MembraneError, NoFolder, SettingsError, StoreError, TargetExists

FOUND = 1
USAGE = 2
DATABASE = 3
INTERRUPTED = 130
BROKEN_PIPE = 141
"""The exit code that shells report for a program ended by SIGPIPE: `membrane journal show | head`."""

COMMANDS = {
    "run": ("bot.cli.run", "run", "Run the bot until it is stopped."),
    "demo": ("bot.cli.run", "demo", "Try the bot on this machine, without a Slack account."),
    "init": (
        "bot.cli.init",
        "init",
        "Write a first policy, the Slack manifest, settings and an example agent.",
    ),
    "doctor": (
        "bot.cli.doctor.command",
        "doctor",
        "Check settings, policy, database and Slack before a run.",
    ),
    "policy": ("bot.cli.policy", "policy_group", "Check a policy, explain a ruling, compare two policies."),
    "token": ("bot.cli.tokens", "token_group", "Create, list, confirm and revoke agents' tokens."),
    "threads": ("bot.cli.threads", "threads_group", "List hosted threads, and continue stalled ones."),
    "reviews": ("bot.cli.reviews", "reviews_group", "List reviews, open and closed, and show one in full."),
    "journal": (
        "bot.cli.journal",
        "journal_group",
        "Read, verify and export the journal, prune old entries.",
    ),
    "secret": (
        "bot.cli.secrets",
        "secret_group",
        "Rotate the bot's secret, and see what still needs an older one.",
    ),
    "freeze": ("bot.cli.freezes", "freeze", "Stop an agent, a kind, a graph, or everything."),
    "thaw": ("bot.cli.freezes", "thaw", "End a freeze."),
    "backup": ("bot.cli.backup", "backup", "Copy both databases into one file, while the bot runs."),
    "settings": ("bot.cli.settings", "settings_command", "List every setting and its value."),
}


class Lazy(click.Group):
    """A group that imports a command only when it runs: the whole bot takes seconds to import."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. End it quietly if the reader of its output has gone."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # The interpreter flushes stdout again at exit, and would report an error.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(BROKEN_PIPE) from None
        return result

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the command names in documented order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command; None if the name is unknown."""
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, _, about) in COMMANDS.items()])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="checkpoint-membrane", prog_name="membrane")
def cli() -> None:
    """Checkpoint Membrane: a Slack bot that gates the actions of AI agents by how reversible they are.

    \b
    Start here:
      membrane demo                  see the bot work on this machine
      membrane init                  write the files for a first run
      membrane doctor                check everything that `membrane run` needs
      membrane run                   run the bot

    Settings come from the environment and from .env; `membrane settings` lists them.

    Exit codes: 0 no problem; 1 a problem was found; 2 the command or a setting is wrong; 3 the database
    cannot be used, or another bot uses it.
    """  # noqa: D301  # \b is click's mark for lines to keep


def main() -> None:
    """Run a command and exit with its code. Errors go to stderr, one line each."""
    try:
        code = cli.main(prog_name="membrane", standalone_mode=False)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)  # it may repeat the input
        say(shown.getvalue().rstrip("\n"), err=True)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("membrane: interrupted", err=True)
        code = INTERRUPTED
    except MembraneError as error:
        code = tell(error)
    except PermissionError as error:
        say(f"membrane: {_not_allowed(error)}", err=True)
        code = DATABASE
    sys.exit(code)


def _not_allowed(error: PermissionError) -> str:
    """Say which file this user may not open, and who owns it: usually the user that runs the bot."""
    if not error.filename:
        return f"this user may not do that: {error.strerror}"
    path = Path(os.fsdecode(error.filename))
    for known in (path, *path.parents):
        with suppress(OSError, KeyError):
            owner = f"; {known} belongs to {known.owner()}"
            return f"{path} is closed to this user{owner}: run the command as the user that the bot runs as"
    return f"{path} is closed to this user: run the command as the user that the bot runs as"


def tell(error: MembraneError) -> int:
    """Print an error, one line for each problem, and return its exit code."""
    for line in str(error).splitlines() or [type(error).__name__]:
        say(f"membrane: {line}", err=True)
    if isinstance(error, SettingsError | TargetExists | NoFolder):
        return USAGE
    return DATABASE if isinstance(error, StoreError) else FOUND


def exit_with(code: int) -> None:
    """End a command with this exit code, unless it is 0."""
    if code:
        raise click.exceptions.Exit(code)

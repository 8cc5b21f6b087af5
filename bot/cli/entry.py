"""The entry point: which commands there are, and what an error becomes."""

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
"""What a shell reports of a program that SIGPIPE ended, as in `membrane journal show | head`."""

COMMANDS = {
    "run": ("bot.cli.run", "run", "Run the bot until it is told to stop."),
    "demo": ("bot.cli.run", "demo", "Try it on this machine, without a Slack account."),
    "init": (
        "bot.cli.init",
        "init",
        "Write a policy, the manifest, settings and an example agent to start from.",
    ),
    "doctor": (
        "bot.cli.doctor.command",
        "doctor",
        "Check settings, policy, database and Slack before running.",
    ),
    "policy": ("bot.cli.policy", "policy_group", "Check a policy, explain a ruling, show a change."),
    "token": ("bot.cli.tokens", "token_group", "Make, list, confirm and revoke agents' tokens."),
    "threads": ("bot.cli.threads", "threads_group", "See hosted threads, and set going what stands still."),
    "reviews": ("bot.cli.reviews", "reviews_group", "See what waits for a person, and what became of it."),
    "journal": ("bot.cli.journal", "journal_group", "Read, verify and export the record, prune what passed."),
    "secret": ("bot.cli.secrets", "secret_group", "Rotate the bot's secret, see what needs an older one."),
    "freeze": ("bot.cli.freezes", "freeze", "Stop an agent, a kind, a graph, or all: nothing of it starts."),
    "thaw": ("bot.cli.freezes", "thaw", "End a freeze."),
    "backup": ("bot.cli.backup", "backup", "Copy both databases into one file, beside a running bot."),
    "settings": ("bot.cli.settings", "settings_command", "List the settings, and what is set."),
}


class Lazy(click.Group):
    """A group that imports a command when it is asked for: the whole bot takes seconds to import."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a reader that stops early ends it quietly."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # The interpreter flushes stdout once more at exit, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(BROKEN_PIPE) from None
        return result

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names in the order they are documented."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command, or return None for an unknown one."""
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
      membrane demo                  see it work on this machine
      membrane init                  write the files to start from
      membrane doctor                check what `membrane run` needs
      membrane run                   run it

    Settings come from the environment and from .env; `membrane settings` lists them.

    Exit codes: 0 all is well; 1 something was found; 2 the command or a setting is wrong; 3 the database
    cannot be used, or another bot has it.
    """  # noqa: D301  # \b is click's mark for lines to keep


def main() -> None:
    """Run a command and exit with its code. Errors are told in a line each, on stderr."""
    try:
        code = cli.main(prog_name="membrane", standalone_mode=False)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)  # it may repeat what was typed
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
    """Say which file this user may not open, and who may: most often it is the user that the bot runs as."""
    if not error.filename:
        return f"this user may not do that: {error.strerror}"
    path = Path(os.fsdecode(error.filename))
    for known in (path, *path.parents):
        with suppress(OSError, KeyError):
            owner = f"; {known} belongs to {known.owner()}"
            return f"{path} is closed to this user{owner}: run the command as the user that the bot runs as"
    return f"{path} is closed to this user: run the command as the user that the bot runs as"


def tell(error: MembraneError) -> int:
    """Print an error, a line for each thing that is wrong, and return the exit code that goes with it."""
    for line in str(error).splitlines() or [type(error).__name__]:
        say(f"membrane: {line}", err=True)
    if isinstance(error, SettingsError | TargetExists | NoFolder):
        return USAGE
    return DATABASE if isinstance(error, StoreError) else FOUND


def exit_with(code: int) -> None:
    """End a command with a code, unless all is well."""
    if code:
        raise click.exceptions.Exit(code)

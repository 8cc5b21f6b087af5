"""`membrane backup`: copy both databases into one file."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bot.cli.entry import FOUND, exit_with
from bot.cli.output import json_option, print_json, say
from bot.settings import load
from bot.store import backup as backups

SECRET = "secret"  # noqa: S105  # a file name


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--with-secret", is_flag=True, help="Include the generated secret. Keep the file safe.")
@json_option
def backup(*, file: Path, with_secret: bool, as_json: bool) -> None:
    """Write both databases to FILE, a tar archive (compressed if the name ends in .gz), and verify it.

    Works while the bot runs and does not block it. Exits with 1 if the backup was made but its journal does
    not verify.

    \b
    To restore a backup:
      1. stop the bot
      2. move the old data folder aside: mv .membrane .membrane.old
      3. mkdir -m 700 .membrane && tar -xf FILE -C .membrane
      4. give the bot the secret that the database was written with: MEMBRANE_SECRET, or
         cp .membrane.old/secret .membrane/ (the backup has it if made with --with-secret).
         The saved state of hosted threads is sealed with it, and the bot does not start
         with another secret. After a rotation the file must still hold the older key
      5. cp .membrane.old/journal.head .membrane/, if the file exists
      6. membrane journal verify --anchor …, then membrane run

    A restored database lacks everything that happened after the backup. The bot detects the restore and
    starts in quarantine: cards carry a banner; an action that may have run since the backup is *unknown*,
    and people are asked whether it ran before it may start again; tokens are refused until `membrane token
    confirm`. The bot detects copies made in another way by journal.head in the data folder, which notes
    where the journal ended: hence step 5. If you restore whole folders, set MEMBRANE_HEAD_FILE to keep a
    second note on another disk. `membrane doctor` and /readyz list what must still be confirmed.
    """  # noqa: D301  # \b is click's mark for lines to keep
    folder = load(slack=False).data
    made = backups.make(folder, file, time.time(), extra=(SECRET,) if with_secret else ())
    whole = not made.journal.breaks
    if as_json:
        print_json(
            {
                "file": str(made.path),
                "bytes": made.path.stat().st_size,
                "members": dict(made.members),
                "entries": made.journal.read,
                "breaks": made.journal.breaks,
            }
        )
    else:
        held = ", ".join(made.members)
        say(f"{made.path}: {held}; {made.path.stat().st_size} bytes, verified.")
        say(f"Its journal is {'whole' if whole else 'BROKEN'}: {made.journal.read} entries.")
        for found in made.journal.breaks:
            say(f"{found.writer} {found.seq}: {found.what}")
        if (folder / SECRET).exists() and not with_secret:
            say(f"The backup lacks the secret, {folder / SECRET}. Keep a copy of it elsewhere.", err=True)
    exit_with(0 if whole else FOUND)

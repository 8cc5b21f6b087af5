"""`membrane backup`: both databases in one file, and how to restore them."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bot.cli.entry import FOUND, exit_with
from bot.cli.output import json_option, print_json, say
from bot.settings import load
from bot.store import backup as backups

SECRET = "secret"  # noqa: S105  # the name of a file


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--with-secret", is_flag=True, help="Put the generated secret in too. Guard the file then.")
@json_option
def backup(*, file: Path, with_secret: bool, as_json: bool) -> None:
    """Write both databases into FILE, a tar (compressed if its name ends in .gz), and verify it.

    Works beside a running bot, which does not wait. Exits with 1 if the backup was made but the journal in it
    does not verify.

    \b
    To restore one:
      1. stop the bot
      2. move the old data folder aside: mv .membrane .membrane.old
      3. mkdir -m 700 .membrane && tar -xf FILE -C .membrane
      4. give it the secret it was written with: MEMBRANE_SECRET, or
         cp .membrane.old/secret .membrane/ (in the backup if made with --with-secret);
         what hosted threads keep is sealed with it, and no bot starts under another.
         After a rotation the older key has to be in it still
      5. cp .membrane.old/journal.head .membrane/, if it is there
      6. membrane journal verify --anchor …, then membrane run

    What happened after the backup is not known to it. The bot knows a restored database by itself, and
    starts it in quarantine: cards carry a banner; an action that may have run since is *unknown*, and people
    are asked whether it happened before it may start; tokens are refused until `membrane token confirm`.
    Copies that were made in another way are known by the note of where the journal ends: journal.head in the
    data folder, which is why it is kept in step 5. Where whole folders are restored, set MEMBRANE_HEAD_FILE
    to keep another note elsewhere. `membrane doctor` and /readyz say what is still to be confirmed.
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
        say(f"The journal in it is {'whole' if whole else 'BROKEN'}: {made.journal.read} entries.")
        for found in made.journal.breaks:
            say(f"{found.writer} {found.seq}: {found.what}")
        if (folder / SECRET).exists() and not with_secret:
            say(f"Not in it: the secret in {folder / SECRET}. Keep a copy of it elsewhere.", err=True)
    exit_with(0 if whole else FOUND)

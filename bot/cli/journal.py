"""`membrane journal`: the record of everything, and whether it is whole."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import Connection

from bot.cli import time_options
from bot.cli.database_access import change, read
from bot.cli.entry import FOUND, exit_with
from bot.cli.output import json_option, print_json, safe, say, when
from bot.domain.record import JournalEntry
from bot.domain.risk import Tier
from bot.errors import StoreError
from bot.settings import load
from bot.store import files, journal
from bot.store.journal import Anchor, Break, Unchecked, Verified, VerifiedExport

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUT = click.Path(path_type=Path, dir_okay=False)


def _hash(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """Take a hash as it was printed; a typing error must not look like a lost entry."""
    if given is None or re.fullmatch("[0-9a-f]{64}", given.strip().lower()):
        return given and given.strip().lower()
    raise click.BadParameter(
        f"a hash is 64 hex digits, as `membrane journal verify` prints them; this is {safe(given[:80])!r}"
        f" ({len(given)} characters)"
    )


@click.group("journal")
def journal_group() -> None:
    """Read the journal, verify and export it, prune what passed. Works beside a running bot."""


@journal_group.command("show")
@click.option("--action", "action_id", metavar="ID", help="Of one action.")
@click.option("--review", "review_id", metavar="ID", help="Of one review.")
@click.option("--event", help="Of one kind of event, such as review.closed.")
@click.option("--last", type=click.IntRange(min=1), default=50, show_default=True, help="The latest so many.")
@click.option("--all", "everything", is_flag=True, help="From the beginning.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one entry a line.")
def show(
    *, action_id: str | None, review_id: str | None, event: str | None, last: int, everything: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Print entries, the oldest first.

    \b
      membrane journal show --action act_…       all that happened to one action
      membrane journal show --all --json | jq    everything, for machines
    """  # noqa: D301  # \b is click's mark for lines to keep

    def print_all(connection: Connection) -> None:
        for entry in journal.entries(
            connection,
            action_id=action_id,
            review_id=review_id,
            event=event,
            last=None if everything else last,
        ):
            _print(entry, as_json=as_json)

    read(print_all)


@journal_group.command("verify")
@click.option(
    "--anchor",
    "anchors",
    type=_FILE,
    multiple=True,
    metavar="FILE",
    help="Anchors that were noted elsewhere: is everything they knew still there?",
)
@click.option("--file", "export", type=_FILE, metavar="EXPORT", help="Verify an exported file instead.")
@click.option(
    "--has",
    "noted",
    metavar="HASH",
    callback=_hash,
    help="A head that was printed earlier: is it still there?",
)
@json_option
def verify(*, anchors: tuple[Path, ...], export: Path | None, noted: str | None, as_json: bool) -> None:
    """Check that no entry was changed, dropped or moved, and name those that were. Exits with 1 then.

    Entries cut off the end leave no trace in a chain itself; an anchor that knew them tells. What a file
    cannot be held to, because it begins later, is said; it is no break.

    \b
      membrane journal anchor >> /elsewhere/anchors.jsonl          every night, say
      membrane journal verify --anchor /elsewhere/anchors.jsonl
      membrane journal verify --file journal-bot.tier0-….jsonl.gz  needs no database
    """  # noqa: D301  # \b is click's mark for lines to keep
    known = [anchor for path in anchors for anchor in _anchors(path)]
    if export is not None:
        if noted is not None:
            raise click.UsageError("--has looks into the database; with --file, give --anchor")
        count, breaks, unchecked = _verify_file(export, known)
        told = Verified(count, breaks)
        heads: list[dict[str, Any]] = []
        found = None
    else:
        unchecked = []
        told, heads, found = read(lambda connection: _verify(connection, known, noted))
    whole = not told.breaks and found is not False
    if as_json:
        print_json(
            {
                "whole": whole,
                "entries": told.read,
                "breaks": told.breaks,
                "unchecked": unchecked,
                "heads": heads,
                "has": found,
            }
        )
    else:
        _tell(told, unchecked, heads, noted if found is False else None, whole=whole)
    exit_with(0 if whole else FOUND)


def _anchors(path: Path) -> list[Anchor]:
    try:
        return journal.read_anchors(path.read_text(encoding="utf-8", errors="replace"), str(path))
    except StoreError as error:
        raise click.UsageError(str(error)) from error


def _verify_file(path: Path, known: list[Anchor]) -> VerifiedExport:
    try:
        return journal.verify_export(path, known)
    except StoreError as error:
        raise click.UsageError(str(error)) from error


def _verify(
    connection: Connection, known: list[Anchor], noted: str | None
) -> tuple[Verified, list[dict[str, Any]], bool | None]:
    heads = [{"writer": writer, **end._asdict()} for writer, end in journal.ends(connection).items()]
    found = None if noted is None else journal.has(connection, noted)
    return journal.verify(connection, known), heads, found


def _tell(
    told: Verified, unchecked: list[Unchecked], heads: list[dict[str, Any]], lost: str | None, *, whole: bool
) -> None:
    said: list[Break | Unchecked] = [*told.breaks, *unchecked]
    for each in said:
        say(f"{safe(each.writer)} {each.seq}: {safe(each.what)}")
    if lost is not None:
        say(f"No entry has the hash {safe(lost)}: it was mistyped, or what it stood at the end of is gone.")
    entries = "1 entry" if told.read == 1 else f"{told.read} entries"
    limit = ", as far as it could be checked" if whole and unchecked else ""
    state = "broken" if told.breaks else "whole" if lost is None else "whole in itself"
    say(f"The journal is {state}{limit}: {entries}.")
    for head in heads:
        say(f"  head of {safe(head['writer'])}: entry {head['seq']}, {safe(head['hash'])}")


@journal_group.command("anchor")
def anchor() -> None:
    """Print where every chain ends now, as one line of JSON. Keep it where the bot's machine cannot write.

    \b
      membrane journal anchor >> /elsewhere/anchors.jsonl
    """  # noqa: D301  # \b is click's mark for lines to keep
    say(Anchor(time.time(), read(journal.ends)).to_line())


@journal_group.command("export")
@click.option(
    "--out", type=_OUT, metavar="FILE", help="To a new file (compressed if it ends in .gz), synced to disk."
)
@click.option("--chain", "chains", multiple=True, metavar="NAME", help="One chain only, such as bot. [all]")
def export(*, out: Path | None, chains: tuple[str, ...]) -> None:
    """Write the journal as lines of JSON that say what they are and verify offline.

    \b
      membrane journal export --out audit-2026.jsonl.gz
      membrane journal export --chain bot | jq -r 'select(.event) | [.event, .body] | @tsv'
      membrane journal verify --file audit-2026.jsonl.gz
    """  # noqa: D301  # \b is click's mark for lines to keep
    if out is None:
        stdout = sys.stdout.buffer
        read(lambda connection: journal.export(connection, stdout, time.time(), chains))
        return

    def write(connection: Connection) -> int:
        with files.written(out) as file:
            return journal.export(connection, file, time.time(), chains).entries

    count = read(write)
    say(f"{out}: {count} {'entry' if count == 1 else 'entries'}.")


@journal_group.command("prune")
@click.option(
    "--before",
    callback=time_options.before,
    metavar="AGE|DATE",
    required=True,
    help="What passed before then: 90d, 12h, 2026-06-01.",
)
@click.option(
    "--tier",
    "tiers",
    type=click.Choice(["0", "1"]),
    multiple=True,
    default=("0", "1"),
    show_default=True,
    help="Of which tier.",
)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The folder of the files. [the setting MEMBRANE_ARCHIVE, or archive in the data folder]",
)
@json_option
def prune(*, before: float, tiers: tuple[str, ...], archive: Path | None, as_json: bool) -> None:
    """Write what passed long ago (Tier 0 and 1) to files, verify them, and only then delete it here.

    What people decided is never deleted. The chains that remain still verify, and so does each file. A
    running bot does this by itself (MEMBRANE_RETAIN_TIER_0_DAYS, MEMBRANE_RETAIN_TIER_1_DAYS).

    \b
      membrane journal prune --before 30d --tier 0 --archive /mnt/cold
    """  # noqa: D301  # \b is click's mark for lines to keep
    from bot.membrane.retention import Retention  # noqa: PLC0415  # so that the other commands are quick

    folder = archive or load(slack=False).archive_folder
    keep_s = {Tier(int(tier)): time.time() - before for tier in tiers}
    pruned = change(lambda db: Retention(db, folder, keep_s).prune())
    if as_json:
        print_json(pruned)
    else:
        say(f"Deleted {pruned.entries} entries of the journal and {pruned.actions} actions.")
        for name in pruned.files:
            say(f"  kept in {name}")
    if pruned.failed:
        raise StoreError("\n".join(pruned.failed))


def _print(entry: JournalEntry, *, as_json: bool) -> None:
    if as_json:
        print_json(entry, line=True)
        return
    body: dict[str, Any] = orjson.loads(entry.body)
    subject = entry.review_id or entry.action_id
    details = " ".join(f"{name}={safe(value)}" for name, value in body.items())
    say(f"{when(entry.at)}  {entry.event:<20}  {safe(subject)}  {details}".rstrip())

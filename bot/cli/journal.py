"""`membrane journal`: read, verify, export and prune the record of everything."""

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
    """Check the form of a hash: a typing error must not look like a lost entry."""
    if given is None or re.fullmatch("[0-9a-f]{64}", given.strip().lower()):
        return given and given.strip().lower()
    raise click.BadParameter(
        f"a hash is 64 hex digits, as `membrane journal verify` prints them; this is {safe(given[:80])!r}"
        f" ({len(given)} characters)"
    )


@click.group("journal")
def journal_group() -> None:
    """Read, verify and export the journal, and prune old entries. Works while the bot runs."""


@journal_group.command("show")
@click.option("--action", "action_id", metavar="ID", help="Only entries of one action.")
@click.option("--review", "review_id", metavar="ID", help="Only entries of one review.")
@click.option("--event", help="Only one kind of event, such as review.closed.")
@click.option("--last", type=click.IntRange(min=1), default=50, show_default=True, help="Only the latest N.")
@click.option("--all", "everything", is_flag=True, help="Every entry, from the first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one entry per line.")
def show(
    *, action_id: str | None, review_id: str | None, event: str | None, last: int, everything: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Print entries, oldest first.

    \b
      membrane journal show --action act_…       the history of one action
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
    help="Anchors saved elsewhere: check that every entry they know still exists.",
)
@click.option(
    "--file", "export", type=_FILE, metavar="EXPORT", help="Verify an exported file instead of the database."
)
@click.option(
    "--has",
    "noted",
    metavar="HASH",
    callback=_hash,
    help="A head printed earlier: check that it still exists.",
)
@json_option
def verify(*, anchors: tuple[Path, ...], export: Path | None, noted: str | None, as_json: bool) -> None:
    """Check that no entry was changed, removed or moved. If one was, name it and exit with 1.

    A chain does not show that entries were cut off its end. An anchor that knows them does. If a file begins
    too late to be checked against an anchor, the command says so; that is not a break.

    \b
      membrane journal anchor >> /elsewhere/anchors.jsonl          for example every night
      membrane journal verify --anchor /elsewhere/anchors.jsonl
      membrane journal verify --file journal-bot.tier0-….jsonl.gz  needs no database
    """  # noqa: D301  # \b is click's mark for lines to keep
    known = [anchor for path in anchors for anchor in _anchors(path)]
    if export is not None:
        if noted is not None:
            raise click.UsageError("--has searches the database; with --file, give --anchor")
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
        say(f"No entry has the hash {safe(lost)}: it was mistyped, or the end of that chain is gone.")
    entries = "1 entry" if told.read == 1 else f"{told.read} entries"
    limit = ", as far as it could be checked" if whole and unchecked else ""
    state = "broken" if told.breaks else "whole" if lost is None else "whole in itself"
    say(f"The journal is {state}{limit}: {entries}.")
    for head in heads:
        say(f"  head of {safe(head['writer'])}: entry {head['seq']}, {safe(head['hash'])}")


@journal_group.command("anchor")
def anchor() -> None:
    """Print the end of every chain as one line of JSON. Save it where the bot's machine cannot write.

    \b
      membrane journal anchor >> /elsewhere/anchors.jsonl
    """  # noqa: D301  # \b is click's mark for lines to keep
    say(Anchor(time.time(), read(journal.ends)).to_line())


@journal_group.command("export")
@click.option(
    "--out", type=_OUT, metavar="FILE", help="Write to a new file (compressed if it ends in .gz). [stdout]"
)
@click.option("--chain", "chains", multiple=True, metavar="NAME", help="Only this chain, such as bot. [all]")
def export(*, out: Path | None, chains: tuple[str, ...]) -> None:
    """Write the journal as lines of JSON that can be verified offline.

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
    help="Prune actions that passed before then: 90d, 12h, 2026-06-01.",
)
@click.option(
    "--tier",
    "tiers",
    type=click.Choice(["0", "1"]),
    multiple=True,
    default=("0", "1"),
    show_default=True,
    help="Only this tier.",
)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The folder of the archive files. [MEMBRANE_ARCHIVE, or archive in the data folder]",
)
@json_option
def prune(*, before: float, tiers: tuple[str, ...], archive: Path | None, as_json: bool) -> None:
    """Archive old passed actions (Tier 0 and 1) to files, verify the files, then delete the actions here.

    Human decisions are never deleted. The remaining chains still verify, and so does each file. A running
    bot prunes by itself (MEMBRANE_RETAIN_TIER_0_DAYS, MEMBRANE_RETAIN_TIER_1_DAYS).

    \b
      membrane journal prune --before 30d --tier 0 --archive /mnt/cold
    """  # noqa: D301  # \b is click's mark for lines to keep
    from bot.membrane.retention import Retention  # noqa: PLC0415  # the other commands stay quick

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

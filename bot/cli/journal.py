"""`membrane journal`: the record of everything, and whether it is whole."""

from __future__ import annotations

from typing import Any

import click
import orjson
from sqlalchemy import Connection

from bot.cli.database import read
from bot.cli.entry import FOUND, exit_with
from bot.cli.output import json_option, print_json, safe, when
from bot.domain.record import JournalEntry
from bot.store import journal


@click.group("journal")
def journal_group() -> None:
    """Read the journal, and verify its chain. Works beside a running bot."""


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
@click.option("--has", "noted", metavar="HASH", help="A head that was printed earlier: is it still there?")
@json_option
def verify(*, noted: str | None, as_json: bool) -> None:
    """Check that no entry was changed, dropped or moved. Exits with 1 if one was.

    Entries cut off the end leave no trace in the chain itself. So note the printed heads in another place,
    and ask for one later with --has.
    """
    count, breaks = read(journal.verify)
    heads, found = read(lambda connection: _heads(connection, noted))
    whole = not breaks and (found or noted is None)
    if as_json:
        print_json({"whole": whole, "entries": count, "breaks": breaks, "heads": heads, "has": found})
    else:
        for each in breaks:
            click.echo(f"{each.writer} {each.seq}: {each.what}")
        if noted is not None and not found:
            click.echo(f"No entry has the hash {noted}: what it stood at the end of is gone.")
        entries = "1 entry" if count == 1 else f"{count} entries"
        click.echo(f"The journal is {'whole' if whole else 'broken'}: {entries}.")
        for head in heads:
            click.echo(f"  head of {head['writer']}: entry {head['seq']}, {head['hash']}")
    exit_with(0 if whole else FOUND)


def _heads(connection: Connection, noted: str | None) -> tuple[list[dict[str, Any]], bool]:
    """Return the end of each writer's chain, and whether a hash that was noted earlier is in one."""
    last: dict[str, JournalEntry] = {}
    found = False
    for entry in journal.entries(connection):
        last[entry.writer] = entry
        found = found or entry.hash == noted
    heads = [{"writer": head.writer, "seq": head.seq, "hash": head.hash} for head in last.values()]
    return heads, found


def _print(entry: JournalEntry, *, as_json: bool) -> None:
    if as_json:
        print_json(entry, line=True)
        return
    body: dict[str, Any] = orjson.loads(entry.body)
    subject = entry.review_id or entry.action_id
    details = " ".join(f"{name}={safe(value)}" for name, value in body.items())
    click.echo(f"{when(entry.at)}  {entry.event:<20}  {safe(subject)}  {details}".rstrip())

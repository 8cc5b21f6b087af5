"""`membrane freeze` and `membrane thaw`: the stop button. They work while the bot runs."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping

import click

from bot.cli import time_options
from bot.cli.database_access import change, read
from bot.cli.output import json_option, print_json, print_table, safe, say, when
from bot.domain.freezing import EVERYTHING, Freeze
from bot.domain.spelling import nearest
from bot.errors import BadAction, MembraneError
from bot.membrane import Freezes
from bot.policyfile import load as load_policy
from bot.settings import load
from bot.store import freezes as kept


@click.command("freeze")
@click.argument("name", metavar="AGENT|KIND|GRAPH|all", required=False)
@click.option("--why", help="The reason, for agents, reviewers and admins.")
@click.option(
    "--until",
    callback=time_options.until,
    metavar="DURATION|INSTANT",
    help="When the freeze ends by itself: 30m, 2h, 2026-06-01T09:00:00Z. [until somebody thaws it]",
)
@click.option("--list", "list_them", is_flag=True, help="List the freezes in force.")
@json_option
def freeze(*, name: str | None, why: str | None, until: float | None, list_them: bool, as_json: bool) -> None:
    """Stop an agent, a kind of action, a hosted graph, or everything. No frozen action starts.

    The freeze is in force when the command returns, and holds for approved actions too. Frozen actions are
    parked, not refused: claims are answered 409 `frozen`, proposals that would pass wait, threads stay
    parked. Reviewers can still vote. Windows keep running, so an approval that lapses during the freeze is
    asked again after the thaw. Actions that already run are not stopped. Ungated tools of a hosted graph
    are refused within two seconds.

    \b
      membrane freeze payment.refund --why "the ledger is wrong" --until 2h
      membrane freeze all --why incident-42
      membrane freeze --list
      membrane thaw payment.refund
    """  # noqa: D301  # \b is click's mark for lines to keep
    if list_them:
        _print(read(kept.listed), as_json=as_json)
        return
    if name is None or not why:
        raise click.UsageError("name what to freeze, and why: membrane freeze NAME --why REASON (or --list)")
    try:
        made = change(lambda db: Freezes(db).freeze(name, why=why, by=at_the_terminal(), until=until))
    except BadAction as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        print_json(made)
    else:
        say(f"{safe(str(made))}. `membrane thaw {safe(made.name)}` ends it.")
    _warn_if_unknown(made.name)


@click.command("thaw")
@click.argument("name", metavar="AGENT|KIND|GRAPH|all")
@json_option
def thaw(*, name: str, as_json: bool) -> None:
    """End every freeze of a name. Waiting actions pass, and approvals that are still valid can be claimed."""
    ended = change(lambda db: Freezes(db).thaw(name, by=at_the_terminal()))
    if as_json:
        print_json(ended)
    else:
        say(f"{safe(name)} is thawed.")


def at_the_terminal() -> str:
    """Return the name of the person at the terminal, as the journal records it."""
    try:
        return f"{getpass.getuser()} at the terminal"
    except (OSError, KeyError):  # the user of a container may have no name
        return "somebody at the terminal"


def _warn_if_unknown(name: str) -> None:
    """Warn if nothing has the frozen name. A stop does not wait for this check."""
    known = {EVERYTHING, *read(kept.bearers)}
    settings = load(slack=False)
    known |= {each.partition("=")[0] for each in settings.graphs if "=" in each}
    tools: Mapping[str, str] = {}
    try:
        policy = load_policy(settings.policy)
        known, tools = known | set(policy.actions), policy.tools
    except MembraneError:
        say("The policy does not load, so the name was not compared with its kinds.", err=True)
    if name in known:
        return
    if name in tools:
        say(
            f"This stops nothing: {safe(name)} is a tool. Freeze its kind: "
            f"membrane freeze {safe(tools[name])} --why …",
            err=True,
        )
        return
    near = nearest(name, known)
    hint = f" Did you mean {safe(near)}?" if near else ""
    say(f"It is frozen, but no agent, kind or graph is named {safe(name)}.{hint}", err=True)


def _print(found: list[Freeze], *, as_json: bool) -> None:
    now = time.time()
    live = [each for each in found if each.holds(now)]
    if as_json:
        print_json(live)
    elif not live:
        say("Nothing is frozen.")
    else:
        rows = [(each.name, each.by, when(each.since), when(each.until), each.why) for each in live]
        print_table(("NAME", "BY", "SINCE", "UNTIL", "WHY"), rows)

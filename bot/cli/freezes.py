"""`membrane freeze` and `membrane thaw`: the stop button. They work beside a running bot."""

from __future__ import annotations

import getpass
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import click

from bot.cli.database_access import change, read
from bot.cli.output import json_option, print_json, print_table, safe, say, when
from bot.domain.freezing import EVERYTHING, Freeze
from bot.domain.spelling import nearest
from bot.errors import BadAction, MembraneError
from bot.membrane import Freezes
from bot.policyfile import load as load_policy
from bot.settings import load
from bot.store import freezes as kept

_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def until(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read a duration from now such as `2h`, or an instant such as `2026-06-01T09:00:00Z`.

    For an option's `callback`. Raises BadParameter.
    """
    if value is None:
        return None
    if span := _SPAN.fullmatch(value):
        return time.time() + int(span[1]) * _SECONDS[span[2]]
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no duration such as 30m, 2h or 1d, and no instant such as 2026-06-01T09:00:00Z"
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


@click.command("freeze")
@click.argument("name", metavar="AGENT|KIND|GRAPH|all", required=False)
@click.option("--why", help="The reason. Agents, reviewers and admins read it.")
@click.option(
    "--until",
    callback=until,
    metavar="DURATION|INSTANT",
    help="When it ends by itself: 30m, 2h, 2026-06-01T09:00:00Z. [when somebody thaws it]",
)
@click.option("--list", "list_them", is_flag=True, help="Say what is frozen now.")
@json_option
def freeze(*, name: str | None, why: str | None, until: float | None, list_them: bool, as_json: bool) -> None:
    """Stop an agent, a kind of action, a hosted graph, or all: from now on nothing of it starts.

    It holds as soon as the command returns, whatever was approved before. What is held up is parked and
    not refused: claims are answered 409 `frozen`, proposals that would pass wait, threads stay parked.
    Reviewers can go on voting. Windows go on too, so an approval that lapses meanwhile is asked again
    after the thaw. What is running already is not stopped.
    A tool of a hosted graph that nothing gates is refused, from two seconds later at most.

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
        raise click.UsageError("say what to freeze and why: membrane freeze NAME --why REASON (or --list)")
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
    """End every freeze of a name. What waited passes, and approvals that are still good can be claimed."""
    ended = change(lambda db: Freezes(db).thaw(name, by=at_the_terminal()))
    if as_json:
        print_json(ended)
    else:
        say(f"{safe(name)} is thawed.")


def at_the_terminal() -> str:
    """Return who gives a command, as the journal says it."""
    try:
        return f"{getpass.getuser()} at the terminal"
    except (OSError, KeyError):  # a container may have no name for its user
        return "somebody at the terminal"


def _warn_if_unknown(name: str) -> None:
    """Say that nothing bears a name, after it was frozen: a stop does not wait for a spelling check."""
    known = {EVERYTHING, *read(kept.bearers)}
    settings = load(slack=False)
    known |= {each.partition("=")[0] for each in settings.graphs if "=" in each}
    tools: Mapping[str, str] = {}
    try:
        policy = load_policy(settings.policy)
        known, tools = known | set(policy.actions), policy.tools
    except MembraneError:
        say("The policy does not load, so its kinds could not be looked up.", err=True)
    if name in known:
        return
    if name in tools:
        say(
            f"This stops nothing: {safe(name)} is a tool, and what is frozen is its kind: "
            f"membrane freeze {safe(tools[name])} --why …",
            err=True,
        )
        return
    near = nearest(name, known)
    hint = f" Did you mean {safe(near)}?" if near else ""
    say(f"It is frozen, but no agent, kind or graph here is named {safe(name)}.{hint}", err=True)


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

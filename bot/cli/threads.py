"""`membrane threads`: list hosted threads, and retry, answer or withdraw stalled ones."""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

import click
from sqlalchemy import Connection

from bot.cli.database_access import change, read
from bot.cli.output import json_option, print_facts, print_json, print_table, safe, say, when
from bot.database_keys import keyring_of, written
from bot.domain.durations import in_table
from bot.domain.hosting import Cause, Stall, ThreadRecord, ThreadRequest, Wanted
from bot.domain.record import ActionRecord
from bot.domain.states import OPEN_THREADS, ThreadState
from bot.errors import MembraneError, NotFound
from bot.membrane import OperatorRequests, Vault
from bot.settings import load
from bot.store import actions, reviews, stalls, threads
from bot.store.database import Database

T = TypeVar("T")

OPEN = "open"
EVERY = "all"
STATES = [OPEN, *(state.value for state in ThreadState), EVERY]
_CHOSEN = {OPEN: OPEN_THREADS, EVERY: tuple(ThreadState)}
HEAD = ("THREAD", "AGE", "STATE", "GRAPH", "AGENT", "CAUSE", "NEXT RETRY", "WHY")
WHY_WIDTH = 60


@click.group("threads")
def threads_group() -> None:
    """List hosted threads, and continue stalled ones. Works while the bot runs.

    A thread stalls if its graph fails after an effect, or asks a question that is not an approval.
    Its state is kept and its reviews stay open. The running bot carries out these commands within seconds.
    No command approves an action: approvers do that in Slack.
    """


@threads_group.command("list")
@click.option(
    "--state", type=click.Choice(STATES), default=OPEN, show_default=True, help="Only threads in this state."
)
@click.option("--graph", help="Only of this graph.")
@click.option("--agent", help="Only of this agent.")
@click.option("--last", type=click.IntRange(min=1), default=100, show_default=True, help="Only the latest N.")
@json_option
def list_threads(*, state: str, graph: str | None, agent: str | None, last: int, as_json: bool) -> None:
    """List threads, newest first; by default those that have not ended.

    \b
      membrane threads list --state stalled
    """  # noqa: D301  # \b is click's mark for lines to keep

    def query(connection: Connection) -> list[tuple[ThreadRecord, Stall | None]]:
        states = _CHOSEN.get(state) or (ThreadState(state),)
        found = threads.listed(connection, states=states, graph=graph, agent=agent, most=last)
        return [(each, _stall(connection, each)) for each in found]

    found = read(query)
    if as_json:
        print_json([_summary(thread, stall) for thread, stall in found])
    elif not found:
        say("No threads.")
    else:
        print_table(HEAD, [_line(thread, stall) for thread, stall in found])


def _stall(connection: Connection, thread: ThreadRecord) -> Stall | None:
    return stalls.get(connection, thread.id) if thread.state is ThreadState.STALLED else None


def _line(thread: ThreadRecord, stall: Stall | None) -> tuple[Any, ...]:
    why = thread.error or ""
    return (
        thread.id,
        in_table(time.time() - thread.wanted_at),
        thread.state,
        thread.graph,
        thread.agent,
        stall.cause if stall is not None else None,
        when(stall.retry_at) if stall is not None else None,
        why if len(why) <= WHY_WIDTH else why[: WHY_WIDTH - 1] + "…",
    )


def _summary(thread: ThreadRecord, stall: Stall | None) -> dict[str, Any]:
    return {
        "id": thread.id,
        "graph": thread.graph,
        "agent": thread.agent,
        "owner": thread.owner,
        "on_behalf_of": thread.on_behalf_of,
        "state": thread.state,
        "error": thread.error,
        "wanted_at": thread.wanted_at,
        "settled_at": thread.settled_at,
        "cause": stall.cause if stall is not None else None,
        "stalled_at": stall.stalled_at if stall is not None else None,
        "retries": stall.tries if stall is not None else None,
        "retry_at": stall.retry_at if stall is not None else None,
    }


@threads_group.command("show")
@click.argument("thread_id", metavar="ID")
@json_option
def show(*, thread_id: str, as_json: bool) -> None:
    """Print everything known about one thread: why it is stalled, its questions, its actions.

    Questions are stored sealed and shown only here: they may hold values that the policy redacts.
    """

    async def look(operating: OperatorRequests, db: Database) -> dict[str, Any]:
        def query(connection: Connection) -> tuple[Any, ...]:
            thread = threads.get(connection, thread_id)
            if thread is None:
                raise NotFound(f"there is no thread {thread_id}; see `membrane threads list --state all`")
            done = [_action(connection, each) for each in actions.of_thread(connection, thread_id)]
            return thread, _stall(connection, thread), done, stalls.requests_of(connection, thread_id)

        thread, stall, done, asked = await db.read(query)
        questions = operating.questions(stall) if stall is not None else {}
        made = [{**asdict(each), "body": None} for each in asked]
        return {**_summary(thread, stall), "questions": questions, "actions": done, "asked": made}

    facts = _operate(look)
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _action(connection: Connection, action: ActionRecord) -> dict[str, Any]:
    asked = reviews.of_action(connection, action.id)
    return {
        "id": action.id,
        "kind": action.kind,
        "state": action.state,
        "receipt": action.receipt,
        "review": asked[-1].id if asked else None,
        "review_state": asked[-1].state if asked else None,
    }


def _print(facts: dict[str, Any]) -> None:
    click.secho(f"{facts['id']}  {safe(facts['graph'])}  {facts['state']}", bold=True)
    instants = {"wanted_at", "settled_at", "stalled_at", "retry_at"}
    shown = [
        (name.replace("_", " "), when(value) if name in instants else value)
        for name, value in facts.items()
        if name not in {"id", "graph", "state", "questions", "actions", "asked"} and value is not None
    ]
    print_facts(shown)
    for interrupt_id, question in facts["questions"].items():
        click.secho(f"\nIt asks ({safe(interrupt_id)})", bold=True)
        for line in json.dumps(question, indent=2, ensure_ascii=False).split("\n"):
            say(f"  {safe(line)}")
    if facts["actions"]:
        click.secho("\nActions", bold=True)
        head = ("ACTION", "KIND", "STATE", "RECEIPT", "REVIEW", "REVIEW STATE")
        print_table(head, [tuple(each.values()) for each in facts["actions"]])
    if facts["asked"]:
        click.secho("\nAsked by operators", bold=True)
        names = ("wanted", "by", "at", "why", "outcome")
        rows = [{**each, "at": when(each["at"])} for each in facts["asked"]]
        print_table([name.upper() for name in names], [[row[name] for name in names] for row in rows])
    for command in commands(facts["id"], facts["cause"]):
        say(f"\n  {command}" if command.endswith(facts["id"]) else f"  {command}")


def commands(thread_id: str, cause: Cause | None) -> list[str]:
    """Return the commands that continue or end a stalled thread."""
    if cause is None:
        return []
    if cause is Cause.QUESTION:
        first = [f"membrane threads answer {thread_id} --text 'yes'"]
    else:
        first = [f"membrane threads retry {thread_id}"]
    return [*first, f"membrane threads withdraw {thread_id} --why '…'"]


@threads_group.command("retry")
@click.argument("thread_id", metavar="ID")
def retry(thread_id: str) -> None:
    """Continue a stalled thread from its saved state. An interrupted node starts again from its top.

    Claimed effects do not run twice. Effects of plain functions in that node do: check them first.
    """
    _ask(thread_id, Wanted.RETRY)


@threads_group.command("answer")
@click.argument("thread_id", metavar="ID")
@click.option("--text", help="The answer, as text.")
@click.option("--json", "as_json", metavar="JSON", help="The answer, as JSON; - reads it from stdin.")
@click.option("--question", metavar="INTERRUPT", help="The question, if the thread asks several.")
def answer(*, thread_id: str, text: str | None, as_json: str | None, question: str | None) -> None:
    """Answer the question of a stalled thread. The graph gets the answer unchanged; `show` prints questions.

    \b
      membrane threads answer thr_… --text 'the second address'
      membrane threads answer thr_… --json true

    This command cannot approve an action that the policy gates.
    """  # noqa: D301  # \b is click's mark for lines to keep
    if (text is None) == (as_json is None):
        raise click.UsageError("give the answer with --text or with --json")
    value = text if as_json is None else _json(as_json)
    if value is None:
        raise click.UsageError("null is not an answer: LangGraph reads it as no answer")
    _ask(thread_id, Wanted.ANSWER, answer=value, question=question)


def _json(text: str) -> Any:
    given = sys.stdin.read() if text == "-" else text
    try:
        return json.loads(given)
    except (json.JSONDecodeError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--json") from error


@threads_group.command("withdraw")
@click.argument("thread_id", metavar="ID")
@click.option("--why", required=True, help="The reason, for the people who wait for the thread.")
def withdraw(thread_id: str, why: str) -> None:
    """End a thread in any state: withdraw its open actions and delete its saved state."""
    _ask(thread_id, Wanted.WITHDRAW, why=why)


def _ask(thread_id: str, wanted: Wanted, **more: Any) -> None:
    async def ask(operating: OperatorRequests, _db: Database) -> ThreadRequest:
        return await operating.ask(thread_id, wanted, by=operator(), **more)

    _operate(ask)
    say(f"The bot is asked to {wanted} it. See the result: membrane threads show {thread_id}")


def operator() -> str:
    """Return the name of the system user who runs the command, for the journal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        return f"uid {os.getuid()}"


def _operate(work: Callable[[OperatorRequests, Database], Awaitable[T]]) -> T:
    """Run `work` on the threads in the database of the settings, which must exist."""
    chosen = load(slack=False)
    if not chosen.database.exists():
        raise MembraneError(f"there is no database {chosen.database}; set MEMBRANE_DATA to the bot's folder")

    async def run(db: Database) -> T:
        keyring = keyring_of(chosen, await db.read(written))
        return await work(OperatorRequests(db, Vault(keyring, "rows"), time.time), db)

    return change(run)

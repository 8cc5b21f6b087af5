"""`membrane policy`: check a policy, explain a ruling, compare policies, print the schema."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bot import settings
from bot.cli import database_access
from bot.cli.output import say
from bot.domain.action import Action
from bot.domain.change import Change, Direction
from bot.domain.numbers import read_float, read_int
from bot.domain.policy import Policy
from bot.domain.policy_changes import changes_between
from bot.domain.policy_notes import notes_of
from bot.errors import BadAction, MembraneError, Misfit, PolicyError, Problem
from bot.membrane import stranded
from bot.policyfile import load, parse, schema
from bot.policyfile.explanation import explanation
from bot.policyfile.hints import did_you_mean
from bot.store import policies
from bot.store.database import Database, Transaction

DEFAULT_POLICY = "policies/default.yaml"
SCHEMA_FILE = "policies/policy.schema.json"
_PROBLEMS = 1
_MARKS = {
    Direction.LOOSER: "!!",
    Direction.MAYBE_LOOSER: "! ",
    Direction.STRICTER: "+ ",
    Direction.DIFFERENT: "  ",
}

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


@click.group("policy")
def policy_group() -> None:
    """Check policies, explain rulings, preview changes. Exit codes: 0 no problem, 1 problems, 2 usage."""


@policy_group.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@_json_option
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Check that policy files load. Print every error with its file, line and column.

    If the bot has a database, also list the open reviews that nobody could decide under the policy.
    """
    results = [_checked(file) for file in files]
    if as_json:
        _print_json(results)
    else:
        for result in results:
            _print_checked(result)
    sys.exit(0 if all(result["ok"] for result in results) else _PROBLEMS)


@policy_group.command()
@click.argument("kind")
@click.option("--args", "args_json", default="{}", metavar="JSON", help="The arguments; - reads stdin.")
@click.option(
    "--policy",
    "file",
    envvar="MEMBRANE_POLICY",
    default=DEFAULT_POLICY,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The policy file.",
)
@_json_option
def explain(kind: str, args_json: str, file: Path, as_json: bool) -> None:
    """Show the ruling on an action, and why: who is asked, until when, and what happens then."""
    action = _action(kind, args_json)
    policy = _load_or_exit(file, as_json=as_json)
    ruling = policy.rule(action)
    refused = policy.misfits(action) if policy.strict else ()
    if as_json:
        _print_json(ruling.to_dict() | ({"refused": [asdict(each) for each in refused]} if refused else {}))
    else:
        say(explanation(policy, action, ruling, time.time()))
        _print_refused(refused)
        _print_hint(policy, kind)


@policy_group.command("schema")
@click.option(
    "--write",
    is_flag=False,
    flag_value=SCHEMA_FILE,
    default=None,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"Write it to a file. [{SCHEMA_FILE}]",
)
@_json_option
def schema_command(write: Path | None, as_json: bool) -> None:  # noqa: ARG001  # the schema is JSON
    """Print the JSON Schema that lets an editor complete and check policy files."""
    text = schema_text()
    if write is None:
        say(text.rstrip("\n"))
    else:
        write.write_text(text, encoding="utf-8")


@policy_group.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--refuse-looser", is_flag=True, help="Exit with 1 if a change is, or may be, looser.")
@_json_option
def diff(old: Path, new: Path, refuse_looser: bool, as_json: bool) -> None:
    """List the changes between two policies, looser ones first."""
    changes = changes_between(_load_or_exit(old, as_json=as_json), _load_or_exit(new, as_json=as_json))
    if as_json:
        _print_json([{**asdict(change), "loosens": change.loosens} for change in changes])
    else:
        _print_changes(changes)
    if refuse_looser and any(change.loosens for change in changes):
        sys.exit(_PROBLEMS)


@policy_group.command()
@click.argument("file", type=click.Path(path_type=Path))
def apply(file: Path) -> None:
    """Let a looser policy come into force despite MEMBRANE_POLICY_REFUSE_LOOSER.

    FILE is the policy file of the running bot, which takes it within seconds if the file has not changed.
    The permission is for this version of the policy only, and for one time.
    """
    policy = _load_or_exit(file, as_json=False)
    before = database_access.change(lambda db: _allow(db, policy.version))
    if before is not None:
        _print_changes(changes_between(before, policy))
    say(f"{file}: allowed to come into force, {policy.version[:19]}")


async def _allow(db: Database, version: str) -> Policy | None:
    """Record that a version is allowed; return the last policy in force, if it still loads."""

    def work(tx: Transaction) -> str | None:
        policies.allow(tx.connection, version)
        tx.journal(time.time(), "policy.allowed", {"version": version})
        return policies.in_force(tx.connection)

    source = await db.write(work)
    try:
        return parse(source) if source is not None else None
    except PolicyError:
        return None


def schema_text() -> str:
    """Return the text of policies/policy.schema.json."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _checked(file: Path) -> dict[str, Any]:
    try:
        policy = load(file)
    except PolicyError as error:
        return {"file": str(file), "ok": False, "problems": list(error.problems), "notes": []}
    return {
        "file": str(file),
        "ok": True,
        "problems": [],
        "notes": [*notes_of(policy), *_stranded(policy)],
        "version": policy.version,
        "kinds": len(policy.kinds),
        "strict": policy.strict,
    }


def _stranded(policy: Policy) -> list[str]:
    """Return the open reviews that wait for names which the policy lacks; none without a database."""
    try:
        if not settings.load(slack=False).database.exists():
            return []
        return [
            str(each) for each in database_access.read(lambda connection: stranded(connection, policy.people))
        ]
    except MembraneError:  # `membrane doctor` reports problems of the settings and the database
        return []
    except PermissionError:  # people check policies as other users than the bot
        return ["the data folder is closed to this user, so open reviews were not checked"]


def _print_checked(result: dict[str, Any]) -> None:
    problems: list[Problem] = result["problems"]
    for problem in problems:
        say(str(problem))
    if problems:
        say(f"{result['file']}: {len(problems)} {'problem' if len(problems) == 1 else 'problems'}")
        return
    strict = ", strict" if result["strict"] else ""
    say(f"{result['file']}: fine, {result['kinds']} action kinds{strict}, {result['version'][:19]}")
    for note in result["notes"]:
        say(f"  note: {note}")


def _print_changes(changes: tuple[Change, ...]) -> None:
    if not changes:
        say("The two mean the same.")
    for change in changes:
        say(f"{_MARKS[change.direction]} {change.direction:<12}  {change.subject}: {change.what}")


def _print_refused(misfits: tuple[Misfit, ...]) -> None:
    if not misfits:
        return
    say("\nThe policy is strict, so the action is refused and nobody is asked, because")
    for misfit in misfits:
        say(f"  {misfit.where}: {misfit}; expected: {misfit.expected}")


def _print_hint(policy: Policy, kind: str) -> None:
    if kind in policy.actions:
        return
    stands_for = policy.kind_of_tool(kind)
    if stands_for != kind:
        say(f"\n{kind} is a tool that stands for {stands_for}: membrane policy explain {stands_for}")
    else:
        say(f"\nThe policy names no kind {kind}; {did_you_mean(kind, policy.actions)}")


def _print_json(value: object) -> None:
    say(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, Problem):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def _action(kind: str, args_json: str) -> Action:
    text = sys.stdin.read() if args_json == "-" else args_json
    try:
        return Action.of(kind, json.loads(text, parse_float=read_float, parse_int=read_int), agent="explain")
    except (json.JSONDecodeError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--args") from error
    except BadAction as error:
        raise click.UsageError(str(error)) from error


def _load_or_exit(file: Path, *, as_json: bool) -> Policy:
    try:
        return load(file)
    except PolicyError as error:
        if as_json:
            _print_json({"file": str(file), "ok": False, "problems": list(error.problems)})
        else:
            say(str(error), err=True)
        sys.exit(_PROBLEMS)

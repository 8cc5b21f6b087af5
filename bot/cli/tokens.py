"""`membrane token`: what lets an agent in."""

from __future__ import annotations

import click

from bot.cli.database_access import change, read
from bot.cli.output import json_option, print_json, print_table, say, when
from bot.domain.record import TokenRecord
from bot.errors import BadAction
from bot.membrane import Tokens
from bot.store import tokens


@click.group("token")
def token_group() -> None:
    """Make, list, confirm and revoke agents' tokens.

    A token says which agent asks and which Slack user answers for it. That user cannot approve the agent's
    actions. The commands work beside a running bot.
    """


@token_group.command("create")
@click.option("--agent", help="The agent's name: letters, digits, dots, dashes.")
@click.option(
    "--operator",
    metavar="NAME",
    help="Make an operator's token instead, such as an incident tool's: it freezes and thaws over HTTP.",
)
@click.option("--owner", required=True, metavar="SLACK_USER", help="Who answers for it, as U012ABCDEF.")
@click.option(
    "--on-behalf-of",
    "acts_for",
    multiple=True,
    metavar="SLACK_USER",
    help="Somebody who is told of what the agent does in their name; may be repeated. The owner and the "
    "people of the policy are told anyway, others are not.",
)
@json_option
def create(
    *, agent: str | None, operator: str | None, owner: str, acts_for: tuple[str, ...], as_json: bool
) -> None:
    """Make a token. It is printed this once; only its hash is kept.

    \b
      TOKEN=$(membrane token create --agent mailer --owner U012ABCDEF)
      TOKEN=$(membrane token create --operator pager --owner U012ABCDEF)
    """  # noqa: D301  # \b is click's mark for lines to keep
    if (agent is None) == (operator is None):
        raise click.UsageError("give either --agent NAME or --operator NAME")
    try:
        record, secret = change(lambda db: _made(Tokens(db), agent, operator, owner, acts_for))
    except BadAction as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        print_json({**_row(record), "acts_for": list(record.acts_for), "token": secret})
        return
    may = "freeze and thaw, and nothing else" if record.operator else "propose"
    say(f"{record.id}: {record.agent} may {may}; {owner} answers for it. Shown this once:", err=True)
    say(secret)


async def _made(
    tokens: Tokens, agent: str | None, operator: str | None, owner: str, acts_for: tuple[str, ...]
) -> tuple[TokenRecord, str]:
    if operator is not None:
        if acts_for:
            raise BadAction("an operator's token acts for nobody; leave --on-behalf-of out")
        return await tokens.create_operator(operator, owner)
    assert agent is not None
    return await tokens.create(agent, owner, acts_for=acts_for)


@token_group.command("list")
@click.option("--all", "everything", is_flag=True, help="Revoked ones too.")
@json_option
def list_tokens(*, everything: bool, as_json: bool) -> None:
    """List the tokens: whose they are and when they were last used. Never the tokens themselves."""
    found = [record for record in read(tokens.listed) if everything or record.revoked_at is None]
    if as_json:
        print_json([{**_row(record), "acts_for": list(record.acts_for)} for record in found])
    elif not found:
        say("There are no tokens. membrane token create --agent NAME --owner SLACK_USER makes one.")
    else:
        head = ("ID", "NAME", "OWNER", "ROLE", "CREATED", "LAST USED", "REVOKED", "UNCONFIRMED")
        print_table(head, [tuple(_row(record).values()) for record in found])


@token_group.command("confirm")
@click.argument("token_id", metavar="ID", required=False)
@click.option("--all", "everything", is_flag=True, help="All tokens that wait to be confirmed.")
def confirm(token_id: str | None, *, everything: bool) -> None:
    """Let a token in again after the database was restored from a backup.

    A restore brings back tokens that were revoked since the backup. So each is refused until it is confirmed.
    Look at `membrane token list`, and revoke first what was revoked before.
    """
    if everything == (token_id is not None):
        raise click.UsageError("give the ID of one token, or --all")
    ids = change(lambda db: Tokens(db).confirm(token_id))
    for each in ids:
        say(f"{each} is confirmed.")
    if not ids:
        say("No token waits to be confirmed.")


@token_group.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> None:
    """Refuse a token from now on; a running bot does within five seconds. ID is of `membrane token list`."""
    change(lambda db: Tokens(db).revoke(token_id))
    say(f"{token_id} is revoked.")


def _row(record: TokenRecord) -> dict[str, str | None]:
    return {
        "id": record.id,
        "agent": record.agent,
        "owner": record.owner,
        "role": "operator" if record.operator else "agent",
        "created_at": when(record.created_at),
        "last_used_at": when(record.last_used_at),
        "revoked_at": when(record.revoked_at),
        "unconfirmed_since": when(record.unconfirmed_since),
    }

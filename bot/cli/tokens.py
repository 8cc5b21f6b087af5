"""`membrane token`: the tokens that authenticate agents and operators."""

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
    """Create, list, confirm and revoke agents' tokens.

    A token names an agent and the Slack user who answers for it. That user cannot approve the agent's
    actions. The commands work while the bot runs.
    """


@token_group.command("create")
@click.option("--agent", help="The agent's name: letters, digits, dots, dashes.")
@click.option(
    "--operator",
    metavar="NAME",
    help="Create an operator's token instead, as for an incident tool: it freezes and thaws over HTTP.",
)
@click.option(
    "--owner",
    required=True,
    metavar="SLACK_USER",
    help="The Slack user who answers for the agent, as U012ABCDEF.",
)
@click.option(
    "--on-behalf-of",
    "acts_for",
    multiple=True,
    metavar="SLACK_USER",
    help="A user who is told about actions of the agent in their name; may be repeated. The owner and the "
    "people of the policy are always told.",
)
@json_option
def create(
    *, agent: str | None, operator: str | None, owner: str, acts_for: tuple[str, ...], as_json: bool
) -> None:
    """Create a token. It is printed once; the bot keeps only its hash.

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
            raise BadAction("an operator's token acts for nobody; omit --on-behalf-of")
        return await tokens.create_operator(operator, owner)
    assert agent is not None
    return await tokens.create(agent, owner, acts_for=acts_for)


@token_group.command("list")
@click.option("--all", "everything", is_flag=True, help="Include revoked tokens.")
@json_option
def list_tokens(*, everything: bool, as_json: bool) -> None:
    """List the tokens, their owners and their last use. The tokens themselves are never shown."""
    found = [record for record in read(tokens.listed) if everything or record.revoked_at is None]
    if as_json:
        print_json([{**_row(record), "acts_for": list(record.acts_for)} for record in found])
    elif not found:
        say("No tokens. Create one: membrane token create --agent NAME --owner SLACK_USER")
    else:
        head = ("ID", "NAME", "OWNER", "ROLE", "CREATED", "LAST USED", "REVOKED", "UNCONFIRMED")
        print_table(head, [tuple(_row(record).values()) for record in found])


@token_group.command("confirm")
@click.argument("token_id", metavar="ID", required=False)
@click.option("--all", "everything", is_flag=True, help="All unconfirmed tokens.")
def confirm(token_id: str | None, *, everything: bool) -> None:
    """Accept a token again after the database was restored from a backup.

    A restore brings back tokens that were revoked after the backup, so every token is refused until it is
    confirmed. Check `membrane token list`, and first revoke those that were revoked before.
    """
    if everything == (token_id is not None):
        raise click.UsageError("give the ID of one token, or --all")
    ids = change(lambda db: Tokens(db).confirm(token_id))
    for each in ids:
        say(f"{each} is confirmed.")
    if not ids:
        say("No token needs confirmation.")


@token_group.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> None:
    """Revoke a token; a running bot refuses it within five seconds. `membrane token list` prints the ID."""
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

"""The command: run all checks and print one line for each finding."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import click

from bot import logs
from bot.cli.doctor import descriptor_checks, local_checks
from bot.cli.doctor.findings import Finding, Status, ok, warn
from bot.cli.entry import FOUND, exit_with
from bot.cli.output import json_option, print_json, safe, say

COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}


@click.command()
@click.option("--no-slack", is_flag=True, help="Skip the checks that need Slack.")
@json_option
def doctor(*, no_slack: bool, as_json: bool) -> None:
    """Check everything that the bot needs, and say how to fix problems.

    Checks the settings, the policy, the data folder, the database, the API's port and the limit of file
    descriptors. In Slack, checks the tokens, their scopes, and every channel, user group and person of the
    policy. Imports the hosted graphs, and lists the kind, the tiers and the gate of each tool. Changes
    nothing and posts nothing. Works while the bot runs. Exits with 1 if a check fails.
    """
    logs.configure("critical")  # the findings report the same problems
    found = look(with_slack=not no_slack)
    if as_json:
        print_json([{**asdict(finding), "mend": finding.fix} for finding in found])
    else:
        _print(found)
    exit_with(FOUND if any(finding.status is Status.FAIL for finding in found) else 0)


def look(*, with_slack: bool) -> list[Finding]:
    """Run the checks and return their findings."""
    chosen, found = local_checks.settings()
    if chosen is None:
        return [*found, warn("rest", "not checked, because of the settings")]
    process = local_checks.running(chosen)
    found += [ok("lock", f"held by process {process}" if process else "no bot is running on this folder")]
    found += local_checks.data(chosen)
    found += local_checks.restored(chosen)
    found += local_checks.api(chosen, process)
    found += descriptor_checks.check(chosen, process)
    policy, about = local_checks.policy(chosen)
    found += about
    if chosen.graphs:
        from bot.cli.doctor import graph_checks  # noqa: PLC0415  # LangGraph takes a second to import

        found += graph_checks.check(chosen, policy)
    found += local_checks.starters(chosen, policy) if policy is not None else []
    if with_slack:
        from bot.cli.doctor import slack_checks  # noqa: PLC0415  # as Slack's client does

        found += asyncio.run(slack_checks.check(chosen, policy, running=process is not None))
    return found


def _print(found: list[Finding]) -> None:
    width = max(len(finding.part) for finding in found)
    for finding in found:
        click.secho(f"{finding.status:<5}", fg=COLOURS[finding.status], nl=False)
        say(f"{finding.part.ljust(width)}  {safe(finding.what)}")
        if finding.fix:
            say(f"{' ' * (width + 7)}→ {finding.fix}")
    bad = sum(finding.status is Status.FAIL for finding in found)
    odd = sum(finding.status is Status.WARN for finding in found)
    looks = f"{odd} worth a look"
    well = f"Nothing to fix; {looks}." if odd else "No problems."
    say(f"\n{bad} to fix{f', {looks}' if odd else ''}." if bad else f"\n{well}")

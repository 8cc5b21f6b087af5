"""`membrane settings`: every setting, its meaning, its value and the source of the value."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import fill

import click

from bot.cli.entry import exit_with, tell
from bot.cli.output import json_option, print_json, safe, say
from bot.errors import SettingsError
from bot.settings import SettingRow, load, rows

WIDTH = 100


@click.command("settings")
@json_option
def settings_command(*, as_json: bool) -> None:
    """List the settings: meaning, default, value and the source of the value. Secrets are masked.

    Exits with 2 if a setting is wrong.
    """
    found = rows()
    if as_json:
        print_json([asdict(row) for row in found])
    else:
        for row in found:
            _print(row)
    try:
        load(slack=False)
    except SettingsError as error:
        exit_with(tell(error))


def _print(row: SettingRow) -> None:
    click.secho(row.name, bold=True, nl=False)
    if row.value is not None:
        say(f" = {safe(row.value)}  ({row.source})")
    else:
        say(f"  not set; {row.default} is used" if row.default else "  not set")
    say(fill(row.description, WIDTH, initial_indent="    ", subsequent_indent="    "))

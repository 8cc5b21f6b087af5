"""`membrane init`: write the files of a first run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

import click

from bot.cli.output import say
from bot.package_files import DEFAULT_POLICY, MANIFEST, POLICY_SCHEMA, package_file
from bot.settings import rows

ENV = ".env"
AGENT = "agents/example.py"
WIDTH = 100
FIRST = {
    "SLACK_BOT_TOKEN": "",
    "SLACK_APP_TOKEN": "",
    "MEMBRANE_GRAPHS": f"example={AGENT}:graph",
}
"""The settings that a first run needs, with their values. An empty value counts as not set."""
MAY_START = ("# graphs:\n#   example:", "graphs:\n  example:")
"""Let the example's agent start its graph: the section is commented out in the shipped policy."""
NEXT = """
Next{where}:
  1. Create the Slack app from {manifest} (its first lines explain how), put its two tokens into {env}, and
     invite the bot to the channels of the policy.
  2. Put your own people and channels into {policy}, then check everything: membrane doctor
  3. membrane run
  4. Let a first agent propose an action: the first lines of {agent} explain how.

Without a Slack account, try `membrane demo` on this machine."""


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(folder: Path) -> None:
    """Write a policy, Slack's manifest, settings and an example agent into FOLDER (default: this folder).

    Existing files are kept.

    \b
      membrane init                    here
      membrane init approvals          in a new folder
    """  # noqa: D301  # \b is click's mark for lines to keep
    for name, text in _files():
        path = folder / name
        made = _write(path, text, private=name == ENV)
        say(f"{'wrote' if made else 'kept '}  {path}")
    where = "" if folder == Path() else f", in {folder} (cd {shlex.quote(str(folder))})"
    said = {"manifest": MANIFEST, "env": ENV, "policy": DEFAULT_POLICY, "agent": AGENT}
    say(NEXT.format(where=where, **said))


def _files() -> Iterator[tuple[str, str]]:
    policy = package_file(DEFAULT_POLICY).read_text(encoding="utf-8")
    yield DEFAULT_POLICY, policy.replace(*MAY_START)
    for name in (POLICY_SCHEMA, MANIFEST):
        yield name, package_file(name).read_text(encoding="utf-8")
    yield ENV, _env()
    example = Path(__file__).parents[1] / "starter" / "example_agent.py"
    yield AGENT, example.read_text(encoding="utf-8")


def _env() -> str:
    """Return a `.env` with every setting and its description. Only those of a first run are not comments."""
    lines = ["# Settings of Checkpoint Membrane. Environment variables override the values in this file.", ""]
    settings = sorted(rows(None), key=lambda row: row.name not in FIRST)
    for row in settings:
        lines += [f"# {line}" for line in wrap(row.description, WIDTH)]
        value = FIRST.get(row.name, row.default or "")
        mark = "" if row.name in FIRST else "#"
        lines += [f"{mark}{row.name}={value}", ""]
    return "\n".join(lines)


def _write(path: Path, text: str, *, private: bool) -> bool:
    """Write a new file. Return False if the file exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return True

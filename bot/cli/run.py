"""`membrane run` and `membrane demo`. Only they import the whole bot."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.entry import exit_with


@click.command()
def run() -> None:
    """Run the bot until SIGTERM or Ctrl-C.

    \b
    Needs Slack's tokens and a policy. Check everything first with `membrane doctor`.
      SLACK_BOT_TOKEN=xoxb-… SLACK_APP_TOKEN=xapp-… membrane run
    """  # noqa: D301  # \b is click's mark for lines to keep
    from bot import logs, settings  # noqa: PLC0415  # --help stays quick

    chosen = settings.load()
    logs.configure(chosen.log_level, chosen.log_format)
    from bot import process  # noqa: PLC0415  # after the settings: a wrong setting is reported at once

    process.run(chosen)


@click.command()
@click.option("--autopilot", is_flag=True, help="Play the people too, then exit.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
@click.option("--port", type=click.IntRange(0, 65535), default=8282, show_default=True,
              help="The port of the workspace's page; 0 picks a free one.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=None,
              help="The data folder of the run. [.membrane/demo]")  # fmt: skip
@click.option("--keep", is_flag=True, help="Keep the files of earlier runs.")
def demo(*, autopilot: bool, as_json: bool, port: int, data: Path | None, keep: bool) -> None:
    """See the bot work on this machine: a Slack workspace, the bot and agents. No account needed.

    \b
      membrane demo                    open the page that it prints, and click
      membrane demo --autopilot        watch it play by itself; exits with 1 if a scene fails
    """  # noqa: D301  # \b is click's mark for lines to keep
    from bot import logs  # noqa: PLC0415  # --help stays quick

    logs.configure("warning")
    from bot.demo import main  # noqa: PLC0415

    exit_with(main(autopilot=autopilot, json=as_json, port=port, data=data, keep=keep))

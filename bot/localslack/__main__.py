"""``python -m bot.localslack``: a workspace to try a bot against."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from bot.localslack.local_slack import LocalSlack
from bot.localslack.northwind import northwind
from bot.localslack.workspace import RequestUrls, Workspace


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bot.localslack", description="A Slack workspace on this machine."
    )
    parser.add_argument("--port", type=int, default=8065, help="0 picks a free one (default: %(default)s)")
    parser.add_argument(
        "--seed", type=Path, help="people and channels as JSON (default: those of the default policy)"
    )
    parser.add_argument("--request-url", help="deliver over HTTP to this URL instead of by Socket Mode")
    parser.add_argument("--no-rate-limits", action="store_true", help="switch off the rate limits")
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    seed = Workspace.from_json(options.seed.read_text(encoding="utf-8")) if options.seed else northwind()
    target: str | RequestUrls = options.request_url or seed.delivery
    slack = LocalSlack(seed, port=options.port, rate_scale=None if options.no_rate_limits else 1.0)
    slack.deliver_to(target)
    async with slack:
        stop = _stop_asked_for()
        print(_welcome(slack), flush=True)  # noqa: T201  (a command prints for its user)
        await stop.wait()


def _stop_asked_for() -> asyncio.Event:
    """Return an event that Ctrl-C and SIGTERM set, even if the shell ignores Ctrl-C for this process."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def _welcome(slack: LocalSlack) -> str:
    return f"""\
The workspace is at {slack.base_url} (Ctrl-C ends it). Put these lines into the .env of a bot:

MEMBRANE_SLACK_API_URL={slack.api_url}
SLACK_BOT_TOKEN={slack.bot_token}
SLACK_APP_TOKEN={slack.app_token}
SLACK_SIGNING_SECRET={slack.signing_secret}
"""


def main() -> None:
    """Serve until Ctrl-C."""
    try:
        asyncio.run(_serve(_options()))
    except KeyboardInterrupt:
        return
    except OSError as problem:
        sys.exit(f"the workspace cannot be served: {problem}")


if __name__ == "__main__":
    main()

"""Logs: one line per event on stderr, for people or as JSON, without secrets.

Events of other libraries (uvicorn, slack-bolt, APScheduler) go the same way. A text by an agent never
becomes a second line or a terminal escape: values are quoted.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from bot.log_repeats import RepeatFilter

SECRETS = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[\w-]+|xapp-[\w-]+|mbr_[\w-]+"
    r"|(?<=wss-primary\.slack\.com/)\S+|(?<=[?&]ticket=)[\w-]+|(?i:(?<=bearer ))[\w.-]+"
)
"""Slack's tokens, agents' tokens, and the tickets in Socket Mode's URLs."""
MASK = "(secret)"
QUIETER = frozenset(
    {"slack_bolt", "slack_sdk", "apscheduler", "aiohttp", "uvicorn", "httpx2", "httpcore2", "watchfiles"}
)
"""Libraries whose INFO events repeat ours. `watchfiles` logs each change that it sees, and the log itself
may be in the folder that it watches."""


class _Masked(structlog.stdlib.ProcessorFormatter):
    """Masks secrets after rendering, to cover tracebacks and messages of other libraries."""

    def format(self, record: logging.LogRecord) -> str:
        return SECRETS.sub(MASK, super().format(record))


def configure(level: str = "info", form: str = "console", *, stream: TextIO | None = None) -> None:
    """Send every log event of this process to `stream` (stderr). The entry point calls this once.

    `level` is debug, info, warning or error; `form` is console or json.
    """
    out = stream if stream is not None else sys.stderr
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        _without_colour,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        _Masked(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(form, out)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    if level != "debug":
        handler.addFilter(_worth_telling)
    handler.addFilter(RepeatFilter(handler.handle))


def _worth_telling(record: logging.LogRecord) -> bool:
    """Filter instead of setting a level: Bolt gives each of its loggers a level of its own."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] not in QUIETER


def _renderers(form: str, out: TextIO) -> list[structlog.typing.Processor]:
    # Neither renderer shows local variables: they may hold arguments and secrets.
    if form == "json":
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer(_json)]
    plain = structlog.dev.plain_traceback
    return [_one_line, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]


def _json(event: Any, **_: Any) -> str:
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # numbers beyond 64 bits, lone surrogates: never lose an event
        return json.dumps(event, default=repr)


def _without_colour(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop the coloured copy that uvicorn adds to each message."""
    event.pop("color_message", None)
    return event


def _one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters in the event's text; ConsoleRenderer quotes the other values."""
    text = str(event.get("event", ""))
    event["event"] = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return event

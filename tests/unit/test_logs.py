"""The log has one line per event, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot import logs

BOT = "xoxb-1234567890-abcdef"
APP = "xapp-1-A0123-456-abcdef"
AGENT = "mbr_c2VjcmV0c2VjcmV0"


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = before, level
    structlog.reset_defaults()


def logged(form: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(level, form, stream=stream)
    return stream


def fail(why: str, password: str = "") -> None:
    raise RuntimeError(why)


@pytest.mark.parametrize("form", ["console", "json"])
def test_secrets_are_masked_wherever_they_stand(form: str) -> None:
    stream = logged(form)
    log = structlog.get_logger("bot.test")
    log.info("with", bot=f"<{BOT}>", app=APP, nested={"authorization": f"Bearer {AGENT}"})
    logging.getLogger("another").info("GET /?ticket=%s", "t1cket-t1cket", extra={"color_message": APP})
    logging.getLogger("aiohttp").warning("wss://wss-primary.slack.com/link/?ticket=abc&app_id=def")
    try:
        fail(f"no such token {AGENT}")
    except RuntimeError:
        log.exception("failed")
    text = stream.getvalue()
    for secret in (BOT, APP, AGENT, "t1cket", "app_id=def"):
        assert secret not in text
    assert logs.MASK in text


def test_json_is_one_object_a_line() -> None:
    stream = logged("json")
    structlog.get_logger("bot.test").info("two\nlines", count=1, odd={1: {2}})
    logging.getLogger("another").warning("told %s", "so", extra={"where": "here"})
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["count"]) == ("two\nlines", "info", 1)
    assert (second["event"], second["logger"], second["where"]) == ("told so", "another", "here")
    assert first["timestamp"].endswith("Z")


def test_a_value_that_json_cannot_hold_is_still_logged() -> None:
    stream = logged("json")
    structlog.get_logger("bot.test").info("odd", number=2**70, text="\ud800")
    assert json.loads(stream.getvalue())["number"] == 2**70


def test_an_agents_text_cannot_forge_a_log_line() -> None:
    stream = logged("console")
    structlog.get_logger("bot.test").info("x\n2026 forged \x1b[2J", args="y\n2026 forged \x1b[2J")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_local_variables_stay_out_of_tracebacks() -> None:
    for form in ("console", "json"):
        stream = logged(form)
        try:
            fail("failed", password="hunter" + "2")
        except RuntimeError:
            structlog.get_logger("bot.test").exception("failed", count=1)
        assert "hunter2" not in stream.getvalue()
        assert "RuntimeError" in stream.getvalue()


def test_the_level_holds_and_chatty_libraries_are_quieter() -> None:
    stream = logged("console", "info")
    structlog.get_logger("bot.test").debug("hidden")
    logging.getLogger("apscheduler.scheduler").info("hidden")
    bolt = logging.getLogger("slack_bolt.AsyncApp")
    bolt.setLevel("INFO")
    bolt.info("hidden")
    assert stream.getvalue() == ""
    stream = logged("console", "debug")
    logging.getLogger("apscheduler.scheduler").info("shown")
    assert "shown" in stream.getvalue()


def test_a_log_beside_what_is_watched_does_not_feed_itself() -> None:
    """The watcher of the policy tells at INFO of each change that it sees; its log may lie in that folder."""
    stream = logged("json")
    logging.getLogger("watchfiles.main").info("1 change detected")
    assert stream.getvalue() == ""

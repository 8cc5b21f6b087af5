"""Data of an earlier release, before any test changes it: each test has its own bot or folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.journal import read_anchors, verify_export
from tests.acceptance.agent import Agent
from tests.releases.conftest import Left, started
from tests.releases.test_upgrade import PARKED

WAITED = {
    "waiting": "waiting",
    "keyed": "waiting",
    "numbers waiting": "waiting",
    "noted": "waiting",
    "redacted": "waiting",
    "half": "waiting",
    "overdue": "waiting",
    "halted": "halted",
    "approved": "approved",
    "numbers approved": "approved",
    "running": "running",
    "unknown": "unknown",
    "passed": "passed",
    "noticed": "passed",
    "aborted": "aborted",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
}


@pytest.fixture
async def left(release: Path, folder: Path) -> AsyncIterator[Left]:
    """The present bot, a moment after the release's last write, for one test."""
    async with started(release, folder) as left:
        yield left


def test_old_exports_and_archives_verify(release: Path, folder: Path) -> None:
    anchors = read_anchors((release / "anchors.jsonl").read_text(), "anchors.jsonl")
    read, breaks, _ = verify_export(release / "export.jsonl.gz", anchors)
    assert (read > 100, breaks) == (True, [])
    archived = sorted((folder / "data" / "archive").glob("journal-*.jsonl.gz"))
    assert archived
    for path in archived:
        read, breaks, _ = verify_export(path, anchors)
        assert (read > 0, breaks) == (True, [])


async def test_the_start_changes_no_state(left: Left) -> None:
    for name, state in WAITED.items():
        found = await left.agent.standing(left.action(name))
        assert (name, found["state"]) == (name, state)
        assert found["args_digest"] == left.action(name)["args_digest"]
    for name in PARKED:
        assert (name, (await left.thread(name))["state"]) == (name, "parked")
    async with Agent(left.bot.api_url, left.said["revoked_token"]) as nobody:
        await nobody.ask("GET", f"/v1/actions/{left.action('waiting')['id']}", expect=401)


async def test_a_rejection_resumes_a_parked_thread_as_denied(left: Left) -> None:
    (action,) = await left.of("gate")
    await left.press(action["id"], "reject")
    ended = await left.thread("gate", "finished")
    assert [each["receipt"] for each in ended["actions"]] == ["denied"]
    assert ("data.delete", {"id": 10}) not in left.place.effects()

"""The policy in force follows its file however it is replaced, unless the file does not load."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.domain.policy import Policy
from bot.errors import PolicyError
from bot.policyfile import PolicyInForce, PolicyWatcher, Reload, load
from tests.unit.policyfile.making import BASE, with_action
from tests.waiting import until

QUORUM_1 = BASE.replace("quorum: 2", "quorum: 1")
BROKEN = BASE.replace("approvers: [leads]", "approvers: [lead]")


class Told:
    """Records the watcher's callbacks and lets a test wait for them."""

    def __init__(self) -> None:
        self.loaded: list[tuple[Policy, Reload]] = []
        self.failed: list[PolicyError] = []
        self.raises: Exception | None = None
        self.looks = 0

    def watch(self, watcher: PolicyWatcher) -> None:
        """Count how often the watcher looks at the file."""
        self.watcher = watcher
        look = watcher.look

        async def counted() -> float | None:
            self.looks += 1
            return await look()

        watcher.look = counted  # type: ignore[method-assign]

    async def looked(self, times: int = 5) -> None:
        """Wait until the watcher has looked several more times."""
        enough = self.looks + times
        await until(lambda: self.looks >= enough)

    async def on_loaded(self, policy: Policy, reload: Reload) -> None:
        self.loaded.append((policy, reload))
        if self.raises:
            raise self.raises

    async def on_failed(self, error: PolicyError) -> None:
        self.failed.append(error)


@asynccontextmanager
async def _watched(path: Path, *, rehash_every_s: float = 30.0) -> AsyncIterator[tuple[PolicyInForce, Told]]:
    in_force, told = PolicyInForce(load(path)), Told()
    watcher = PolicyWatcher(
        path,
        in_force,
        told.on_loaded,
        told.on_failed,
        rehash_every_s=rehash_every_s,
        settle_s=0.05,
        settle_looser_s=0.05,
    )
    told.watch(watcher)
    task = asyncio.create_task(watcher.run())
    await until(lambda: watcher._seen is not None)
    try:
        yield in_force, told
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policies" / "default.yaml"
    path.parent.mkdir()
    path.write_text(BASE)
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _rename(path: Path, text: str) -> None:
    """Replace the file as editors do: write beside it, then rename."""
    beside = path.with_suffix(".tmp")
    beside.write_text(text)
    beside.replace(path)


def _delete_and_write(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


@pytest.mark.parametrize("change", [_write, _rename, _delete_and_write])
async def test_a_change_comes_into_force(file: Path, change: Callable[[Path, str], None]) -> None:
    async with _watched(file) as (in_force, told):
        before = in_force.current
        change(file, QUORUM_1)
        await until(lambda: bool(told.loaded))
        ((policy, reload),) = told.loaded
        assert in_force.current is policy
        assert policy.version != before.version
        assert reload.source == QUORUM_1
        assert reload.changes == ("LOOSER: tier 3: quorum 2 is now 1",)
        assert told.failed == []


async def test_a_mounted_config_map_is_followed(tmp_path: Path) -> None:
    """Kubernetes swaps a symlink to a folder; the file's own name never changes."""
    for name, text in (("one", BASE), ("two", QUORUM_1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "default.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "default.yaml").symlink_to("..data/default.yaml")
    async with _watched(tmp_path / "default.yaml") as (_, told):
        (tmp_path / "..new").symlink_to("two")
        (tmp_path / "..new").replace(tmp_path / "..data")
        await until(lambda: bool(told.loaded))
        assert told.loaded[0][1].source == QUORUM_1


async def test_a_file_that_does_not_load_changes_nothing_and_is_reported_once(file: Path) -> None:
    async with _watched(file, rehash_every_s=0.05) as (in_force, told):
        before = in_force.current
        file.write_text(BROKEN)
        await until(lambda: bool(told.failed))
        await told.looked()
        (error,) = told.failed
        assert str(error).startswith(f"{file}:23:42: approver `lead` is not in `people`; did you mean leads?")
        assert in_force.current is before
        file.write_text(BASE)
        await until(lambda: bool(told.loaded))
        assert [reload.changes for _, reload in told.loaded] == [()], "the repair is reported too"
        assert in_force.current.version == before.version


async def test_a_missing_file_is_reported_and_its_return_is_noticed(file: Path) -> None:
    async with _watched(file) as (in_force, told):
        before = in_force.current
        file.unlink()
        await until(lambda: bool(told.failed))
        assert "the file cannot be read" in str(told.failed[0])
        assert in_force.current is before
        file.write_text(QUORUM_1)
        await until(lambda: bool(told.loaded))


async def test_layout_changes_and_other_files_are_ignored(file: Path) -> None:
    async with _watched(file) as (in_force, told):
        before, seen = in_force.current, told.watcher._seen
        file.write_text("# a comment\n" + BASE)
        (file.parent / "demo.yaml").write_text(BROKEN)
        await until(lambda: told.watcher._seen != seen)
        assert (told.loaded, told.failed) == ([], [])
        assert in_force.current is before


async def test_a_change_before_the_watcher_started_is_found(file: Path) -> None:
    in_force, told = PolicyInForce(load(file)), Told()
    file.write_text(QUORUM_1)
    watcher = PolicyWatcher(
        file, in_force, told.on_loaded, told.on_failed, settle_s=0.05, settle_looser_s=0.05
    )
    task = asyncio.create_task(watcher.run())
    await until(lambda: bool(told.loaded))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_periodic_hashing_finds_a_replaced_folder(file: Path) -> None:
    """The watched folder is gone with its inode; the next hash finds the new one."""
    async with _watched(file, rehash_every_s=0.2) as (_, told):
        shutil.move(file.parent, file.parent.with_name("old"))
        file.parent.mkdir()
        file.write_text(QUORUM_1)
        await until(lambda: bool(told.loaded))
        await told.looked()
        file.write_text(BASE)
        await until(lambda: len(told.loaded) == 2)


async def test_a_failing_callback_does_not_stop_the_watcher(file: Path) -> None:
    async with _watched(file) as (in_force, told):
        told.raises = RuntimeError("Slack is down")
        file.write_text(QUORUM_1)
        await until(lambda: bool(told.loaded))
        assert in_force.current is told.loaded[0][0]
        file.write_text(BASE)
        await until(lambda: len(told.loaded) == 2)


async def test_rules_that_never_raise_are_logged_when_a_policy_comes_into_force(file: Path) -> None:
    def idle(cost: int) -> str:
        return with_action(
            "risk: {reversible: true, blast_radius: low, cost_usd: $usd}\n"
            "reviewed: {by: U0CLEO, on: 2026-06-01, why: small}\n"
            "args: {usd: {type: number, unit: USD}}\n"
            f"raise: [{{id: large, to: 1, when: {{usd: {{gt: {cost}}}}}, because: so}}]"
        )

    file.write_text(idle(50))
    with capture_logs() as logs:
        async with _watched(file) as (_, told):
            file.write_text(idle(60))
            await until(lambda: bool(told.loaded))
    assert [entry["note"] for entry in logs if entry["event"] == "policy.idle_rule"] == [
        f"x.y: rule large never raises anything: usd > {cost} is a cost that makes it tier 1 or higher "
        "without the rule"
        for cost in (50, 60)
    ]

"""The watcher reads a policy file once it is stable: half a file is valid YAML without its last rules."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.domain.policy import Policy
from bot.errors import PolicyError, SettingsError
from bot.policyfile import Gate, PolicyInForce, PolicyWatcher, Reload, load, parse, policy_at_start
from bot.policyfile.snapshot import SETTLE_LOOSER_S, SETTLE_S
from bot.policyfile.startup import loosens
from bot.policyfile.watcher import HELD_S
from tests.fakes import Clock
from tests.unit.policyfile.making import BASE

QUORUM_1 = BASE.replace("quorum: 2", "quorum: 1")
EXTRA = """\
  db.write:
    risk: {reversible: true, blast_radius: low}
    reviewed: {by: U0CLEO, on: 2026-06-01, why: it can be undone}
    args: {table: {type: string}}
    raise:
      - {id: vital, to: 3, when: {table: {eq: customers}}, because: it is vital}
"""
STRICTER = "      - {id: odd, to: 2, when: {table: {eq: orders}}, because: it is odd}\n"
RULES = 2
"""How many lines of EXTRA are its rule."""


class Watched:
    """A watcher with a clock of its own and its callbacks recorded."""

    def __init__(self, path: Path, *, gated: bool = False) -> None:
        self.path, self.clock = path, Clock(0.0)
        self.in_force = PolicyInForce(load(path))
        self.loaded: list[Reload] = []
        self.failed: list[PolicyError] = []
        self.held: list[str] = []
        self.allowed: str | None = None
        gate = Gate(self._allowed, self._on_held) if gated else None
        self.watcher = PolicyWatcher(
            path, self.in_force, self._on_loaded, self._on_failed, gate=gate, clock=self.clock
        )

    async def _allowed(self) -> str | None:
        return self.allowed

    async def _on_loaded(self, _: Policy, reload: Reload) -> None:
        self.loaded.append(reload)

    async def _on_failed(self, error: PolicyError) -> None:
        self.failed.append(error)

    async def _on_held(self, policy: Policy, _: tuple[str, ...]) -> None:
        self.held.append(policy.version)

    async def after(self, seconds: float) -> float | None:
        self.clock.forward(seconds)
        return await self.watcher.look()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(BASE + EXTRA)
    return path


def half(text: str) -> str:
    """Return the text without its last rule, which is still valid."""
    return "".join(text.splitlines(keepends=True)[:-RULES])


async def test_half_of_a_file_never_comes_into_force(file: Path) -> None:
    watched = Watched(file)
    before = watched.in_force.current
    assert loosens(before, parse(half(BASE + EXTRA)))
    file.write_text(half(BASE + EXTRA))
    assert await watched.after(0.0) == SETTLE_S
    assert await watched.after(SETTLE_S) == SETTLE_LOOSER_S - SETTLE_S, "it is looser, so it waits for longer"
    file.write_text(BASE + EXTRA)
    for _ in range(20):
        await watched.after(SETTLE_S / 2)
    assert (watched.loaded, watched.in_force.current) == ([], before)


async def test_a_file_that_grows_settles_after_its_last_write(file: Path) -> None:
    watched = Watched(file)
    text = (BASE + EXTRA).replace("customers", "orders")
    for end in range(1, 5):
        file.write_text(text[: len(text) * end // 5])
        await watched.after(SETTLE_S * 0.9)
    file.write_text(text)
    assert await watched.after(SETTLE_S * 0.9) == SETTLE_S
    assert (watched.loaded, watched.failed) == ([], [])
    while (left := await watched.after(0.0)) is not None:
        watched.clock.forward(left)
    assert [reload.source for reload in watched.loaded] == [text]


async def test_writing_the_same_text_again_restarts_the_wait(file: Path) -> None:
    """The writer is still active, although the bytes are the same."""
    watched = Watched(file)
    file.write_text(half(BASE + EXTRA))
    await watched.after(0.0)
    os.utime(file, ns=(1, 1))
    assert await watched.after(SETTLE_S * 0.9) == SETTLE_S


async def test_a_stricter_file_settles_sooner(file: Path) -> None:
    watched = Watched(file)
    file.write_text(BASE + EXTRA + STRICTER)
    await watched.after(0.0)
    assert await watched.after(SETTLE_S) is None
    assert len(watched.loaded) == 1


async def test_a_broken_file_is_reported_once_it_is_stable(file: Path) -> None:
    watched = Watched(file)
    file.write_text(BASE[: len(BASE) // 2])
    assert await watched.after(0.0) == SETTLE_S
    assert watched.failed == []
    assert await watched.after(SETTLE_S) is None
    assert len(watched.failed) == 1


async def test_a_looser_file_waits_for_permission(file: Path) -> None:
    watched = Watched(file, gated=True)
    before = watched.in_force.current
    file.write_text(QUORUM_1 + EXTRA)
    looser = load(file).version
    await watched.after(0.0)
    for _ in range(5):
        assert await watched.after(SETTLE_LOOSER_S) == HELD_S
    assert (watched.held, watched.in_force.current) == ([looser], before), "and the admins are told once"
    watched.allowed = "sha256:another"
    assert await watched.after(HELD_S) == HELD_S
    watched.allowed = looser
    assert await watched.after(HELD_S) is None
    assert watched.in_force.current.version == looser


async def test_a_stricter_file_needs_no_permission(file: Path) -> None:
    watched = Watched(file, gated=True)
    file.write_text(BASE + EXTRA + STRICTER)
    await watched.after(0.0)
    assert await watched.after(SETTLE_S) is None
    assert (len(watched.loaded), watched.held) == (1, [])


async def test_a_looser_file_must_be_stable_at_the_start(file: Path) -> None:
    """The file is half written when the bot looks first, and whole when it looks again."""
    whole, waited = BASE + EXTRA, []
    file.write_text(half(whole))

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        file.write_text(whole)

    changed_at = file.stat().st_ctime
    policy, source = await policy_at_start(file, whole, clock=lambda: changed_at, sleep=sleep)
    assert (source, policy.version, waited) == (whole, parse(whole).version, [SETTLE_LOOSER_S])


@pytest.mark.parametrize("last", [None, BASE + EXTRA], ids=["the first start", "as it was"])
async def test_a_start_without_loosening_does_not_wait(file: Path, last: str | None) -> None:
    async def sleep(seconds: float) -> None:
        raise AssertionError(seconds)

    policy, _ = await policy_at_start(file, last, sleep=sleep)
    assert policy.version == load(file).version


async def test_a_start_with_a_stable_file_does_not_wait(file: Path) -> None:
    async def sleep(seconds: float) -> None:
        raise AssertionError(seconds)

    file.write_text(half(BASE + EXTRA))
    policy, _ = await policy_at_start(
        file, BASE + EXTRA, clock=lambda: file.stat().st_ctime + SETTLE_LOOSER_S, sleep=sleep
    )
    assert policy.version == load(file).version


@pytest.mark.parametrize("is_allowed", [True, False])
async def test_a_start_does_not_put_a_looser_file_in_force_without_permission(
    file: Path, is_allowed: bool
) -> None:
    file.write_text(QUORUM_1 + EXTRA)
    looser, strict = load(file).version, parse(BASE + EXTRA).version
    policy, source = await policy_at_start(
        file,
        BASE + EXTRA,
        refuse_looser=True,
        allowed=looser if is_allowed else None,
        clock=lambda: file.stat().st_ctime + SETTLE_LOOSER_S,
    )
    assert policy.version == (looser if is_allowed else strict)
    assert source == (QUORUM_1 if is_allowed else BASE) + EXTRA


async def test_a_start_without_a_policy_to_compare_with_explains_the_remedy(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"membrane policy apply .*policy\.yaml"):
        await policy_at_start(
            file, "version: 0", refuse_looser=True, clock=lambda: file.stat().st_ctime + SETTLE_LOOSER_S
        )

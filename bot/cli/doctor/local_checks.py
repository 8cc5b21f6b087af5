"""Checks without Slack: settings, policy, data folder, database, API, and who may start graphs."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path

from bot.cli.doctor.findings import Finding, fail, ok, warn
from bot.database_keys import Written, keyring_of, written
from bot.domain.policy import Policy
from bot.domain.policy_notes import notes_of
from bot.errors import PolicyError, SettingsError, StoreError
from bot.file_lock import holder_of
from bot.policyfile import load as load_policy
from bot.policyfile.hints import did_you_mean
from bot.settings import Settings, load
from bot.store import restores, review_counts
from bot.store.database import open_database
from bot.store.restores import Restore
from bot.store.sqlite import check_folder

PATIENCE_S = 3.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Connects to this machine directly, without a proxy."""
FILES = ("membrane.lock", "secret", "membrane.db", "threads.db")
"""Files in the data folder that the doctor reads."""


def settings() -> tuple[Settings | None, list[Finding]]:
    """Return the settings, if they can be read, and their problems."""
    try:
        return load(), [ok("settings", "everything needed is set")]
    except SettingsError as error:
        found = [fail("settings", line) for line in str(error).splitlines()]
    try:
        return load(slack=False), found
    except SettingsError:
        return None, found


def policy(chosen: Settings) -> tuple[Policy | None, list[Finding]]:
    """Return the policy, if it loads, and its problems and notes."""
    try:
        loaded = load_policy(chosen.policy)
    except PolicyError as error:
        fix = f"membrane policy check {chosen.policy}"
        return None, [fail("policy", str(problem).partition("\n")[0], fix) for problem in error.problems]
    what = f"{chosen.policy}: {len(loaded.kinds)} action kinds, {loaded.version[:19]}"
    return loaded, [ok("policy", what), *(warn("policy", note) for note in notes_of(loaded))]


def data(chosen: Settings) -> list[Finding]:
    """Check the data folder, its key and its database."""
    folder = chosen.data
    if (closed := _closed(folder)) is not None:
        return [closed]
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return [
            fail("data", f"{nearest} cannot be written to", "give it write permission, or set MEMBRANE_DATA")
        ]
    found = [ok("data", str(folder))]
    try:
        check_folder(folder, allowed=chosen.allow_filesystem)
    except StoreError as error:
        found = [fail("data", str(error))]
    key = chosen.secret_file
    if chosen.secret is None and key.exists():
        try:
            chosen.keyring()
        except SettingsError as error:
            return [*found, fail("data", str(error)), _database(chosen, look_at_key=False)]
    return [*found, _database(chosen)]


def _closed(folder: Path) -> Finding | None:
    """Return a finding if this user may not read the data folder or a file in it."""
    path = folder
    try:
        for path in (folder, *(folder / name for name in FILES)):
            if path.exists() and not os.access(path, os.R_OK):
                owner = path.owner()
                break
        else:
            return None
    except (OSError, KeyError):
        owner = "another user"
    what = f"{path} is closed to this user; it belongs to {owner}"
    return fail("data", what, "run the doctor as the user that the bot runs as")


def restored(chosen: Settings) -> list[Finding]:
    """Report what must still be confirmed after a restore from a backup."""
    if _closed(chosen.data) is not None or not chosen.database.exists():
        return []
    try:
        found, left = asyncio.run(_restore(chosen.database))
    except StoreError:
        return []  # the check of the database reports it
    if found is None:
        return []
    of_tokens, of_actions, of_threads = left
    what = (
        f"restored from a backup ({found.why}); to be confirmed: {of_tokens} tokens, {of_actions} actions, "
        f"{of_threads} threads"
    )
    fix = "membrane token list, then membrane token confirm ID; answer the cards that ask what happened"
    return [warn("restore", what, fix)]


async def _restore(path: Path) -> tuple[Restore | None, tuple[int, int, int]]:
    db = open_database(path, readonly=True)
    try:
        return await db.read(restores.restore), await db.read(restores.left)
    finally:
        await db.close()


def _database(chosen: Settings, *, look_at_key: bool = True) -> Finding:
    path = chosen.database
    if not path.exists():
        return ok("database", f"there is none at {path} yet; the first start creates it")
    try:
        waiting, kept = asyncio.run(_look_into(path))
        if look_at_key and kept.newest:  # an empty database works with any secret
            keyring_of(chosen, kept)
    except (SettingsError, StoreError) as error:
        return fail("database", str(error))
    return ok("database", f"{path}, {waiting} review{'s' * (waiting != 1)} waiting")


async def _look_into(path: Path) -> tuple[int, Written]:
    db = open_database(path, readonly=True)
    try:
        return await db.read(review_counts.pending), await db.read(written)
    finally:
        await db.close()


def running(chosen: Settings) -> str | None:
    """Return the process id of the bot that uses the data folder, or None."""
    lock = chosen.data / "membrane.lock"
    return None if _closed(chosen.data) is not None else holder_of(lock)


def api(chosen: Settings, process: str | None) -> list[Finding]:
    """Ask the running bot whether it is ready; if none runs, check that its port is free."""
    if process is None:
        return [_port(chosen)]
    url = f"http://{chosen.host}:{chosen.port}/readyz"
    try:
        with _DIRECT.open(url, timeout=PATIENCE_S) as answer:  # http, our own
            notes = json.load(answer).get("notes") or {}
    except urllib.error.HTTPError as error:
        problems = json.load(error)["problems"] if error.code == 503 else {"api": str(error)}
        return [
            fail("bot", f"process {process} is not ready: {name} {what}") for name, what in problems.items()
        ]
    except (OSError, ValueError, AttributeError) as error:
        return [fail("bot", f"process {process} does not answer at {url}: {error}", "look at its log")]
    ready = ok("bot", f"process {process} runs and is ready, at {url.removesuffix('/readyz')}")
    return [ready, *(warn("bot", f"{name}: {what}") for name, what in notes.items())]


def _port(chosen: Settings) -> Finding:
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    with socket.socket(family) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((chosen.host, chosen.port))
        except OSError as error:
            what = f"{chosen.host}:{chosen.port} cannot be listened on: {error.strerror}"
            return fail("api", what, "set MEMBRANE_HOST or MEMBRANE_PORT")
    return ok("api", f"{chosen.host}:{chosen.port} is free")


def starters(chosen: Settings, rules: Policy) -> list[Finding]:
    """Report hosted graphs that no agent may start, and graphs of the policy that are not hosted.

    The names in a langgraph.json are not checked.
    """
    hosted = [spec.partition("=")[0] for spec in chosen.graphs if not spec.endswith(".json")]
    found = [
        warn(
            "graphs",
            f"no agent may start {name}",
            f"list them in {chosen.policy}, as graphs: {{{name}: {{agents: [an-agent]}}}}",
        )
        for name in hosted
        if not rules.graphs.get(name)
    ]
    if len(hosted) == len(chosen.graphs):
        strangers = sorted(set(rules.graphs) - set(hosted))
        found += [
            warn(
                "graphs",
                f"the policy names the graph {name}, which is not hosted",
                did_you_mean(name, hosted),
            )
            for name in strangers
        ]
    return found

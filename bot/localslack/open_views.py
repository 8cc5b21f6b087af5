"""The open modals and Home tabs of each person."""

import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.localslack.change_counter import ChangeCounter
from bot.localslack.refusals import SlackRefusal
from bot.localslack.workspace import Json, Workspace

STACK = 3  # views on top of each other


@dataclass(slots=True, kw_only=True)
class View:
    """A modal or Home tab: the app's description, and the fields that Slack adds."""

    id: str
    user_id: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    errors: dict[str, str] = field(default_factory=dict)
    revision: int = 0

    @property
    def external_id(self) -> str:
        """The app's own id for the view; may be empty."""
        return str(self.body.get("external_id") or "")


class Views:
    """One stack of modals per person, and one Home tab."""

    def __init__(self, seed: Workspace, clock: Callable[[], float], changes: ChangeCounter) -> None:
        self._seed = seed
        self._clock = clock
        self._changes = changes
        self._numbers = itertools.count(1)
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}

    def open(self, user_id: str, body: Json) -> View:
        """Show a first modal. It replaces every open modal of the person."""
        self._refuse_taken_external_id(body)
        view = self._new(user_id, body)
        self.stacks[user_id] = [view]
        self._changes.note()
        return view

    def push(self, user_id: str, body: Json) -> View:
        """Show a modal on top of the current one.

        Raises:
            SlackRefusal: ``not_found`` without a modal below, ``push_limit_reached`` above three.
        """
        stack = self.stacks.get(user_id, [])
        if not stack:
            raise SlackRefusal("not_found")
        if len(stack) >= STACK:
            raise SlackRefusal("push_limit_reached")
        self._refuse_taken_external_id(body)
        view = self._new(user_id, body, below=stack[-1])
        stack.append(view)
        self._changes.note()
        return view

    def update(self, view: View, body: Json) -> View:
        """Change the content of a view. Its id stays."""
        view.body = body
        view.hash = self._hash(body)
        view.errors = {}
        view.revision += 1
        self._changes.note()
        return view

    def publish(self, user_id: str, body: Json, expected_hash: str | None) -> View:
        """Set a person's Home tab.

        Raises:
            SlackRefusal: ``hash_conflict`` if the Home tab is no longer the one that the app saw.
        """
        present = self.homes.get(user_id)
        if present is None:
            present = self.homes[user_id] = self._new(user_id, body)
            self._changes.note()
            return present
        if expected_hash and expected_hash != present.hash:
            raise SlackRefusal("hash_conflict")
        return self.update(present, body)

    def close(self, user_id: str, *, everything: bool) -> list[View]:
        """Close the top modal, or all. Return the closed ones, top first."""
        stack = self.stacks.get(user_id, [])
        closed = [stack.pop() for _ in range(len(stack) if everything else min(1, len(stack)))]
        self._changes.note()
        return closed

    def top(self, user_id: str) -> View | None:
        """Return the top modal of a person, or None."""
        stack = self.stacks.get(user_id)
        return stack[-1] if stack else None

    def find(self, *, view_id: str = "", external_id: str = "") -> View:
        """Return an open modal or a Home tab, by its id or the app's id.

        Raises:
            SlackRefusal: ``not_found``.
        """
        for view in self._all():
            if (view_id and view.id == view_id) or (external_id and view.external_id == external_id):
                return view
        raise SlackRefusal("not_found")

    def show_errors(self, view: View, errors: dict[str, str]) -> None:
        """Show messages under inputs, by block id."""
        view.errors = errors
        view.revision += 1
        self._changes.note()

    def as_json(self, view: View, values: Json | None = None) -> Json:
        """Return the view object of Slack's payloads and responses."""
        body = view.body
        shown: Json = {
            "id": view.id,
            "team_id": self._seed.team_id,
            "type": body["type"],
            "blocks": body.get("blocks", []),
            "private_metadata": body.get("private_metadata", ""),
            "callback_id": body.get("callback_id", ""),
            "state": {"values": values or {}},
            "hash": view.hash,
            "title": body.get("title"),
            "clear_on_close": bool(body.get("clear_on_close", False)),
            "notify_on_close": bool(body.get("notify_on_close", False)),
            "close": body.get("close"),
            "submit": body.get("submit"),
            "previous_view_id": view.previous_id,
            "root_view_id": view.root_id,
            "app_id": self._seed.bot.app_id,
            "external_id": view.external_id,
            "app_installed_team_id": self._seed.team_id,
            "bot_id": self._seed.bot.bot_id,
        }
        return shown

    def _all(self) -> itertools.chain[View]:
        return itertools.chain(*self.stacks.values(), self.homes.values())

    def _refuse_taken_external_id(self, body: Json) -> None:
        external_id: Any = body.get("external_id")
        if external_id and any(view.external_id == external_id for view in self._all()):
            raise SlackRefusal("duplicate_external_id")

    def _new(self, user_id: str, body: Json, below: View | None = None) -> View:
        view_id = f"V{next(self._numbers):09d}"
        return View(
            id=view_id,
            user_id=user_id,
            body=body,
            hash=self._hash(body),
            root_id=below.root_id if below else view_id,
            previous_id=below.id if below else None,
        )

    def _hash(self, body: Json) -> str:
        shown = json.dumps([body, next(self._numbers)], sort_keys=True).encode()
        return f"{int(self._clock())}.{hashlib.sha256(shown).hexdigest()[:8]}"

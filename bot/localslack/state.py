"""The current state of the workspace."""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.localslack.change_counter import ChangeCounter
from bot.localslack.conversation import Conversation, Message
from bot.localslack.open_views import Views
from bot.localslack.tickets import ResponseUrls, Triggers
from bot.localslack.workspace import STRANGERS_TEAM, Channel, User, UserGroup, Workspace

Clock = Callable[[], float]


class State:
    """People, groups, conversations, open views. Everything lives in memory and on one event loop."""

    def __init__(self, seed: Workspace, clock: Clock = time.time) -> None:
        self.seed = seed
        self.clock = clock
        self.paid = seed.paid
        self.slow_history = seed.slow_history
        self.sparse_pages = seed.sparse_pages
        self.changes = ChangeCounter()
        bot = User(id=seed.bot.user_id, name=seed.bot.name, real_name=seed.bot.real_name, is_bot=True)
        self.users: dict[str, User] = {user.id: user for user in (bot, *seed.users)}
        self.usergroups: dict[str, UserGroup] = {group.id: group for group in seed.usergroups}
        self.conversations: dict[str, Conversation] = {}
        self.views = Views(seed, clock, self.changes)
        self.triggers = Triggers(clock)
        self.response_urls = ResponseUrls(clock)
        self._numbers = itertools.count(1)
        self._last_ts = 0
        for channel in seed.channels:
            self.add_channel(channel)

    @property
    def bot_user_id(self) -> str:
        """The user id under which the app posts."""
        return self.seed.bot.user_id

    def new_id(self, prefix: str) -> str:
        """Return a new id."""
        return f"{prefix}{next(self._numbers):09d}"

    def next_ts(self) -> str:
        """Return a unique message timestamp: seconds and microseconds."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def team_of(self, user: User) -> str:
        """Return the workspace of a person, the first if there are several."""
        return self.teams_of(user)[0]

    def teams_of(self, user: User) -> tuple[str, ...]:
        """Return all workspaces of a person."""
        return user.teams or (STRANGERS_TEAM if user.is_stranger else self.seed.team_id,)

    # Conversations

    def add_channel(self, channel: Channel) -> Conversation:
        """Create a channel from its seed."""
        members = [*channel.members, *([self.bot_user_id] if channel.has_bot else [])]
        conversation = Conversation(
            id=channel.id,
            kind="channel",
            created=int(self.clock()),
            name=channel.name,
            members=members,
            is_private=channel.is_private,
            is_archived=channel.is_archived,
            topic=channel.topic,
            purpose=channel.purpose,
            is_ext_shared=channel.is_ext_shared,
            is_pending_ext_shared=bool(channel.pending_connected_team_ids),
            pending_connected_team_ids=channel.pending_connected_team_ids,
        )
        self.conversations[channel.id] = conversation
        self.changes.note()
        return conversation

    def find_dm(self, members: frozenset[str]) -> Conversation | None:
        """Return the direct message between exactly these people, if it exists."""
        dms = (c for c in self.conversations.values() if c.kind != "channel")
        return next((c for c in dms if frozenset(c.members) == members), None)

    def open_dm(self, *others: str) -> Conversation:
        """Return the direct message between the bot and `others`; open it if needed."""
        found = self.find_dm(frozenset({self.bot_user_id, *others}))
        if found is not None:
            return found
        kind, prefix = ("im", "D") if len(others) == 1 else ("mpim", "G")
        conversation = Conversation(
            id=self.new_id(prefix),
            kind="im" if kind == "im" else "mpim",
            created=int(self.clock()),
            members=[*others, self.bot_user_id],
            is_private=kind == "mpim",
        )
        self.conversations[conversation.id] = conversation
        self.changes.note()
        return conversation

    def channel_named(self, name: str) -> Conversation | None:
        """Return the channel of that name, with or without the ``#``."""
        plain = name.removeprefix("#")
        channels = (c for c in self.conversations.values() if c.kind == "channel")
        return next((c for c in channels if c.name == plain), None)

    def named(self, name: str) -> Conversation | None:
        """Return the conversation of that id, or the channel of that name."""
        return self.conversations.get(name) or self.channel_named(name)

    def add_message(self, conversation: Conversation, message: Message) -> None:
        """Add a message."""
        shelf = conversation.ephemerals if message.is_ephemeral else conversation.messages
        shelf[message.ts] = message
        self.changes.note()

    def changed(self, message: Message) -> None:
        """Record that a message was edited."""
        message.revision += 1
        self.changes.note()

    def remove_message(self, conversation: Conversation, ts: str) -> None:
        """Remove a message, if it exists."""
        conversation.messages.pop(ts, None)
        conversation.ephemerals.pop(ts, None)
        self.changes.note()

    # Changes by workspace admins, for tests

    def change_user(self, user_id: str, **changes: Any) -> None:
        """Change a person's flags, such as ``deleted=True``."""
        self.users[user_id] = replace(self.users[user_id], **changes)
        self.changes.note()

    def change_usergroup(self, group_id: str, **changes: Any) -> None:
        """Change a user group, such as ``members=("U0AAA",)``."""
        self.usergroups[group_id] = replace(self.usergroups[group_id], **changes)
        self.changes.note()

    def change_channel(self, channel_id: str, **changes: Any) -> None:
        """Change a channel, such as ``is_archived=True`` or ``members=[…]`` (the bot's id among them)."""
        for name, value in changes.items():
            setattr(self.conversations[channel_id], name, value)
        self.changes.note()

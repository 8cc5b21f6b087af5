"""Channels and direct messages, and the messages in them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bot.localslack.workspace import Json

Kind = Literal["channel", "im", "mpim"]


@dataclass(slots=True, kw_only=True)
class Message:
    """One message. `ts` is its id within the conversation; `ephemeral_to` is set if one person sees it."""

    ts: str
    user: str
    text: str = ""
    blocks: list[Json] | None = None
    attachments: list[Json] | None = None
    metadata: Json | None = None
    bot_id: str | None = None
    username: str | None = None
    thread_ts: str | None = None
    edited: Json | None = None
    ephemeral_to: str | None = None
    revision: int = 0

    @property
    def is_ephemeral(self) -> bool:
        """Whether only one person sees it. No API method finds such a message."""
        return self.ephemeral_to is not None


@dataclass(slots=True, kw_only=True)
class Conversation:
    """A channel (``C…``), a direct message (``D…``) or a group of them (``G…``)."""

    id: str
    kind: Kind
    created: int
    name: str = ""
    members: list[str] = field(default_factory=list)
    is_private: bool = False
    is_archived: bool = False
    topic: str = ""
    purpose: str = ""
    is_ext_shared: bool = False
    is_pending_ext_shared: bool = False
    is_org_shared: bool = False
    pending_shared: tuple[str, ...] = ()
    pending_connected_team_ids: tuple[str, ...] = ()
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: dict[str, Message] = field(default_factory=dict)
    read_until: dict[str, str] = field(default_factory=dict)

    def newest_first(self) -> Iterator[Message]:
        """Return all messages except ephemeral ones, newest first."""
        return reversed(self.messages.values())

    def unread(self, user_id: str) -> int:
        """Return how many messages of others the person has not read."""
        read = self.read_until.get(user_id, "")
        count = 0
        for message in self.newest_first():
            if message.ts <= read:
                break
            count += message.user != user_id
        return count + sum(m.ephemeral_to == user_id and m.ts > read for m in self.ephemerals.values())

    def seen_by(self, user_id: str, *, before: str = "", limit: int = 200) -> list[Message]:
        """Return the newest `limit` messages that a person sees, oldest first, including ephemeral ones."""
        lasting: list[Message] = []
        for message in self.newest_first():
            if before and message.ts >= before:
                continue
            lasting.append(message)
            if len(lasting) == limit:
                break
        oldest = lasting[-1].ts if len(lasting) == limit else ""
        own = [m for m in self.ephemerals.values() if m.ephemeral_to == user_id and m.ts >= oldest]
        if before:
            own = [m for m in own if m.ts < before]
        return sorted([*lasting, *own], key=lambda m: m.ts)

"""The view of one person on the workspace, as JSON for the page and for tests."""

from collections.abc import Callable

from bot.localslack.conversation import Conversation, Message
from bot.localslack.open_views import View
from bot.localslack.refusals import PersonRefusal
from bot.localslack.state import State
from bot.localslack.workspace import Json, User


class ClientState:
    """Reads the state for one person.

    Args:
        connected: returns whether the bot can be reached now.
    """

    def __init__(self, state: State, connected: Callable[[], bool]) -> None:
        self._state = state
        self._connected = connected

    def users(self) -> list[Json]:
        """Return everybody, including the bot."""
        return [self._user(user) for user in self._state.users.values()]

    def state(self, user_id: str) -> Json:
        """Return everything that one person sees, except the messages.

        Raises:
            PersonRefusal: nobody has that id.
        """
        if user_id not in self._state.users:
            raise PersonRefusal(f"there is nobody with the id {user_id}", 404)
        state, seed = self._state, self._state.seed
        own = [c for c in state.conversations.values() if user_id in c.members]
        home = state.views.homes.get(user_id)
        return {
            "version": state.changes.version,
            "me": user_id,
            "workspace": seed.name,
            "bot": {"user": seed.bot.user_id, "name": seed.bot.real_name, "connected": self._connected()},
            "users": self.users(),
            "usergroups": [{"id": g.id, "handle": g.handle} for g in state.usergroups.values()],
            "channel_names": {
                c.id: c.name for c in state.conversations.values() if self._may_name(c, user_id)
            },
            "conversations": [self._conversation(conversation, user_id) for conversation in own],
            "views": [self._view(view) for view in state.views.stacks.get(user_id, [])],
            "home": self._view(home) if home else None,
        }

    def message(self, message: Message) -> Json:
        """Return one message."""
        return {
            "ts": message.ts,
            "user": message.user,
            "username": message.username,
            "text": message.text,
            "blocks": message.blocks,
            "attachments": message.attachments,
            "thread_ts": message.thread_ts,
            "edited": message.edited is not None,
            "ephemeral": message.is_ephemeral,
            "revision": message.revision,
        }

    def _user(self, user: User) -> Json:
        return {
            "id": user.id,
            "name": user.name,
            "real_name": user.shown_name,
            "title": user.title,
            "tz": user.tz,
            "is_bot": user.is_bot,
            "is_restricted": user.is_restricted,
            "is_stranger": user.is_stranger,
            "deleted": user.deleted,
        }

    def _conversation(self, conversation: Conversation, user_id: str) -> Json:
        others = [m for m in conversation.members if m != user_id]
        return {
            "id": conversation.id,
            "kind": conversation.kind,
            "name": conversation.name or ", ".join(self._state.users[m].shown_name for m in others),
            "members": conversation.members,
            "is_private": conversation.is_private,
            "is_archived": conversation.is_archived,
            "topic": conversation.topic,
            "unread": conversation.unread(user_id),
            "read_until": conversation.read_until.get(user_id, ""),
        }

    def _view(self, view: View) -> Json:
        return {**self._state.views.as_json(view), "errors": view.errors, "revision": view.revision}

    @staticmethod
    def _may_name(conversation: Conversation, user_id: str) -> bool:
        if conversation.kind != "channel":
            return False
        return not conversation.is_private or user_id in conversation.members

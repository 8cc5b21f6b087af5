"""The types of Web API methods and their calls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bot.localslack.conversation import Conversation
from bot.localslack.method_args import Args
from bot.localslack.refusals import SlackRefusal
from bot.localslack.state import State
from bot.localslack.workspace import Json

Tier = Literal["special", 1, 2, 3, 4]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authorised call of a method."""

    args: Args
    state: State
    scopes: frozenset[str]
    socket_url: Callable[[], str]

    def require_scope(self, *any_of: str) -> None:
        """Refuse the call unless the token has one of these scopes.

        Raises:
            SlackRefusal: ``missing_scope`` with the needed and the given scopes.
        """
        if any_of and self.scopes.isdisjoint(any_of):
            raise SlackRefusal("missing_scope", needed=any_of[0], provided=",".join(sorted(self.scopes)))

    def conversation(self, scope: str = "") -> Conversation:
        """Return the conversation that the call names by id, if the bot can see it.

        Args:
            scope: ``history`` or ``read``: the needed right for its kind of conversation.

        Raises:
            SlackRefusal: ``channel_not_found`` or ``missing_scope``.
        """
        found = self.state.conversations.get(self.args.text("channel"))
        if found is None or not self.sees(found):
            raise SlackRefusal("channel_not_found")
        if scope:
            self.require_scope(f"{scope_noun(found)}:{scope}")
        return found

    def sees(self, conversation: Conversation) -> bool:
        """Whether the bot may know that the conversation exists."""
        public = conversation.kind == "channel" and not conversation.is_private
        return public or self.state.bot_user_id in conversation.members


def scope_noun(conversation: Conversation) -> str:
    """Return the part of a scope's name for this kind of conversation."""
    if conversation.kind == "channel":
        return "groups" if conversation.is_private else "channels"
    return conversation.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method: its function, rate limit tier, scopes and kind of token.

    Attributes:
        tier: Slack's rate limit tier; ``special`` is about one a second and channel.
        scopes: one of these is needed; the arguments of a call may need more.
    """

    run: Callable[[Call], Json]
    tier: Tier
    scopes: tuple[str, ...] = field(default=())
    token: Literal["bot", "app", "none"] = "bot"  # noqa: S105  (a kind of token)

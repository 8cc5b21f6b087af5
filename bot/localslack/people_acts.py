"""The acts of people in their client, and the payloads that the bot gets for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.localslack import payloads
from bot.localslack.bot_delivery import BotDelivery
from bot.localslack.conversation import Conversation, Message
from bot.localslack.inputs import entry_errors, find, state_values
from bot.localslack.message_format import with_ids
from bot.localslack.method import scope_noun
from bot.localslack.open_views import View
from bot.localslack.refusals import PersonRefusal, SlackRefusal
from bot.localslack.socket_mode import Reply
from bot.localslack.state import State
from bot.localslack.view_checks import checked_view
from bot.localslack.workspace import Json

NOT_SENT = Reply(acked=True, reason="not_sent")


@dataclass(frozen=True, slots=True)
class Submitted:
    """The result of a submission: the bot's answer, and the errors under the inputs."""

    reply: Reply
    errors: dict[str, str] = field(default_factory=dict)


class PeopleActs:
    """The acts of people. There are no passwords: a request names the person who acts.

    A click of a deactivated person is delivered too: it may have been under way when the account was closed.

    Attributes:
        subscriptions: the events that the app subscribes to; others are not delivered.
    """

    def __init__(
        self,
        *,
        state: State,
        delivery: BotDelivery,
        base_url: Callable[[], str],
        subscriptions: frozenset[str],
    ) -> None:
        self.subscriptions = subscriptions
        self._state = state
        self._delivery = delivery
        self._base_url = base_url

    # Messages

    def conversation(self, user_id: str, channel_id: str) -> Conversation:
        """Return a conversation that the person is in.

        Raises:
            PersonRefusal: they are not in it, or there is none.
        """
        self._known(user_id)
        found = self._state.conversations.get(channel_id)
        if found is None or user_id not in found.members:
            raise PersonRefusal(f"{user_id} is in no conversation {channel_id}", 404)
        return found

    async def click(
        self,
        user_id: str,
        channel_id: str,
        ts: str,
        action_id: str,
        *,
        block_id: str = "",
        chosen: Any = None,
        entered: Json | None = None,
    ) -> Reply:
        """Use an element of a message.

        `chosen` is the option's value for a select, and None for a button; `entered` has the values of the
        message's other inputs, by action id.

        Raises:
            PersonRefusal: the message or element is not there.
        """
        conversation = self.conversation(user_id, channel_id)
        message = self._message(user_id, conversation, ts)
        block, element = self._element(message.blocks or [], action_id, block_id)
        payload = {
            **payloads.interaction(self._state, user_id, "block_actions"),
            **payloads.message_context(self._state, user_id, conversation, message, self._base_url()),
            "state": {"values": state_values(message.blocks or [], {**(entered or {}), action_id: chosen})},
            "actions": [payloads.action(self._state, block, element, chosen)],
        }
        return await self._delivery.interaction(payload)

    def post(self, user_id: str, channel_id: str, text: str) -> Message:
        """Post a message.

        Raises:
            PersonRefusal: the text is empty, or the channel is closed to the person.
        """
        conversation = self.conversation(user_id, channel_id)
        if not text.strip() or conversation.is_archived:
            raise PersonRefusal("nothing can be said here")
        message = Message(ts=self._state.next_ts(), user=user_id, text=text)
        self._state.add_message(conversation, message)
        self._tell_of(conversation, message)
        return message

    def open_dm(self, user_id: str) -> Conversation:
        """Return the person's direct message with the bot; open it if needed."""
        self._known(user_id)
        return self._state.open_dm(user_id)

    def read(self, user_id: str, channel_id: str, ts: str) -> None:
        """Mark everything up to `ts` as seen."""
        conversation = self.conversation(user_id, channel_id)
        if ts > conversation.read_until.get(user_id, ""):
            conversation.read_until[user_id] = ts
            self._state.changes.note()

    def dismiss(self, user_id: str, channel_id: str, ts: str) -> None:
        """Dismiss an ephemeral message."""
        conversation = self.conversation(user_id, channel_id)
        message = conversation.ephemerals.get(ts)
        if message is None or message.ephemeral_to != user_id:
            raise PersonRefusal("no such message for your eyes only", 404)
        self._state.remove_message(conversation, ts)

    # Modals and Home

    async def click_view(
        self,
        user_id: str,
        view_id: str,
        action_id: str,
        *,
        block_id: str = "",
        chosen: Any = None,
        entered: Json | None = None,
    ) -> Reply:
        """Use an element of a modal or Home tab; see `click`."""
        view = self._view(user_id, view_id)
        block, element = self._element(view.body["blocks"], action_id, block_id)
        values = state_values(view.body["blocks"], {**(entered or {}), action_id: chosen})
        payload = {
            **payloads.interaction(self._state, user_id, "block_actions"),
            **payloads.view_context(self._state, view, values),
            "actions": [payloads.action(self._state, block, element, chosen)],
        }
        return await self._delivery.interaction(payload)

    async def submit(self, user_id: str, view_id: str, entered: Json) -> Submitted:
        """Press a modal's submit button; `entered` is by action id or block id, see `inputs.state_values`."""
        view = self._view(user_id, view_id)
        blocks = view.body["blocks"]
        values = state_values(blocks, entered)
        errors = entry_errors(blocks, values)
        if errors:
            self._state.views.show_errors(view, errors)
            return Submitted(NOT_SENT, errors)
        payload = {
            **payloads.interaction(self._state, user_id, "view_submission"),
            "view": self._state.views.as_json(view, values),
            "response_urls": [],
        }
        reply = await self._delivery.interaction(payload, wants_response=True)
        if not reply.acked:
            return Submitted(reply)
        return self._after_submission(user_id, view, reply)

    async def close(self, user_id: str, view_id: str, *, everything: bool = False) -> Reply:
        """Close a modal, and those below it if `everything`. The bot hears of it if the view asks so."""
        view = self._view(user_id, view_id)
        closed = self._state.views.close(
            user_id, everything=everything or bool(view.body.get("clear_on_close"))
        )
        reply = NOT_SENT
        for gone in closed:
            if gone.body.get("notify_on_close"):
                payload = payloads.interaction(self._state, user_id, "view_closed")
                payload["view"] = self._state.views.as_json(gone)
                reply = await self._delivery.interaction({**payload, "is_cleared": len(closed) > 1})
        return reply

    def open_home(self, user_id: str) -> None:
        """Open the app's Home tab."""
        self._known(user_id)
        if "app_home_opened" not in self.subscriptions:
            return
        channel = self._state.open_dm(user_id).id
        body: Json = {"type": "app_home_opened", "user": user_id, "channel": channel, "tab": "home"}
        home = self._state.views.homes.get(user_id)
        if home is not None:
            body["view"] = self._state.views.as_json(home)
        self._delivery.event(payloads.event(self._state, {**body, "event_ts": self._state.next_ts()}))

    def _tell_of(self, conversation: Conversation, message: Message) -> None:
        """Send the message event, if the bot is a member and subscribes to it."""
        noun = scope_noun(conversation)
        if f"message.{noun}" not in self.subscriptions or self._state.bot_user_id not in conversation.members:
            return
        said = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
        where = {"channel": conversation.id, "channel_type": noun.removesuffix("s"), "event_ts": message.ts}
        self._delivery.event(payloads.event(self._state, {**said, **where}))

    def _after_submission(self, user_id: str, view: View, reply: Reply) -> Submitted:
        """Apply the bot's answer to a submission. Without an answer the modal closes."""
        response = reply.response or {}
        act = response.get("response_action")
        views = self._state.views
        if act == "errors":
            errors = {str(key): str(text) for key, text in (response.get("errors") or {}).items()}
            views.show_errors(view, errors)
            return Submitted(reply, errors)
        try:
            if act in ("update", "push"):
                body = checked_view(response.get("view"), ("modal",), self._state.users)
                body = {**body, "blocks": with_ids(body["blocks"])}
                views.update(view, body) if act == "update" else views.push(user_id, body)
            elif views.top(user_id) is view or act == "clear":
                views.close(user_id, everything=act == "clear")
        except SlackRefusal as refusal:
            return Submitted(Reply(acked=False, reason=f"bad_view: {refusal.error} {refusal.extra}"))
        return Submitted(reply)

    def _known(self, user_id: str) -> None:
        if user_id not in self._state.users:
            raise PersonRefusal(f"there is nobody with the id {user_id}", 404)

    def _view(self, user_id: str, view_id: str) -> View:
        self._known(user_id)
        try:
            view = self._state.views.find(view_id=view_id)
        except SlackRefusal:
            raise PersonRefusal(f"no view {view_id} is open", 404) from None
        if view.user_id != user_id:
            raise PersonRefusal(f"the view {view_id} is not open for {user_id}", 404)
        return view

    @staticmethod
    def _message(user_id: str, conversation: Conversation, ts: str) -> Message:
        message = conversation.messages.get(ts) or conversation.ephemerals.get(ts)
        if message is None or message.ephemeral_to not in (None, user_id):
            raise PersonRefusal(f"no message {ts} in {conversation.id}", 404)
        return message

    @staticmethod
    def _element(blocks: list[Json], action_id: str, block_id: str) -> tuple[Json, Json]:
        found = find(blocks, action_id, block_id)
        if found is None:
            raise PersonRefusal(f"nothing with the action id {action_id} is there", 404)
        return found

"""The seed of a local workspace: its people, groups and channels."""

import json
from dataclasses import dataclass, field
from typing import Any, Self

Json = dict[str, Any]

STRANGERS_TEAM = "T0STRANGER"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person, or another app's bot.

    Attributes:
        id: ``U…``; fixed ids are fine and make tests readable.
        is_restricted: a guest.
        deleted: a deactivated account.
        is_stranger: belongs to another company and is present through a shared channel.
        teams: the person's workspaces in an organisation, the main one first; by default this seed's.
        clicks_as: the ``user.team_id`` in payloads, if it is not the first team: on
            Enterprise Grid the organisation, or another of the person's workspaces.
        enterprise_id: the person's organisation; by default the workspace's.
    """

    id: str
    name: str
    real_name: str = ""
    title: str = ""
    tz: str = "Etc/UTC"
    is_admin: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    deleted: bool = False
    is_stranger: bool = False
    teams: tuple[str, ...] = ()
    clicks_as: str = ""
    enterprise_id: str = ""

    @property
    def shown_name(self) -> str:
        """The name that others see."""
        return self.real_name or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel. ``has_bot`` says whether the bot under test is a member; `members` are the people.

    `is_ext_shared`: another company is in it. `pending_connected_team_ids`: invited companies.
    """

    id: str
    name: str
    members: tuple[str, ...] = ()
    has_bot: bool = True
    is_private: bool = False
    is_archived: bool = False
    topic: str = ""
    purpose: str = ""
    is_ext_shared: bool = False
    pending_connected_team_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    """A user group such as ``@finance``."""

    id: str
    handle: str
    name: str = ""
    members: tuple[str, ...] = ()
    is_disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """The app that is installed in the workspace: the bot under test."""

    user_id: str = "U0CHECKPOINT"
    bot_id: str = "B0CHECKPOINT"
    app_id: str = "A0CHECKPOINT"
    name: str = "checkpoint"
    real_name: str = "Checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestUrls:
    """The URLs of the bot for deliveries over HTTP."""

    interactivity: str
    events: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The initial content of a `LocalSlack`.

    Attributes:
        delivery: ``"socket"`` for Socket Mode, or the request URL(s) for HTTP delivery.
        enterprise_id: the workspace's organisation, on Enterprise Grid.
        is_enterprise_install: whether the app is installed in the whole organisation.
        paid: user groups need a paid plan; without one their methods answer ``plan_upgrade_required``.
        slow_history: ``conversations.history`` as for an app that a vendor hosts outside the Marketplace: one
            request a minute, with 15 messages at most.
        sparse_pages: lists have pages that are shorter than requested, or empty, before their end.
    """

    users: tuple[User, ...] = ()
    channels: tuple[Channel, ...] = ()
    usergroups: tuple[UserGroup, ...] = ()
    bot: Bot = field(default_factory=Bot)
    team_id: str = "T0LOCAL"
    name: str = "Local workspace"
    domain: str = "local"
    delivery: str | RequestUrls = "socket"
    enterprise_id: str = ""
    is_enterprise_install: bool = False
    paid: bool = True
    slow_history: bool = False
    sparse_pages: bool = False

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a seed written as JSON, with the field names of these classes."""
        seed: Json = json.loads(text)
        kinds = {"users": User, "channels": Channel, "usergroups": UserGroup}
        for key, kind in kinds.items():
            seed[key] = tuple(kind(**_with_tuples(item)) for item in seed.get(key, ()))
        if "bot" in seed:
            seed["bot"] = Bot(**seed["bot"])
        if isinstance(seed.get("delivery"), dict):
            seed["delivery"] = RequestUrls(**seed["delivery"])
        return cls(**seed)


def _with_tuples(item: Json) -> Json:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in item.items()}

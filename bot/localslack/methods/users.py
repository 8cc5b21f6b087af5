"""users.* and usergroups.*: people, and the groups they are in."""

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.localslack.method import Call, Method
from bot.localslack.methods.conversations import listed
from bot.localslack.methods.paging import page
from bot.localslack.refusals import SlackRefusal
from bot.localslack.workspace import Json, User, UserGroup


def shown(call: Call, user: User) -> Json:
    """Return the user object of API responses. For a deactivated account it has few fields."""
    profile = {"real_name": user.shown_name, "display_name": user.name, "title": user.title}
    common: Json = {
        "id": user.id,
        "team_id": call.state.team_of(user),
        "name": user.name,
        "deleted": user.deleted,
        "profile": {**profile, "team": call.state.team_of(user)},
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": int(call.state.clock()),
    }
    if user.is_stranger:
        common["is_stranger"] = True
    if enterprise := user.enterprise_id or ("" if user.is_stranger else call.state.seed.enterprise_id):
        teams = list(call.state.teams_of(user))
        common["enterprise_user"] = {"id": user.id, "enterprise_id": enterprise, "teams": teams}
    return common if user.deleted else {**common, **_of_an_active(user)}


def _of_an_active(user: User) -> Json:
    now = datetime.now(ZoneInfo(user.tz))
    offset = now.utcoffset()
    return {
        "real_name": user.shown_name,
        "tz": user.tz,
        "tz_label": now.tzname() or user.tz,
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": False,
    }


def _info(call: Call) -> Json:
    user = call.state.users.get(call.args.text("user"))
    if user is None:
        raise SlackRefusal("user_not_found")
    return {"user": shown(call, user)}


def _list(call: Call) -> Json:
    members = [user for user in call.state.users.values() if not user.is_stranger]
    items, more = page(call, members)
    return {"members": [shown(call, user) for user in items], "cache_ts": int(call.state.clock()), **more}


def _conversations(call: Call) -> Json:
    user_id = call.args.text("user") or call.state.bot_user_id
    if user_id not in call.state.users:
        raise SlackRefusal("user_not_found")
    return listed(call, member=user_id)


def _refuse_free_plan(call: Call) -> None:
    if not call.state.paid:
        raise SlackRefusal("plan_upgrade_required")


def _group(call: Call, group: UserGroup) -> Json:
    shown: Json = {
        "id": group.id,
        "team_id": call.state.seed.team_id,
        "is_usergroup": True,
        "name": group.name or group.handle,
        "description": "",
        "handle": group.handle,
        "is_external": False,
        "date_delete": int(call.state.clock()) if group.is_disabled else 0,
        "user_count": len(group.members),
    }
    if call.args.flag("include_users"):
        shown["users"] = list(group.members)
    return shown


def _groups(call: Call) -> Json:
    _refuse_free_plan(call)
    disabled_too = call.args.flag("include_disabled")
    groups = [group for group in call.state.usergroups.values() if disabled_too or not group.is_disabled]
    return {"usergroups": [_group(call, group) for group in groups]}


def _group_users(call: Call) -> Json:
    _refuse_free_plan(call)
    group = call.state.usergroups.get(call.args.text("usergroup"))
    if group is None:
        raise SlackRefusal("no_such_subteam")
    if group.is_disabled and not call.args.flag("include_disabled"):
        raise SlackRefusal("subteam_disabled")
    return {"users": list(group.members)}


METHODS = {
    "users.info": Method(run=_info, tier=4, scopes=("users:read",)),
    "users.list": Method(run=_list, tier=2, scopes=("users:read",)),
    "users.conversations": Method(
        run=_conversations, tier=3, scopes=("channels:read", "groups:read", "im:read", "mpim:read")
    ),
    "usergroups.list": Method(run=_groups, tier=2, scopes=("usergroups:read",)),
    "usergroups.users.list": Method(run=_group_users, tier=2, scopes=("usergroups:read",)),
}

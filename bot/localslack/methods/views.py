"""views.*: modals and Home tabs."""

from bot.localslack.message_format import with_ids
from bot.localslack.method import Call, Method
from bot.localslack.open_views import View
from bot.localslack.refusals import SlackRefusal
from bot.localslack.view_checks import checked_view
from bot.localslack.workspace import Json


def _body(call: Call, kinds: tuple[str, ...]) -> Json:
    if "view" not in call.args:
        call.args.needed("view")
    view = checked_view(call.args.json("view"), kinds, call.state.users)
    return {**view, "blocks": with_ids(view["blocks"])}


def _answer(call: Call, view: View) -> Json:
    return {"view": call.state.views.as_json(view)}


def _open(call: Call) -> Json:
    body = _body(call, ("modal",))
    user_id = call.state.triggers.exchange(call.args.needed("trigger_id"))
    return _answer(call, call.state.views.open(user_id, body))


def _push(call: Call) -> Json:
    body = _body(call, ("modal",))
    user_id = call.state.triggers.exchange(call.args.needed("trigger_id"))
    return _answer(call, call.state.views.push(user_id, body))


def _update(call: Call) -> Json:
    args = call.args
    if "view_id" not in args and "external_id" not in args:
        args.needed("view_id")
    body = _body(call, ("modal", "home"))
    view = call.state.views.find(view_id=args.text("view_id"), external_id=args.text("external_id"))
    if "hash" in args and args.text("hash") != view.hash:
        raise SlackRefusal("hash_conflict")
    if body["type"] != view.body["type"]:
        raise SlackRefusal.with_messages(
            "invalid_arguments", ["the view's type cannot change [json-pointer:/view/type]"]
        )
    return _answer(call, call.state.views.update(view, body))


def _publish(call: Call) -> Json:
    user_id = call.args.needed("user_id")
    body = _body(call, ("home",))
    if user_id not in call.state.users:
        raise SlackRefusal("user_not_found")
    return _answer(call, call.state.views.publish(user_id, body, call.args.text("hash") or None))


METHODS = {
    "views.open": Method(run=_open, tier=4),
    "views.push": Method(run=_push, tier=4),
    "views.update": Method(run=_update, tier=4),
    "views.publish": Method(run=_publish, tier=4),
}

"""auth.test, api.test and apps.connections.open."""

from bot.localslack.method import Call, Method
from bot.localslack.refusals import SlackRefusal
from bot.localslack.workspace import Json


def _auth_test(call: Call) -> Json:
    seed = call.state.seed
    enterprise = {"enterprise_id": seed.enterprise_id} if seed.enterprise_id else {}
    return {
        "url": f"https://{seed.domain}.slack.com/",
        "team": seed.name,
        "user": seed.bot.name,
        "team_id": seed.enterprise_id if seed.is_enterprise_install else seed.team_id,
        "user_id": seed.bot.user_id,
        "bot_id": seed.bot.bot_id,
        **enterprise,
        "is_enterprise_install": seed.is_enterprise_install,
    }


def _api_test(call: Call) -> Json:
    values = {key: value for key, value in call.args.values.items() if key != "token"}
    if "error" in values:
        raise SlackRefusal(str(values["error"]), args=values)
    return {"args": values}


def _connections_open(call: Call) -> Json:
    return {"url": call.socket_url()}


METHODS = {
    "auth.test": Method(run=_auth_test, tier="special"),
    "api.test": Method(run=_api_test, tier=4, token="none"),  # noqa: S106  (no token is what "none" says)
    "apps.connections.open": Method(run=_connections_open, tier=1, token="app"),  # noqa: S106  (a kind of token)
}

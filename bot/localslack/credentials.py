"""The secrets that the local workspace and the bot share."""

import secrets
from dataclasses import dataclass, field


def _token(prefix: str) -> str:
    return f"{prefix}-local-{secrets.token_hex(12)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Random secrets for each run, unless given. They are valid for this workspace only."""

    bot_token: str = field(default_factory=lambda: _token("xoxb"))
    app_token: str = field(default_factory=lambda: _token("xapp"))
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))

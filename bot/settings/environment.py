"""Reads the settings from the environment and `.env`, and explains wrong ones in sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from bot.errors import SettingsError
from bot.settings.model import PREFIX, DeliveryMode, Settings

ENV_FILE = Path(".env")
KUBERNETES = re.compile(r"MEMBRANE_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_\w+)")
"""Variables that Kubernetes sets for a service named "membrane"."""


def load(*, slack: bool = True, env_file: Path | None = ENV_FILE) -> Settings:
    """Read and check the settings. Raises SettingsError with one line for each wrong setting.

    With `slack` False, Slack's tokens may be missing: for commands that do not use Slack.
    """
    try:
        problems = _strangers(_given(env_file))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file} cannot be read: {error}") from error
    settings = None
    try:
        settings = Settings(_env_file=env_file)
    except ValidationError as error:
        problems += [_sentence(detail) for detail in error.errors(include_url=False)]
    if settings is not None and slack:
        problems += missing(settings)
    if problems or settings is None:
        raise SettingsError("\n".join(problems))
    return settings


def missing(settings: Settings) -> list[str]:
    """Return a sentence for each setting that a run needs and that is not set."""
    by_socket = settings.delivery is DeliveryMode.SOCKET
    needed = [("SLACK_BOT_TOKEN", settings.slack_bot_token)]
    if by_socket:
        needed.append(("SLACK_APP_TOKEN", settings.slack_app_token))
    else:
        needed.append(("SLACK_SIGNING_SECRET", settings.slack_signing_secret))
    return [
        f"{name} is not set; set it in the environment or in {ENV_FILE} ({_fields()[name].description})"
        for name, value in needed
        if value is None
    ]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One entry of `membrane settings`. `value` is the given value (masked if secret), from `source`."""

    name: str
    value: str | None
    source: str | None
    default: str | None
    description: str


def rows(env_file: Path | None = ENV_FILE) -> list[SettingRow]:
    """Return every setting with its given value, even a wrong one. Secrets are masked."""
    values = _given(env_file)
    return [_row(name, info, *values.get(name, (None, None))) for name, info in _fields().items()]


def _row(name: str, info: FieldInfo, value: str | None, source: str | None) -> SettingRow:
    if value is not None and _is_secret(info):
        value = "(set)"
    default = str(info.default) if info.default not in (None, ()) else None
    return SettingRow(name, value, source, default, info.description or "")


def _given(env_file: Path | None) -> dict[str, tuple[str, str]]:
    """Return the bot's variables in the environment and `.env`: name → (value, source)."""
    known = _fields()
    sources: tuple[tuple[str, Mapping[str, str | None]], ...] = (
        (str(env_file), DotEnvSettingsSource(Settings, env_file=env_file).env_vars),
        ("environment", EnvSettingsSource(Settings).env_vars),
    )
    return {
        name.upper(): (value, source)
        for source, variables in sources
        for name, value in variables.items()
        if value is not None and (name.upper().startswith(PREFIX) or name.upper() in known)
    }


def _fields() -> dict[str, FieldInfo]:
    fields = Settings.model_fields.items()
    return {str(info.validation_alias or PREFIX + name.upper()): info for name, info in fields}


def _is_secret(info: FieldInfo) -> bool:
    return "SecretStr" in str(info.annotation)


def _strangers(values: Mapping[str, Any]) -> list[str]:
    """Report unknown names: a misspelt setting would silently do nothing."""
    known = _fields()
    sentences = []
    for name in values:
        if name in known or KUBERNETES.fullmatch(name):
            continue
        # Compare without the prefix, which makes all names look similar.
        ours = [other.removeprefix(PREFIX) for other in known if other.startswith(PREFIX)]
        close = get_close_matches(name.removeprefix(PREFIX), ours, n=1)
        hint = f"did you mean {PREFIX}{close[0]}?" if close else "`membrane settings` lists all settings"
        sentences.append(f"{name} is not a setting; {hint}")
    return sentences


def _sentence(detail: Mapping[str, Any]) -> str:
    known = _fields()
    field = str(detail["loc"][0])
    name = field if field in known else PREFIX + field.upper()
    value = str(detail["input"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] != "value_error":
        message = f"is wrong: {message[0].lower()}{message[1:]}"
    if name == "MEMBRANE_PORT" and value.startswith("tcp://"):
        message = "was set by Kubernetes; set enableServiceLinks: false or rename the service"
    what = name if _is_secret(known[name]) else f"{name}={value[:80]}"
    return f"{what} {message} ({known[name].description})"

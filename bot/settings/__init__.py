"""The settings: read from the environment and `.env`, checked at the start, then frozen.

The description of a field documents the setting; `membrane settings` prints it. The environment overrides
`.env`. An empty variable counts as not set.
"""

from bot.settings.environment import ENV_FILE, SettingRow, load, rows
from bot.settings.model import DeliveryMode, LogFormat, LogLevel, Settings

__all__ = ["ENV_FILE", "DeliveryMode", "LogFormat", "LogLevel", "SettingRow", "Settings", "load", "rows"]

"""The settings: from the environment and from `.env`, frozen, checked at start.

Each setting is documented once, in its field's description; `membrane settings` prints them. The
environment wins over `.env`. An empty variable counts as not set.
"""

from bot.settings.environment import ENV_FILE, SettingRow, load, rows
from bot.settings.model import DeliveryMode, LogFormat, LogLevel, Settings

__all__ = ["ENV_FILE", "DeliveryMode", "LogFormat", "LogLevel", "SettingRow", "Settings", "load", "rows"]

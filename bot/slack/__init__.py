"""Slack as a projection of the store: the messages that people see, and the way their answers come back.

`Slack` in `facade.py` starts and stops all of it.
"""

from bot.slack.facade import Slack
from bot.slack.outbound.backlog_alert import LATE_S

__all__ = ["LATE_S", "Slack"]

"""Slack as a projection: what people see there, and the way their answers come back.

`Slack` is all of it behind one name.
"""

from bot.slack.facade import Slack
from bot.slack.outbound.backlog_alert import LATE_S

__all__ = ["LATE_S", "Slack"]

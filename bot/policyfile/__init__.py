"""Policy files: they turn YAML into a Policy, and report the position of every error."""

from bot.policyfile.in_force import PolicyInForce
from bot.policyfile.json_schema import schema
from bot.policyfile.loading import check, load, parse
from bot.policyfile.startup import policy_at_start
from bot.policyfile.watcher import Gate, PolicyWatcher, Reload

__all__ = [
    "Gate",
    "PolicyInForce",
    "PolicyWatcher",
    "Reload",
    "check",
    "load",
    "parse",
    "policy_at_start",
    "schema",
]

"""Policy files: YAML in, Policy out, with the position of every error."""

from bot.policyfile.loading import PolicyInForce, check, load, parse
from bot.policyfile.schema import schema
from bot.policyfile.watching import PolicyWatcher, Reload

__all__ = ["PolicyInForce", "PolicyWatcher", "Reload", "check", "load", "parse", "schema"]

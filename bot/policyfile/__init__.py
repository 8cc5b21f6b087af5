"""Policy files: YAML in, Policy out, with the position of every error."""

from bot.policyfile.loading import PolicyInForce, check, load, parse
from bot.policyfile.schema import schema

__all__ = ["PolicyInForce", "check", "load", "parse", "schema"]

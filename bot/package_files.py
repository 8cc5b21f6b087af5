"""Files that ship with the package: the policies and Slack's manifest."""

from __future__ import annotations

from pathlib import Path

import bot

DEFAULT_POLICY = "policies/default.yaml"
DEMO_POLICY = "policies/demo.yaml"
POLICY_SCHEMA = "policies/policy.schema.json"
MANIFEST = "manifest.yml"


def package_file(name: str) -> Path:
    """Return the path of a shipped file, in the source tree or in the installed package.

    `name` is its path in the source tree. Raises FileNotFoundError if the installation lacks it.
    """
    package = Path(bot.__file__).parent
    for path in (package.parent / name, package / f"_{name}"):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name} is missing from this installation; reinstall checkpoint-membrane")

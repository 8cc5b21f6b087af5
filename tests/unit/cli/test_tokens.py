"""`membrane token create --on-behalf-of`: the people an agent may write to."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from bot.cli.tokens import token_group

MAILER = ("--agent", "mailer", "--owner", "U0GUS")


def _run(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(token_group, args, env={"MEMBRANE_DATA": str(folder)})


def test_a_token_names_whom_its_agent_acts_for(tmp_path: Path) -> None:
    made = _run(tmp_path, "create", *MAILER, "--on-behalf-of", "U0DIA", "--on-behalf-of", "U0BEN", "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["acts_for"] == ["U0BEN", "U0DIA"]
    (listed,) = json.loads(_run(tmp_path, "list", "--json").stdout)
    assert (listed["agent"], listed["acts_for"]) == ("mailer", ["U0BEN", "U0DIA"])


def test_a_name_that_is_no_slack_user_is_refused(tmp_path: Path) -> None:
    refused = _run(tmp_path, "create", *MAILER, "--on-behalf-of", "#general")
    assert refused.exit_code == 2
    assert "on-behalf-of '#general' is not a Slack user id" in refused.stderr


def test_an_operators_token_acts_for_nobody(tmp_path: Path) -> None:
    refused = _run(tmp_path, "create", "--operator", "pager", "--owner", "U0GUS", "--on-behalf-of", "U0DIA")
    assert refused.exit_code == 2
    assert "omit --on-behalf-of" in refused.stderr

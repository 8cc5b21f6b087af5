"""The demo's bot starts with settings of its own and ignores a real bot's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.folder import Folder
from bot.demo.stage import HOSTED, _settings
from bot.localslack import LocalSlack, northwind
from bot.package_files import DEMO_POLICY, package_file


def test_the_environment_of_a_real_bot_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-a-real-workspace")
    monkeypatch.setenv("MEMBRANE_DATA", "/srv/membrane")
    monkeypatch.setenv("MEMBRANE_RETAIN_DAYS", "not a number")
    slack = LocalSlack(northwind())
    settings = _settings(slack, Folder(tmp_path))
    assert settings.slack_bot_token is not None
    assert settings.slack_bot_token.get_secret_value() == slack.bot_token
    assert settings.data == tmp_path
    assert settings.graphs == HOSTED
    assert settings.host == "127.0.0.1"


def test_the_policy_is_found_wherever_the_demo_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert package_file(DEMO_POLICY).is_file()

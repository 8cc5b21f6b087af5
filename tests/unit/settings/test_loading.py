"""A wrong setting stops the start with a sentence that names it, and no secret is ever repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.settings import DeliveryMode, LogFormat, LogLevel, Settings, load, rows
from bot.settings.environment import missing

BOT = "xoxb-1234567890-abcdef"
APP = "xapp-1-A0123-456-abcdef"
SIGNING = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def tidy_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep this machine's own settings out of the tests."""
    monkeypatch.setattr("os.environ", {})
    monkeypatch.chdir(tmp_path)


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def refused(*, slack: bool = False) -> str:
    with pytest.raises(SettingsError) as caught:
        load(slack=slack)
    return str(caught.value)


def test_without_any_setting_the_defaults_hold() -> None:
    settings = load(slack=False)
    assert (settings.host, settings.port, settings.delivery) == ("127.0.0.1", 8484, DeliveryMode.SOCKET)
    assert settings.database == Path(".membrane/membrane.db")
    assert settings.threads_database == Path(".membrane/threads.db")
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.graphs == ()


def test_everything_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(
        monkeypatch,
        SLACK_BOT_TOKEN=f" {BOT} ",
        SLACK_SIGNING_SECRET=SIGNING,
        MEMBRANE_DELIVERY="HTTP",
        MEMBRANE_SLACK_API_URL="http://127.0.0.1:9999/api",
        MEMBRANE_DATA="/var/lib/membrane",
        MEMBRANE_GRAPHS="a=a.py:graph, b=dir/b.py:graph ,x/langgraph.json",
        MEMBRANE_LOG_LEVEL="DEBUG",
        MEMBRANE_LOG_FORMAT="json",
        MEMBRANE_RETAIN_DAYS="0.5",
    )
    settings = load()
    assert settings.slack_bot_token is not None
    assert settings.slack_bot_token.get_secret_value() == BOT
    assert settings.delivery is DeliveryMode.HTTP
    assert settings.slack_api_url == "http://127.0.0.1:9999/api/"
    assert settings.graphs == ("a=a.py:graph", "b=dir/b.py:graph", "x/langgraph.json")
    assert (settings.log_level, settings.log_format) == (LogLevel.DEBUG, LogFormat.JSON)
    assert settings.retain_s == 43200


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("MEMBRANE_PORT=1111\nMEMBRANE_HOST=0.0.0.0\n")
    set_all(monkeypatch, MEMBRANE_PORT="2222")
    settings = load(slack=False)
    assert (settings.host, settings.port) == ("0.0.0.0", 2222)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, MEMBRANE_PORT="", SLACK_BOT_TOKEN="")
    assert load(slack=False).port == 8484


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load(slack=False), "port", 1)  # noqa: B010  # the type checker knows it already


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SLACK_BOT_TOKEN", APP, "is not a token that starts with xoxb-"),
        ("SLACK_BOT_TOKEN", "xoxe.xoxb-1-abcdefgh", "turn token rotation off"),
        ("SLACK_APP_TOKEN", BOT, "is not a token that starts with xapp-"),
        ("SLACK_SIGNING_SECRET", "short", "has 5 characters"),
        ("MEMBRANE_SECRET", "x" * 31, "has 31 characters, and at least 32 are needed"),
        ("MEMBRANE_SLACK_API_URL", "slack.com/api", "is not a URL"),
        ("MEMBRANE_SLACK_API_URL", "http://slack.com/api/", "would cross the network unencrypted"),
        ("MEMBRANE_SLACK_API_URL", "http://127.0.0.1.evil.example/", "would cross the network unencrypted"),
        ("MEMBRANE_DELIVERY", "sockets", "'socket' or 'http'"),
        ("MEMBRANE_PORT", "http", "valid integer"),
        ("MEMBRANE_PORT", "65536", "less than or equal to 65535"),
        ("MEMBRANE_PORT", "-1", "greater than or equal to 0"),
        ("MEMBRANE_PORT", "tcp://10.0.0.1:8484", "enableServiceLinks: false"),
        ("MEMBRANE_RATE", "nan", "greater than or equal to 0"),
        ("MEMBRANE_SWEEP_S", "0", "greater than 0"),
        ("MEMBRANE_SLACK_PACE", "0", "greater than 0"),
        ("MEMBRANE_STOP_S", "0.5", "greater than or equal to 1"),
        ("MEMBRANE_RETAIN_DAYS", "-1", "greater than or equal to 0"),
        ("MEMBRANE_GRAPHS", "agent.py", "neither name=path/file.py:graph nor a langgraph.json"),
        ("MEMBRANE_GRAPHS", "a=x.py:g,a=y.py:g", "names the graph 'a' twice"),
        ("MEMBRANE_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("MEMBRANE_LOG_FORMAT", "xml", "'console' or 'json'"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(name, value)
    text = refused()
    assert text.startswith(name)
    assert says in text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "MEMBRANE_SECRET"])
def test_a_wrong_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hunter2-hunter2")
    assert "hunter2" not in refused()


def test_secrets_do_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, SLACK_BOT_TOKEN=BOT, SLACK_APP_TOKEN=APP, MEMBRANE_SECRET="s3cret" * 8)
    settings = load()
    shown = repr(settings) + str(settings) + str(rows())
    assert BOT not in shown
    assert APP not in shown
    assert "s3cret" not in shown


def test_a_misspelt_name_is_an_error_with_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, MEMBRANE_PROT="1", MEMBRANE_XYZZY="1")
    assert refused().splitlines() == [
        "MEMBRANE_PROT is not a setting; did you mean MEMBRANE_PORT?",
        "MEMBRANE_XYZZY is not a setting; `membrane settings` lists all settings",
    ]


def test_variables_that_kubernetes_sets_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(
        monkeypatch,
        MEMBRANE_SERVICE_HOST="10.0.0.1",
        MEMBRANE_SERVICE_PORT="8484",
        MEMBRANE_PORT_8484_TCP="tcp://10.0.0.1:8484",
        MEMBRANE_PORT_8484_TCP_ADDR="10.0.0.1",
    )
    assert load(slack=False).port == 8484


def test_several_wrong_settings_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, MEMBRANE_PORT="x", MEMBRANE_HOTS="y", SLACK_BOT_TOKEN="z")
    assert len(refused().splitlines()) == 3


@pytest.mark.parametrize(
    ("delivery", "names"),
    [
        ("socket", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]),
        ("http", ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"]),
    ],
)
def test_missing_slack_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, delivery: str, names: list[str]
) -> None:
    monkeypatch.setenv("MEMBRANE_DELIVERY", delivery)
    lines = refused(slack=True).splitlines()
    assert [line.split()[0] for line in lines] == names
    assert all("is not set; set it in" in line for line in lines)
    assert len(missing(Settings(_env_file=None))) == 2


def test_a_file_that_is_not_text_is_named() -> None:
    Path(".env").write_bytes(b"MEMBRANE_PORT=\xff\xfe\n")
    assert refused().startswith(".env cannot be read")


def test_the_rows_show_each_setting_and_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("MEMBRANE_HOST=0.0.0.0\n")
    set_all(monkeypatch, MEMBRANE_PORT="not a port", SLACK_BOT_TOKEN=BOT)
    found = {row.name: row for row in rows()}
    assert (found["MEMBRANE_HOST"].value, found["MEMBRANE_HOST"].source) == ("0.0.0.0", ".env")
    assert (found["MEMBRANE_PORT"].value, found["MEMBRANE_PORT"].source) == ("not a port", "environment")
    assert found["SLACK_BOT_TOKEN"].value == "(set)"
    assert found["MEMBRANE_DATA"].value is None
    assert found["MEMBRANE_DATA"].default == ".membrane"
    assert all(row.description for row in found.values())

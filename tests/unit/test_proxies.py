"""Which proxy a request goes through."""

from __future__ import annotations

import pytest

from bot.proxies import proxy_for

COMPANY = "http://proxy.acme.example:3128"
SET = {"https": COMPANY, "http": COMPANY}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8282/api/",
        "http://localhost:8282",
        "https://bot.localhost/",
        "ws://[::1]:8282/link",
        "http://127.9.9.9/",
    ],
)
def test_this_machine_is_reached_direct(url: str) -> None:
    assert proxy_for(url, proxies=SET) is None


@pytest.mark.parametrize("url", ["https://slack.com/api/", "wss://wss-primary.slack.com/link"])
def test_the_proxy_goes_by_the_scheme_and_no_proxy_holds(url: str) -> None:
    assert proxy_for(url, proxies=SET) == COMPANY
    assert proxy_for(url, proxies={"http": "http://other.example"}) is None
    assert proxy_for(url, proxies={"all": COMPANY}) == COMPANY
    for exception in ("slack.com", ".slack.com,acme.example", "*"):
        assert proxy_for(url, proxies={**SET, "no": exception}) is None, exception
    assert proxy_for(url, proxies={**SET, "no": "lack.com,acme.example"}) == COMPANY


def test_without_a_proxy_all_goes_direct() -> None:
    assert proxy_for("https://slack.com/api/", proxies={}) is None


@pytest.mark.parametrize(
    ("exceptions", "url", "direct"),
    [
        ("10.0.0.0/8", "http://10.1.2.3:8065/api/", True),
        ("10.0.0.0/8", "http://11.1.2.3/api/", False),
        ("10.1.2.3", "http://10.1.2.3/", True),
        ("fd00::/8", "http://[fd00::1]:80/", True),
        ("[fd00::1]", "http://[fd00::1]/", True),
        ("[fd00::1]:8065", "http://[fd00::1]:8065/", True),
        ("[fd00::1]:8065", "http://[fd00::1]/", False),
        ("fd00::1", "http://[fd00::2]/", False),
        ("acme.example:8443", "https://slack.acme.example:8443/", True),
        ("acme.example:8443", "https://slack.acme.example/", False),
        ("slack.com:443", "wss://wss-primary.slack.com/link", True),
        ("slack.com:80", "wss://wss-primary.slack.com/link", False),
        ("*.slack.com", "https://wss.slack.com/", True),
        ("SLACK.COM", "https://Slack.Com/api/", True),
        ("other.example, *", "https://slack.com/api/", True),
        ("other.example slack.com", "https://slack.com/api/", True),
        (",, ,", "https://slack.com/api/", False),
        ("slack.com.", "https://slack.com/api/", True),
        ("10.0.0.0/99", "http://10.1.2.3/", False),
    ],
)
def test_an_exception_is_a_name_a_network_or_an_address_with_a_port_or_without(
    exceptions: str, url: str, direct: bool
) -> None:
    assert (proxy_for(url, proxies={**SET, "no": exceptions}) is None) is direct


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("no", ["NO_PROXY", "no_proxy"])
def test_the_environment_is_read_in_capitals_and_small_letters(
    monkeypatch: pytest.MonkeyPatch, name: str, no: str
) -> None:
    for each in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "proxy.acme.example:3128")
    assert proxy_for("https://slack.com/api/") == COMPANY, "curl takes one without a scheme, too"
    monkeypatch.setenv(no, ".slack.com")
    assert proxy_for("https://slack.com/api/") is None

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

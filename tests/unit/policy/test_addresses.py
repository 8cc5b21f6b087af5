"""The domain of an address: one normal form, and doubt wherever it can be read in two ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.addresses import DomainSet, domain_of, normal_domain, normal_entry


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("eve@acme.example", "acme.example"),
        ("Eve.O'Neil+x@ACME.Example", "acme.example"),
        ("acme.example", "acme.example"),
        ("https://acme.example/a?b#c", "acme.example"),
        ("HTTPS://Acme.Example:8443", "acme.example"),
        ("ftp://acme.example/x", "acme.example"),
        ("s3://bucket-1/key", "bucket-1"),
        ("eve@münchen.example", "xn--mnchen-3ya.example"),
        ("eve@xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("localhost", "localhost"),
    ],
)
def test_a_domain(text: str, domain: str) -> None:
    assert domain_of(text) == domain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "eve@",
        "@acme.example",
        "eve@evil.example, bob@acme.example",
        "eve@evil.example;bob@acme.example",
        '"eve@evil.example" <bob@acme.example>',
        "bob@acme.example <eve@evil.example>",
        "Bob <bob@acme.example>",
        "eve@evil.example@acme.example",
        "eve%evil.example@acme.example",
        "https://acme.example@evil.example/",
        "https://evil.example\\@acme.example/",
        "https://evil.example\\.acme.example/",
        "https:///acme.example",
        "https://[2001:db8::1]/",
        "https://acme.example:80:90/",
        "https:acme.example",
        "acme.example/path",
        "acme.example:443",
        "acme..example",
        ".acme.example",
        "-acme.example",
        "acme .example",
        "acme.example\n",
        "acme.example\x00",
        "a" * 64 + ".example",
        "a." * 200 + "example",
        "eve@straße.example",
        "eve@MÜNCHEN.example",
        "eve@mu\u0308nchen.example",
        "eve@acme。example",
        "eve@acme\u2024example",
        "eve@acme.example.",
        "eve@203.0.113.7",
        "203.0.113.7",
        "http://0x7f.1/",
        "http://2130706433/",
        "ftp://acme.example./x",
        "ftp://acme.example/x@y",
        "x://acme.example/",
        "eve@xn--.example",
        "eve@xn--acme-.example",
        "eve@еxample.example",
        "eve@faß。example",
        "eve@ac\u200dme.example",
        "x" * 5000,
        "mailto:eve@acme.example",
    ],
)
def test_an_address_with_two_readings_is_in_doubt(text: str) -> None:
    assert domain_of(text) is None


def test_an_entry_is_that_domain_alone_and_a_star_is_all_below_it() -> None:
    domains = DomainSet(("acme.example", "*.globex.example"))
    assert "acme.example" in domains
    assert "mail.acme.example" not in domains
    assert "eu.mail.globex.example" in domains
    assert "globex.example" not in domains
    assert "notglobex.example" not in domains


@pytest.mark.parametrize(
    ("entry", "normal"),
    [
        ("ACME.example.", "acme.example"),
        ("*.Acme.example", "*.acme.example"),
        ("*", None),
        ("*acme.example", None),
        ("a.*.example", None),
        ("https://acme.example", None),
        ("eve@acme.example", None),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("acme。example", "acme.example"),
        ("_dmarc.Ünal.example", "_dmarc.xn--nal-goa.example"),
        ("☃.example", "xn--n3h.example"),
        ("straße.example", None),
        ("ab\u200dc.example", None),
        ("1שלום.example", None),
        ("ü" * 64 + ".example", None),
    ],
)
def test_an_entry_in_normal_form(entry: str, normal: str | None) -> None:
    assert normal_entry(entry) == normal


@pytest.mark.parametrize(
    "host", ["münchen.example", "例え.example", "ᎣᏏᏲ.example", "שלום.example", "xn--mnchen-3ya.de"]
)
def test_an_entry_names_the_host_that_is_spelt_alike(host: str) -> None:
    domain = domain_of(host)
    assert domain is not None
    assert domain in DomainSet((normal_entry(host) or "",))


@given(st.text())
def test_a_domain_is_in_normal_form_already(text: str) -> None:
    """Any text is handled without an error, and normalising twice changes nothing."""
    domain = domain_of(text)
    if domain is not None:
        assert normal_domain(domain) == domain
        assert domain.isascii()
        assert domain_of(domain) == domain

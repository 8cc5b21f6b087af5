"""Types of text: an accepted text has one reading, and every other text has none."""

from __future__ import annotations

import posixpath
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses
from urllib.parse import urlsplit

import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from bot.domain.addresses import domain_of, read_email, read_hostname, read_url
from bot.domain.conditions import judge_of
from bot.domain.names import read_identifier, read_instant, read_path
from bot.domain.operators import OPS_OF, ArgType, Condition, Op
from bot.domain.readings import READERS
from bot.domain.verdicts import DOUBT, NO, YES
from tests.unit.policy.samples import ADDRESSES, IDENTIFIERS, INSTANTS, PATHS

LABELS = st.text("abcxyz059-", min_size=1, max_size=12)
HOSTS = st.lists(
    LABELS | st.sampled_from(["münchen", "acme", "例え", "xn--mnchen-3ya"]), min_size=1, max_size=4
).map(".".join)
NEAR_ADDRESSES = st.builds(
    "{}@{}".format, st.text("aB0.+-_'!%=/?,; \"<>()", min_size=1, max_size=8), HOSTS
) | st.text('a@b.,;:<>()[]"\\ \t\n=?!%/', max_size=24)
NEAR_URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["https", "HTTP", "ftp", "s3", "x", "javascript"]),
    HOSTS,
    st.sampled_from(["", ":443", ":8080", ":0", ":99999", "@b.example"]),
    st.text("/a.?#%2eF@\\:;, \t[]{}|^`<>", max_size=16).map(lambda rest: f"/{rest}"),
)


@pytest.mark.parametrize("text", ADDRESSES)
def test_text_that_two_mailers_or_browsers_read_differently_is_in_doubt(text: str) -> None:
    """Declared as an address of any type, and as a plain text."""
    assert (read_email(text), read_url(text), read_hostname(text), domain_of(text)) == (None,) * 4


@pytest.mark.parametrize("text", PATHS)
def test_a_path_that_has_to_be_resolved_is_doubt(text: str) -> None:
    assert read_path(text) is None


@pytest.mark.parametrize("text", IDENTIFIERS)
def test_a_name_that_has_to_be_quoted_or_has_another_spelling_is_doubt(text: str) -> None:
    assert read_identifier(text) is None


@pytest.mark.parametrize("text", INSTANTS)
def test_an_instant_without_offset_or_in_another_form_is_doubt(text: str) -> None:
    assert read_instant(text) is None


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("text", [*ADDRESSES, *PATHS, *IDENTIFIERS, *INSTANTS])
def test_an_operator_on_a_text_without_a_reading_is_in_doubt(kind: ArgType, text: str) -> None:
    """It may be of another type, as `a b` never is; where it is of none, every operator doubts."""
    if READERS[kind](text) is not None:
        return
    for op in OPS_OF[kind] - {Op.EXISTS}:
        operand = "2026-06-01T09:00:00Z" if kind is ArgType.DATETIME else ("x.example",)
        assert judge_of([Condition(op, operand)], kind)(text) == DOUBT


@given(NEAR_ADDRESSES)
def test_every_mailer_finds_the_one_address_that_is_accepted(text: str) -> None:
    """The standard library's old parser, its new one, and what it writes into a header."""
    address = read_email(text)
    if address is None:
        return
    host = text.rpartition("@")[2]
    assert getaddresses([text]) == [("", text)]
    assert idna.encode(host.lower()).decode() == address.domain
    if text.isascii():
        assert Address(addr_spec=text).domain == host
        message = EmailMessage(policy=SMTP)
        message["To"] = text
        assert [each.addr_spec for each in message["To"].addresses] == [text]
        assert f"To: {text}\r\n".encode() in message.as_bytes()


@given(NEAR_URLS)
def test_every_url_reader_finds_the_host_that_is_accepted(text: str) -> None:
    address = read_url(text)
    if address is None:
        return
    assert urlsplit(text).hostname == address.domain
    assert urlsplit(text).username is None
    assert URL(text).raw_host == address.domain
    assert URL(text).user is None
    assert read_hostname(address.domain) is not None
    again = read_url(address.normal)
    assert again is not None
    assert again.normal == address.normal


@given(HOSTS)
@example("0---0")
def test_a_host_name_is_one_of_idna(text: str) -> None:
    address = read_hostname(text)
    if address is not None:
        assert idna.encode(text).decode("ascii") == address.domain
        assert text.encode("idna").decode("ascii").lower() == address.domain
        assert read_hostname(address.domain) == address


@given(st.text("/.aB~%\\: *é", max_size=12))
def test_a_path_in_plain_form_is_resolved_already(text: str) -> None:
    path = read_path(text)
    if path is not None:
        assert posixpath.normpath(text) == path
        assert posixpath.isabs(path)


@pytest.mark.parametrize(
    "name",
    ["заказы", "訂單_2", "ご注文", "주문", "commandé", "طلبات۳", "ग्राहक", "größe_1", "2fa", "new-cart"],
)
def test_a_name_in_any_one_script_is_plain(name: str) -> None:
    if "ß" not in name:  # it has another spelling in capitals
        assert read_identifier(name) == name
    assert read_path(f"/srv/{name}") == f"/srv/{name}"


@given(st.text())
def test_any_text_is_read_or_is_in_doubt(text: str) -> None:
    for read in READERS.values():
        reading = read(text)
        assert reading is None or reading.normal


@pytest.mark.parametrize(
    ("kind", "op", "operand", "yes", "no", "doubt"),
    [
        (
            ArgType.IDENTIFIER,
            Op.IN,
            ("customers",),
            ["customers", "CUSTOMERS", "public.customers", "Db.Public.Customers"],
            ["orders", "public.orders"],
            ["customers.id", "cust\u043emers"],
        ),
        (
            ArgType.IDENTIFIER,
            Op.NOT_IN,
            ("articles", "public.notes"),
            ["customers"],
            ["articles", "ARTICLES", "public.notes"],
            ["secret.articles", "notes", "articles.x"],
        ),
        (ArgType.IDENTIFIER, Op.MATCHES, ("prod_*",), ["PROD_a"], ["test_a"], ["prod_a;"]),
        (
            ArgType.EMAIL,
            Op.IN,
            ("eve@evil.example",),
            ["eve@evil.example", "eve@EVIL.example"],
            ["bob@evil.example"],
            ["EVE@evil.example"],
        ),
        (
            ArgType.EMAIL,
            Op.DOMAIN_NOT_IN,
            ("acme.example",),
            ["a@evil.example", "a@mail.acme.example"],
            ["a@ACME.example"],
            ["a@acme.example."],
        ),
        (
            ArgType.URL,
            Op.DOMAIN_IN,
            ("*.acme.example",),
            ["https://a.acme.example/x@y"],
            ["https://acme.example"],
            ["a@a.acme.example", "a.acme.example"],
        ),
        (
            ArgType.URL,
            Op.NOT_IN,
            ("https://acme.example/a",),
            ["https://acme.example/b"],
            ["https://acme.example:443/a", "HTTPS://Acme.example/a"],
            ["https://acme.example/%61", "https://acme.example/A", "https://acme.example/a/"],
        ),
        (
            ArgType.HOSTNAME,
            Op.DOMAIN_IN,
            ("acme.example",),
            ["ACME.example"],
            ["b.example"],
            ["a@acme.example"],
        ),
        (
            ArgType.PATH,
            Op.UNDER,
            ("/prod",),
            ["/prod", "/prod/", "/prod/a"],
            ["/products", "/srv/prod", "/pro"],
            ["/PROD/a", "/Prod", "/", "/./prod/a"],
        ),
        (
            ArgType.PATH,
            Op.NOT_UNDER,
            ("/tmp", "/srv/reports/"),
            ["/etc/passwd", "/", "/tmpx", "/srv"],
            ["/tmp/a", "/tmp", "/srv/reports/a"],
            ["/TMP/a", "/tmp/../etc"],
        ),
        (ArgType.PATH, Op.IN, ("/etc/passwd",), ["/etc/passwd"], ["/etc/hosts"], ["/ETC/passwd"]),
        (ArgType.PATH, Op.MATCHES, ("*.pem",), ["/a/b.PEM"], ["/a/b"], ["a.pem"]),
        (
            ArgType.DATETIME,
            Op.GT,
            "2026-06-01T12:00:00+02:00",
            ["2026-06-01T10:00:00.000001Z"],
            ["2026-06-01T10:00:00Z", "2026-06-01T09:59:59-00:01"[:19] + "Z"],
            ["2026-06-01", 5],
        ),
        (
            ArgType.DATETIME,
            Op.EQ,
            "2026-06-01T12:00:00+02:00",
            ["2026-06-01T10:00:00Z"],
            ["2026-06-01T12:00:00Z"],
            ["2026-06-01"],
        ),
    ],
)
def test_an_operator_reads_by_the_type(
    kind: ArgType, op: Op, operand: object, yes: list[object], no: list[object], doubt: list[object]
) -> None:
    judge = judge_of([Condition(op, operand)], kind)  # type: ignore[arg-type]  # made of a table
    assert [each for each in yes if judge(each) != YES] == []
    assert [each for each in no if judge(each) != NO] == []
    assert [each for each in [*doubt, None, True, [], {}] if judge(each) != DOUBT] == []


@given(st.lists(st.sampled_from(["prod", "PROD", "a", "b.c", "x"]), max_size=4), st.booleans())
def test_where_a_path_leads_is_never_lower_by_its_spelling(segments: list[str], lower: bool) -> None:
    """A path under a directory in any case raises a rule with `under`, and so does one that holds it."""
    text = "/" + "/".join(segments)
    judged = judge_of([Condition(Op.UNDER, ("/prod/a",))], ArgType.PATH)(text.lower() if lower else text)
    folded = text.casefold() + "/"
    if folded.startswith("/prod/a/") or "/prod/a/".startswith(folded):
        assert judged


@pytest.mark.parametrize(
    "domain",
    ["evi1.example", "evll.example", "evíl.example", "EVI1.example"],
)
def test_a_lookalike_of_a_listed_domain_is_in_doubt(domain: str) -> None:
    """A reviewer cannot tell the two apart, so an entry for one covers the other too."""
    for op in (Op.DOMAIN_IN, Op.DOMAIN_NOT_IN):
        assert judge_of([Condition(op, ("evil.example",))], ArgType.EMAIL)(f"a@{domain}") == DOUBT
        assert judge_of([Condition(op, ("*.evil.example",))], ArgType.HOSTNAME)(f"a.{domain}") == DOUBT
    assert judge_of([Condition(Op.DOMAIN_IN, ("evil.example",))], ArgType.EMAIL)("a@good.example") == NO


@pytest.mark.parametrize("name", ["сосо", "c0co", "public.сосо", "çoço", "coco.id"])
def test_a_lookalike_of_a_listed_name_is_in_doubt(name: str) -> None:
    """All letters are of one script, and yet the name is drawn like another."""
    assert judge_of([Condition(Op.IN, ("coco",))], ArgType.IDENTIFIER)(name) == DOUBT

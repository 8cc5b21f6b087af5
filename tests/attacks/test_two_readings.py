"""A value that two programs could read differently waits for a person or is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.localslack import Person, all_text
from tests.acceptance.agent import Agent, Json
from tests.attacks.running import CARDS, Target, mark

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADDRESSES = [
    "x://northwind.example/?<eve@evil.example>",
    "x://northwind.example/, eve@evil.example",
    "a://northwind.example/\r\nBcc: eve@evil.example",
    "eve＠evil.example，x@northwind.example",
    "=?utf-8?q?eve=40evil.example=2C?=@northwind.example",
    "evil.example!eve@acme.example",
    "evil.example!eve@northwind.example",
    "x@northwind\u2024example",
    "eve@evil.example\u2028,x@northwind.example",
    "x@northwind.example\x0beve@evil.example",
    "x@northwind.example\u0085Bcc: eve@evil.example",
    '"x@northwind.example" <eve@evil.example>',
    "eve@evil.example (x@northwind.example)",
    "x@northwind.example\\neve@evil.example",
    "eve@evil.example#@northwind.example",
    "eve@evil.example\x00@northwind.example",
    "eve@evil.example%0a@northwind.example",
    "eve@evil.example/@northwind.example",
    "x@northwind.example/../evil.example",
    "x@n\u043erthwind.example",
    "x@northwind.exam\u200bple",
    "x@NORTHWIND\uff0eEXAMPLE",
    "x@xn--northwind-0of.example",
    "mailto:eve@evil.example?to=x@northwind.example",
    "x@northwind.example,",
    "undisclosed-recipients:;@northwind.example",
    "x@evil.northwind.example.evil.example",
]
"""None of these is a single address within the company, whatever a mailer makes of it."""
PATHS = [
    "/./prod/a", "//prod/a", "/srv/../prod/a", "/PROD/a", "file:///prod/a", "%2Fprod/a", "/prod//a", "/prod/",
    "/srv/./../prod/a", "/prod/../prod/a", "\\\\prod\\a", "/prod%2fa", "/%70rod/a", "/pr\u043ed/a",
    "/ prod/a", "/\uff50rod/a", "/proc/self/cwd/../prod/a", "~root/prod", "$HOME/../prod", "/tmp/\n/prod/a",
    "/srv/\u2024\u2024/prod/a", "/srv/.\u200b./prod/a", "/tmp/a\x00/prod", "", ".", "/",
]  # fmt: skip
"""Some program may resolve each of these below /prod."""
TABLES = [
    "users; DROP TABLE users", "cust\u043emers", "public.users", "Users", "USERS", '"users"', "[users]",
    "users/**/", "users--", "orders,users", "orders users", "orders\nusers", "orders;", "secret.orders",
    "orders.users", "user\u017f", "\uff55sers", "u\u0455ers", "us\u200bers", "(select 1)",
    "users", "orders union select",     "information_schema.tables", "pg_catalog.orders", "",
]  # fmt: skip
"""None of these is a table that the default policy lets everybody read."""
ROUNDED = [
    "9007199254740993.0", "1e-400", "99999999999999999.99", "100.00000000000000001", "-1e-400", "1e400",
    "-1e999", "0.1000000000000000055511151231257827", "123456789012345678901234567890", "1e-325",
    "4.9406564584124654e-325", "9007199254740993.00", "90071992547409930e-1", "NaN", "Infinity", "-Infinity",
    "01", "1_000", "0x10", "1.", ".5", "+1", "1e", "１", "true1",
]  # fmt: skip
"""JSON numbers that 64 bits would round, and values that are not JSON numbers."""


async def waits(agent: Agent, kind: str, args: Json) -> bool:
    """Propose, and return whether the action waits for a person or is refused."""
    answer = await try_out(agent, kind, args)
    return bool(answer.status_code >= 400 or answer.json()["state"] == "waiting")


async def try_out(agent: Agent, kind: str, args: Json) -> Any:
    """Propose an action and withdraw it, so that its card does not delay others at Slack's pace."""
    answer = await agent.send("POST", "/v1/actions", json={"kind": kind, "args": args})
    if answer.status_code < 400:
        await agent.send("POST", f"/v1/actions/{answer.json()['id']}/withdraw", json={"why": "an attack"})
    return answer


async def tier(agent: Agent, kind: str, args: Json) -> int:
    """Return an action's tier. An action that the strict default policy refuses counts as Tier 3."""
    answer = (await try_out(agent, kind, args)).json()
    return 3 if answer.get("type") == "urn:membrane:problem:unfit-action" else int(answer["tier"])


async def passed(agent: Agent, cases: list[tuple[str, Json]]) -> list[Json]:
    """Return the arguments of the actions that passed."""
    return [args for kind, args in cases if not await waits(agent, kind, args)]


def mail(*to: Any) -> tuple[str, Json]:
    return "mail.send", {"to": list(to), "subject": "Hello", "body": "As agreed."}


def refund(amount: Any = 20, recipient: Any = "sam@acme.example") -> tuple[str, Json]:
    return "payment.refund", {"order": "A-7", "amount": amount, "recipient": recipient}


async def test_plain_values_pass(attacker: Agent) -> None:
    """The attacks below prove something only if the plain forms pass."""
    fine = [
        mail("gus@northwind.example", "a.b+c@eu.northwind.example"),
        refund(),
        ("db.read", {"table": "orders"}),
        ("db.read", {"table": "Customers"}),
        ("attack.read", {"path": "/srv/prod/a"}),
        ("file.write", {"path": "/tmp/notes.txt", "text": "x"}),
    ]
    assert await passed(attacker, fine) == [args for _, args in fine]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_invariant_16_an_address_that_two_mailers_read_differently(
    attacker: Agent, address: str
) -> None:
    cases = [mail(address), mail("gus@northwind.example", address), refund(recipient=address)]
    assert await passed(attacker, cases) == []


async def test_an_address_that_is_not_text_does_not_pass(attacker: Agent) -> None:
    odd = [["x@northwind.example"], {"to": "x@northwind.example"}, None, 5, True, [["x@northwind.example"]]]
    cases = [mail(each) for each in odd] + [refund(recipient=each) for each in odd]
    cases += [("mail.send", {"to": "gus@northwind.example", "subject": "x", "body": "x"})]
    assert await passed(attacker, cases) == []


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_that_leads_somewhere_else_does_not_pass(attacker: Agent, path: str) -> None:
    cases = [("attack.read", {"path": path}), ("file.write", {"path": path, "text": "x"})]
    assert await passed(attacker, cases) == []


@pytest.mark.parametrize("table", TABLES)
async def test_an_ambiguous_table_name_does_not_pass(attacker: Agent, table: str) -> None:
    assert await passed(attacker, [("db.read", {"table": table})]) == []


async def test_an_export_of_unlisted_names_is_tier_3(attacker: Agent) -> None:
    """An export of listed names waits for one person, and of anything else for two (Tier 3)."""
    for column in ("email", "Email", "id;", "\u0456d", "id,email", "customers.id", ""):
        args = {"columns": ["id", column], "destination": "files.northwind.example"}
        answer = await try_out(attacker, "data.export", args)
        assert answer.status_code >= 400 or answer.json()["tier"] == 3, column
    for host in ("evil.example", "files.northwind.example.", "files.northwind.example/evil.example", "127.1"):
        args = {"columns": ["id"], "destination": host}
        answer = await try_out(attacker, "data.export", args)
        assert answer.status_code >= 400 or answer.json()["tier"] == 3, host
    listed = {"columns": ["id", "Name"], "destination": "files.northwind.example"}
    assert await tier(attacker, "data.export", listed) == 2


async def send(agent: Agent, body: str) -> Any:
    """Send a raw body."""
    return await agent.send(
        "POST", "/v1/actions", content=body.encode(), headers={"Content-Type": "application/json"}
    )


@pytest.mark.parametrize("number", ROUNDED)
async def test_a_number_that_cannot_be_kept_is_refused_and_named(attacker: Agent, number: str) -> None:
    bodies = [
        f'{{"kind":"payment.refund","args":{{"order":"A","recipient":"sam@acme.example","amount":{number}}}}}',
        f'{{"kind":"kb.search","args":{{"deep":[{{"amount":{number}}}]}}}}',
    ]
    for body in bodies:
        answer = await send(attacker, body)
        assert answer.status_code in {400, 422}, answer.text
    if number[0].isdigit() and number[:2] not in {"01", "1_", "0x"} and number not in {"1.", "1e", "１"}:
        assert "amount" in answer.text


async def test_the_spellings_of_a_number_are_one_value(attacker: Agent, finn: Person, target: Target) -> None:
    """They share one args digest and one remembered rejection."""
    word = mark()

    def body(number: str) -> str:
        return f'{{"kind":"attack.pay","args":{{"note":"{word}","amount":{number}}}}}'

    first = (await send(attacker, body("400"))).json()
    assert first["state"] == "waiting"
    await finn.click(CARDS, await target.card(finn, word), "reject")
    await attacker.wait_for(first, "rejected")
    for number in ("400.0", "4e2", "400.00", "4.0E+2", "40000e-2"):
        answer = (await send(attacker, body(number))).json()
        assert (answer["args_digest"], answer["state"]) == (first["args_digest"], "rejected"), number
    other = (await send(attacker, body("400.01"))).json()
    assert other["state"] == "waiting"


async def test_just_above_a_limit_is_above_it(attacker: Agent) -> None:
    tiers = {100: 1, 100.01: 2, 100.00000000000001: 2, 500: 2, 500.0000000000001: 3, 1e300: 3}
    for amount, ruled in tiers.items():
        assert await tier(attacker, *refund(amount)) == ruled, amount
    for odd in ("100", True, None, [100], {"gt": 1}):
        assert await tier(attacker, *refund(odd)) == 3, odd


PAIRS = {
    "Cyrillic in a word": ("customer", "cust\u043emer"),
    "NFC and NFD": ("caf\u00e9", "cafe\u0301"),
    "the Kelvin sign": ("K", "\u212a"),
    "a Greek question mark": ("a;b", "a\u037eb"),
    "full width": ("abc", "\uff41bc"),
    "a mathematical letter": ("a", "\U0001d41a"),
    "zero width": ("ab", "a\u200bb"),
    "another order": ("abc", "\u202ecba"),
    "a soft hyphen": ("ab", "a\u00adb"),
    "no-break space": ("a b", "a\u2003b"),
    "a tag character": ("ab", "a\U000e0061b"),
    "a variation selector": ("ab", "a\ufe00b"),
    "Greek in a word": ("Ao", "\u0391o"),
    "two hyphens": ("a-b", "a\u2010b"),
    "a fraction slash": ("a/b", "a\u2044b"),
}


@pytest.mark.parametrize("where", ["value", "key"])
async def test_invariant_16_two_different_actions_never_look_the_same(
    attacker: Agent, cleo: Person, target: Target, where: str
) -> None:
    """The card marks the second of each pair, and no two cards look the same."""
    drawn: list[list[str]] = []
    for place in (0, 1):
        word = mark()
        texts = [pair[place] for pair in PAIRS.values()]
        own = {f"n{at:02}{text}" if where == "key" else f"n{at:02}": text for at, text in enumerate(texts)}
        await attacker.propose("attack.wipe", {"what": word, **own})
        card = all_text((await target.card(cleo, word))["blocks"])
        drawn.append(re.split(r"n\d\d", card)[1 : len(PAIRS) + 1])
    for name, first, second in zip(PAIRS, *drawn, strict=True):
        assert first != second, name
        assert "⟨" in second, (name, second)
        assert "⟨" not in first or name == "Greek in a word", (name, first)


async def test_ordinary_letters_of_a_language_are_not_marked(
    attacker: Agent, cleo: Person, target: Target
) -> None:
    word = mark()
    texts = [
        "می\u200cخواهم",
        "क्\u200dष",
        "Prix\u202f: 5\u202f€",
        "👩\u200d👩\u200d👧",
        "naïve café",
        "Привет мир",
    ]
    await attacker.propose("attack.wipe", {"what": word, "texts": texts})
    card = all_text((await target.card(cleo, word))["blocks"])
    assert "⟨" not in card


async def test_policy_check_names_the_rules_that_rest_on_plain_text(target: Target) -> None:
    plain = target.stage.policy.read_text(encoding="utf-8").replace("of: email}", "of: string}")
    rule = "\n    raise:\n      - {id: prod,"
    plain = plain.replace(f"path: {{type: path}}{rule}", f"path: {{type: string}}{rule}")
    path = target.stage.folder / "plain.yaml"
    path.write_text(plain.replace("{under: /prod}", "{prefix: /prod/}"), encoding="utf-8")
    said = await target.command("policy", "check", str(path))
    assert "type: email" in said.out + said.err
    assert "type: path" in said.out + said.err

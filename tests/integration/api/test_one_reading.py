"""Arguments that two readers could read differently never pass, even if the policy declares plain texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.policy import Policy
from bot.domain.policy_model import Limits
from bot.policyfile import parse
from tests.integration.api.conftest import MakeBot
from tests.unit.policy.samples import ADDRESSES, IDENTIFIERS, PATHS

SHIPPED = (Path(__file__).parents[3] / "policies" / "default.yaml").read_text(encoding="utf-8")
DEFAULT = SHIPPED.replace("\nstrict: true\n", "\n")
"""Not strict: what cannot be read has to wait for a person then."""
PLAIN = DEFAULT.replace("{type: email}", "{type: string}").replace("of: email}", "of: string}")


def _policy(text: str) -> Policy:
    return replace(parse(text), limits=Limits(open_per_agent=10_000))


def _mail(text: str) -> tuple[str, dict[str, Any]]:
    return "mail.send", {"to": [text], "subject": "Hello", "body": "As agreed."}


def _refund(text: str) -> tuple[str, dict[str, Any]]:
    return "payment.refund", {"order": "A-7", "amount": 20, "recipient": text}


def _file(text: str) -> tuple[str, dict[str, Any]]:
    return "file.write", {"path": text, "text": "Hello"}


def _table(text: str) -> tuple[str, dict[str, Any]]:
    return "db.read", {"table": text}


@pytest.mark.parametrize(
    ("text", "make", "samples", "fine"),
    [
        pytest.param(DEFAULT, _mail, ADDRESSES, "gus@northwind.example", id="mail"),
        pytest.param(DEFAULT, _refund, ADDRESSES, "sam@acme.example", id="refund"),
        pytest.param(DEFAULT, _file, PATHS, "/tmp/notes.txt", id="path"),
        pytest.param(DEFAULT, _table, IDENTIFIERS, "orders", id="table"),
        pytest.param(PLAIN, _mail, ADDRESSES, "gus@northwind.example", id="mail, plain text"),
        pytest.param(PLAIN, _refund, ADDRESSES, "sam@acme.example", id="refund, plain text"),
    ],
)
async def test_invariant_16_an_ambiguous_argument_waits_for_a_person(
    make_bot: MakeBot, text: str, make: Any, samples: list[str], fine: str
) -> None:
    bot = await make_bot(policy=_policy(text))
    bot.people.people.update(
        dict.fromkeys(("finance", "platform-oncall", "release-leads"), ("U0CLEO", "U0DIA"))
    )
    passed = []
    async with bot.client() as client:
        for sample in [fine, *samples]:
            kind, args = make(sample)
            answer = await client.post("/v1/actions", json={"kind": kind, "args": args})
            if answer.status_code < 400 and answer.json()["state"] == "passed":
                passed.append(sample)
    assert passed == [fine]


@pytest.mark.parametrize(
    "table", ["Customers", "public.customers", "PUBLIC.Ledger", "cust\u043emers", "refunds;"]
)
async def test_a_rule_matches_a_table_in_any_spelling(make_bot: MakeBot, table: str) -> None:
    bot = await make_bot(policy=_policy(DEFAULT))
    bot.people.people.update(
        dict.fromkeys(("finance", "platform-oncall", "release-leads"), ("U0CLEO", "U0DIA"))
    )
    args = {"table": table, "statement": "UPDATE it", "rows": 11}
    async with bot.client() as client:
        answer = await client.post("/v1/actions", json={"kind": "db.write", "args": args})
    assert answer.json()["tier"] == 3

"""A day at Northwind: the jobs of the agents, and what each agent does.

The acts of the agents are fixed; the results depend on the people. If nobody answers, half of the reviews
expire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.demo.company import GUS
from bot.demo.scripted_model import Script, ToolUse, Turn

OFFER = "Half price on everything, today only."

SUPPORT_TICKETS: Mapping[str, Script] = {
    "T-1041": (
        Turn("Let me look that up.", (
            ToolUse("search_articles", {"query": "K-19"}),
            ToolUse("query_database", {"table": "orders", "where": "id=O-1041"}),
        )),
        Turn("A known fault; I refund the kettle.", (
            ToolUse("issue_refund", {"order": "O-1041", "amount": 42, "recipient": "sam@acme.example"}),
        )),
        Turn("I leave a note.", (
            ToolUse("add_note", {"customer": "C-07", "text": "Kettle K-19 refunded, not asked back."}),
        ), then=True),
    ),
    "T-1042": (
        Turn("Two grinders went out; I check the order.", (
            ToolUse("query_database", {"table": "orders", "where": "id=O-1042"}),
        )),
        Turn("I refund the second grinder.", (
            ToolUse("issue_refund", {"order": "O-1042", "amount": 180, "recipient": "sam@acme.example"}),
        )),
        Turn("I tell the customer.", (
            ToolUse("send_email", {
                "to": ["sam@acme.example"],
                "subject": "Your second grinder",
                "body": "Hello Sam, we shipped twice. 180 USD are on their way back; keep the grinder.",
            }),
        ), then=True),
    ),
    "T-1043": (
        Turn("An espresso machine that is said to be noisy.", (
            ToolUse("query_database", {"table": "orders", "where": "id=O-1043"}),
        )),
        Turn("The customer sounds upset, so I refund all of it.", (
            ToolUse("issue_refund", {"order": "O-1043", "amount": 640, "recipient": "kim@globex.example"}),
        )),
        Turn("I tell the customer.", (
            ToolUse("send_email", {
                "to": ["kim@globex.example"],
                "subject": "Your refund",
                "body": "Hello Kim, 640 USD are on their way back to you.",
            }),
        ), then=True),
    ),
    "T-1044": (
        Turn("A roaster that was cancelled before it shipped.", (
            ToolUse("query_database", {"table": "orders", "where": "id=O-1044"}),
        )),
        Turn("I refund it in full.", (
            ToolUse("issue_refund", {"order": "O-1044", "amount": 900, "recipient": "kim@globex.example"}),
        )),
        Turn("I tell finance and leave a note.", (
            ToolUse("send_email", {
                "to": ["finance@northwind.example"],
                "subject": "Refund of O-1044",
                "body": "900 USD went back to Globex for the cancelled roaster.",
            }),
            ToolUse("add_note", {"customer": "C-11", "text": "Roaster O-1044 refunded in full."}),
        ), then=True),
    ),
}  # fmt: skip
"""The script of the support agent's model, by ticket."""

CRM_TICKETS: Mapping[str, Script] = {
    "T-2001": (
        Turn("Four things at once for the quarter's campaign.", (
            ToolUse("query_database", {"table": "customers"}),
            ToolUse("generate_report", {"name": "customers by quarter", "cost": 5}),
            ToolUse("export_data", {"columns": ["id", "name"], "destination": "storage.northwind.example"}),
            ToolUse("grant_permission", {"who": "agency@globex.example", "role": "crm-admin"}),
        )),
        Turn("I put what I have into a draft.", (
            ToolUse("draft_newsletter", {"subject": "Autumn roasts", "body": "Dear friends of coffee …"}),
        )),
    ),
}  # fmt: skip
"""The script of the campaign agent's model, by ticket."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a runbook, or one action of an agent that proposes over HTTP."""

    kind: str
    args: Mapping[str, Any]
    description: str | None = None

    @property
    def words(self) -> list[str]:
        """The texts among its arguments, which identify its card."""
        lists = (value if isinstance(value, list) else [value] for value in self.args.values())
        return [each for values in lists for each in values if isinstance(each, str)]


RUNBOOKS: Mapping[str, tuple[Step, ...]] = {
    "release-4.2": (
        Step("db.read", {"table": "services"}, "Which version runs where?"),
        Step("deploy.staging", {"service": "shop", "version": "4.2"}),
        Step("deploy.production", {"service": "shop", "version": "4.2"}, "Staging has been green for a day."),
    ),
    "unpaid-orders": (
        Step("report.generate", {"name": "unpaid orders", "cost": 3}),
        Step(
            "db.write",
            {
                "table": "orders",
                "statement": "UPDATE orders SET state = 'closed' WHERE id = 'O-1045'",
                "rows": 1,
            },
            "Closes the one order that the report found.",
        ),
    ),
    "stale-sessions": (
        Step("db.read", {"table": "sessions", "where": "stale=1"}),
        Step("data.delete", {"what": "stale sessions", "count": 6}, "They are older than a year."),
    ),
    "new-checkout": (
        Step("db.read", {"table": "flags"}),
        Step("config.feature-flag", {"flag": "new-checkout", "percent": 10}, "A tenth of the customers."),
        Step("report.generate", {"name": "checkout, before and after", "cost": 8}),
    ),
}
"""The steps of the operations agent, by runbook. Each step starts after the one before was executed."""


@dataclass(frozen=True, slots=True)
class HostedJob:
    """A thread of a hosted graph. It starts `at_s` seconds after the day."""

    agent: str
    graph: str
    given: Mapping[str, Any]
    at_s: float = 0.0
    on_behalf_of: str | None = None


@dataclass(frozen=True, slots=True)
class ProposingJob:
    """The steps of an agent in its own process: it proposes each over HTTP, waits, claims, acts and reports.

    `takes_back` is the reason for withdrawing its first step after the card was shown.
    """

    agent: str
    steps: tuple[Step, ...]
    at_s: float = 0.0
    takes_back: str | None = field(default=None)


def _ticket(agent: str, graph: str, text: str, at_s: float) -> HostedJob:
    given = {"messages": [{"role": "user", "content": text}]}
    return HostedJob(agent, graph, given, at_s, on_behalf_of=GUS)


def _runbook(name: str, at_s: float) -> HostedJob:
    return HostedJob("ops-agent", "ops", {"runbook": name}, at_s)


HOSTED: tuple[HostedJob, ...] = (
    _runbook("stale-sessions", 0.0),
    _runbook("release-4.2", 0.0),
    _runbook("unpaid-orders", 0.5),
    _ticket("support-agent", "support", "T-1041: our kettle leaks at the lid, it is a K-19. Sam, Acme", 1.0),
    _ticket("support-agent", "support", "T-1044: what about our money for the roaster? Kim, Globex", 1.5),
    _ticket("support-agent", "support", "T-1043: the machine is noisy, I want my money back! Kim", 2.0),
    _ticket("campaign-agent", "crm", "T-2001: prepare the quarter's campaign, please", 2.5),
    _ticket("support-agent", "support", "T-1042: we got the grinder twice. Sam, Acme", 3.0),
    _runbook("new-checkout", 3.5),
)
"""The jobs of the agents whose graphs the bot hosts."""

PROPOSING: tuple[ProposingJob, ...] = (
    ProposingJob(
        "growth-agent",
        (
            Step("kb.search", {"query": "shipment"}),
            Step("mail.newsletter-draft", {"subject": "Sale", "body": OFFER}),
            Step(
                "message.broadcast",
                {"audience": "every customer", "text": OFFER},
                "The draft is ready, so I send it.",
            ),
        ),
    ),
    ProposingJob(
        "billing-agent",
        (
            Step("db.read", {"table": "orders", "where": "state=delivered"}),
            Step("payment.refund", {"order": "O-1045", "amount": 12, "recipient": "sam@acme.example"}),
            Step(
                "payment.transfer",
                {"amount": 4200, "account": "DE89 3704 0044 0532 0130 00", "purpose": "Invoice 88, roastery"},
                "The invoice is due today.",
            ),
            Step("report.generate", {"name": "payments of the day", "cost": 2}),
        ),
        at_s=1.0,
    ),
    ProposingJob(
        "infra-agent",
        (
            Step("db.read", {"table": "services", "where": "stage=production"}),
            Step(
                "dns.update",
                {"name": "northwind.example", "target": "198.51.100.9"},
                "The new load balancer answers faster.",
            ),
        ),
        at_s=2.0,
    ),
    ProposingJob(
        "growth-agent",
        (Step("data.export", {"columns": ["id", "item"], "destination": "storage.northwind.example"}),),
        at_s=3.0,
        takes_back="the figures were in the report already",
    ),
)
"""The jobs of the agents that run their own effects and propose over HTTP."""

AGENTS: tuple[str, ...] = tuple(
    dict.fromkeys([*(job.agent for job in HOSTED), *(job.agent for job in PROPOSING)])
)
"""Every agent that needs a token."""

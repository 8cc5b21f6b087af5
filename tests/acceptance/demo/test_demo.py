"""`membrane demo`, started as a process, with its page and its books."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

Json = dict[str, Any]

COMMAND = (str(Path(sys.executable).with_name("membrane")), "demo")
ROOT = Path(__file__).parents[3]
HANG_S = 240.0
"""Only a hang takes longer, because the autopilot gives up within a minute."""


def demo(*options: str, data: Path, timeout: float = HANG_S) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--data", str(data), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def of_kind(result: Json, kind: str) -> list[Json]:
    return [action for action in result["actions"] if action["kind"] == kind]


def outcomes(action: Json) -> list[str]:
    return [review["outcome"] for review in action["reviews"]]


def test_autopilot_shows_everything_within_a_minute_and_ends(tmp_path: Path) -> None:
    ended = demo("--autopilot", "--json", "--port", "0", data=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("\n") == 1
    result = json.loads(ended.stdout)
    check_shape(result)
    check_outcomes(result)
    check_mandated(result)
    check_books(result, tmp_path / "northwind.db")
    check_clicks_that_do_not_count(tmp_path / "membrane.db")
    check_agents(tmp_path / "membrane.db")
    assert "is rejected by Cleo: “Noisy is not broken: offer a visit first.”" in ended.stderr
    assert "every scene played" in ended.stderr


def check_shape(result: Json) -> None:
    assert result.keys() == {"actions", "pages", "digests", "ledger"}
    assert len(result["actions"]) >= 30
    assert {action["tier"] for action in result["actions"]} == {0, 1, 2, 3}
    for action in result["actions"]:
        assert action.keys() == {"id", "kind", "tier", "receipt", "reviews"}
        assert bool(action["reviews"]) == (action["tier"] >= 2)
        for review in action["reviews"]:
            assert review.keys() == {"outcome", "decided_by", "waited_s"}
            assert 0 < review["waited_s"] < 60
            assert bool(review["decided_by"]) == (review["outcome"] in ("approved", "rejected"))
    for page in result["pages"]:
        assert page["to"].startswith("U0")
        assert page["step"] >= 1
        assert 0 < page["at_s"] < 60
    assert result["digests"] >= 1


def check_outcomes(result: Json) -> None:
    """The run has every outcome, an abort, a safe-halt, a quorum and an unknown kind."""
    refunds = Counter((outcomes(each)[0], len(each["reviews"][0]["decided_by"]))
                      for each in of_kind(result, "payment.refund") if each["reviews"])  # fmt: skip
    assert refunds == {("approved", 2): 1, ("approved", 1): 1, ("rejected", 1): 1}
    (aborted,) = of_kind(result, "data.delete")
    assert (aborted["tier"], outcomes(aborted), aborted["receipt"]) == (3, ["expired"], "denied")
    (halted,) = of_kind(result, "db.write")
    assert (halted["tier"], outcomes(halted), halted["receipt"]) == (2, ["expired", "approved"], "executed")
    assert any(page["action"] == halted["id"] for page in result["pages"])
    (unknown,) = of_kind(result, "dns.update")
    assert (unknown["tier"], outcomes(unknown), unknown["receipt"]) == (3, ["rejected"], "denied")
    (signed,) = of_kind(result, "payment.transfer")
    assert sorted(signed["reviews"][0]["decided_by"]) == ["U0FAY", "U0FINN"]
    assert {tuple(outcomes(each)): each["receipt"] for each in of_kind(result, "data.export")} == {
        ("withdrawn",): None,
        ("approved",): "executed",
    }


def check_mandated(result: Json) -> None:
    """The window ends without a decision, pages reach more people and repeat, and then two people sign."""
    (deploy,) = of_kind(result, "deploy.production")
    (review,) = deploy["reviews"]
    assert (review["outcome"], deploy["receipt"]) == ("approved", "executed")
    assert len(set(review["decided_by"])) == 2
    assert review["waited_s"] > 6, "the review waited longer than its window"
    pages = [page for page in result["pages"] if page["action"] == deploy["id"]]
    by_step = {page["step"]: {each["to"] for each in pages if each["step"] == page["step"]} for page in pages}
    assert len(by_step[1]) == 1
    assert len(by_step[2]) == 3
    assert by_step[3] <= by_step[1] | by_step[2], "a repetition pages people of the earlier steps"
    assert by_step[3] & by_step[2]


def check_books(result: Json, books: Path) -> None:
    """The books hold exactly the executed actions, and no rejected refund."""
    executed = [action["id"] for action in result["actions"] if action["receipt"] == "executed"]
    assert Counter(result["ledger"]["executed"]) == Counter(executed)
    assert len(rows(books, "SELECT key FROM effects")) == len(executed)
    refunded = {(order, usd) for order, usd in rows(books, "SELECT order_id, usd FROM refunds")}
    assert refunded == {("O-1041", 42), ("O-1042", 180), ("O-1044", 900), ("O-1045", 12)}
    assert rows(books, "SELECT state FROM orders WHERE id = 'O-1043'") == [("delivered",)]
    assert rows(books, "SELECT version FROM services WHERE stage = 'production'") == [("4.2",)]
    assert rows(books, "SELECT target FROM domains") == [("203.0.113.7",)]
    assert rows(books, "SELECT count(*) FROM sessions WHERE stale") == [(6,)]
    assert rows(books, "SELECT * FROM grants") == rows(books, "SELECT * FROM broadcasts") == []


def check_clicks_that_do_not_count(database: Path) -> None:
    """Refused are an outsider, the requester, a second click, and clicks after the outcome or expiry."""
    refused = set(
        rows(
            database,
            "SELECT json_extract(j.body, '$.reason'), r.state FROM journal j "
            "JOIN reviews r ON r.id = j.review_id WHERE j.event = 'review.vote_refused'",
        )
    )
    assert {"requester", "not_approver", "already_voted"} <= {reason for reason, _ in refused}
    assert ("decided", "approved") in refused
    assert {("decided", "expired"), ("expired", "expired")} & refused


def check_agents(database: Path) -> None:
    """One interrupt covers four tiers at once, and HTTP agents work beside hosted threads."""
    batches = rows(database, "SELECT id FROM interrupts WHERE shape = 'hitl_batch'")
    tiers = [
        [tier for (tier,) in rows(database, f"SELECT tier FROM actions WHERE interrupt_id = '{interrupt}'")]
        for (interrupt,) in batches
    ]
    assert [0, 1, 2, 3] in [sorted(each) for each in tiers]
    graphs = {graph for (graph,) in rows(database, "SELECT DISTINCT graph FROM threads")}
    assert graphs == {"support", "ops", "crm"}
    apart = rows(database, "SELECT DISTINCT agent FROM actions WHERE thread_id IS NULL")
    assert {agent for (agent,) in apart} == {"growth-agent", "billing-agent", "infra-agent"}
    assert rows(database, "SELECT DISTINCT state FROM threads") == [("finished",)]


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, "--port", "0", "--data", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        yield process
        process.kill()


def test_a_demo_by_hand_names_one_address_and_three_things_to_try(
    by_hand: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert by_hand.stdout is not None
    welcome = "".join(by_hand.stdout.readline() for _ in range(8))
    (address,) = re.findall(r"http://\S+", welcome)
    assert "Northwind" in httpx2.get(f"{address}/local/state?as=U0CLEO").text
    assert re.findall(r"^  (\d)\. ", welcome, re.MULTILINE) == ["1", "2", "3"]
    assert next(line for line in by_hand.stdout if "waits, Tier" in line)
    by_hand.send_signal(signal.SIGINT)
    _, said = by_hand.communicate(timeout=HANG_S)
    assert by_hand.returncode == 0
    assert said.strip() == f"Stopped. The executed effects are in {tmp_path / 'northwind.db'}"


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = demo("--port", str(port), data=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == (
        f"membrane: port {port} is taken, so Northwind's Slack cannot open there; choose another with "
        "--port, or 0 for a free one\n"
    )

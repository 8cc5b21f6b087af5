"""Northwind's books: an effect and its key are one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.demo.effects import EFFECTS, EffectFailed
from bot.demo.world import World

REFUND = {"order": "O-1044", "amount": 900, "recipient": "kim@globex.example"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    books = World(tmp_path / "northwind.db")
    books.found()
    return books


def test_a_refund_is_in_the_books_with_its_key(world: World) -> None:
    world.perform("payment.refund", REFUND, key="rev_1:d", action_id="act_1")
    assert [row["usd"] for row in world.rows("SELECT usd FROM refunds")] == [900]
    assert [(each["key"], each["action_id"]) for each in world.effects()] == [("rev_1:d", "act_1")]


def test_a_repeated_key_changes_nothing_and_returns_the_first_result(world: World) -> None:
    first = world.perform("payment.refund", REFUND, key="k")
    assert world.perform("payment.refund", REFUND, key="k") == first
    assert len(world.rows("SELECT * FROM refunds")) == len(world.effects()) == 1


def test_a_failed_effect_leaves_no_trace(world: World) -> None:
    with pytest.raises(EffectFailed, match="cheaper"):
        world.perform("payment.refund", {**REFUND, "amount": 901}, key="k")
    assert world.effects() == []


def test_a_statement_that_changes_more_rows_than_announced_is_undone(world: World) -> None:
    args = {"table": "orders", "statement": "UPDATE orders SET state = 'closed'", "rows": 1}
    with pytest.raises(EffectFailed, match="5 rows, and 1 were announced"):
        world.perform("db.write", args, key="k")
    assert not world.rows("SELECT * FROM orders WHERE state = 'closed'")


@pytest.mark.parametrize(
    "statement", ["DROP TABLE orders", "DELETE FROM effects", "UPDATE orders SET usd = 0; COMMIT", "COMMIT"]
)
def test_a_statement_that_is_not_one_change_of_a_table_is_refused(world: World, statement: str) -> None:
    with pytest.raises(EffectFailed, match="not one UPDATE"):
        world.perform("db.write", {"table": "orders", "statement": statement, "rows": 0}, key="k")


def test_a_read_is_an_effect_too(world: World) -> None:
    rows = world.perform("db.read", {"table": "orders", "where": "id=O-1041"}, key="k")
    assert rows[0]["item"] == "kettle"
    assert [each["kind"] for each in world.effects()] == ["db.read"]


@pytest.mark.parametrize("args", [{"table": "effects"}, {"table": "orders", "where": "1=1 --"}])
def test_only_known_tables_and_columns_are_read(world: World, args: dict[str, str]) -> None:
    with pytest.raises(EffectFailed):
        world.perform("db.read", args, key="k")


def test_a_kind_that_nobody_knows_fails(world: World) -> None:
    with pytest.raises(EffectFailed, match=r"rocket\.launch"):
        world.perform("rocket.launch", {}, key="k")


def test_agents_find_the_books_by_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NORTHWIND_BOOKS", raising=False)
    with pytest.raises(EffectFailed, match="NORTHWIND_BOOKS"):
        World.from_environment()
    monkeypatch.setenv("NORTHWIND_BOOKS", str(world.path))
    assert World.from_environment().path == world.path


EXAMPLES: dict[str, dict[str, Any]] = {
    "db.read": {"table": "customers"},
    "kb.search": {"query": "lid"},
    "crm.note": {"customer": "C-07", "text": "x"},
    "report.generate": {"name": "x", "cost": 2},
    "mail.newsletter-draft": {"subject": "x", "body": "y"},
    "mail.send": {"to": ["a@b.example"], "subject": "x", "body": "y"},
    "payment.refund": REFUND,
    "payment.transfer": {"amount": 1, "account": "DE", "purpose": "x"},
    "deploy.staging": {"service": "shop", "version": "4.2"},
    "deploy.production": {"service": "shop", "version": "4.2"},
    "db.write": {"table": "orders", "statement": "UPDATE orders SET usd = 1 WHERE id = 'O-1041'", "rows": 1},
    "config.feature-flag": {"flag": "new-checkout", "percent": 10},
    "data.export": {"columns": ["id"], "destination": "x"},
    "data.delete": {"what": "stale sessions", "count": 6},
    "permission.grant": {"who": "x", "role": "y"},
    "message.broadcast": {"audience": "x", "text": "y"},
    "dns.update": {"name": "northwind.example", "target": "x"},
}


def test_every_kind_can_be_carried_out(world: World) -> None:
    assert EXAMPLES.keys() == EFFECTS.keys()
    for kind, args in EXAMPLES.items():
        world.perform(kind, args, key=kind)
    assert len(world.effects()) == len(EFFECTS)

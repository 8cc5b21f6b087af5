"""Verification finds and names any tampering with any entry."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.record import JournalEntry
from bot.errors import StoreError
from bot.store import journal
from bot.store.journal import Anchor, End
from tests.integration.store.making import Image, a_journal, tampered

ENTRIES = 24
ENTRY = st.integers(1, ENTRIES)
"""By position in the order of writing."""

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.sampled_from(["bot", "bot.tier0", "said", "0" * 64, b'{"number": 3}', b'{"number":4}']),
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return asyncio.run(a_journal(tmp_path_factory.mktemp("journal") / "membrane.db", ENTRIES))


def row(connection: Any, place: int) -> tuple[Any, ...] | None:
    found = connection.exec_driver_sql("SELECT * FROM journal WHERE id = ?", (place,)).first()
    return None if found is None else tuple(found)


@pytest.fixture(scope="module")
def anchor(image: Image) -> Anchor:
    with tampered(image) as connection:
        return Anchor(1.0, journal.ends(connection))


def test_an_untouched_journal_verifies(image: Image, anchor: Anchor) -> None:
    with tampered(image) as connection:
        assert journal.verify(connection, [anchor]) == (ENTRIES, [])


@given(
    place=ENTRY,
    column=st.sampled_from(["at", "event", "action_id", "review_id", "body", "hash"]),
    value=VALUES,
)
@quick
def test_a_changed_entry_is_found_and_named(
    image: Image, anchor: Anchor, place: int, column: str, value: Any
) -> None:
    with tampered(image) as connection:
        before = row(connection, place)
    assert before is not None
    if value is None and column not in {"action_id", "review_id"}:
        return
    with tampered(image, (f"UPDATE journal SET {column} = ? WHERE id = ?", (value, place))) as connection:
        after = row(connection, place)
        _, breaks = journal.verify(connection)
    _, writer, seq, *_ = before
    if repr(after) == repr(before):
        assert breaks == []
    else:
        assert (writer, seq) in {(found.writer, found.seq) for found in breaks}


@given(
    place=ENTRY,
    column=st.sampled_from(["writer", "seq"]),
    value=st.one_of(st.integers(0, 99), st.text(max_size=9)),
)
@quick
def test_a_moved_entry_is_found(image: Image, anchor: Anchor, place: int, column: str, value: Any) -> None:
    with tampered(image) as connection:
        before = row(connection, place)
    change = (f"UPDATE OR REPLACE journal SET {column} = ? WHERE id = ?", (value, place))
    with tampered(image, change) as connection:
        if row(connection, place) != before:
            assert journal.verify(connection, [anchor]).breaks


@given(first=ENTRY, more=st.integers(0, 5))
@quick
def test_dropped_entries_are_found_and_named(image: Image, anchor: Anchor, first: int, more: int) -> None:
    with tampered(image) as connection:
        gone = {row(connection, place)[1:3] for place in range(first, min(first + more, ENTRIES) + 1)}  # type: ignore[index]
    change = ("DELETE FROM journal WHERE id BETWEEN ? AND ?", (first, first + more))
    with tampered(image, change) as connection:
        _, breaks = journal.verify(connection, [anchor])
    for writer in {writer for writer, _ in gone}:
        lowest = min(seq for of, seq in gone if of == writer)
        named = [found for found in breaks if found.writer == writer]
        assert any(found.seq == lowest or f" {lowest} " in found.what for found in named)


@given(one=ENTRY, other=ENTRY)
@quick
def test_swapped_entries_are_found(image: Image, anchor: Anchor, one: int, other: int) -> None:
    columns = ("at", "event", "action_id", "review_id", "body", "hash")
    with tampered(image) as connection:
        rows = {place: row(connection, place) for place in (one, other)}
    assignments = ", ".join(f"{column} = ?" for column in columns)
    changes = [
        (f"UPDATE journal SET {assignments} WHERE id = ?", (*(rows[source] or ())[3:], target))
        for source, target in ((one, other), (other, one))
    ]
    with tampered(image, *changes) as connection:
        _, breaks = journal.verify(connection)
    assert bool(breaks) is (one != other)


def test_a_changed_order_of_writing_is_found(image: Image, anchor: Anchor) -> None:
    changes = [("UPDATE journal SET id = -id", ()), ("UPDATE journal SET id = id + 100", ())]
    with tampered(image, *changes) as connection:
        assert "order of writing" in journal.verify(connection).breaks[0].what


@given(cut=st.integers(1, ENTRIES - 1))
@quick
def test_only_an_anchor_reveals_a_missing_end(image: Image, anchor: Anchor, cut: int) -> None:
    with tampered(image, ("DELETE FROM journal WHERE id > ?", (cut,))) as connection:
        assert journal.verify(connection).breaks == []
        _, breaks = journal.verify(connection, [anchor])
        ends = journal.ends(connection)
    for writer, known in anchor.ends.items():
        end = ends.get(writer, End(0, journal.GENESIS))
        missing = [found for found in breaks if found.writer == writer]
        assert [found.seq for found in missing] == ([end.seq + 1] if end.seq < known.seq else [])


@given(place=st.integers(1, ENTRIES - 8))
@quick
def test_only_an_anchor_reveals_a_rewritten_chain(image: Image, anchor: Anchor, place: int) -> None:
    """Somebody changes an entry and recomputes every later hash."""
    with tampered(image) as connection:
        _, writer, *_ = row(connection, place) or ()
        entries = [entry for entry in journal.entries(connection) if entry.writer == writer]
        places = connection.exec_driver_sql("SELECT id FROM journal WHERE writer = ? ORDER BY seq", (writer,))
        ids = list(places.scalars())
    changes: list[tuple[str, tuple[object, ...]]] = []
    before = journal.GENESIS
    for own, entry in zip(ids, entries, strict=True):
        body = b'{"number":"forged"}' if own == place else entry.body
        forged = JournalEntry(writer, entry.seq, entry.at, entry.event, None, None, body, "")
        before = journal.hash_of(before, forged)
        changes.append(("UPDATE journal SET body = ?, hash = ? WHERE id = ?", (body, before, own)))
    with tampered(image, *changes) as connection:
        assert journal.verify(connection).breaks == []
        _, breaks = journal.verify(connection, [anchor])
    assert [(found.writer, found.seq) for found in breaks] == [(writer, anchor.ends[writer].seq)]


def test_anchors_are_read_back_from_a_file(image: Image, anchor: Anchor) -> None:
    one = anchor
    text = f"{one.to_line()}\n\n{one.to_line()}\n"
    assert journal.read_anchors(text, "anchors") == [one, one]


@pytest.mark.parametrize(
    "text",
    ["", "\n", "not json", "[]", "{}", '{"anchor": "other", "at": 1, "chains": {}}', '{"anchor": 1}'],
)
def test_an_invalid_anchor_file_names_the_faulty_line(text: str) -> None:
    with pytest.raises(StoreError, match=r"notes:?1?: .*membrane journal anchor"):
        journal.read_anchors(text, "notes")

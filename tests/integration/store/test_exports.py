"""An export says what it is, verifies without this program, and tells what was done to it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import StoreError
from bot.store import files, journal
from bot.store.journal import Anchor
from tests.integration.store.making import Image, a_journal, tampered

ENTRIES = 16

quick = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return asyncio.run(a_journal(tmp_path_factory.mktemp("journal") / "membrane.db", ENTRIES))


@pytest.fixture(scope="module")
def whole(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "journal.jsonl"
    with tampered(image) as connection, files.written(path) as out:
        journal.export(connection, out, 99.0)
    return path


def changed(whole: Path, lines: list[bytes]) -> Path:
    path = whole.with_name("changed.jsonl")
    path.write_bytes(b"".join(lines))
    return path


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_an_export_verifies(whole: Path) -> None:
    assert journal.verify_export(whole) == (ENTRIES, [])
    assert stat.S_IMODE(whole.stat().st_mode) == 0o600


def test_an_export_verifies_with_nothing_but_what_its_first_line_says(whole: Path) -> None:
    """An auditor's own program, in the standard library, on nobody's word but the file's."""
    with whole.open(encoding="utf-8") as file:
        head = json.loads(next(file))
        before = {writer: chain["after"]["hash"] for writer, chain in head["chains"].items()}
        for line in file:
            e = json.loads(line)
            named = [
                before[e["writer"]],
                *(e[k] for k in ("writer", "seq", "at", "event", "action_id", "review_id")),
            ]
            text = json.dumps(named, separators=(",", ":"), ensure_ascii=False) + "\n" + e["body"]
            before[e["writer"]] = hashlib.sha256(text.encode()).hexdigest()
            assert before[e["writer"]] == e["hash"]
    assert before == {writer: chain["end"]["hash"] for writer, chain in head["chains"].items()}


@given(line=st.integers(1, ENTRIES), at=st.integers(0, 400), byte=st.integers(0, 255))
@quick
def test_any_changed_byte_of_an_entry_is_found(whole: Path, line: int, at: int, byte: int) -> None:
    lines = lines_of(whole)
    spoilt = bytearray(lines[line])
    position = at % len(spoilt)
    if spoilt[position] == byte:
        return
    spoilt[position] = byte
    lines[line] = bytes(spoilt)
    assert journal.verify_export(changed(whole, lines)).breaks


@given(first=st.integers(1, ENTRIES), more=st.integers(0, 3))
@quick
def test_any_dropped_line_is_found(whole: Path, first: int, more: int) -> None:
    lines = lines_of(whole)
    del lines[first : first + more + 1]
    assert journal.verify_export(changed(whole, lines)).breaks


@given(one=st.integers(1, ENTRIES), other=st.integers(1, ENTRIES))
@quick
def test_a_line_that_stands_twice_is_found(whole: Path, one: int, other: int) -> None:
    lines = lines_of(whole)
    lines.insert(other, lines[one])
    assert journal.verify_export(changed(whole, lines)).breaks


def test_lines_in_another_order_within_a_chain_are_found(whole: Path) -> None:
    lines = lines_of(whole)
    lines[1], lines[5] = lines[5], lines[1]
    assert journal.verify_export(changed(whole, lines)).breaks


def test_an_anchor_holds_an_export_to_what_there_was(image: Image, whole: Path) -> None:
    with tampered(image) as connection:
        known = Anchor(50.0, journal.ends(connection))
    assert journal.verify_export(whole, [known]).breaks == []
    with tampered(image, ("DELETE FROM journal WHERE id > 10", ())) as connection:
        short = whole.with_name("short.jsonl")
        with files.written(short, replace=True) as out:
            journal.export(connection, out, 99.0)
    assert journal.verify_export(short).breaks == []
    assert {found.writer for found in journal.verify_export(short, [known]).breaks} == set(known.ends)


def test_one_chain_alone_is_exported_and_verifies(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.gz"
    with tampered(image) as connection:
        known = Anchor(50.0, journal.ends(connection))
        with files.written(path) as out:
            assert journal.export(connection, out, 99.0, ["bot.tier0"]).entries == ENTRIES // 2
        with pytest.raises(StoreError, match=r"no chain 'nobody'.*bot, bot.tier0, bot.tier1"):
            journal.export(connection, out, 99.0, ["nobody"])
    assert journal.verify_export(path, [known]) == (ENTRIES // 2, [])


@pytest.mark.parametrize("text", [b"", b"\n", b"{}\n", b"not json\n", b'{"export": "other", "format": 1}\n'])
def test_what_is_no_export_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(text)
    with pytest.raises(StoreError, match=r"file.jsonl:1: this is no export.*membrane journal export"):
        journal.verify_export(path)


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file.gz"

    def half() -> None:
        with files.written(path) as out:
            out.write(b"half")
            raise LookupError

    with pytest.raises(LookupError):
        half()
    assert list(path.parent.iterdir()) == []
    with files.written(path) as out:
        out.write(b"whole")
    with files.opened(path) as file:
        assert file.read() == b"whole"
    with pytest.raises(StoreError, match="is there already"), files.written(path):
        pass


def test_a_cut_off_or_missing_file_says_so(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        journal.verify_export(tmp_path / "none.jsonl")
    packed = tmp_path / "packed.jsonl.gz"
    with files.written(packed) as out:
        out.write(whole.read_bytes())
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(StoreError, match="cannot be read"):
        journal.verify_export(packed)

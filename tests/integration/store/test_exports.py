"""An export describes itself, verifies without this program, and reveals tampering."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import NoFolder, StoreError
from bot.store import files, journal
from bot.store.journal import Anchor, End
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


def begun(whole: Path, writer: str, seq: int, digest: str | None = None) -> Path:
    """Leave out a chain's first entries, and have the first line declare it."""
    first, *lines = lines_of(whole)
    head = json.loads(first)
    entries = [json.loads(line) for line in lines]
    after = end_in(whole, writer, seq)._asdict() if digest is None else {"seq": seq, "hash": digest}
    head["chains"][writer]["after"] = after
    left = [
        line
        for line, entry in zip(lines, entries, strict=True)
        if entry["writer"] != writer or entry["seq"] > seq
    ]
    return changed(whole, [json.dumps(head).encode() + b"\n", *left])


def end_in(path: Path, writer: str, seq: int) -> End:
    entries = (json.loads(line) for line in lines_of(path)[1:])
    hashes = {(entry["writer"], entry["seq"]): entry["hash"] for entry in entries}
    return End(seq, hashes.get((writer, seq), journal.GENESIS))


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_an_export_verifies(whole: Path) -> None:
    assert journal.verify_export(whole) == (ENTRIES, [], [])
    assert stat.S_IMODE(whole.stat().st_mode) == 0o600


def test_an_export_verifies_by_its_first_line_alone(whole: Path) -> None:
    """An auditor's own program needs only the standard library and the file."""
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
def test_a_duplicated_line_is_found(whole: Path, one: int, other: int) -> None:
    lines = lines_of(whole)
    lines.insert(other, lines[one])
    assert journal.verify_export(changed(whole, lines)).breaks


def test_lines_in_another_order_within_a_chain_are_found(whole: Path) -> None:
    lines = lines_of(whole)
    lines[1], lines[5] = lines[5], lines[1]
    assert journal.verify_export(changed(whole, lines)).breaks


def test_an_anchor_reveals_an_export_that_leaves_out_entries(image: Image, whole: Path) -> None:
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
    assert journal.verify_export(path, [known]) == (ENTRIES // 2, [], [])


@pytest.mark.parametrize("seq", [1, 2, 4])
def test_a_first_line_cannot_excuse_a_missing_beginning_of_the_deciding_chain(whole: Path, seq: int) -> None:
    early = Anchor(10.0, {"bot": end_in(whole, "bot", 1)})
    for anchors in ([], [early]):
        (found,) = journal.verify_export(begun(whole, "bot", seq), anchors).breaks
        assert (found.writer, found.seq) == ("bot", 1)
        assert f"missing, with all up to entry {seq}," in found.what


def test_a_passing_chain_may_begin_later_and_unchecked_anchors_are_named(whole: Path) -> None:
    later = begun(whole, "bot.tier0", 3)
    known = [Anchor(10.0, {"bot.tier0": end_in(whole, "bot.tier0", seq)}) for seq in (1, 2, 3, 5)]
    assert journal.verify_export(later) == (ENTRIES - 3, [], [])
    _, breaks, (early,) = journal.verify_export(later, known)
    assert (breaks, early.writer, early.seq) == ([], "bot.tier0", 2)
    unknown = begun(whole, "bot.tier0", 3, "")
    _, breaks, (first, early) = journal.verify_export(unknown, known)
    assert (breaks, first.seq, early.seq) == ([], 4, 3)
    assert "could not be checked" in first.what


@pytest.mark.parametrize("writer", ["bot", "bot.tier0"])
@pytest.mark.parametrize(("seq", "digest"), [(0, ""), (0, "f" * 64), (-1, "")])
def test_a_chain_that_starts_at_entry_1_must_start_from_the_empty_hash(
    whole: Path, writer: str, seq: int, digest: str
) -> None:
    path = begun(whole, writer, seq, digest)
    assert [(found.writer, found.seq) for found in journal.verify_export(path).breaks] == [(writer, 1)]
    lines = lines_of(path)
    place = next(number for number, line in enumerate(lines) if f'"{writer}","seq":1,'.encode() in line)
    lines[place] = lines[place].replace(b'"number', b'"forged')
    found = journal.verify_export(changed(whole, lines)).breaks
    assert any("was changed" in each.what for each in found)


@pytest.mark.parametrize("value", [["x"], {}, None, True, 1.5, "x"])
@pytest.mark.parametrize("field", ["writer", "seq", "at", "event", "action_id", "review_id", "body", "hash"])
def test_an_entry_with_a_field_of_another_type_is_refused(whole: Path, field: str, value: Any) -> None:
    lines = lines_of(whole)
    entry = json.loads(lines[3])
    if type(value) is type(entry[field]) or (field.endswith("_id") and value == "x"):
        return
    lines[3] = json.dumps({**entry, field: value}, separators=(",", ":")).encode() + b"\n"
    found = journal.verify_export(changed(whole, lines)).breaks[0]
    assert (found.writer, found.seq) == ("changed.jsonl line", 4)


@pytest.mark.parametrize("text", [b"", b"\n", b"{}\n", b"not json\n", b'{"export": "other", "format": 1}\n'])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(text)
    with pytest.raises(StoreError, match=r"file.jsonl:1: this is not an export.*membrane journal export"):
        journal.verify_export(path)


def test_an_export_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file.gz"
    with pytest.raises(NoFolder, match="there is no folder"), files.written(path):
        pass
    assert not path.parent.exists()
    path.parent.mkdir()

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


def test_a_truncated_or_missing_file_is_an_error(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        journal.verify_export(tmp_path / "none.jsonl")
    packed = tmp_path / "packed.jsonl.gz"
    with files.written(packed) as out:
        out.write(whole.read_bytes())
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(StoreError, match="cannot be read"):
        journal.verify_export(packed)


def test_any_flipped_bit_of_a_compressed_file_is_found_or_changes_nothing(
    tmp_path: Path, whole: Path
) -> None:
    packed = tmp_path / "packed.jsonl.gz"
    with files.written(packed) as out:
        out.write(whole.read_bytes())
    content = packed.read_bytes()
    told = set()
    for place in range(10, len(content)):
        packed.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        try:
            if not journal.verify_export(packed).breaks:
                with files.opened(packed) as same:  # a bit without meaning, or another encoding of the same
                    assert same.read() == whole.read_bytes()
        except StoreError as error:
            told.add(str(error).partition(" (")[0])
    assert f"{packed} cannot be read: it is damaged, or was never compressed" in told

"""Strict YAML: values keep their places, and no file hangs or crashes the reader."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import PolicyError
from bot.policyfile import parse
from bot.policyfile.document import MAX_BYTES, Mark, read_document
from tests.unit.policyfile.making import BASE


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("12", 12),
        ("-3", -3),
        ("007", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2026-06-01", "2026-06-01"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".inf", ".inf"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("~x", "~x"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_plain_words_are_resolved_by_yaml_1_2(plain: str, value: Any) -> None:
    """`NO` is Norway, 12:30:00 is a text, and a date is what the one who reads it makes of it."""
    document = read_document(f"a: {plain}\n".encode(), "p")
    assert document.problems == []
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


def test_everything_has_its_place() -> None:
    document = read_document("é: [1, {b: c}]\nd:\n  - e: f\n".encode(), "p")
    assert document.data == {"é": [1, {"b": "c"}], "d": [{"e": "f"}]}
    assert document.keys["é", 1, "b"] == Mark(0, 8)
    assert document.values["é", 1, "b"] == Mark(0, 11)
    assert document.values["d", 0] == Mark(2, 4)
    assert document.keys["d", 0, "e"] == Mark(2, 4)


def test_a_byte_order_mark_and_other_line_ends_do_not_shift_places() -> None:
    for text in ("\ufeffa: 1\nb: x: y\n", "a: 1\r\nb: x: y\r\n", "a: 1\rb: x: y\r"):
        (problem,) = read_document(text.encode(), "p").problems
        assert (problem.line, problem.column, problem.source) == (2, 5, "b: x: y")


def test_keys_are_texts() -> None:
    assert read_document(b"1: {true: a}\n", "p").data == {"1": {"true": "a"}}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"? {a: b}\n: c\n", "a key that is not a word"),
        (b"? [a]\n: c\n", "a key that is not a word"),
        (b"'': c\n", "a key that is not a word"),
        (b"a: 1\na: {b: [1, 2]}\nc: 2\n", "`a` occurs twice; the first is in line 1"),
        (b"a: {b: 1, b: 2}\n", "`b` occurs twice; the first is in line 1"),
        (b"1: a\n'1': b\n", "`1` occurs twice; the first is in line 1"),
        (b"a: &x 1\nb: *x\n", "an alias, *x"),
        (b"a: {<<: *x}\n", "an alias, *x"),
        (b"a: !!python/object:os.system x\n", "a tag, tag:yaml.org,2002:python/object:os.system"),
        (b"a: !x {b: 1}\n", "a tag, !x"),
        (b"a: null\n", "`a` is empty"),
        (b"a: [1, ~]\n", "this is empty"),
        (b"a: " + b"9" * 5000, "a number of 5000 digits"),
        (b"a: 100.00000000000000001\n", "100.00000000000000001 cannot be compared exactly"),
        (b"a: 1e-400\n", "1e-400 cannot be compared exactly"),
        (b"%TAG ! tag:x,2000:\n---\na: !y 1\n", "a tag, tag:x,2000:y"),
        (b"---\na: 1\n---\nb: 2\n", "a second document begins here"),
    ],
)
def test_yaml_that_a_reader_could_misread_is_refused(text: bytes, what: str) -> None:
    assert [problem.what for problem in read_document(text, "p").problems] == [what]


def test_keys_after_a_refused_key_are_still_read() -> None:
    document = read_document(b"a: 1\na: {deep: [{b: 2}]}\nc: 3\n? [x]\n: {y: z}\nd: 4\n", "p")
    assert document.data == {"a": 1, "c": 3, "d": 4}
    assert len(document.problems) == 2


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "{a: " * 50_000,
        "- " * 100_000,
        "? " * 100_000,
        "a:\n" + "".join(" " * depth + "a:\n" for depth in range(1, 600)),
        BOMB,
        "a: " + "x" * (MAX_BYTES - 3),
        "[" + "1," * 120_000 + "]",
        "a: '" + "'' " * 80_000,
        "".join(f"k{number}: 1\n" for number in range(25_000)),
        "x: |\n" + " a\n" * 80_000,
        "#" * (MAX_BYTES - 1),
    ],
)
def test_hostile_files_are_refused_soon(text: str) -> None:
    """Deep, long and self-multiplying files cost no more than a look at each byte."""
    started = time.process_time()
    with pytest.raises(PolicyError) as caught:
        parse(text, "p.yaml")
    assert time.process_time() - started < 5.0
    assert all(len(str(problem)) < 1000 for problem in caught.value.problems)


@given(st.text())
def test_any_text_loads_or_is_refused(text: str) -> None:
    _loads_or_is_refused(text.encode("utf-8", "surrogatepass"))


@given(st.binary())
def test_any_bytes_load_or_are_refused(text: bytes) -> None:
    _loads_or_is_refused(text)


@given(st.text("ab:#-[]{}&*!|>'\"%@`?, \n\t\0éÿ\u2028", max_size=60))
def test_any_near_yaml_loads_or_is_refused(text: str) -> None:
    _loads_or_is_refused(text.encode())


@given(st.data())
def test_any_slip_in_a_policy_loads_or_is_refused(data: st.DataObject) -> None:
    """A policy with some characters cut out, doubled or replaced."""
    at = data.draw(st.integers(0, len(BASE)))
    cut = data.draw(st.integers(0, 12))
    slip = data.draw(
        st.text("ab1:#-[]{}&*!'\"%$, \n\t", max_size=4) | st.sampled_from(["null", "true", "[]", "{}", "9"])
    )
    _loads_or_is_refused((BASE[:at] + slip + BASE[at + cut :]).encode())


def _loads_or_is_refused(text: bytes) -> None:
    try:
        parse(text, "p.yaml")
    except PolicyError as error:
        found = error.problems
    else:
        return
    assert found
    for problem in found:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.what
        assert "\n" not in problem.what + problem.hint + problem.source


def test_many_wrong_names_cost_little() -> None:
    """Hints compare words, and there is an end to that."""
    kinds = "".join(
        f"  k{number}.x: {{risk: {{reversible: false, blast_radius: low}}, approvers: [leed{number}]}}\n"
        for number in range(2500)
    )
    started = time.process_time()
    with pytest.raises(PolicyError) as caught:
        parse(BASE + kinds, "p.yaml")
    assert len(caught.value.problems) == 200
    assert time.process_time() - started < 20.0

"""`policies/README.md` is true: it names every key of a policy file, and its examples load."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bot.domain.operators import OPS_OF, ArgType, Op
from bot.policyfile import parse, schema
from bot.policyfile.document import read_document

PAGE = (Path(__file__).parents[2] / "policies" / "README.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^#{2,3} ([^\n]+)\n(.*?)(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
TOP = "The top level"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAME_OF_KEY = {
    "people": "<name>",
    "escalations": "<name>",
    "graphs": "<name>",
    "channels": "<channel>",
    "lists": "<name>",
    "tools": "<tool>",
    "actions": "<kind>",
    "args": "<argument>",
    "when": "<argument>",
}
"""What stands for the names that an admin chooses, by the key above them."""

Json = dict[str, Any]


def examples() -> list[str]:
    """Return the page's YAML that is a policy, or a part of one."""
    found = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [text for text in found if read_document(text.encode(), "example").data is not None]


def read(text: str) -> Json:
    data: Json = read_document(text.encode(), "example").data
    return data


def merged(base: Json, part: Json) -> Json:
    """Return a policy with a part put in: mappings are merged, all else is replaced."""
    both = {key: merged(base[key], part[key]) for key in base.keys() & part.keys() if _maps(base, part, key)}
    return {**base, **part, **both}


def _maps(base: Json, part: Json, key: str) -> bool:
    return isinstance(base[key], dict) and isinstance(part[key], dict)


@cache
def tables() -> dict[str, dict[str, tuple[str, str]]]:
    """Return the type and the default of each key that the page describes, by the path of its mapping."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for heading, text in SECTION.findall(PAGE):
        rows = {key: (kind, default) for key, kind, default, _ in ROW.findall(text)}
        if "| key | type | default | meaning |" in text:
            paths = [""] if heading == TOP else re.findall(r"`([^`]+)`", heading)
            found.update(dict.fromkeys(paths, rows))
    return found


def levels(node: Json, whole: Json, path: str = "", above: frozenset[str] = frozenset()) -> Iterator[Any]:
    """Yield every mapping with fixed keys that the schema knows: its path and its schema.

    One whose keys are all there one level up is left out: an item's operators are among those of its list.
    """
    if "$ref" in node:
        yield from levels(whole["$defs"][node["$ref"].rpartition("/")[2]], whole, path, above)
        return
    for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from levels(choice, whole, path, above)
    if isinstance(node.get("items"), dict):
        yield from levels(node["items"], whole, f"{path}[]", above)
    named = [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]
    for inside in named:
        if isinstance(inside, dict):
            last = path.rpartition(".")[2]
            yield from levels(inside, whole, f"{path}.{NAME_OF_KEY[last]}", above)
    properties = node.get("properties", {})
    if properties and not properties.keys() <= above:
        yield path, node
    for key, inside in properties.items():
        below = f"{path}.{key}" if path else key
        yield from levels(inside, whole, below, frozenset(properties))


SCHEMA = schema()
LEVELS = dict(levels(SCHEMA, SCHEMA))


def test_every_mapping_of_the_schema_has_a_table() -> None:
    missing = sorted(LEVELS.keys() - tables().keys())
    assert not missing, f"policies/README.md has no table for: {', '.join(missing)}"
    gone = sorted(tables().keys() - LEVELS.keys())
    assert not gone, f"policies/README.md describes what is not in policy.schema.json: {', '.join(gone)}"


@pytest.mark.parametrize("path", LEVELS, ids=lambda path: path or "top")
def test_a_table_has_the_keys_of_the_schema(path: str) -> None:
    """Every key has a row, no row is left over, and what is required or has a default says so."""
    rows, node = tables()[path], LEVELS[path]
    missing = sorted(node["properties"].keys() - rows.keys())
    assert not missing, f"policies/README.md, `{path or TOP}`: add a row for {', '.join(missing)}"
    gone = sorted(rows.keys() - node["properties"].keys())
    assert not gone, f"policies/README.md, `{path or TOP}`: the schema has no {', '.join(gone)}"
    for key, (_, default) in rows.items():
        where = f"policies/README.md, `{path or TOP}`: `{key}`"
        assert (default == "required") == (key in node.get("required", ())), where
        known = node["properties"][key].get("default")
        if known not in (None, [], {}):
            assert default == f"`{json.dumps(known)}`", f"{where}: the default is {json.dumps(known)}"


@pytest.mark.parametrize("text", examples(), ids=lambda text: text.split("\n")[0])
def test_an_example_loads(text: str) -> None:
    whole = merged(read(examples()[0]), read(text))
    assert parse(json.dumps(whole)).kinds


def test_every_key_has_an_example() -> None:
    shown = {step for text in examples() for step in _steps(read(text), "")}
    for path, node in LEVELS.items():
        for key in node["properties"]:
            step = f"{path}.{key}".lstrip(".")
            assert step in shown, f"policies/README.md: no example shows `{step}`"


def _steps(value: Any, path: str) -> Iterator[str]:
    """Yield the path of every key in an example, with names as the schema's paths have them."""
    yield path
    if isinstance(value, list):
        for each in value:
            yield from _steps(each, f"{path}[]")
    if isinstance(value, dict):
        named = NAME_OF_KEY.get(path.rpartition(".")[2])
        for key, each in value.items():
            yield from _steps(each, f"{path}.{named or key}".lstrip("."))


@pytest.mark.parametrize("kind", ArgType)
def test_the_operators_of_each_type_are_told(kind: ArgType) -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    told: dict[str, str] = {}
    for name, operators in rows:
        told[name] = [*told.values()][-1] if operators == "the same" else operators
    assert set(re.findall(r"`(\w+)`", told[kind])) | {Op.EXISTS} == set(OPS_OF[kind])

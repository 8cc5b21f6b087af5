"""The JSON Schema of a policy file, made from the models: for editors, and for hints in errors."""

from __future__ import annotations

from typing import Any

from bot.policyfile.file_model import PolicyFile


def schema() -> dict[str, Any]:
    """Return the JSON Schema. It has no null, since an empty value is an error in a policy."""
    made = _without_null(PolicyFile.model_json_schema(by_alias=True))
    assert isinstance(made, dict)
    made["title"] = "Checkpoint Membrane policy"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _without_null(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_null(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _without_null(value) for key, value in node.items() if key not in ("default", "discriminator")
    }
    if node.get("default") is not None:
        kept["default"] = node["default"]
    if isinstance(kept.get("title"), str):
        del kept["title"]
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    choices = [each for each in kept.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        del kept["anyOf"]
        return {**choices[0], **kept}
    return kept


def known_keys(path: tuple[str | int, ...], schema: dict[str, Any]) -> frozenset[str]:
    """Return the known keys of the mapping at a path."""
    nodes = [schema]
    for step in path:
        nodes = [after for node in nodes for each in _spread(node, schema) for after in _enter(each, step)]
    return frozenset(
        key for node in nodes for each in _spread(node, schema) for key in each.get("properties", ())
    )


def _spread(node: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a node with its references and alternatives resolved."""
    if "$ref" in node:
        return _spread(schema["$defs"][node["$ref"].rpartition("/")[2]], schema)
    choices = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    return [node, *(each for choice in choices for each in _spread(choice, schema))]


def _enter(node: dict[str, Any], step: str | int) -> list[dict[str, Any]]:
    inside = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
    if inside is None and isinstance(step, str):
        inside = node.get("additionalProperties") or next(
            iter(node.get("patternProperties", {}).values()), None
        )
    return [inside] if isinstance(inside, dict) else []

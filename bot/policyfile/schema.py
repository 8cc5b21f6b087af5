"""The JSON Schema of a policy file, made from the models, for editors and for the hints of our own errors."""

from __future__ import annotations

from typing import Any

from bot.policyfile.model import PolicyFile


def schema() -> dict[str, Any]:
    """Return the JSON Schema. An empty value is an error in a policy, so null is nowhere in it."""
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

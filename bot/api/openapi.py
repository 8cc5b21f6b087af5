"""The OpenAPI page: what FastAPI finds in the routes, and what our own reading of bodies hides from it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from bot.api import models
from bot.api.authentication import GUARDED
from bot.api.problems import Problem

OUR_OWN = (
    models.Proposal,
    models.Batch,
    models.ClaimRequest,
    models.Report,
    models.Withdrawal,
    models.ThreadRequest,
    models.FreezeRequest,
    models.ThawRequest,
    models.ActionAnswer,
    Problem,
)
"""What FastAPI does not see; and ActionAnswer, from whose example it would drop what is null."""
NOT_OURS = ("HTTPValidationError", "ValidationError")


def describe(api: FastAPI) -> dict[str, Any]:
    """Return the description of an API, made once."""
    if api.openapi_schema is None:
        api.openapi_schema = _described(api)
    return api.openapi_schema


def _described(api: FastAPI) -> dict[str, Any]:
    page = get_openapi(title=api.title, version=api.version, description=api.description, routes=api.routes)
    components = page.setdefault("components", {})
    _, ours = models_json_schema(
        [(model, "validation") for model in OUR_OWN], ref_template="#/components/schemas/{model}"
    )
    components.setdefault("schemas", {}).update(ours["$defs"])
    for name in NOT_OURS:
        components["schemas"].pop(name, None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "from `membrane token create`"}
    }
    for path, operations in page["paths"].items():
        for operation in operations.values():
            if path.startswith(GUARDED):
                operation["security"] = [{"token": []}]
            _drop_not_ours(operation["responses"])
    return page


def _drop_not_ours(responses: dict[str, Any]) -> None:
    """FastAPI claims its own 422 for every path with a parameter; ours are problems, said by `documented`."""
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]

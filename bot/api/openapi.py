"""The OpenAPI page: the routes that FastAPI knows, with the bodies that the API reads without FastAPI."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from bot.api import request_models, response_models
from bot.api.authentication import GUARDED
from bot.api.problems import Problem

OUR_OWN = (
    request_models.Proposal,
    request_models.Batch,
    request_models.ClaimRequest,
    request_models.Report,
    request_models.Withdrawal,
    request_models.ThreadRequest,
    request_models.FreezeRequest,
    request_models.ThawRequest,
    response_models.ActionAnswer,
    Problem,
)
"""Models that FastAPI does not see; and ActionAnswer, because FastAPI would drop the nulls of its example."""
NOT_OURS = ("HTTPValidationError", "ValidationError")
"""FastAPI's own error models, which this API does not use."""


def describe(api: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description of an API. It is made once."""
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
    """Drop the 422 that FastAPI adds to each path with a parameter; `documented` describes the API's own."""
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]

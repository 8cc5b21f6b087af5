"""The OpenAPI page: what FastAPI finds in the routes, and what our own reading of bodies hides from it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from bot.api import models
from bot.api.door import GUARDED
from bot.api.problems import Problem

OUR_OWN = (
    models.Proposal,
    models.ClaimRequest,
    models.Report,
    models.Withdrawal,
    models.ThreadRequest,
    Problem,
)


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
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "from `membrane token create`"}
    }
    for path, operations in page["paths"].items():
        if path.startswith(GUARDED):
            for operation in operations.values():
                operation["security"] = [{"token": []}]
    return page

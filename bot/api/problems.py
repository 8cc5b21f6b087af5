"""Errors as RFC 9457 problems. Each kind has a stable slug and a sentence for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from bot.domain.states import ActionState
from bot.errors import (
    BadAction,
    BatchRefused,
    ClaimRefused,
    Conflict,
    DiskLow,
    GraphRefused,
    MembraneError,
    Misfit,
    NotFound,
    Refusal,
    Refused,
    ReportRefused,
    StartRefused,
    StoreError,
    TooMany,
    UnfitAction,
)

URN = "urn:membrane:problem:"
MEDIA_TYPE = "application/problem+json"


class Fault(BaseModel):
    """One fault in a request."""

    where: str = Field(description="the path of the value, such as body.args.amount")
    what: str = Field(description="what is wrong with it")
    expected: str | None = Field(None, description="what the policy's schema expects there, if it says")
    did_you_mean: str | None = Field(None, description="the known name that was most likely meant")


class Problem(BaseModel):
    """An error in the form of RFC 9457. `type` is stable for each kind of error; `detail` is for people."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": URN + "claim-refused",
                    "title": "Claim refused",
                    "status": 409,
                    "detail": "this action is waiting, so it may not start",
                    "reason": "not_approved",
                }
            ]
        }
    )

    type: str = Field(description=f"`{URN}` and the slug of this kind of error")
    title: str
    status: int
    detail: str
    reason: Refusal | None = Field(None, description="why a claim or a vote was refused")
    state: ActionState | None = Field(
        None, description="where the action stands after a refused claim, if people are asked (again)"
    )
    errors: list[Fault] | None = Field(None, description="each fault in the request")
    retry_after: float | None = Field(None, description="seconds until it makes sense to try again")


MOST_FAULTS = 20
"""Faults that an answer names; a request may have thousands."""


class ApiError(Exception):
    """An error that the API itself answers a request with."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.slug = slug
        self.detail = detail
        self.more = more or {}
        self.headers = headers or {}
        super().__init__(detail)

    def response(self) -> Response:
        """Return the error as a problem response."""
        body = {
            "type": URN + self.slug,
            "title": self.slug.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return Response(orjson.dumps(body), self.status, dict(self.headers), MEDIA_TYPE)


def invalid(faults: Sequence[Mapping[str, str]], count: int) -> ApiError:
    """Return the problem of a request with `count` faults. It names the given ones, at least one."""
    first, others = faults[0], count - 1
    more = f" (and {others} more)" if others else ""
    return ApiError(422, "invalid", f"{first['where']}: {first['what']}{more}", {"errors": list(faults)})


SLUGS: tuple[tuple[type[MembraneError], int, str], ...] = (
    (NotFound, 404, "not-found"),
    (Conflict, 409, "conflict"),
    (ClaimRefused, 409, "claim-refused"),
    (Refused, 409, "refused"),
    (ReportRefused, 409, "report-refused"),
    (StartRefused, 403, "start-refused"),
    (GraphRefused, 409, "graph-refused"),
    (UnfitAction, 422, "unfit-action"),
    (BatchRefused, 422, "batch-refused"),
    (BadAction, 422, "bad-action"),
    (DiskLow, 503, "disk-low"),
    (TooMany, 429, "too-many"),
    (StoreError, 503, "store-unavailable"),
)
"""Status and slug of the membrane's own errors. The first match counts."""


def of_error(error: MembraneError) -> ApiError:
    """Return the problem for an error of the membrane."""
    status, slug = next(((s, name) for kind, s, name in SLUGS if isinstance(error, kind)), (500, "internal"))
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, Refused):
        more["reason"] = error.reason
    if isinstance(error, UnfitAction):
        more["errors"] = [_fault(each) for each in error.misfits]
    if isinstance(error, BatchRefused):
        if all(isinstance(fault, Conflict) for fault in error.faults.values()):
            status = 409
        more["errors"] = [each for place, fault in error.faults.items() for each in _of_item(place, fault)]
    if isinstance(error, ClaimRefused) and error.state is not None:
        more["state"] = error.state
    if isinstance(error, TooMany | ClaimRefused) and error.retry_after is not None:
        more["retry_after"] = error.retry_after
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return ApiError(status, slug, str(error), more, headers)


def _of_item(place: int, fault: MembraneError) -> list[dict[str, Any]]:
    """Return what is wrong with one action of a batch."""
    path = f"body.actions.{place}"
    if isinstance(fault, UnfitAction):
        return [_fault(each, path) for each in fault.misfits]
    return [{"where": path, "what": str(fault)}]


def _fault(misfit: Misfit, path: str = "body") -> dict[str, Any]:
    return {
        "where": f"{path}.{misfit.where}",
        "what": misfit.what,
        "expected": misfit.expected,
        "did_you_mean": misfit.near,
    }


def of_status(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> ApiError:
    """Return the problem for a bare HTTP status, such as 405."""
    phrase = HTTPStatus(status).phrase
    return ApiError(status, phrase.lower().replace(" ", "-"), detail or phrase, headers=headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of an operation's errors for its OpenAPI page."""
    return {status: _documented(status) for status in (401, 403, *statuses, 429, 500, 503)}


def _documented(status: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == 429:
        wait = {"description": "seconds to wait before trying again", "schema": {"type": "integer"}}
        entry["headers"] = {"Retry-After": wait}
    return entry

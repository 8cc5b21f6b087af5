"""Reading a request's body: bounded in size, time and content, and strict about JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from bot.api import json_size, problems, strict_json
from bot.api.problems import MOST_FAULTS, ApiError
from bot.api.suggestions import fields_at, unknown
from bot.domain.durations import in_sentence

MAX_BODY = 256 * 1024
"""Bytes: the largest arguments (64 KiB), escaped and indented, with room for the rest."""
PATIENCE_S = 15.0
"""Seconds that a client may take to send its body."""
MAX_LENGTH_DIGITS = 20

M = TypeVar("M", bound=BaseModel)


async def read(request: Request, model: type[M]) -> M:
    """Read and check a JSON body. Raises ApiError that says what is wrong and where."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "unsupported-media-type", "send JSON, with Content-Type: application/json")
    received = await _bytes(request)
    await request.scope["state"]["visit"].begin(len(received), json_size.roughly(received))
    data = parse(received)
    await asyncio.sleep(0)  # lets other requests run between two long steps
    unnamed = _drop_unknown(data, model)
    try:
        return model.model_validate(data, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid(faults, "body", model, unnamed) from error


def _drop_unknown(data: Any, model: type[BaseModel]) -> int:
    """Drop the unknown fields that an answer would not name: each costs an error. Return their number."""
    if not isinstance(data, dict) or len(data) <= MOST_FAULTS:
        return 0
    dropped = [name for name in data if name not in model.model_fields][MOST_FAULTS:]
    for name in dropped:
        del data[name]
    return len(dropped)


async def _bytes(request: Request) -> bytes:
    if declared_length(request.scope["headers"]) > MAX_BODY:
        _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE_S):
            more = True
            while more and len(body) <= MAX_BODY:
                message = await request.receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
    except TimeoutError as error:
        raise ApiError(
            408, "request-timeout", f"the body did not arrive within {in_sentence(PATIENCE_S)}"
        ) from error
    if len(body) > MAX_BODY:
        _too_large()
    return bytes(body)


def declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the length that a request declares for its body; 0 if it declares none."""
    given = next((value for name, value in headers if name == b"content-length"), b"")
    # The server refuses anything but a number of at most 64 bits, which has at most 20 digits.
    return int(given[:MAX_LENGTH_DIGITS]) if given.isdigit() else 0


def _too_large() -> NoReturn:
    raise ApiError(413, "too-large", f"the body is larger than {MAX_BODY} bytes")


def parse(body: bytes) -> Any:
    """Parse JSON strictly. Raises ApiError."""
    if excess := json_size.too_much(body):
        raise ApiError(
            413, "too-large", f"the body has {excess}; split it up, or send a reference to the data"
        )
    try:
        return strict_json.loads(body)
    except strict_json.Rounded as error:
        fault = {"where": error.where, "what": str(error.number)}
        raise ApiError(422, "invalid", str(error), {"errors": [fault]}) from error
    except strict_json.Unreadable as error:
        raise ApiError(400, "bad-json", f"the body cannot be read as JSON: {error}") from error


def invalid(
    faults: Sequence[Any], part: str = "", model: type[BaseModel] | None = None, unnamed: int = 0
) -> ApiError:
    """Return the problem for faults that pydantic found; `part` goes before each path.

    For a field that the `model` does not have, the nearest name is suggested. `unnamed` is the number of
    further faults, which are only counted.
    """
    errors = []
    for fault in faults[:MOST_FAULTS]:
        path = ".".join(str(step)[:80] for step in (*([part] if part else []), *fault["loc"]))
        what = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden" and model is not None:
            what = unknown(str(fault["loc"][-1]), fields_at(model, fault["loc"][:-1]) or (), "a field here")
        errors.append({"where": path, "what": what})
    return problems.invalid(errors, len(faults) + unnamed)

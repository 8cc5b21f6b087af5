"""Reading a request's body: bounded in size and time, and strict about JSON.

Two readers must never see different arguments in one text. So a duplicate key, a number that is not one or
that 64 bits would round, and bytes that are not UTF-8 are refused, where most parsers quietly pick something.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from bot.api import shape
from bot.api.hints import fields_at, unknown
from bot.api.problems import ApiError
from bot.domain.numbers import first_inexact, read_float, read_int

MAX_BODY = 256 * 1024
"""Bytes: the largest arguments (64 KiB), escaped and indented, with room for the rest."""
PATIENCE_S = 15.0
"""How long a client may take to send its body."""
MAX_DEPTH = 48
"""Nesting of the whole body; the arguments in it have a limit of their own."""
MAX_LENGTH_DIGITS = 20
MOST_FAULTS = 20
"""Faults that an answer names; a body of nothing but unknown fields has thousands."""

M = TypeVar("M", bound=BaseModel)


async def read(request: Request, model: type[M]) -> M:
    """Read and check a JSON body. Raises ApiError that says what is wrong and where."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "unsupported-media-type", "send JSON, with Content-Type: application/json")
    received = await _bytes(request)
    await request.scope["state"]["visit"].begin(len(received))
    data = parse(received)
    try:
        return model.model_validate(data, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid(faults, "body", model) from error


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
            408, "request-timeout", f"the body did not arrive within {PATIENCE_S:.0f} s"
        ) from error
    if len(body) > MAX_BODY:
        _too_large()
    return bytes(body)


def declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the length that a request declares for its body; 0 where it declares none."""
    given = next((value for name, value in headers if name == b"content-length"), b"")
    # The server refuses what is no number, and numbers beyond 64 bits; more digits than these are too many.
    return int(given[:MAX_LENGTH_DIGITS]) if given.isdigit() else 0


def _too_large() -> NoReturn:
    raise ApiError(413, "too-large", f"the body is larger than {MAX_BODY} bytes")


def parse(body: bytes) -> Any:
    """Parse JSON strictly. Raises ApiError."""
    if excess := shape.too_much(body):
        raise ApiError(
            413, "too-large", f"the body has {excess}; split it up, or send a reference to the data"
        )
    try:
        text = body.decode()
        data = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=read_float,
            parse_int=read_int,
            parse_constant=_no_constant,
        )
        _check_depth(data)
        orjson.dumps(data, default=str)  # refuses lone surrogates, which no store holds
    except UnicodeDecodeError as error:
        raise _bad_json(f"it is not UTF-8: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise _bad_json(f"{error.msg} at line {error.lineno} column {error.colno}") from error
    except RecursionError as error:
        raise _bad_json(f"it is nested deeper than {MAX_DEPTH} levels") from error
    except (ValueError, TypeError) as error:
        raise _bad_json(str(error)) from error
    if inexact := first_inexact(data, "body"):
        where, number = inexact
        fault = {"where": where, "what": f"{number}"}
        raise ApiError(422, "invalid", f"{where} is {number}", {"errors": [fault]})
    return data


def _bad_json(why: str) -> ApiError:
    return ApiError(400, "bad-json", f"the body cannot be read as JSON: {why}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:80]!r} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def invalid(faults: Sequence[Any], part: str = "", model: type[BaseModel] | None = None) -> ApiError:
    """Return the problem for what pydantic found wrong; `part` goes before each path.

    Of a field that the `model` does not know it says which one may have been meant.
    """
    errors = []
    for fault in faults[:MOST_FAULTS]:
        path = ".".join(str(step)[:80] for step in (*([part] if part else []), *fault["loc"]))
        what = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden" and model is not None:
            what = unknown(str(fault["loc"][-1]), fields_at(model, fault["loc"][:-1]) or (), "a field here")
        errors.append({"where": path, "what": what})
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    detail = f"{errors[0]['where']}: {errors[0]['what']}{more}"
    return ApiError(422, "invalid", detail, {"errors": errors})

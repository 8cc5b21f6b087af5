"""Checks of query strings: an unknown or repeated parameter is refused, as it would silently do nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, get_args, get_origin

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from bot.api.problems import MOST_FAULTS, invalid
from bot.api.suggestions import unknown

MOST_NAME = 80
"""Characters of an unknown name that an answer quotes."""


class Checked(APIRoute):
    """A route that refuses unknown query parameters."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return a handler that checks the query first."""
        return checked(self, super().get_route_handler())


def checked(
    route: APIRoute, handle: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return a handler that checks the query against the route's parameters, then calls `handle`."""
    params = route.dependant.query_params
    known = frozenset(param.alias for param in params)
    many = frozenset(param.alias for param in params if _takes_several(param))

    async def look(request: Request) -> Response:
        if request.scope["query_string"]:
            check(request.query_params.multi_items(), known, many)
        return await handle(request)

    return look


def _takes_several(param: Any) -> bool:
    annotation = param.field_info.annotation
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


def check(given: list[tuple[str, str]], known: frozenset[str], many: frozenset[str]) -> None:
    """Raise ApiError for an unknown parameter, or for a repeated one that takes one value."""
    counts = Counter(name for name, _ in given)
    strange = [name for name in counts if name not in known]
    twice = [name for name, count in counts.items() if count > 1 and name in known - many]
    if not strange and not twice:
        return
    errors = [
        {"where": f"query.{name[:MOST_NAME]}", "what": unknown(name, known, "a parameter here")}
        for name in strange[:MOST_FAULTS]
    ]
    errors += [
        {"where": f"query.{name}", "what": f"it is given {counts[name]} times, and has one value"}
        for name in twice
    ]
    raise invalid(errors, len(strange) + len(twice))

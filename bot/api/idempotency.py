"""Idempotency keys: in the body, or in a header of their own."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request

from bot.api.problems import ApiError
from bot.domain.labels import what_is_wrong

KEY_NAME = "Idempotency-Key"
ENCODED = "UTF-8''"
"""Prefix of a percent-encoded header value (RFC 8187)."""
KEY_HEADER = {
    "name": KEY_NAME,
    "in": "header",
    "required": False,
    "description": "The same as `idempotency_key` in the body; use either. A header holds ASCII, taken "
    "literally. Send a key in another script in the body, or percent-encode it here as in RFC 8187: "
    "`UTF-8''%C3%BCberweisung-7` is `überweisung-7`.",
    "schema": {"type": "string", "pattern": r"^[!-~]([ -~]{0,198}[!-~])?$"},
}


def key_of(request: Request, in_body: str | None) -> str | None:
    """Return the idempotency key from the header or the body.

    Raises ApiError if the header is malformed, or if the two differ.
    """
    given = request.headers.getlist(KEY_NAME)
    if not given:
        return in_body
    key = _key_in(given)
    if in_body not in (None, key):
        raise ApiError(409, "conflict", f"{KEY_NAME}: it differs from body.idempotency_key")
    return key


def _key_in(given: list[str]) -> str:
    """Return the key that a header holds. Raises ApiError."""
    if len(given) > 1:
        raise _bad_key(f"it is given {len(given)} times")
    key = given[0]
    if not key.isascii():
        raise _bad_key(
            "a header holds ASCII only; put the key into body.idempotency_key, or percent-encode it as "
            f"{ENCODED}%C3%BC"
        )
    if key[: len(ENCODED)].upper() == ENCODED:
        try:
            key = unquote(key[len(ENCODED) :], errors="strict")
        except UnicodeDecodeError as error:
            raise _bad_key("its percent-encoded bytes are not UTF-8") from error
    if (wrong := what_is_wrong(key)) is not None:
        raise _bad_key(wrong)
    return key


def _bad_key(why: str) -> ApiError:
    fault = {"where": f"header.{KEY_NAME}", "what": why}
    return ApiError(422, "invalid", f"{KEY_NAME}: {why}", {"errors": [fault]})

"""Reads blocks the way a person does: as lines of text."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]


def read(blocks: list[Json]) -> str:
    """Return what the blocks say. Mentions are @U…, dates {…}, links [words](url), buttons [words]."""
    return "\n".join(line for block in blocks for line in _block(block))


def _block(block: Json) -> list[str]:
    if block["type"] == "rich_text":
        return [line for element in block["elements"] for line in _element(element)]
    if block["type"] == "section":
        return [plain(line) for line in block["text"]["text"].split("\n")]
    if block["type"] == "actions":
        return [" ".join(f"[{element['text']['text']}]" for element in block["elements"])]
    if block["type"] == "input":
        return [f"{block['label']['text']} ____"]
    raise AssertionError(f"cannot read a {block['type']}")


def _element(element: Json) -> list[str]:
    words = "".join(_piece(piece) for piece in element["elements"])
    prefix = {"rich_text_quote": "> ", "rich_text_preformatted": "    "}.get(element["type"], "")
    return [f"{prefix}{line}" for line in words.split("\n")]


def _piece(piece: Json) -> str:
    match piece["type"]:
        case "text":
            mark = "`" if piece.get("style", {}).get("code") else ""
            return f"{mark}{piece['text']}{mark}"
        case "user":
            return f"@{piece['user_id']}"
        case "link":
            return f"[{piece['text']}]({piece['url']})"
    raise AssertionError(f"cannot read a {piece['type']}")


def plain(markup: str) -> str:
    """Return what a line of Slack's markup looks like."""
    words = re.sub(r"<@(\w+)>", r"@\1", markup)
    words = re.sub(r"<!date\^[^|]*\|([^>]*)>", r"{\1}", words)
    words = re.sub(r"\*([^*]+)\*", r"\1", words)
    return words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def pieces(blocks: list[Json], kind: str) -> list[Json]:
    """Return all pieces of a kind (text, user, link) in rich text blocks."""
    return [
        piece
        for block in blocks
        if block["type"] == "rich_text"
        for element in block["elements"]
        for piece in element["elements"]
        if piece["type"] == kind
    ]

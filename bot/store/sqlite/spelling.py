"""How SQLite spells the expressions of `bot/store/expressions.py`."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles

from bot.store.expressions import DecodedText, WholePart


def register() -> None:
    """Teach SQLAlchemy the spelling. Harmless to repeat."""
    compiles(DecodedText, "sqlite")(_decoded_text)
    compiles(WholePart, "sqlite")(_whole_part)


def _decoded_text(element: DecodedText, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


def _whole_part(element: WholePart, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS INTEGER)"

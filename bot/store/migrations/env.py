"""Alembic's entry point: it uses the connection given to `upgrade`."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()

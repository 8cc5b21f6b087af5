"""Benchmarks: ratios measured in one run (`make bench`)."""

import bot.graph  # noqa: F401 - before LangGraph itself, so that saved state is read strictly

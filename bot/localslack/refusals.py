"""The errors of the local workspace.

LocalSlackError
├── SlackRefusal      a Web API method answers ``ok: false``
└── PersonRefusal     a person tried something that the client does not offer (HTTP 4xx on ``/local/…``)
"""

from typing import Any


class LocalSlackError(Exception):
    """The base of all errors of the local workspace."""


class SlackRefusal(LocalSlackError):
    """A Web API method answers ``{"ok": false, "error": error, …extra}``."""

    def __init__(self, error: str, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra

    @classmethod
    def with_messages(cls, error: str, problems: list[str]) -> "SlackRefusal":
        """Return a refusal with messages, as Slack explains bad blocks and arguments."""
        messages = [f"[ERROR] {problem}" for problem in problems]
        return cls(error, errors=problems, response_metadata={"messages": messages})


class PersonRefusal(LocalSlackError):
    """A person tried something that does not exist or is not theirs."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status

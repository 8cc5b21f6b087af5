"""Every error the membrane raises on purpose.

    MembraneError
    ├── SettingsError          a setting is missing or wrong; the start stops
    ├── PolicyError            a policy file does not load; carries every problem with its position
    ├── BadAction              an action that cannot be ruled or shown safely
    │   ├── UnfitAction        an action that does not fit a strict policy; carries every misfit
    │   └── BatchRefused       a batch with a faulty action; no action of it was proposed
    ├── NotFound               no such action, review, thread, graph or token (or not yours)
    ├── Conflict               an idempotency key reused for another action, or an action that somebody
    │                          else runs
    ├── TooMany                a cap or a rate was reached; carries when to try again
    │   └── DiskLow            the disk is nearly full; people can still decide
    ├── Refused                a request that is not allowed, with a reason
    │   ├── VoteRefused        a vote or an acknowledgement that does not count
    │   └── ClaimRefused       an action that may not start now
    ├── ReportRefused          a report about an action that was not claimed, or that is settled
    ├── StartRefused           the policy does not let this agent start this hosted graph
    ├── GraphRefused           a graph that the host does not run, with what to change
    └── StoreError             the database cannot be used
        ├── TargetExists       the file to write exists
        ├── NoFolder           the folder of the file to write does not exist
        ├── AlreadyRunning     another bot uses this data folder
        └── WrongVersion       the database was written by another version of the bot

Each is translated once, at the edge: into an ephemeral Slack message, an HTTP problem or an exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MembraneError(Exception):
    """The base of the tree. Its text is one sentence that a person can act on."""


class SettingsError(MembraneError):
    """A setting is missing or wrong. The text names it and says how to correct it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a policy file. `line` and `column` count from 1; `source` is the text of the line."""

    file: str
    line: int
    column: int
    what: str
    hint: str = ""
    source: str = ""

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: {self.what}"
        if self.hint:
            text += f"; {self.hint}"
        if self.source:
            text += f"\n    {self.source}\n    {' ' * (self.column - 1)}^"
        return text


class PolicyError(MembraneError):
    """A policy file does not load. `problems` holds all problems, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class BadAction(MembraneError):
    """An action cannot be ruled or shown safely: not JSON, too deep, too large, a bad kind."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A part of a proposal that does not fit the policy's schema.

    `where` is its path, as `kind` or `args.amount`; `what` describes the problem in a clause; `expected`
    describes a fitting value. `near` is the most similar known word, if any.
    """

    where: str
    what: str
    expected: str
    near: str | None = None

    def __str__(self) -> str:
        return f"{self.what}, did you mean {self.near}?" if self.near else self.what


class UnfitAction(BadAction):
    """An action whose kind or arguments a strict policy does not know.

    Nobody was asked, and nothing was recorded. `misfits` is not empty.
    """

    def __init__(self, misfits: tuple[Misfit, ...]) -> None:
        self.misfits = misfits
        said = "; ".join(map(str, misfits[:5]))
        more = f"; and {len(misfits) - 5} more" if len(misfits) > 5 else ""
        super().__init__(f"it does not fit the policy, so nobody was asked: {said}{more}")


class BatchRefused(BadAction):
    """Some actions of a batch cannot be proposed, so none was. `faults` maps positions to errors."""

    def __init__(self, faults: Mapping[int, MembraneError]) -> None:
        self.faults = dict(sorted(faults.items()))
        place, first = next(iter(self.faults.items()))
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"nothing was proposed: action {place} cannot be: {first}{more}")


class NotFound(MembraneError):
    """The name stands for nothing, or for nothing that the caller may see."""


class Conflict(MembraneError):
    """An idempotency key was reused for another action, or somebody else has to do this.

    Also raised for a batch with more reviews than the policy lets wait at once.
    """


class TooMany(MembraneError):
    """A cap or a rate was reached. `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class DiskLow(TooMany):
    """The disk is nearly full, so agents can store nothing more. People can still decide."""


class Refusal(StrEnum):
    """Why a vote, an acknowledgement or a claim does not count."""

    DECIDED = "decided"
    """Another person decided first, or the window ended."""
    EXPIRED = "expired"
    """The window has passed; the sweep closes the review in a moment."""
    WITHDRAWN = "withdrawn"
    ARGS_CHANGED = "args_changed"
    """The clicked card showed other arguments."""
    REQUESTER = "requester"
    """Nobody approves an action in their own name or of their own agent."""
    NOT_APPROVER = "not_approver"
    NOT_A_MEMBER = "not_a_member"
    """The voter is a bot, a guest, a deactivated user or from another workspace."""
    UNRESOLVED = "unresolved"
    """The approvers cannot be looked up now, so nobody may vote."""
    ALREADY_VOTED = "already_voted"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    """Each person can pause the pages of a review once."""
    NOT_APPROVED = "not_approved"
    ALREADY_CLAIMED = "already_claimed"
    LAPSED = "lapsed"
    """The approval is no longer valid; the action is asked again."""
    TIGHTENED = "tightened"
    """The policy is stricter now than when the action passed or was approved; the action is asked (again)."""
    FROZEN = "frozen"
    """An operator has frozen it; decisions are kept, and count again after the thaw."""


class Refused(MembraneError):
    """A request is not allowed. `reason` is for machines, the text for people."""

    def __init__(self, reason: Refusal, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class VoteRefused(Refused):
    """A vote or an acknowledgement does not count."""


class ClaimRefused(Refused):
    """An action may not start now.

    `state` is the action's new state, if it has just changed. `retry_after`, in seconds, is set if waiting
    helps.
    """

    def __init__(
        self, reason: Refusal, message: str, state: str | None = None, *, retry_after: float | None = None
    ) -> None:
        self.state = state
        self.retry_after = retry_after
        super().__init__(reason, message)


class ReportRefused(MembraneError):
    """A report about an action that was never claimed, or that has a final receipt."""


class StartRefused(MembraneError):
    """An agent may not start threads of this graph. The text says what to add to the policy."""


class GraphRefused(MembraneError):
    """The host does not run this graph. The text says what to change in it."""


class StoreError(MembraneError):
    """The database cannot be used. The text says why and what to do."""


class TargetExists(StoreError):
    """The file to write exists; nothing was written."""


class NoFolder(StoreError):
    """The folder of the file to write does not exist; nothing was written."""


class AlreadyRunning(StoreError):
    """Another bot uses this data folder."""


class WrongVersion(StoreError):
    """The database was written by another version of the bot."""

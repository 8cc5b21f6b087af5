"""Every error the membrane raises on purpose.

    MembraneError
    ├── SettingsError          a setting is missing or wrong; the start stops
    ├── PolicyError            a policy file does not load; carries every problem with its position
    ├── BadAction              an action that cannot be ruled or shown safely
    │   ├── UnfitAction        one that a strict policy's schema does not take; carries every misfit
    │   └── BatchRefused       a batch with such an action, or with a conflict; nothing of it was proposed
    ├── NotFound               no such action, review, thread, graph or token (or not yours)
    ├── Conflict               an idempotency key used again for something else, or an action that somebody
    │                          else runs
    ├── TooMany                a cap or a rate was reached; carries when to try again
    │   └── DiskLow            the disk nears its end; what people decide goes on
    ├── Refused                something that may not be, with a reason
    │   ├── VoteRefused        a vote or an acknowledgement that does not count
    │   └── ClaimRefused       an action that may not start now
    ├── ReportRefused          a report about an action that was not claimed, or that is settled
    ├── StartRefused           an agent that the policy does not let start a hosted graph
    ├── GraphRefused           a graph the host will not run, with what to change
    └── StoreError             the database cannot be used
        ├── AlreadyRunning     another bot has this data folder
        └── WrongVersion       the database was written by a newer bot

They are translated once, at the edge: into an ephemeral Slack message, an HTTP problem, an exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MembraneError(Exception):
    """The base of the tree; its text is one sentence a person can act on."""


class SettingsError(MembraneError):
    """A setting is missing or wrong. The text names it and says how to mend it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a policy file. `line` and `column` count from 1; `source` is the line's text."""

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
    """A policy file that does not load. `problems` holds all of them, in the file's order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class BadAction(MembraneError):
    """An action that cannot be ruled or shown safely: not JSON, too deep, too large, a bad kind."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing in a proposal that does not fit the policy's schema.

    `where` is its path, as `kind` or `args.amount`; `what` says what is wrong, in a clause; `expected` says
    what fits there. `near` is the known word that was most likely meant, if there is one.
    """

    where: str
    what: str
    expected: str
    near: str | None = None

    def __str__(self) -> str:
        return f"{self.what}, did you mean {self.near}?" if self.near else self.what


class UnfitAction(BadAction):
    """An action of a kind, or with arguments, that the policy does not know, where the policy is strict.

    Nobody was asked, and nothing was recorded. `misfits` has at least one.
    """

    def __init__(self, misfits: tuple[Misfit, ...]) -> None:
        self.misfits = misfits
        said = "; ".join(map(str, misfits[:5]))
        more = f"; and {len(misfits) - 5} more" if len(misfits) > 5 else ""
        super().__init__(f"it does not fit the policy, so nobody was asked: {said}{more}")


class BatchRefused(BadAction):
    """A batch of actions of which some cannot be proposed, so that none was. `faults` are by their place."""

    def __init__(self, faults: Mapping[int, MembraneError]) -> None:
        self.faults = dict(sorted(faults.items()))
        place, first = next(iter(self.faults.items()))
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"nothing was proposed: action {place} cannot be: {first}{more}")


class NotFound(MembraneError):
    """Nothing there under that name, or nothing that the asker may see."""


class Conflict(MembraneError):
    """An idempotency key came again with another action, or what was asked is for somebody else to do.

    So is a batch that asks people about more than the policy lets wait at once.
    """


class TooMany(MembraneError):
    """A cap or a rate was reached. `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class DiskLow(TooMany):
    """The disk nears its end, so agents store nothing more; what people decide goes on."""


class Refusal(StrEnum):
    """Why a vote, an acknowledgement or a claim does not count."""

    DECIDED = "decided"
    """Somebody, or the window, was first."""
    EXPIRED = "expired"
    """The window has passed; the sweep will say so in a moment."""
    WITHDRAWN = "withdrawn"
    ARGS_CHANGED = "args_changed"
    """The card that was clicked showed other arguments."""
    REQUESTER = "requester"
    """Nobody approves what is done in their own name or by their own agent."""
    NOT_APPROVER = "not_approver"
    NOT_A_MEMBER = "not_a_member"
    """A bot, a guest, a deactivated user or somebody from another workspace."""
    UNRESOLVED = "unresolved"
    """Who may vote cannot be told now, so nobody may."""
    ALREADY_VOTED = "already_voted"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    """Each person can quiet a review's pages once."""
    NOT_APPROVED = "not_approved"
    ALREADY_CLAIMED = "already_claimed"
    LAPSED = "lapsed"
    """The approval was good for a time and that time is over; the action is asked again."""
    TIGHTENED = "tightened"
    """The policy says more of it now than when it passed or was approved; the action is asked (again)."""
    FROZEN = "frozen"
    """An operator has stopped it; what was decided stays, and counts again at the thaw."""


class Refused(MembraneError):
    """Something was asked that may not be. `reason` tells machines why, the text tells people."""

    def __init__(self, reason: Refusal, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class VoteRefused(Refused):
    """A vote or an acknowledgement that does not count."""


class ClaimRefused(Refused):
    """An action that may not start now.

    `state` is where it stands then, where that has just changed. `retry_after`, in seconds, is set where
    waiting helps.
    """

    def __init__(
        self, reason: Refusal, message: str, state: str | None = None, *, retry_after: float | None = None
    ) -> None:
        self.state = state
        self.retry_after = retry_after
        super().__init__(reason, message)


class ReportRefused(MembraneError):
    """A report about an action that was never claimed, or whose receipt is final."""


class StartRefused(MembraneError):
    """An agent may not start threads of this graph. The text says what to add to the policy."""


class GraphRefused(MembraneError):
    """A graph that the host will not run. The text says what to change in it."""


class StoreError(MembraneError):
    """The database cannot be used. The text says why and what to do."""


class TargetExists(StoreError):
    """A file that was to be written is there already; nothing was written."""


class NoFolder(StoreError):
    """The folder of a file that was to be written is not there; nothing was written."""


class AlreadyRunning(StoreError):
    """Another bot has this data folder."""


class WrongVersion(StoreError):
    """The database was written by another version of the bot."""

"""What the admins are told: each notice has a level, what happened, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

WHERE_LEAD, TODO_LEAD = "Where:", "What to do:"
WHAT_CHARACTERS = 1200
NOTHING_TO_DO = "Nothing."


class Level(StrEnum):
    """How much a notice asks of its reader. Its value is the mark that a notice begins with."""

    INFO = "🔵 For information"
    WARNING = "🟠 Warning"
    ACTION = "🔴 Action needed"


class Subject(Enum):
    """The subjects of notices: each has a level, and a name for several of them."""

    POLICY_RELOADED = (Level.INFO, "reloads of the policy")
    POLICY_LOOSENED = (Level.WARNING, "policies that are looser")
    POLICY_LOADS_AGAIN = (Level.INFO, "repairs of the policy")
    POLICY_REFUSED = (Level.ACTION, "policy files that do not load")
    POLICY_HELD = (Level.ACTION, "looser policies that wait")
    USER_GROUP = (Level.ACTION, "user groups that Slack does not tell of")
    REVIEWS_STRANDED = (Level.ACTION, "names that reviews wait for and the policy lacks")
    GRAPH_REFUSED = (Level.ACTION, "graphs that are refused")
    GRAPH_UNUSABLE = (Level.ACTION, "graphs that are parked and cannot go on")
    GRAPH_CHANGED = (Level.ACTION, "threads whose graph changed")
    THREAD_STALLED = (Level.ACTION, "threads that stand still")
    THREAD_FAILED = (Level.WARNING, "threads that failed")
    ANSWER_NOT_TAKEN = (Level.WARNING, "answers that a thread did not take")
    TOOL_STOPPED = (Level.WARNING, "tools that were stopped")
    PAUSE_SWALLOWED = (Level.ACTION, "questions that a graph swallowed")
    NEVER_SHOWN = (Level.ACTION, "reviews that nobody was shown")
    AGENT_SILENT = (Level.ACTION, "agents that do not report")
    PAGE_MISSED = (Level.ACTION, "pages that did not reach everybody")
    AUDIT_REPAIRED = (Level.WARNING, "things that the auditor repaired")
    AUDIT_FOUND = (Level.ACTION, "things that the auditor found")
    CLOCK_PULLED_BACK = (Level.ACTION, "corrections of a clock that was ahead")
    RESTORED = (Level.ACTION, "restored databases")
    RESTORE_CONFIRMED = (Level.INFO, "restores that are confirmed")
    FROZEN = (Level.WARNING, "freezes")
    THAWED = (Level.INFO, "thaws")
    DISK_LOW = (Level.ACTION, "times that the disk ran low")
    DISK_HAS_ROOM = (Level.INFO, "times that the disk had room again")
    STORE_STUCK = (Level.ACTION, "times that the store could not be written")
    STORE_WRITES = (Level.INFO, "times that the store could be written again")
    MESSAGES_LATE = (Level.INFO, "times that messages came late")
    APP_IN_ORGANISATION = (Level.ACTION, "notices of where the app is installed")
    ANOTHER_BOT = (Level.ACTION, "signs of another bot with the same Slack app")
    CHANNEL_SHARED = (Level.ACTION, "channels that are shared with another company")
    NOT_DELIVERED = (Level.ACTION, "messages that could not be sent")
    NOT_DRAWN = (Level.WARNING, "messages that could not be drawn")

    def __init__(self, level: Level, many: str) -> None:
        self.level = level
        self.many = many

    @property
    def urgent(self) -> bool:
        """Whether it goes out with the pages, before what can wait."""
        return self in _URGENT


_URGENT = frozenset(
    {
        Subject.NEVER_SHOWN,
        Subject.PAGE_MISSED,
        Subject.AUDIT_REPAIRED,
        Subject.AUDIT_FOUND,
        Subject.CLOCK_PULLED_BACK,
        Subject.RESTORED,
        Subject.FROZEN,
        Subject.THAWED,
        Subject.DISK_LOW,
        Subject.ANOTHER_BOT,
        Subject.CHANNEL_SHARED,
        Subject.STORE_STUCK,
    }
)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that the admins are told.

    `about` tells it from others of its subject: about the same thing they are told once a day. `details`
    are further lines. Words that an agent or an error wrote belong into `what` and `details`, whose lines
    cannot pass for those of `where` and `todo`.
    """

    subject: Subject
    what: str
    where: str
    todo: str
    about: str = ""
    details: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("what", "where", "todo"):
            if not getattr(self, name).strip():
                raise ValueError(f"a notice says {name}: {self.subject.name} does not")

    def __str__(self) -> str:
        """Return its text: the level and what happened, where, what to do, then the details."""
        head = f"{self.subject.level}: {_one_line(self.what)}"
        rest = [f"{WHERE_LEAD} {_one_line(self.where)}", f"{TODO_LEAD} {_one_line(self.todo)}"]
        details = [f"• {_one_line(each)}" for each in self.details]
        return "\n".join([head, *rest, *details])


def _one_line(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= WHAT_CHARACTERS else f"{line[:WHAT_CHARACTERS]}…"


def level_of(text: str) -> Level | None:
    """Return the level that a text begins with; None if it is not a notice to the admins."""
    return next((level for level in Level if text.startswith(f"{level}: ")), None)

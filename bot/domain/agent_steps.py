"""The next step of an agent for an action in each state, and the outcome behind the state.

| state | `next` | `done` |
|---|---|---|
| passed | claim; stop once it passed too long ago, as only a new proposal helps | no; yes then |
| frozen | wait: it passes at the thaw | no |
| queued | wait: people are asked once fewer reviews of its agent are open | no |
| waiting | wait: people are asked | no |
| halted | wait: nobody decided in time, and it can still be answered | no |
| approved | claim, also after the approval has lapsed: the claim has it asked again | no |
| running | wait: the claimant acts and reports | no |
| unknown | wait while a person is asked whether it happened; stop once they left it | no; yes then |
| rejected, aborted, withdrawn | stop: it does not run | yes |
| executed, failed | stop: it ran | yes |

Two things hold back a claim: a freeze, and a hosted thread, which starts its actions by itself. Then `next`
is wait. `done` means that nothing more comes of the action, whatever the agent waits for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.escalation import Instant
from bot.domain.record import ActionLine, Standing
from bot.domain.states import ENDED, STARTED, ActionState, ReviewState


class Next(StrEnum):
    """What an agent does next."""

    CLAIM = "claim"
    WAIT = "wait"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class AgentStep:
    """The next step of an agent. `done`: nothing more comes of the action."""

    done: bool
    next: Next


STOP = AgentStep(done=True, next=Next.STOP)
WAIT = AgentStep(done=False, next=Next.WAIT)
CLAIM = AgentStep(done=False, next=Next.CLAIM)


def agent_step(
    state: ActionState,
    *,
    hosted: bool = False,
    frozen: bool = False,
    lapsed: bool = False,
    asked_about: bool = False,
) -> AgentStep:
    """Return the next step of an agent, from the table above.

    `hosted`: a hosted thread starts it. `frozen`: a freeze holds it. `lapsed`: it passed too long ago to be
    claimed. `asked_about`: a person is asked whether an unknown one happened.
    """
    if state in ENDED:
        return STOP
    if state is ActionState.UNKNOWN:
        return WAIT if asked_about else STOP
    if state is ActionState.PASSED and lapsed and not hosted:
        return STOP
    if state in {ActionState.PASSED, ActionState.APPROVED} and not hosted and not frozen:
        return CLAIM
    return WAIT


def step_of(standing: Standing, now: Instant) -> AgentStep:
    """Return the next step of an agent for an action as it stands now."""
    until = standing.valid_until
    return agent_step(
        standing.action.state,
        hosted=standing.action.thread_id is not None,
        frozen=standing.frozen is not None,
        lapsed=until is not None and now > until,
        asked_about=standing.asked_about,
    )


def step_of_line(line: ActionLine) -> AgentStep:
    """Return the next step of an agent for a line of a list."""
    return agent_step(
        line.state,
        hosted=line.thread_id is not None,
        frozen=line.frozen,
        lapsed=line.lapsed,
        asked_about=line.asked_about,
    )


def outcome_of(state: ActionState, decided: ReviewState | None) -> ReviewState | None:
    """Return the outcome behind an action's state; None if there is none, or none any more.

    `decided` is how the action's latest closed review ended, if it has one.
    """
    match state:
        case ActionState.REJECTED:
            return ReviewState.REJECTED
        case ActionState.HALTED | ActionState.ABORTED:
            return ReviewState.EXPIRED
        case ActionState.APPROVED:
            return ReviewState.APPROVED
        case _ if state in STARTED and decided is ReviewState.APPROVED:
            return ReviewState.APPROVED
        case _:
            return None

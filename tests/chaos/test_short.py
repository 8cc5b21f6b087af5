"""The short form of the chaos: one folder, 25 kills, everything held against each other."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.chaos import points
from tests.chaos.rounds import Round, fates
from tests.chaos.tally import explain

KILLS = 25
SEED = "short"
LIVES_S = 0.8
POINTS = (
    "stall.after",  # the thread is stalled, its owner is not told
    "again.after",  # it runs again, and nothing of it has run
    "requested.before",  # it is withdrawn, its operator has no answer
    "park.before",  # the thread is parked, its review is not written
    "resume.before",  # there is an outcome, its thread has not heard of it
    "checkpoint.before",  # between two saves of LangGraph's
    "claim.after",
    "effect.before",
    "effect.after",  # it happened, and nobody has said so
    "post.after",  # it is in Slack, and nobody has noted where
    "vote.after",  # the vote counts, and the click is not acknowledged
    "commit.after",  # between the group's commit and the answer
    "host.after",  # in the recovery of a start
    "go-on.before",
)


async def test_nothing_is_lost_and_nothing_happens_twice(tmp_path: Path) -> None:
    dooms = fates(Random(SEED), KILLS, POINTS, lives_s=LIVES_S)
    said: list[str] = []
    result = await Round(tmp_path / "round", SEED, dooms, "socket", said.append).run()
    explain(result.violations, result.evidence, tmp_path, said.append)
    assert result.violations == [], "\n".join(said)
    assert len(result.deaths) == KILLS
    assert result.counts["effects"] > 0
    assert result.counts["quiet_messages"] > 0, "a flood beside an agent that is never heard shows nothing"


def test_every_crash_point_is_a_seam_of_the_bot() -> None:
    for name, seam in points.SEAMS.items():
        assert callable(getattr(seam.owner, seam.attribute)), name

"""What "View all" says."""

from __future__ import annotations

import pytest

from bot.domain.states import ActionState
from bot.slack.cards import views
from tests.unit.slack.making import review, standing
from tests.unit.slack.reading import read


@pytest.mark.parametrize(
    ("state", "title"),
    [
        (ActionState.EXECUTED, "What was reported"),
        (ActionState.FAILED, "What was reported"),
        (ActionState.ABORTED, "What became of it"),
        (ActionState.WITHDRAWN, "What became of it"),
    ],
)
def test_only_what_was_reported_is_called_so(state: ActionState, title: str) -> None:
    whole = standing(review(), state=state, detail="nobody answered within the window")
    text = read(views.everything(whole, review())["blocks"])
    assert [line for line in text.split("\n") if line.startswith("What ")] == [title]

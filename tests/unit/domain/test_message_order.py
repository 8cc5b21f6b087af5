"""The order in which any waiting messages are sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.message_order import UPDATES, URGENCY, Priority, QueueHead, Turns

HEADS = st.lists(
    st.builds(
        QueueHead,
        st.uuids().map(str),
        st.sampled_from(["", "#a", "#b", "U0ADA"]),
        st.sampled_from(list(URGENCY)),
        st.sampled_from(["flood", "quiet", "other", ""]),
        st.floats(0, 100),
    ),
    max_size=30,
    unique_by=lambda head: (head.place, head.priority, head.agent),
)


@given(HEADS, st.integers(0, 30), st.booleans())
def test_the_most_urgent_message_goes_first_in_any_channel(
    heads: list[QueueHead], most: int, one_each: bool
) -> None:
    chosen = Turns().choose(heads, most, one_each=one_each)
    urgency = [URGENCY[head.priority] for head in chosen]
    assert urgency == sorted(urgency)
    assert len(chosen) <= most
    assert set(chosen) <= set(heads)
    if one_each:
        assert len({head.place for head in chosen}) == len(chosen)
        for head in chosen:
            best = min(URGENCY[each.priority] for each in heads if each.place == head.place)
            assert URGENCY[head.priority] == best


@given(HEADS, st.lists(st.sampled_from(["flood", "quiet"]), max_size=5))
def test_a_clicked_card_goes_first(heads: list[QueueHead], served_before: list[str]) -> None:
    """It goes before every other waiting message, however often its agent was served before."""
    turns, others = Turns(), [head for head in heads if head.priority is not Priority.CLICKED]
    for number, agent in enumerate(served_before):
        turns.choose([QueueHead(f"s{number}", "#a", Priority.CARD_3, agent, 0.0)], 1, one_each=True)
    clicked = QueueHead("clicked", UPDATES, Priority.CLICKED, "flood", 100.0)
    assert turns.choose([*others, clicked], 1, one_each=True) == [clicked]


def test_agents_take_turns_in_a_place_however_many_messages_one_has() -> None:
    turns, served = Turns(), []
    for number in range(6):
        flood = QueueHead(f"a{number}", "#a", Priority.CARD_3, "flood", 1.0)
        quiet = QueueHead(f"b{number}", "#a", Priority.CARD_3, "quiet", 50.0)
        served += [head.agent for head in turns.choose([flood, quiet], 1, one_each=True)]
    assert served == ["flood", "quiet"] * 3


def test_pages_of_one_agent_do_not_put_off_the_card_of_another() -> None:
    pages = [QueueHead(f"p{number}", f"U0{number}", Priority.PAGE_3, "flood", 1.0) for number in range(50)]
    card = QueueHead("card", "#a", Priority.CARD_3, "quiet", 9.0)
    turns = Turns()
    turns.choose(pages, 1, one_each=True)
    assert turns.choose([*pages[1:], card], 12, one_each=True)[0] == card


def test_an_agent_that_is_served_elsewhere_keeps_its_turn_in_a_place() -> None:
    """The flood waits in one channel alone; the quiet agent's other channel is used all the time."""
    turns, served = Turns(), []
    for number in range(4):
        turns.choose([QueueHead(f"x{number}", "#b", Priority.CARD_3, "quiet", 1.0)], 1, one_each=True)
        rivals = [
            QueueHead(f"a{number}", "#a", Priority.CARD_3, "flood", 1.0),
            QueueHead("b", "#a", Priority.CARD_3, "quiet", 2.0),
        ]
        served += [head.agent for head in turns.choose(rivals, 1, one_each=True)]
    assert served.count("quiet") == 2

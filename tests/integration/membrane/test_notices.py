"""The admins get one notice a day for each problem; many on one subject within an hour are folded."""

from __future__ import annotations

from bot.domain.message_order import Priority
from bot.domain.message_record import Message
from bot.domain.notices import Level, Notice, Subject
from tests.fakes import put_off
from tests.integration.membrane.conftest import Room

HOUR_S = 3600.0


def failed(number: int, subject: Subject = Subject.THREAD_FAILED) -> Notice:
    return Notice(subject, f"thr_{number} failed.", "the graph crm", "Correct it.", about=f"{number}")


async def shown(room: Room) -> list[Message]:
    """The notices that the courier has to show, in order."""
    leased = await room.membrane.outbox.lease(100)
    for each in leased:
        await put_off(room.membrane, each.id, room.clock())
    return [each for each in leased if each.kind == "notice"]


async def test_the_same_notice_is_sent_once_a_day(room: Room) -> None:
    for _ in range(3):
        await room.membrane.admins.tell(failed(1))
        room.clock.forward(60)
    assert len(await shown(room)) == 1
    room.clock.forward(86_400)
    await room.membrane.admins.tell(failed(1))
    assert len(await shown(room)) == 2


async def test_many_of_one_subject_are_folded_into_one_message_that_counts_and_lists_them(
    room: Room,
) -> None:
    for number in range(40):
        await room.membrane.admins.tell(failed(number))
        await room.membrane.admins.tell(failed(number))  # a repeat counts nothing
        room.clock.forward(1)
    told = [str(each.body) for each in await shown(room)]
    assert len(told) == 6
    (folded,) = [words for words in told if "more threads that failed" in words]
    lines = folded.split("\n")
    assert lines[0] == f"{Level.WARNING}: 35 more threads that failed within this hour. The latest:"
    assert lines[2] == "What to do: Correct it."
    assert "• thr_39 failed." in lines
    assert lines[-1] == "• and 25 before these"

    await room.membrane.admins.tell(failed(1, Subject.THREAD_STALLED))
    assert len(await shown(room)) == 7, "another subject has a notice of its own"
    room.clock.forward(HOUR_S)
    await room.membrane.admins.tell(failed(99))
    assert any("thr_99 failed." in str(each.body) for each in await shown(room)), (
        "the next hour starts a new notice"
    )


async def test_urgent_notices_have_the_priority_of_pages(room: Room) -> None:
    await room.membrane.admins.tell(failed(1))
    await room.membrane.admins.tell(failed(2, Subject.CLOCK_PULLED_BACK))
    assert [each.priority for each in await shown(room)] == [Priority.PAGE_3, Priority.REST]

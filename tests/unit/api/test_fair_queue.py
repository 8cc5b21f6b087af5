"""FairQueue serves the tokens in turn: a burst of one token does not delay another's request."""

from __future__ import annotations

import asyncio

import pytest

from bot.api import fair_queue
from bot.api.fair_queue import FairQueue
from bot.api.token_rate_limits import Buckets
from bot.errors import TooMany
from tests.fakes import Clock


async def test_another_token_goes_next_however_many_requests_wait() -> None:
    order: list[str] = []
    rounds = FairQueue(room=1)
    first = await rounds.take("greedy")

    async def ask(token: str) -> None:
        end = await rounds.take(token)
        order.append(token)
        end()

    asked = [asyncio.create_task(ask("greedy")) for _ in range(50)]
    await asyncio.sleep(0)
    asked.append(asyncio.create_task(ask("modest")))
    await asyncio.sleep(0)
    first()
    await asyncio.gather(*asked)
    assert order.index("modest") <= 1
    assert len(order) == 51


async def test_a_large_body_takes_the_room_of_many() -> None:
    rounds = FairQueue(room=4)
    end = await rounds.take("a", size=10**6)
    waiting = asyncio.create_task(rounds.take("b"))
    await asyncio.sleep(0)
    assert not waiting.done()
    end()
    end()
    (await waiting)()
    assert rounds._free == 4


async def test_a_cancelled_request_holds_nothing_up() -> None:
    rounds = FairQueue(room=2)
    end = await rounds.take("a")
    large = asyncio.create_task(rounds.take("b", size=10**6))
    small = asyncio.create_task(rounds.take("c"))
    await asyncio.sleep(0)
    large.cancel()
    (await small)()
    end()
    assert (rounds._free, rounds._queues) == (2, {})


async def test_a_turn_granted_during_a_cancel_is_given_back() -> None:
    rounds = FairQueue(room=1)
    end = await rounds.take("a")
    waiting = asyncio.create_task(rounds.take("b"))
    await asyncio.sleep(0)
    end()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert rounds._free == 1


async def test_a_token_has_a_bounded_number_of_waiting_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_queue, "MOST_WAITING", 2)
    rounds = FairQueue(room=1)
    await rounds.take("a")
    waiting = [asyncio.create_task(rounds.take("a")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TooMany):
        await rounds.take("a")
    for each in waiting:
        each.cancel()


def test_the_bytes_of_a_body_count_against_the_rate() -> None:
    clock = Clock()
    buckets = Buckets(10.0, clock)
    assert buckets.take("a") == 0
    buckets.charge("a", 256 * 1024)  # 32 requests, of 20 in the bucket
    assert buckets.take("a") == pytest.approx(1.4)
    assert buckets.take("b") == 0
    clock.forward(1.4)
    assert buckets.take("a") == 0


async def test_many_values_weigh_as_much_as_many_bytes() -> None:
    rounds = FairQueue(room=4)
    end = await rounds.take("a", size=100, values=8_000)
    waiting = asyncio.create_task(rounds.take("b"))
    await asyncio.sleep(0)
    assert not waiting.done()
    end()
    (await waiting)()

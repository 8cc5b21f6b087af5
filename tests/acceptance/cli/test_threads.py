"""`membrane threads`, as an operator runs it beside the bot."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from bot.domain.hosting import Cause, Wanted
from bot.domain.states import ThreadState
from bot.membrane import BY_ITSELF
from tests import fakes
from tests.acceptance.cli.conftest import Room, Shell

SECRET = {"MEMBRANE_SECRET": fakes.SECRET.decode()}


async def thread(room: Room, state: ThreadState | None = None) -> str:
    made = await room.membrane.threads.start(
        "support", {}, graph_version="1", agent="mailer", owner=fakes.GUS
    )
    if state is not None:
        await room.membrane.threads.set_state(made.id, state)
    return made.id


async def asking(room: Room) -> str:
    made = await thread(room, ThreadState.RUNNING)
    await room.membrane.stalls.stall(
        made, Cause.QUESTION, "it asks", questions={"int_1": {"question": "To\u202ewhom?"}}
    )
    return made


async def broken(room: Room) -> str:
    made = await thread(room, ThreadState.RUNNING)
    await room.membrane.stalls.stall(made, Cause.ERROR, "Unavailable: 503\nforged", retry=True)
    return made


async def run(shell: Shell, *line: str, code: int = 0) -> Any:
    ended = await shell.run("threads", *line, **SECRET)
    assert ended.code == code, ended.err
    return ended


async def test_the_list_shows_unfinished_threads_and_why_each_one_waits(shell: Shell, room: Room) -> None:
    done, waiting, stalled = (
        await thread(room, ThreadState.FINISHED),
        await thread(room, ThreadState.PARKED),
        await broken(room),
    )
    out = (await run(shell, "list")).out
    assert done not in out
    assert waiting in out
    (line,) = [each for each in out.splitlines() if stalled in each]
    assert "error" in line
    assert "Unavailable: 503⟨U+000A⟩forged" in line
    listed = json.loads((await run(shell, "list", "--state", "all", "--json")).out)
    assert [each["id"] for each in listed] == [stalled, waiting, done]
    only = json.loads((await run(shell, "list", "--state", "stalled", "--graph", "support", "--json")).out)
    assert [(each["id"], each["cause"], each["retries"]) for each in only] == [(stalled, "error", 0)]
    assert (await run(shell, "list", "--graph", "other")).out == "No threads.\n"


async def test_show_prints_the_question_and_the_commands(shell: Shell, room: Room) -> None:
    found = await asking(room)
    out = (await run(shell, "show", found)).out
    assert '"question": "To⟨U+202E⟩whom?"' in out
    assert f"membrane threads answer {found} --text" in out
    assert f"membrane threads withdraw {found} --why" in out
    shown = json.loads((await run(shell, "show", found, "--json")).out)
    assert shown["questions"] == {"int_1": {"question": "To\u202ewhom?"}}
    assert f"membrane threads retry {await broken(room)}" not in out


@pytest.mark.parametrize(
    ("given", "answer"),
    [(("--text", "yes"), "yes"), (("--json", "true"), True), (("--json", '{"a": [1]}'), {"a": [1]})],
)
async def test_an_answer_is_left_for_the_bot_sealed_and_journalled(
    shell: Shell, room: Room, given: tuple[str, ...], answer: Any
) -> None:
    found = await asking(room)
    out = (await run(shell, "answer", found, *given)).out
    assert f"membrane threads show {found}" in out
    (request,), _ = await room.membrane.stalls.due(9)
    assert (request.thread_id, request.wanted, request.by) == (found, Wanted.ANSWER, getpass.getuser())
    assert room.membrane.stalls.answers_in(request) == {"int_1": answer}
    entries = (await shell.run("journal", "show", "--json")).out
    assert '"thread.asked_by_operator"' in entries
    assert getpass.getuser() in entries
    assert json.loads((await run(shell, "show", found, "--json")).out)["asked"][0]["wanted"] == "answer"


async def test_a_retry_and_a_withdrawal_are_left_for_the_bot(shell: Shell, room: Room) -> None:
    first, second = await broken(room), await thread(room, ThreadState.PARKED)
    await run(shell, "retry", first)
    await run(shell, "withdraw", second, "--why", "not needed")
    requests, _ = await room.membrane.stalls.due(9)
    assert [(each.thread_id, each.wanted, each.why) for each in requests] == [
        (first, Wanted.RETRY, None),
        (second, Wanted.WITHDRAW, "not needed"),
    ]
    assert getpass.getuser() != BY_ITSELF


async def test_an_impossible_request_is_refused_in_a_sentence(shell: Shell, room: Room) -> None:
    parked, question, error = await thread(room, ThreadState.PARKED), await asking(room), await broken(room)
    for line, says in (
        (("retry", "thr_none"), "there is no thread thr_none"),
        (("retry", parked), "is parked; only a stalled thread can be restarted"),
        (("answer", parked, "--text", "approved"), "only a stalled thread"),
        (("answer", error, "--text", "approved"), "has no question that an operator can answer"),
        (("retry", question), "would only ask again"),
        (("show", "thr_none"), "there is no thread thr_none"),
    ):
        ended = await run(shell, *line, code=1)
        assert says in ended.err
        assert ended.out == ""
    for wrong in (("answer", question), ("answer", question, "--text", "a", "--json", "1"),
                  ("answer", question, "--json", "{"), ("answer", question, "--json", "null"),
                  ("withdraw", parked)):  # fmt: skip
        await run(shell, *wrong, code=2)
    assert await room.membrane.stalls.due(9) == ([], [])


async def test_another_secret_seals_no_answer(shell: Shell, room: Room) -> None:
    """The bot could not open an answer under another secret."""
    await room.propose("db.read")
    found = await asking(room)
    ended = await shell.run("threads", "answer", found, "--text", "yes", MEMBRANE_SECRET="x" * 40)
    assert ended.code == 2
    assert "is not the secret that" in ended.err


async def test_without_a_database_it_says_so(shell: Shell, tmp_path: Path) -> None:
    ended = await run(shell, "retry", "thr_1", code=1)
    assert "there is no database" in ended.err
    assert not (tmp_path / ".membrane").exists()

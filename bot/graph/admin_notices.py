"""Notices to the admins about hosted graphs and their threads."""

from __future__ import annotations

from bot.domain.notices import Notice, Subject

MOST = 1000
"""Characters of an error that a notice quotes; the bot's log has all of it."""


def refused(name: str, why: str) -> Notice:
    """Return the notice that a graph is refused and none of its threads runs."""
    return Notice(
        Subject.GRAPH_REFUSED,
        f"The graph {name} is refused: none of its threads starts or goes on. Other graphs run.",
        where=f"the graph {name} of MEMBRANE_GRAPHS",
        todo="Change the graph or the policy as the reason below says, then start the bot again.",
        about=f"{name} {why}",
        details=(why,),
    )


def unusable(graph: str, thread: str, why: str) -> Notice:
    """Return the notice that threads cannot go on because their graph is refused or not loaded."""
    return Notice(
        Subject.GRAPH_UNUSABLE,
        f"Threads of the graph {graph} cannot go on. They keep their state.",
        where=f"the graph {graph}; one of its threads is {thread}",
        todo="Correct what the reason below says.",
        about=f"{graph} {why}",
        details=(f"{why}.",),
    )


def not_taken(graph: str, thread: str, interrupt: str, why: str) -> Notice:
    """Return the notice that a thread did not take its answer."""
    return Notice(
        Subject.ANSWER_NOT_TAKEN,
        f"{why}. It is tried again.",
        where=f"the thread {thread} of the graph {graph}",
        todo=f"Put the graph back as it was, or withdraw the thread: membrane threads withdraw {thread}",
        about=interrupt,
    )


def changed(graph: str, version: str, thread: str) -> Notice:
    """Return the notice that the node that asked is gone from the graph of a parked thread."""
    return Notice(
        Subject.GRAPH_CHANGED,
        f"The graph {graph} changed while {thread} was parked: the node that asked is not there any more, "
        "so an answer could not reach it.",
        where=f"the thread {thread} of the graph {graph}",
        todo="Put the node back under its old name and start the bot again, or withdraw the thread: "
        f"membrane threads withdraw {thread}",
        about=f"{thread} {version}",
    )


def stalled(graph: str, thread: str, cause: str, why: str, *, verb: str, about: str) -> Notice:
    """Return the notice that a thread needs an operator; `verb` is the command for it."""
    return Notice(
        Subject.THREAD_STALLED,
        f"The thread {thread} of the graph {graph} is stalled ({cause}): {why[:MOST]}. Its state is kept, "
        "and its reviews stay open.",
        where=f"the thread {thread} of the graph {graph}",
        todo=f"Look at it, then {verb} or withdraw it, with these commands on the bot's machine:",
        about=f"{thread} {about}",
        details=tuple(f"membrane threads {each} {thread}" for each in ("show", verb, "withdraw")),
    )


def failed(graph: str, thread: str, why: str, *, about: str) -> Notice:
    """Return the notice that a thread failed and runs no more. `about` is equal for equal causes."""
    return Notice(
        Subject.THREAD_FAILED,
        f"A thread of the graph {graph} failed ({thread}): {why[:MOST]}",
        where=f"the thread {thread} of the graph {graph}",
        todo=f"Correct the graph, and have the work started again. membrane threads show {thread}",
        about=f"{graph} {about}",
    )

"""For any arguments at all: the card is one that Slack takes, and nothing an agent wrote works in it."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.action import canonical_json
from bot.domain.record import Standing, Unknown
from bot.domain.review import Review
from bot.domain.scripts import unseen_belongs
from bot.domain.states import ActionState, ReviewState
from bot.localslack.block_checks import check_blocks, total_text
from bot.localslack.refusals import SlackRefusal
from bot.localslack.view_checks import checked_view
from bot.slack.cards import argument_text, buttons, digests, receipts, reviews, views
from tests.unit.slack.making import DIGEST, NOON, message, passed, review, ruling, standing, vote
from tests.unit.slack.readback import read_back
from tests.unit.slack.reading import pieces, read

NASTY = st.sampled_from(
    [
        "<!channel>",
        "<@U0AAA>",
        "<#C0X|x>",
        "<https://evil.example|click>",
        "https://evil.example",
        "@here @channel",
        "```\nfree\n```",
        "*b* _i_ ~s~ `c` > q :fire:",
        "&lt;!channel&gt;",
        "a\u202eb\u200bc\u2066\u0000",
        "a" + "\u0301" * 40,
        " " * 400,
        "\n" * 400,
        "\ufe0f\u3164\u2800",
        "⟨U+202E⟩",
        "x\nrecipient: honest@acme.example",
        "y" * 3000,
        "שלום",
        "cust\u043emers \u0441\u043e\t\u0444\u0430",
        "e\u0301\u212a\u037e\uff41",
        "می\u200cخواهم a\u00a0! 👩\u200d💻 1\ufe0f\u20e3",
    ]
)
TEXT = st.one_of(NASTY, st.text(max_size=60))
SAFE = TEXT.map(lambda words: words.encode("utf-8", "replace").decode())
SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    SAFE,
)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(SAFE, inner, max_size=5)),
    max_leaves=8,
)
ARGS = st.dictionaries(SAFE, VALUE, max_size=6)
EXAMPLES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def standings(draw: st.DrawFn) -> tuple[Standing, Review]:
    """Any review in any state, with the nastiest words in every place that somebody else writes."""
    state = draw(st.sampled_from(list(ReviewState)))
    asked = review(
        state=state,
        ruling=ruling(
            draw(st.sampled_from([2, 3])), rule=draw(SAFE), reason=draw(SAFE), approvers=(draw(SAFE),)
        ),
        closed_at=None if state is ReviewState.PENDING else NOON + 60,
        votes=tuple(vote(f"U0{n:03d}", note=draw(st.none() | SAFE)) for n in range(draw(st.integers(0, 14)))),
        note=draw(st.none() | SAFE),
        overdue_at=draw(st.none() | st.just(NOON)),
        acked_by=draw(st.none() | st.just("U0AAA")),
    )
    whole = standing(
        asked,
        args=draw(ARGS),
        agent=draw(SAFE),
        on_behalf_of=draw(st.none() | SAFE | st.just("U0EEE")),
        description=draw(st.none() | SAFE),
        detail=draw(st.none() | SAFE),
        state=draw(st.sampled_from(list(ActionState))),
    )
    return whole, asked


def check_markup(text: dict[str, Any]) -> None:
    """In our own lines only mentions and dates are live markup; foreign words are code."""
    assert text["verbatim"] is True
    tokens = re.findall(r"<[^>]*>", text["text"])
    assert all(re.fullmatch(r"<@[UW][A-Z0-9]+>|<!date\^\d+\^[^|<>]*\|[^|<>]*>", token) for token in tokens)
    ours = re.sub(r"`[^`\n]*`", "", text["text"])
    assert "`" not in ours
    assert set(re.findall(r"[*_~]", re.sub(r"<[^>]*>", "", ours))) <= {"*"}
    assert ours.count("*") % 2 == 0


def check_drawn(drawn: reviews.Drawn) -> None:
    assert check_blocks(drawn.blocks, "message") == []
    assert total_text(drawn.blocks) < 10_000
    assert 0 < len(drawn.text) <= 4000
    for block in drawn.blocks:
        if block["type"] == "section":
            check_markup(block["text"])
    assert not re.search(r"<[^>]*>", drawn.text), "nothing in the fallback text is a mention or a link"
    assert {piece["url"] for piece in pieces(drawn.blocks, "link")} <= {"https://s/1"}
    for words in [piece["text"] for piece in pieces(drawn.blocks, "text")] + [drawn.text]:
        unseen = [
            char
            for at, char in enumerate(words)
            if unicodedata.category(char)[0] in "CZ" and char not in " \n" and not unseen_belongs(words, at)
        ]
        assert not unseen, unseen


@EXAMPLES
@given(standings())
def test_any_message_about_a_review_fits_and_is_inert(made: tuple[Standing, Review]) -> None:
    whole, asked = made
    links = reviews.Links("https://s/1", "https://s/1", "https://s/1")
    for unknown in (Unknown(whole.action.id, 1, NOON, NOON), Unknown("act_1", 1, NOON, NOON, NOON)):
        check_drawn(receipts.card(whole, unknown, asked.ruling.approvers, "https://s/1"))
        check_drawn(receipts.card(Standing(whole.action), unknown, asked.ruling.approvers))
    check_drawn(reviews.card(whole, asked, links))
    check_drawn(reviews.card(whole, asked, terse=True))
    check_drawn(reviews.page(message("page"), whole, asked, links))
    check_drawn(reviews.told(whole, asked, links))


@EXAMPLES
@given(standings())
def test_a_mention_is_only_of_people_that_the_review_names(made: tuple[Standing, Review]) -> None:
    whole, asked = made
    named = {whole.action.owner, whole.action.on_behalf_of, asked.acked_by, *(v.voter for v in asked.votes)}
    mentioned = {piece["user_id"] for piece in pieces(reviews.card(whole, asked).blocks, "user")}
    assert mentioned <= named
    assert all(re.fullmatch(r"[UW][A-Z0-9]+", user) for user in mentioned)


@EXAMPLES
@given(standings(), st.integers(0, 5))
def test_any_modal_fits(made: tuple[Standing, Review], page: int) -> None:
    whole, asked = made
    try:
        checked_view(views.everything(whole, asked, page), ("modal",))
        checked_view(views.note(buttons.Pressed("rev_1", "act_1", DIGEST), whole), ("modal",))
    except SlackRefusal as refusal:
        raise AssertionError(refusal.extra) from refusal


@EXAMPLES
@given(ARGS)
def test_invariant_9_what_was_shown_is_what_runs(arguments: dict[str, Any]) -> None:
    """The whole drawing can be read back into exactly the arguments that the digest is of."""
    drawn = argument_text.draw(arguments)
    assert canonical_json(read_back(drawn)) == canonical_json(arguments)
    short = argument_text.draw_short(arguments)
    if short.complete:
        assert short.text == drawn


@EXAMPLES
@given(ARGS, SAFE)
def test_invariant_9_no_description_changes_what_a_card_shows_of_the_arguments(
    arguments: dict[str, Any], description: str
) -> None:
    plain, told = standing(args=arguments), standing(args=arguments, description=description)
    lines = read(reviews.card(plain, review()).blocks).split("\n")
    with_words = read(reviews.card(told, review()).blocks)
    assert with_words.startswith("\n".join(lines[:-1]))
    assert reviews.card(told, review()).text == reviews.card(plain, review()).text


@EXAMPLES
@given(st.lists(standings(), max_size=5))
def test_any_digest_fits(made: list[tuple[Standing, Review]]) -> None:
    named = passed(*(whole.action for whole, _ in made))
    check_drawn(digests.digest(named, [whole for whole, _ in made], NOON))


@EXAMPLES
@given(SAFE)
def test_any_notice_fits(words: str) -> None:
    check_drawn(digests.notice(words or "x"))


def test_all_of_64_kb_that_nobody_can_see_is_behind_view_all() -> None:
    whole = standing(args={"body": "\u200b" * 20_000})
    first = views.everything(whole, review())
    seen = 0
    for page in range(int(re.findall(r"of (\d+)", read(first["blocks"]))[0])):
        view = views.everything(whole, review(), page)
        checked_view(view, ("modal",))
        seen += read(view["blocks"]).count("⟨U+200B⟩")
    assert seen > 19_900  # a few are split between two parts


def test_a_page_of_a_modal_that_is_not_there_is_the_last_one() -> None:
    assert views.everything(standing(), review(), 7) == views.everything(standing(), review(), 0)

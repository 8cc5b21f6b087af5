"""Joiners, selectors and tags that belong to an emoji, and so hide no text.

The sets are from Unicode's emoji-data.txt and emoji-zwj-sequences.txt (UTS 51).
"""

from __future__ import annotations

ZWJ, SELECTOR, KEYCAP, BLACK_FLAG, END_OF_TAGS = "\u200d", "\ufe0f", "\u20e3", "\U0001f3f4", "\U000e007f"
_SKINS = range(0x1F3FB, 0x1F400)
_FLAGS = ("gbeng", "gbsct", "gbwls")
_SMALL = (
    "a9 ae 203c 2049 2122 2139 2194-2199 21a9-21aa 231a-231b 2328 23cf 23e9-23f3 23f8-23fa 24c2 25aa-25ab "
    "25b6 25c0 25fb-25fe 2600-2604 260e 2611 2614-2615 2618 261d 2620 2622-2623 2626 262a 262e-262f "
    "2638-263a 2640 2642 2648-2653 265f-2660 2663 2665-2666 2668 267b 267e-267f 2692-2697 2699 269b-269c "
    "26a0-26a1 26a7 26aa-26ab 26b0-26b1 26bd-26be 26c4-26c5 26c8 26ce-26cf 26d1 26d3-26d4 26e9-26ea "
    "26f0-26f5 26f7-26fa 26fd 2702 2705 2708-270d 270f 2712 2714 2716 271d 2721 2728 2733-2734 2744 2747 "
    "274c 274e 2753-2755 2757 2763-2764 2795-2797 27a1 27b0 27bf 2934-2935 2b05-2b07 2b1b-2b1c 2b50 2b55 "
    "3030 303d 3297 3299"
)
"""Emoji below U+10000; those that are drawn as text take the selector."""
_LARGE = (
    "1f170-1f171 1f17e-1f17f 1f202 1f237 1f321 1f324-1f32c 1f336 1f37d 1f396-1f397 1f399-1f39b 1f39e-1f39f "
    "1f3cb-1f3ce 1f3d4-1f3df 1f3f3 1f3f5 1f3f7 1f43f 1f441 1f4fd 1f549-1f54a 1f56f-1f570 1f573-1f579 1f587 "
    "1f58a-1f58d 1f590 1f5a5 1f5a8 1f5b1-1f5b2 1f5bc 1f5c2-1f5c4 1f5d1-1f5d3 1f5dc-1f5de 1f5e1 1f5e3 1f5e8 "
    "1f5ef 1f5f3 1f5fa 1f6cb 1f6cd-1f6cf 1f6e0-1f6e5 1f6e9 1f6f0 1f6f3"
)
"""Emoji above that are drawn as text without the selector."""
_JOINED = (
    "2640 2642 2695-2696 2708 2764 26a7 2620 2b1b 2744 2194-2195 27a1 1f308 1f33e 1f373 1f37c 1f384 1f393 "
    "1f3a4 1f3a8 1f3eb 1f3ed 1f4a8 1f4ab 1f4bb-1f4bc 1f525 1f527 1f52c 1f5e8 1f680 1f692 1f7e9 1f7eb 1f91d "
    "1f9af-1f9b3 1f9bc-1f9bd 1f9d1-1f9d2 1fa79 1f466-1f469 1f48b 1f430 1f9ba 1fa70"
)
"""The characters that may follow a joiner in an emoji sequence."""


def _set(ranges: str) -> frozenset[int]:
    found: set[int] = set()
    for each in ranges.split():
        first, _, last = each.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(found)


_SELECTABLE, _PICTURES, _AFTER_A_JOINER = _set(f"{_SMALL} {_LARGE}"), _set(_SMALL), _set(_JOINED)


def belongs(text: str, at: int) -> bool:
    """Whether the joiner, selector or tag at this place is part of an emoji."""
    char, before = text[at], text[at - 1] if at else ""
    if char == SELECTOR:
        keycap = before in set("0123456789#*") and text[at + 1 : at + 2] == KEYCAP
        return bool(before) and (ord(before) in _SELECTABLE or keycap)
    if char == ZWJ:
        after = text[at + 1 : at + 2]
        return bool(before and after) and ord(after) in _AFTER_A_JOINER and _ends_one(text, at)
    return 0xE0020 <= ord(char) <= 0xE007F and _in_a_flag(text, at)


def _ends_one(text: str, at: int) -> bool:
    """Whether an emoji, with its selector or skin colour, ends before this place."""
    before = text[at - 1]
    if before == SELECTOR:
        return at > 1 and belongs(text, at - 1)
    return _is_picture(before) or ord(before) in _SKINS


def _is_picture(char: str) -> bool:
    return 0x1F000 <= ord(char) <= 0x1FAFF or ord(char) in _PICTURES


def _in_a_flag(text: str, at: int) -> bool:
    start = text.rfind(BLACK_FLAG, max(0, at - 6), at)
    if start < 0:
        return False
    end = text.find(END_OF_TAGS, start)
    tags = text[start + 1 : end] if end >= at else ""
    return "".join(chr(ord(tag) - 0xE0000) for tag in tags if ord(tag) > 0xE0000) in _FLAGS

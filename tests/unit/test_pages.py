"""The repository's pages are true: their links lead somewhere, and the files and tests they name are there.

In backticks, `path::name` names something in a file, `path` a file or a folder, `test_…` a test. Paths count
from the page's folder or from the repository's.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "bot/README.md", "policies/README.md")
    if (ROOT / page).exists()
]
FOLDERS = ("bot", "tests", "policies", ".ci")
ENDINGS = "py|md|toml|yaml|yml|json|lock|js|html|css"
MADE_BY_USERS = {"old.yaml", "new.yaml"}
"""Files of examples, which are not part of the repository."""

PATH = re.compile(rf"[\w./-]+\.(?:{ENDINGS})|(?:[\w.-]+/)+[\w.-]*")
NAMED = re.compile(rf"([\w./-]+\.(?:{ENDINGS}))::([\w.]+)")
MODULE = re.compile(r"bot(?:\.\w+)+")
TEST = re.compile(r"test_\w+")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@cache
def names_of_files() -> frozenset[str]:
    tops = (path for path in ROOT.iterdir() if path.is_file())
    below = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return frozenset(path.name for path in (*tops, *below))


@cache
def names_of_tests() -> frozenset[str]:
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        found.add(path.stem)
        found |= set(
            re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        )
    return frozenset(found)


def found_at(page: str, path: str) -> Path | None:
    """Return where a path leads, seen from the page's folder or from the repository's."""
    places = ((ROOT / page).parent / path, ROOT / path)
    return next((place for place in places if place.exists()), None)


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return what a module defines: `name` at its top, and `Class.name` of its classes."""
    return frozenset(_defined(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def _defined(body: list[ast.stmt], within: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield within + node.name
        if isinstance(node, ast.ClassDef):
            yield from _defined(node.body, f"{within}{node.name}.")
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        yield from (within + target.id for target in targets if isinstance(target, ast.Name))


def wrong_with(page: str, token: str) -> str | None:
    """Return what is wrong with a text in backticks; None where it is true, or names nothing of ours."""
    if named := NAMED.fullmatch(token):
        path = found_at(page, named[1])
        if path is None:
            return f"there is no file {named[1]}"
        return None if named[2] in names_in(path) else f"{named[1]} has no {named[2]}"
    if TEST.fullmatch(token):
        return None if token in names_of_tests() else "there is no such test"
    if MODULE.fullmatch(token):
        path = ROOT / token.replace(".", "/")
        is_there = path.is_dir() or path.with_suffix(".py").exists()
        return None if is_there else "there is no such module"
    if not PATH.fullmatch(token) or token.startswith(("/", ".venv/")) or token in MADE_BY_USERS:
        return None
    if "/" not in token:
        return None if token in names_of_files() else "there is no file of this name"
    ours = token.partition("/")[0] in FOLDERS or PATH.fullmatch(token.rstrip("/")) or token.endswith("/")
    return None if not ours or found_at(page, token) else "there is no such path"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_test_that_a_page_names_exists(page: str) -> None:
    tokens = re.findall(r"`([^`\n]+)`", prose(page))
    wrong = [f"`{token}`: {why}" for token in tokens if (why := wrong_with(page, token))]
    assert not wrong, f"{page}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        place = (ROOT / page).parent / path if path else ROOT / page
        assert place.exists(), f"{page}: {target} leads nowhere"
        if anchor:
            assert anchor in anchors(place.read_text(encoding="utf-8")), (
                f"{page}: {target} has no such heading"
            )


def tracked() -> list[Path]:
    """Return the texts of the repository, but for this one."""
    tops = [
        path for path in ROOT.iterdir() if path.suffix in {".md", ".toml", ".yml"} or path.name == "Makefile"
    ]
    below = [
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".yaml", ".json", ".js", ".html", ".css"}
    ]
    return [path for path in (*tops, *below) if path != Path(__file__)]


def test_no_text_cites_a_page_that_is_not_in_the_repository() -> None:
    """A reader cannot look up what only its author has."""
    wrong = []
    for path in tracked():
        text = path.read_text(encoding="utf-8")
        cited = [name for name in re.findall(r"[\w-]+\.md\b", text) if name not in names_of_files()]
        cited += re.findall(r"\b(?:DESIGN|FACTS|STYLE)\b(?!_)|§ ?\d+", text)
        wrong += [f"{path.relative_to(ROOT)} cites {name}" for name in cited]
    assert not wrong, "\n".join(wrong)

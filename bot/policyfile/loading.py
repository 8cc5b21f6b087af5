"""Loads a Policy from a file, or reports all problems of the file."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from bot.domain.policy import Policy
from bot.errors import PolicyError, Problem
from bot.policyfile.conversion import build_policy
from bot.policyfile.cross_checks import check_parts
from bot.policyfile.document import MAX_BYTES, MAX_PROBLEMS, Document, read_document
from bot.policyfile.file_model import PolicyFile
from bot.policyfile.json_schema import schema
from bot.policyfile.pydantic_errors import problem_of
from bot.policyfile.valid_parts import take_apart


def load(path: str | Path) -> Policy:
    """Return the policy in a file. Raises PolicyError with all problems."""
    return parse(read(path), str(path))


def read(path: str | Path) -> bytes:
    """Return the bytes of a policy file. Raises PolicyError if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        problem = Problem(str(path), 1, 1, f"the file cannot be read: {why}", "name an existing policy file")
        raise PolicyError((problem,)) from error


def parse(text: bytes | str, file: str = "policy.yaml") -> Policy:
    """Return the policy in a text; `file` names it in errors. Raises PolicyError."""
    document = read_document(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text, file)
    model = _validate(document)
    if () not in document.broken:
        parts = take_apart(document)
        check_parts(parts)
        document.problems += parts.problems
    if document.problems or model is None:
        raise PolicyError(_in_order(document.problems))
    return build_policy(model)


def check(path: str | Path) -> tuple[Problem, ...]:
    """Return all problems of a file, in its order; none if it loads."""
    try:
        load(path)
    except PolicyError as error:
        return error.problems
    return ()


def _validate(document: Document) -> PolicyFile | None:
    if () in document.broken or (document.problems and document.data is None):
        return None
    if not isinstance(document.data, dict):
        what = "a policy is a mapping with version, people, escalations, tiers and actions"
        document.problems.append(document.problem((), what, "policies/default.yaml is a good start"))
        return None
    try:
        return PolicyFile.model_validate(document.data)
    except ValidationError as error:
        known = schema()
        found = (problem_of(each, document, known) for each in error.errors()[:MAX_PROBLEMS])
        document.problems += [problem for problem in found if problem is not None]
        return None


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(dict.fromkeys(problems), key=lambda each: (each.line, each.column)))

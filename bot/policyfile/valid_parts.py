"""The sound parts of a document, so that they are checked even if other parts are broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.domain.escalation import Chain
from bot.domain.operators import Scalar
from bot.domain.people import PeopleSource
from bot.domain.risk import COST_THRESHOLD_USD, Tier
from bot.errors import Problem
from bot.policyfile.action_model import ActionModel, RaiseModel
from bot.policyfile.conversion import build_chain, build_people
from bot.policyfile.document import MAX_PROBLEMS, Document, Path
from bot.policyfile.fields import Money
from bot.policyfile.fields import Scalar as ScalarField
from bot.policyfile.file_model import GatedModel
from bot.policyfile.hints import did_you_mean
from bot.policyfile.people_model import EscalationModel, PeopleEntry

_DECIDING = frozenset({"risk", "tier", "args", "more_args"})
"""Keys of an action without which its other keys cannot be checked."""
_TIERS = {"2": Tier.ASYNC_APPROVAL, "3": Tier.SYNC_APPROVAL}


@dataclass(slots=True)
class Parts:
    """The parts of a file that are sound by themselves, by name, and the problems between them."""

    document: Document
    people: dict[str, PeopleSource] = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)
    lists: dict[str, list[Scalar]] = field(default_factory=dict)
    tiers: dict[Tier, GatedModel] = field(default_factory=dict)
    actions: dict[str, ActionModel] = field(default_factory=dict)
    """Without their raise rules, and without unsound settings."""
    rules: dict[str, list[tuple[int, RaiseModel]]] = field(default_factory=dict)
    """The sound raise rules of each action, with their index in the file."""
    threshold_usd: float = COST_THRESHOLD_USD
    problems: list[Problem] = field(default_factory=list)

    def declared(self, section: str) -> frozenset[str]:
        """Return the names that a section declares, sound or not."""
        return frozenset(_section(self.document, section))

    def say(self, path: Path, what: str, hint: str = "", *, at_key: bool = False) -> None:
        """Report a problem, unless the value already has one."""
        known = any(path[: len(broken)] == broken for broken in self.document.broken)
        if not known and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(self.document.problem(path, what, hint, at_key=at_key))

    def check_name(self, path: Path, name: str, section: str, what: str) -> bool:
        """Report a name that its section does not declare. Return whether it is declared.

        Names of a broken section, such as one that occurs twice, are not reported.
        """
        known = self.declared(section)
        if name in known or (section,) in self.document.broken:
            return name in known
        self.say(path, f"{what} `{name}` is not in `{section}`", did_you_mean(name, known))
        return False

    def sound(self, names: Iterable[str]) -> bool:
        """Whether all these people are declared and sound, so that checks can use them."""
        return all(name in self.people for name in names)


def take_apart(document: Document) -> Parts:
    """Return the sound parts of a document."""
    entries = _sound(document, "people", PeopleEntry)
    escalations: Mapping[str, EscalationModel] = _sound(document, "escalations", EscalationModel)
    tiers: Mapping[str, GatedModel] = _sound(document, "tiers", GatedModel)
    threshold = _sound(document, None, Money).get("cost_threshold_usd", COST_THRESHOLD_USD)
    return Parts(
        document,
        people={name: build_people(entry) for name, entry in entries.items()},
        chains={name: build_chain(name, model) for name, model in escalations.items()},
        lists=dict(_sound(document, "lists", list[ScalarField])),
        tiers={_TIERS[name]: model for name, model in tiers.items() if name in _TIERS},
        actions=_sound_actions(document),
        rules={name: _sound_rules(entry) for name, entry in _section(document, "actions").items()},
        threshold_usd=float(threshold),
    )


def _section(document: Document, section: str | None) -> Mapping[str, Any]:
    data = document.data if isinstance(document.data, dict) else {}
    found = data if section is None else data.get(section)
    return found if isinstance(found, dict) else {}


def _sound(document: Document, section: str | None, model: Any) -> dict[str, Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(model)
    sound: dict[str, Any] = {}
    for name, entry in _section(document, section).items():
        try:
            sound[name] = adapter.validate_python(entry)
        except ValidationError:
            continue  # reported when the whole file was validated
    return sound


def _sound_actions(document: Document) -> dict[str, ActionModel]:
    sound = {}
    for name, entry in _section(document, "actions").items():
        if isinstance(entry, dict):
            kept = {key: value for key, value in entry.items() if key != "raise"}
            if (model := _sound_action(kept)) is not None:
                sound[name] = model
    return sound


def _sound_action(entry: dict[str, Any]) -> ActionModel | None:
    """Return an action without its wrong settings; None if its tier or arguments are wrong."""
    try:
        return ActionModel.model_validate(entry)
    except ValidationError as error:
        wrong = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
    if wrong & _DECIDING or not wrong:
        return None
    return ActionModel.model_validate({key: value for key, value in entry.items() if key not in wrong})


def _sound_rules(entry: Any) -> list[tuple[int, RaiseModel]]:
    rules = entry.get("raise") if isinstance(entry, dict) else None
    sound = []
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        try:
            sound.append((index, RaiseModel.model_validate(rule)))
        except ValidationError:
            continue  # reported already, as above
    return sound

"""`membrane policy`: its output for admins and machines, and its exit codes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.cli.policy import policy_group
from bot.membrane import Membrane
from bot.policyfile import load, parse
from bot.store import journal
from bot.store.database import open_database
from tests.fakes import SECRET, FakeDirectory
from tests.unit.policyfile.making import BASE, with_action

POLICIES = Path(__file__).parents[3] / "policies"
BROKEN = BASE.replace("approvers: [leads]", "approvers: [lead]")
RULED = with_action(
    "risk: {reversible: true, blast_radius: low, cost_usd: $amount}\n"
    "reviewed: {by: U0CLEO, on: 2026-06-01, why: ok}\n"
    "args: {amount: {type: number, unit: USD}}\n"
    "raise: [{id: large, to: 3, when: {amount: {gt: 500}}, because: large refunds need two people}]\n"
    "tools: [refund]"
)


def _run(*args: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(policy_group, args, input=stdin, env=env)


def _json(*args: str) -> Any:
    return json.loads(_run(*args, "--json").stdout)


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.yaml"
    path.write_text(RULED)
    return str(path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    path = tmp_path / "bad.yaml"
    path.write_text(BROKEN)
    return str(path)


def test_check_accepts_a_good_file(good: str) -> None:
    result = _run("check", good)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{good}: fine, 2 action kinds, sha256:")


def test_check_names_the_faults_of_each_file(good: str, bad: str) -> None:
    result = _run("check", good, bad)
    assert result.exit_code == 1
    assert f"{bad}:23:42: approver `lead` is not in `people`; did you mean leads?\n" in result.stdout
    assert result.stdout.endswith(f"{bad}: 1 problem\n")


def test_check_prints_json_for_machines(good: str, bad: str) -> None:
    fine, broken = _json("check", good, bad)
    assert (fine["ok"], fine["problems"], fine["kinds"]) == (True, [], 2)
    assert broken["ok"] is False
    (problem,) = broken["problems"]
    assert (problem["line"], problem["column"], problem["hint"]) == (23, 42, "did you mean leads?")


def test_check_without_a_file_is_a_usage_error() -> None:
    assert _run("check").exit_code == 2


def test_check_names_rules_that_never_raise(tmp_path: Path) -> None:
    """The policy still loads, and both outputs name these rules and the reason."""
    path = tmp_path / "idle.yaml"
    path.write_text(
        RULED.replace("raise: [", "raise: [{id: some, to: 2, when: {amount: {gt: 900}}, because: so}, ")
    )
    note = "x.y: rule some never raises anything: `large` raises all of that to tier 3"
    result = _run("check", str(path))
    assert result.exit_code == 0
    assert f"  note: {note}\n" in result.stdout
    assert note in _json("check", str(path))[0]["notes"]


def test_check_adds_notes_to_a_policy_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(BASE.replace("people:", "people:\n  guests: {users: [U0GUS]}", 1))
    assert "  note: people guests: nothing asks, pages or names them" in _run("check", str(path)).stdout


def test_explain_prints_the_whole_ruling(good: str) -> None:
    result = _run("explain", "x.y", "--args", '{"amount": 900}', "--policy", good)
    assert result.exit_code == 0
    text = result.stdout.splitlines()
    assert text[:6] == [
        'x.y {"amount":900}',
        "is tier 3, sync approval: large refunds need two people",
        "",
        "Checks",
        "  + risk       tier 1  it is reversible and small, and costs more than 1 USD",
        "  - arguments          the arguments are as declared",
    ]
    assert "  * large      tier 3  amount > 500: large refunds need two people" in text
    assert "    amount is 900" in text
    assert "Who is asked: 2 of these, in #approvals; one rejection ends it" in text
    assert "  leads: U0CLEO, U0DIA, U0EVE" in text
    assert "Until when: within 30m; an approval is valid for 30m" in text
    assert "  after 7m 30s (25%): page oncall" in text
    assert "  then every 15m, 3 times: everybody again" in text
    assert "If nobody answers: abort: it does not happen, and the agent is told that nobody answered" in text


def test_explain_shows_passing_and_unknown_kinds(good: str) -> None:
    passing = _run("explain", "x.y", "--args", '{"amount": 9}', "--policy", good).stdout
    assert "It is shown afterwards, in the digest in #digest." in passing
    unknown = _run("explain", "refund", "--policy", good).stdout
    assert "refund is a tool, and the policy calls what it does x.y" in unknown
    assert "refund is a tool that stands for x.y: membrane policy explain x.y" in unknown
    misspelt = _run("explain", "x.yy", "--policy", good).stdout
    assert "The policy names no kind x.yy; did you mean x.y?" in misspelt


def test_explain_names_what_a_strict_policy_refuses(good: str) -> None:
    strict = Path(good).with_name("strict.yaml")
    strict.write_text(Path(good).read_text(encoding="utf-8") + "strict: true\n", encoding="utf-8")
    text = _run("explain", "x.y", "--args", '{"amout": 9}', "--policy", str(strict)).stdout
    assert "The policy is strict, so the action is refused and nobody is asked, because" in text
    assert "  args.amout: amout is not declared for x.y, did you mean amount?; expected: one of" in text
    assert "  args.amount: amount is missing; expected: a number" in text
    machines = _run("explain", "x.yy", "--policy", str(strict), "--json").stdout
    assert [each["near"] for each in json.loads(machines)["refused"]] == ["x.y"]
    assert "refused" not in json.loads(_run("explain", "x.yy", "--policy", good, "--json").stdout)
    assert " action kinds, strict, sha256:" in _run("check", str(strict)).stdout


def test_explain_prints_json_and_reads_stdin(good: str) -> None:
    result = _run("explain", "x.y", "--args", "-", "--policy", good, "--json", stdin='{"amount": 900}')
    ruling = json.loads(result.stdout)
    assert (ruling["tier"], ruling["rule"], ruling["default"]) == (3, "large", "abort")
    assert [step["name"] for step in ruling["trace"]] == ["risk", "arguments", "large"]


def test_explain_uses_the_policy_of_the_bot_by_default(good: str) -> None:
    assert "is tier" in _run("explain", "x.y", env={"MEMBRANE_POLICY": good}).stdout


@pytest.mark.parametrize("args", ["{", "[]", '{"a": NaN}', "[" * 100_000])
def test_explain_with_invalid_arguments_is_a_usage_error(good: str, args: str) -> None:
    assert _run("explain", "x.y", "--args", args, "--policy", good).exit_code == 2


def test_explain_refuses_a_policy_that_does_not_load(bad: str) -> None:
    result = _run("explain", "x.y", "--policy", bad)
    assert result.exit_code == 1
    assert "did you mean leads?" in result.stderr
    assert json.loads(_run("explain", "x.y", "--policy", bad, "--json").stdout)["ok"] is False


def test_diff_lists_loosening_changes_first(good: str, tmp_path: Path) -> None:
    looser = tmp_path / "looser.yaml"
    looser.write_text(RULED.replace("gt: 500", "gt: 900").replace("expires_in: 4h", "expires_in: 2h"))
    result = _run("diff", good, str(looser))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "!! looser        x.y: rule large fires when amount > 900; it was when amount > 500",
        "+  stricter      tier 2: an approval is good for 2h; it was for 4h",
        "   different     tier 2: window 4h is now 2h",
    ]
    assert _run("diff", good, str(looser), "--refuse-looser").exit_code == 1
    assert _run("diff", str(looser), good).exit_code == 0
    assert _json("diff", good, str(looser))[0]["loosens"] is True
    assert _run("diff", good, good, "--refuse-looser").stdout == "The two mean the same.\n"


def test_schema_is_printed_or_written_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    assert _run("schema", "--write", str(path)).exit_code == 0
    assert path.read_text() == _run("schema").stdout
    assert path.read_text() == (POLICIES / "policy.schema.json").read_text()


def test_apply_allows_one_version_beside_a_running_bot_and_names_its_loosening_changes(
    good: str, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    before = BASE.replace("quorum: 2", 'quorum: 2, channel: "#elsewhere"').replace(
        'channel: "#approvals", approvers: [leads], ', "approvers: [leads], "
    )
    version = load(good).version

    async def look() -> tuple[str | None, list[str]]:
        db = open_database(folder / "membrane.db", exclusive=True)
        membrane = Membrane(db, lambda: parse(RULED), FakeDirectory(), secret=SECRET)
        if await membrane.policy_allowed() is None:
            await membrane.put_in_force(parse(before).version, before)
        found = await membrane.policy_allowed()
        events = await db.read(lambda connection: [entry.event for entry in journal.entries(connection)])
        await db.close()
        return found, events

    assert asyncio.run(look())[0] is None
    result = _run("apply", good, env={"MEMBRANE_DATA": str(folder)})
    assert result.exit_code == 0, result.output
    assert "tier 3: channel #elsewhere is now #approvals" in result.stdout
    assert version[:19] in result.stdout
    allowed, events = asyncio.run(look())
    assert (allowed, events[-1]) == (version, "policy.allowed")


def test_apply_refuses_a_policy_that_does_not_load(bad: str, tmp_path: Path) -> None:
    result = _run("apply", bad, env={"MEMBRANE_DATA": str(tmp_path / "none")})
    assert result.exit_code == 1
    assert not (tmp_path / "none").exists()

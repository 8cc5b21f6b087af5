"""Graphs load by the names of LangGraph's CLI; those that do not load get a clear error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from langgraph.pregel import Pregel

from bot.errors import GraphRefused
from bot.graph.loader import load_graph, read_specs

SOURCE = """
from __future__ import annotations
from contextlib import asynccontextmanager, contextmanager
from typing import TypedDict
from langgraph.graph import START, StateGraph

class State(TypedDict):
    text: str

OPEN = []
builder = StateGraph(State).add_node("node", lambda state: {"text": "ran"}).add_edge(START, "node")
compiled = builder.compile()

def factory():
    return builder

def with_config(config):
    assert "configurable" in config
    return compiled

async def asynchronous():
    return builder

@contextmanager
def managed():
    OPEN.append("managed")
    yield builder
    OPEN.remove("managed")

@asynccontextmanager
async def managed_async():
    OPEN.append("managed_async")
    yield compiled
    OPEN.remove("managed_async")

number = 5

def broken():
    raise LookupError("no model")
"""


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    path, environment, modules = list(sys.path), dict(os.environ), set(sys.modules)
    yield
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)
    for name in set(sys.modules) - modules:
        if name.startswith("membrane_graph_") or name == "neighbour":
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.py").write_text(SOURCE)
    return tmp_path


@pytest.mark.parametrize(
    "what", ["builder", "compiled", "factory", "with_config", "asynchronous", "managed", "managed_async"]
)
async def test_every_form_of_name_that_the_cli_accepts_loads(folder: Path, what: str) -> None:
    """Context managers stay open until the host closes."""
    (spec,) = read_specs([f"mine=agent.py:{what}"], folder)
    async with AsyncExitStack() as stack:
        graph = await load_graph(spec, stack)
        assert isinstance(graph, Pregel)
        assert await graph.ainvoke({"text": ""}) == {"text": "ran"}
        opened = sys.modules[type_module(folder)].OPEN
        assert opened == ([what] if what.startswith("managed") else [])
    assert opened == []


def type_module(folder: Path) -> str:
    """Return the name that the file was imported under."""
    return next(
        name
        for name, module in sys.modules.items()
        if name.startswith("membrane_graph_") and module.__file__ == str((folder / "agent.py").resolve())
    )


async def test_a_langgraph_json_sets_the_environment_and_the_path_before_the_import(folder: Path) -> None:
    (folder / "neighbour.py").write_text("NAME = 'next door'\n")
    (folder / "late.py").write_text(
        "import os\nfrom neighbour import NAME\nfrom agent import compiled as graph\n"
        "assert os.environ['FROM_ENV_FILE'] == 'a b'\nassert os.environ['ALREADY'] == 'set'\n"
    )
    (folder / ".env").write_text("FROM_ENV_FILE='a b'\nALREADY=overwritten\n")
    os.environ["ALREADY"] = "set"
    config = {
        "dependencies": [".", "langchain"],
        "env": ".env",
        "graphs": {"late": "./late.py:graph", "described": {"path": "./agent.py:compiled"}},
    }
    (folder / "langgraph.json").write_text(json.dumps(config))
    specs = read_specs(["langgraph.json"], folder)
    assert [spec.name for spec in specs] == ["late", "described"]
    async with AsyncExitStack() as stack:
        for spec in specs:
            await load_graph(spec, stack)
    sys.modules.pop("agent", None)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("agent.py:graph", "names no graph; write name=path/file.py:graph"),
        ("mine=agent.py", "'agent.py' is not path/file.py:graph"),
        ("mine=agent:graph", "is not path/file.py:graph"),
        ("mine=nowhere.py:graph", "there is no file"),
        ("none.json", "cannot be read: No such file"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(folder: Path, named: str, says: str) -> None:
    with pytest.raises(GraphRefused, match="(?s)" + says.replace("(", r"\(")):
        read_specs([named], folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{\n  nope", r"langgraph.json:2:\d+: not JSON"),
        ('{"graphs": {}}', "names no graphs"),
        ('{"graphs": {"a": 5}}', "the graph 'a' needs a path"),
        ('{"graphs": {"a": "agent.py:graph"}, "env": "none.env"}', "none.env does not exist"),
    ],
)
def test_a_faulty_langgraph_json_is_refused_with_the_place(folder: Path, text: str, says: str) -> None:
    (folder / "langgraph.json").write_text(text)
    with pytest.raises(GraphRefused, match=says):
        read_specs(["langgraph.json"], folder)


def test_two_graphs_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(GraphRefused, match="two graphs are named 'mine'"):
        read_specs(["mine=agent.py:builder", "mine=agent.py:compiled"], folder)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("missing", "agent.py has no 'missing'"),
        ("number", "this is a int, not a graph, a builder or a factory of one"),
        ("broken", "making the graph raised LookupError: no model"),
    ],
)
async def test_an_object_that_is_no_graph_is_refused(folder: Path, what: str, says: str) -> None:
    (spec,) = read_specs([f"mine=agent.py:{what}"], folder)
    async with AsyncExitStack() as stack:
        with pytest.raises(GraphRefused, match=says):
            await load_graph(spec, stack)


async def test_a_file_that_does_not_import_is_refused(folder: Path) -> None:
    (folder / "wrong.py").write_text("import nothing_of_that_name\n")
    (spec,) = read_specs(["mine=wrong.py:graph"], folder)
    async with AsyncExitStack() as stack:
        with pytest.raises(GraphRefused, match="importing it raised ModuleNotFoundError"):
            await load_graph(spec, stack)


async def test_an_import_error_is_reported_with_its_line(folder: Path) -> None:
    (folder / "wrong.py").write_text("def graph():\n    return 1 / 0\n\n\nLIMIT = 1 / 0\n")
    (folder / "late.py").write_text("def graph():\n    return 1 / 0\n")
    for name, line in (("wrong", 5), ("late", 2)):
        (spec,) = read_specs([f"mine={name}.py:graph"], folder)
        async with AsyncExitStack() as stack:
            with pytest.raises(GraphRefused, match=rf"division by zero \({folder}/{name}\.py:{line}\)"):
                await load_graph(spec, stack)


async def test_a_failing_import_of_a_neighbouring_module_is_reported_with_a_remedy(folder: Path) -> None:
    (folder / "agents_shared.py").write_text("")
    (folder / "wrong.py").write_text("import agents_shared\n")
    (spec,) = read_specs(["mine=wrong.py:graph"], folder)
    async with AsyncExitStack() as stack:
        with pytest.raises(GraphRefused, match="agents_shared lies beside it: list"):
            await load_graph(spec, stack)


async def test_the_reported_line_is_in_the_graphs_own_file(folder: Path) -> None:
    """A package installed below the graph's folder raised, which its author cannot fix."""
    installed = folder / ".venv" / "lib" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "helping.py").write_text("def help():\n    return 1 / 0\n")
    (folder / "wrong.py").write_text(
        f"import sys\nsys.path.insert(0, {str(installed)!r})\nimport helping\nhelping.help()\n"
    )
    (spec,) = read_specs(["mine=wrong.py:graph"], folder)
    async with AsyncExitStack() as stack:
        with pytest.raises(GraphRefused, match=rf"division by zero \({folder}/wrong\.py:4\)"):
            await load_graph(spec, stack)
    sys.path.remove(str(installed))

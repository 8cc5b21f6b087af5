"""Loads graphs by the names that LangGraph's own CLI uses: `name=path/file.py:graph`, or a `langgraph.json`.

The object may be a compiled graph, a builder, or a factory of either. A factory takes no argument or the
config; it may be sync, async, or a context manager that stays open while the bot runs.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from dotenv import dotenv_values
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from bot.errors import GraphRefused
from bot.graph.toolbox import Toolbox

AnyGraph = Pregel[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """Where a graph is: the object `attribute` of the Python file `path`."""

    name: str
    path: Path
    attribute: str

    def __str__(self) -> str:
        return f"{self.name}={self.path}:{self.attribute}"


@dataclass(frozen=True, slots=True)
class Hosted:
    """A graph that runs with the host's saver.

    `problems` are the reasons why none of its threads may run now. `folder` contains its own code. `toolbox`
    has the tools that are visible in it.
    """

    name: str
    graph: AnyGraph
    version: str
    problems: tuple[str, ...] = ()
    folder: Path | None = None
    toolbox: Toolbox = field(default_factory=Toolbox)


def read_specs(named: Iterable[str], base: Path | None = None) -> tuple[GraphSpec, ...]:
    """Return the places of graphs that are named as `name=path/file.py:graph` or by a `langgraph.json`.

    A `langgraph.json` takes effect here: variables of its `env` are set unless they are set already, and its
    local `dependencies` become importable. Raises GraphRefused with the name and its fault.
    """
    base = base or Path.cwd()
    specs: list[GraphSpec] = []
    for text in named:
        if text.endswith(".json"):
            specs.extend(_from_config(base / text))
        else:
            name, separator, where = text.partition("=")
            if not separator or not name.strip():
                raise GraphRefused(f"{text!r} names no graph; write name=path/file.py:graph")
            specs.append(_spec(name.strip(), where.strip(), base, text))
    names = [spec.name for spec in specs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise GraphRefused(f"two graphs are named {twice[0]!r}; give each a name of its own")
    return tuple(specs)


def _spec(name: str, where: str, base: Path, source: str) -> GraphSpec:
    file, separator, attribute = where.rpartition(":")
    if not separator or not attribute.isidentifier() or not file.endswith(".py"):
        raise GraphRefused(f"{source}: {where!r} is not path/file.py:graph")
    path = (base / file).resolve()
    if not path.is_file():
        raise GraphRefused(f"{source}: there is no file {path}")
    return GraphSpec(name, path, attribute)


def _from_config(path: Path) -> list[GraphSpec]:
    try:
        config = orjson.loads(path.read_bytes())
    except OSError as error:
        raise GraphRefused(f"{path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise GraphRefused(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    graphs = config.get("graphs") if isinstance(config, dict) else None
    if not isinstance(graphs, dict) or not graphs:
        raise GraphRefused(f'{path} names no graphs; it needs {{"graphs": {{"name": "./file.py:graph"}}}}')
    base = path.resolve().parent
    _set_environment(config.get("env"), base)
    for each in config.get("dependencies") or ():
        if each == "." or each.startswith(("./", "../")):
            _make_importable(base / each)
    specs = []
    for name, value in graphs.items():
        where = value.get("path") if isinstance(value, dict) else value
        if not isinstance(where, str):
            raise GraphRefused(f'{path}: the graph {name!r} needs a path such as "./file.py:graph"')
        specs.append(_spec(name, where, base, str(path)))
    return specs


def _set_environment(env: Any, base: Path) -> None:
    if isinstance(env, str):
        file = base / env
        if not file.is_file():
            raise GraphRefused(f"the env file {file} does not exist")
        env = dotenv_values(file)
    for name, value in (env or {}).items():
        if value is not None:
            os.environ.setdefault(name, str(value))


def _make_importable(folder: Path) -> None:
    text = str(folder.resolve())
    if text not in sys.path:
        sys.path.insert(0, text)


async def load_graph(spec: GraphSpec, stack: AsyncExitStack) -> AnyGraph:
    """Import a graph and compile it if needed. Context managers stay open until `stack` closes.

    Raises GraphRefused with the fault and its place.
    """
    try:
        found = _import(spec)
    except GraphRefused:
        raise
    except (Exception, SystemExit) as error:
        raise GraphRefused(f"{spec}: importing it raised {_told(error, spec.path.parent)}") from error
    try:
        return await _resolve(found, spec, stack)
    except GraphRefused:
        raise
    except (Exception, SystemExit) as error:
        raise GraphRefused(f"{spec}: making the graph raised {_told(error, spec.path.parent)}") from error


def _told(error: BaseException, folder: Path) -> str:
    """Return an import's error, its place in the folder's code, and how to find a missing neighbour."""
    told = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(Path(frame.filename), folder)]
    if own:
        told += f" ({own[-1].filename}:{own[-1].lineno})"
    name = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    if name and ((folder / f"{name}.py").is_file() or (folder / name).is_dir()):
        told += (
            f'; {name} lies beside it: list "." under `dependencies` in a langgraph.json, or set PYTHONPATH'
        )
    return told


def _is_own(file: Path, folder: Path) -> bool:
    """Whether a file belongs to the folder's own code and is not installed somewhere below it."""
    return file.is_relative_to(folder) and "site-packages" not in file.relative_to(folder).parts


def _import(spec: GraphSpec) -> Any:
    # The name is unique, so that two files called agent.py do not collide; registered, so that types resolve.
    name = f"membrane_graph_{sha256(str(spec.path).encode()).hexdigest()[:12]}"
    module = sys.modules.get(name)
    if module is None:
        found = importlib.util.spec_from_file_location(name, spec.path)
        if found is None or found.loader is None:
            raise GraphRefused(f"{spec}: {spec.path} is not a Python file")
        module = importlib.util.module_from_spec(found)
        sys.modules[name] = module
        try:
            found.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    try:
        return getattr(module, spec.attribute)
    except AttributeError:
        raise GraphRefused(f"{spec}: {spec.path.name} has no {spec.attribute!r}") from None


async def _resolve(found: Any, spec: GraphSpec, stack: AsyncExitStack) -> AnyGraph:
    """Unwrap factories, coroutines and context managers down to a graph."""
    for _ in range(4):  # at most an async factory of a context manager of a builder
        if isinstance(found, Pregel):
            return found
        if isinstance(found, StateGraph):
            return found.compile()
        if inspect.isawaitable(found):
            found = await found
        elif isinstance(found, AbstractAsyncContextManager):
            found = await stack.enter_async_context(found)
        elif isinstance(found, AbstractContextManager):
            found = stack.enter_context(found)
        elif callable(found):
            found = _call(found)
        else:
            break
    raise GraphRefused(
        f"{spec}: this is a {type(found).__name__}, not a graph, a builder or a factory of one"
    )


def _call(factory: Any) -> Any:
    parameters: Mapping[str, inspect.Parameter] = inspect.signature(factory).parameters
    needed = [each for each in parameters.values() if each.default is inspect.Parameter.empty]
    return factory({"configurable": {}}) if needed else factory()

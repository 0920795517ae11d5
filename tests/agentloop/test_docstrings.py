"""The examples in the docstrings of what is exported: every name has one, and it runs."""

import ast
import asyncio
import inspect
import json
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import agentloop
import agentloop.mcp
from agentloop import Agent, CallContext, Event, RunStarted, ToolError, event_to_json, tool
from agentloop.mcp import serve
from agentloop.testing import ScriptedMessages, says
from tests.agentloop.test_content import PDF, PNG

NOT_RUN = {"Servers": "needs a server with git's tools", "serve": "serves until it is ended"}


def example(value: Any) -> str | None:
    """The example of a name, or of the class that it is a kind of; None if there is none."""
    for each in value.__mro__ if isinstance(value, type) else [value]:
        lines = iter(inspect.cleandoc(each.__doc__ or "").splitlines())
        if "Example:" in lines:
            return textwrap.dedent("\n".join(_indented(lines)))
    return None


def _indented(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line and not line.startswith(" "):
            return
        yield line


EXPORTED = {
    name: value
    for module in (agentloop, agentloop.mcp)
    for name in module.__all__
    if isinstance(value := getattr(module, name), type) or inspect.isroutine(value)
}


@tool(read_only=True)
def word_count(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedMessages]:
    with ScriptedMessages(lambda _request: says("Drip, drip.")) as server:
        yield server


def would_serve(*published: Any, **options: Any) -> None:
    inspect.signature(serve).bind(*published, **options)


@pytest.mark.requirement("public-api")
@pytest.mark.parametrize("name", EXPORTED)
def test_the_example_of_everything_exported_runs(
    name: str, model: ScriptedMessages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = example(EXPORTED[name])
    assert code, f"{name} has no example"
    program = compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if name in NOT_RUN:
        return
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contract.pdf").write_bytes(PDF)
    (tmp_path / "cat.png").write_bytes(PNG)
    (tmp_path / "style.md").write_text("Short.", encoding="utf-8")
    writer = Agent("writer", "Write.", [word_count], client=model.client)
    started = event_to_json(RunStarted(run="r", agent="writer", prompt="Go"))
    names = {each: value for module in (agentloop, agentloop.mcp) for each, value in vars(module).items()}
    names |= EXPORTED | {"asyncio": asyncio, "json": json, "partial": partial, "Path": Path}
    names |= {"agent": writer, "lead": writer, "writer": writer, "word_count": word_count, "serve": would_serve}
    names |= {"context": CallContext(), "prompt": "Go", "schema": {"type": "object"}, "line": json.dumps(started)}
    names["result"] = asyncio.run(writer.run("Go"))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", model.url)
    with suppress(ToolError):
        made = eval(program, names)  # noqa: S307 - our own text
        if inspect.iscoroutine(made):
            asyncio.run(made)


@pytest.mark.requirement("public-api")
def test_kinds_of_events_share_an_example() -> None:
    assert example(RunStarted) == example(Event)

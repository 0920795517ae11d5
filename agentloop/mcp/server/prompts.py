"""Prompts that a server publishes. Clients offer them to their user, for example as commands."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from mcp import types
from mcp.shared.exceptions import MCPError

from agentloop import ConfigurationError, ToolError
from agentloop.dispatch import is_cancelled, without_exit
from agentloop.exact_json import encodable_text

LONGEST = 60.0
"""Seconds that one call may take."""
THREADS = 16
"""Sync functions that run at once; others wait."""

_log = logging.getLogger(__name__)


async def called(function: Callable[..., Any], arguments: Mapping[str, str], what: str) -> Any:
    """What the function returns: a coroutine function on the event loop, any other in a thread.

    Raises:
        MCPError: it failed, or took too long. The text of a `ToolError` is for the client, any other for the log.
    """
    try:
        async with asyncio.timeout(LONGEST):
            if inspect.iscoroutinefunction(function):
                return await function(**arguments)
            return await anyio.to_thread.run_sync(
                without_exit, partial(function, **arguments), abandon_on_cancel=True, limiter=_limiter()
            )
    except ToolError as error:
        raise MCPError(types.INVALID_PARAMS, str(error)) from None
    except MCPError:
        raise
    except asyncio.CancelledError:
        if is_cancelled():
            raise
        raise MCPError(types.INTERNAL_ERROR, f"{what} cancelled itself.") from None
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException:  # noqa: BLE001 - whatever the user's code raises
        _log.exception("%s failed.", what)
        raise MCPError(types.INTERNAL_ERROR, f"{what} failed.") from None


@cache
def _limiter() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(THREADS)


MAX_COMPLETIONS = 100
"""Values in one completion: what the specification allows."""

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


@dataclass(frozen=True)
class Prompt:
    """A prompt with arguments: a text with `{{name}}` in it, or a function, sync or async, whose parameters they are.

    A function returns the text, or `mcp.types.PromptMessage`s. Arguments are strings; those of a text, and those of a
    function without a default, are required. `values` are what a client may complete an argument to.

    Example:
        review = Prompt("review", "Review {{file}} for mistakes.", description="Review a file.")
        serve(writer, prompts=[review])

    Raises:
        ConfigurationError: it has no name, its content is neither text nor function, or `values` are given for an
            argument that there is not.
    """

    name: str
    content: str | Callable[..., Any]
    description: str = ""
    title: str | None = None
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not str(self.name or "").strip():
            raise ConfigurationError(f"Prompt {self.name!r}: give it a name.")
        if not isinstance(self.content, str) and not callable(self.content):
            kind = type(self.content).__name__
            raise ConfigurationError(f"Prompt {self.name!r}: its content is {kind}. Give a text or a function.")
        if unknown := sorted({*self.values} - {*self.arguments}):
            known = ", ".join(self.arguments) or "none"
            raise ConfigurationError(f"Prompt {self.name!r} has no argument {unknown[0]!r}. It has: {known}.")
        check_values(f"Prompt {self.name!r}", self.values)

    @cached_property
    def arguments(self) -> dict[str, bool]:
        """The arguments, and whether each is required."""
        if isinstance(self.content, str):
            return dict.fromkeys(_PLACEHOLDER.findall(self.content), True)
        parameters = inspect.signature(self.content).parameters.values()
        named = [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
        return {each.name: each.default is each.empty for each in named}

    def listed(self) -> types.Prompt:
        arguments = [types.PromptArgument(name=name, required=required) for name, required in self.arguments.items()]
        about = self.description or (inspect.getdoc(self.content) if callable(self.content) else None)
        return types.Prompt(name=self.name, title=self.title, description=about or None, arguments=arguments or None)

    async def messages(self, given: Mapping[str, str]) -> list[types.PromptMessage]:
        """The messages with these arguments.

        Raises:
            MCPError: an argument is missing or unknown, or the function failed or returned something else.
        """
        missing = [name for name, required in self.arguments.items() if required and name not in given]
        unknown = sorted({*given} - {*self.arguments})
        if missing or unknown:
            wrong = f"is missing: {missing[0]}" if missing else f"is not known: {unknown[0][:100]}"
            raise MCPError(types.INVALID_PARAMS, f"An argument of the prompt {self.name} {wrong}.")
        if isinstance(self.content, str):
            made: Any = _PLACEHOLDER.sub(lambda found: given[found[1]], self.content)
        else:
            made = await called(self.content, given, f"The prompt {self.name}")
        if isinstance(made, str):
            return [types.PromptMessage(role="user", content=types.TextContent(text=made))]
        messages = [made] if isinstance(made, types.PromptMessage) else made
        if not isinstance(messages, list | tuple) or not all(isinstance(e, types.PromptMessage) for e in messages):
            _log.error("The prompt %s returned %.200r: give a text or PromptMessages.", self.name, made)
            raise MCPError(types.INTERNAL_ERROR, f"The prompt {self.name} returned neither text nor messages.")
        return list(messages)


def check_values(what: str, values: Mapping[str, Sequence[str]]) -> None:
    """Refuse values for completion that are no lists of texts.

    Raises:
        ConfigurationError: says which.
    """
    for name, each in values.items():
        if not isinstance(each, list | tuple) or not all(isinstance(value, str) for value in each):
            raise ConfigurationError(f"{what}: the values of {name} are {each!r:.100}. Give a list of texts.")


def completion(values: Mapping[str, Sequence[str]], argument: types.CompletionArgument) -> types.CompleteResult:
    """The values of an argument that begin like what the user has typed."""
    typed = argument.value.lower()
    found = [each for each in values.get(argument.name, ()) if each.lower().startswith(typed)]
    shown = types.Completion(values=found[:MAX_COMPLETIONS], total=len(found), has_more=len(found) > MAX_COMPLETIONS)
    return types.CompleteResult(completion=shown)


def _texts(values: Any) -> Any:
    """A list with the texts of the numbers and dates in it; anything else as it is."""
    if not isinstance(values, list):
        return values
    return [str(v) if isinstance(v, int | float | date) and not isinstance(v, bool) else v for v in values]


def prompt_of_file(path: Path) -> Prompt:
    """The prompt in a Markdown file: its body, and `name`, `title`, `description` and `values` of its front matter.

    The name is that of the file if there is none.

    Raises:
        FrontMatterError: the file cannot be read, or is wrong.
    """
    from agentloop.front_matter import FrontMatter, FrontMatterError, read_front_matter, read_text  # noqa: PLC0415 - YAML

    keys = ("name", "title", "description", "values")
    text = read_text(path)
    front = read_front_matter(text, keys=keys) or FrontMatter({}, {}, text)
    given: dict[str, Any] = {"name": encodable_text(path.stem)}
    for key, value in front.values.items():
        is_right = isinstance(value, dict) if key == "values" else isinstance(value, str)
        if key not in keys or not is_right:
            known = "name, title and description are texts, values an object with lists"
            raise FrontMatterError(front.lines[key], f"{key} is not known or has a wrong value: {known}.")
        given[key] = value
    given["values"] = {name: _texts(each) for name, each in given.get("values", {}).items()}
    body = front.body.strip()
    if not body:
        raise FrontMatterError(1, "the prompt is empty.")
    try:
        return Prompt(content=body, **given)
    except ConfigurationError as error:
        raise FrontMatterError(front.lines.get("values", 1), str(error)) from None

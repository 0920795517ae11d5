"""Tools: a specification and one function, sync or async.

A tool may be a local function, a remote MCP tool or another agent; an `Agent` treats them all alike.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, get_args, overload

from pydantic import BaseModel, ConfigDict, PydanticUserError, ValidationError, create_model

from agentloop.context import CallContext
from agentloop.delegation_context import AGENT
from agentloop.errors import ConfigurationError, ToolError
from agentloop.limits import is_amount
from agentloop.model_schema import ModelSchema, untitled_schema
from agentloop.schema_check import SchemaCheck
from agentloop.typed import misfits

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FIELD = "parameter__"
"""Before the names of parameters as fields of a model, which may not be called `json`, `schema` or `model_config`."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """The description of a tool for models, MCP clients and people.

    `read_only`, `destructive`, `idempotent` and `open_world` have the meaning of MCP's tool annotations. With None, the
    default, the hint is not published, and agents treat the tool as one that may change anything. MCP clients assume
    that a tool without hints is destructive and open-world, and neither read-only nor idempotent.

    Example:
        schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
        spec = ToolSpec("shout", "Write in capitals.", schema, read_only=True)
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    title: str | None = None
    output_schema: Mapping[str, Any] | None = None
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None
    is_agent: bool = False
    """Whether the tool is an agent, which sends requests to a model and accepts a `DelegationContext`."""
    deferred: bool = False
    """Whether the model has to search for it with the Messages API's tool search."""
    model_schema: ModelSchema | None = None
    """Sent to the model instead of an input schema that is longer than it needs or that the API would reject."""
    api_definition: Mapping[str, Any] | None = None
    """The definition of a tool that the Messages API runs itself: see `server_tool`."""
    allowed_callers: tuple[str, ...] = ()
    """Who calls the tool at the Messages API: a version of code execution, such as `code_execution_20260120`, whose
    programs then get the results instead of the model; or `direct`, the model. Empty: the model."""

    def for_model(self) -> dict[str, Any]:
        """The tool definition of the Messages API."""
        if self.api_definition is not None:
            return dict(self.api_definition)
        schema = dict(self.input_schema if self.model_schema is None else self.model_schema.schema)
        if schema.get("additionalProperties") is False:
            # Other arguments are refused in any case: telling the model costs tokens in every request.
            del schema["additionalProperties"]
        tool = {"name": self.name, "description": self.description, "input_schema": schema}
        if self.allowed_callers:
            tool["allowed_callers"] = list(self.allowed_callers)
        return tool | {"defer_loading": True} if self.deferred else tool

    def for_any_author(self) -> ToolSpec:
        """The specification with a `model_schema` if the Messages API would reject the input schema."""
        usable = ModelSchema.of(self.input_schema)
        return self if usable.schema == self.input_schema else replace(self, model_schema=usable)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> ToolSpec:
        """Read an entry of `schemas.json`, which has the format of MCP's `tools/list`."""
        hints = entry.get("annotations") or {}
        given = {ours: hints[theirs] for theirs, ours in _HINTS.items() if isinstance(hints.get(theirs), bool)}
        return cls(
            name=entry["name"],
            description=entry.get("description") or "",
            input_schema=entry["inputSchema"],
            title=entry.get("title"),
            output_schema=entry.get("outputSchema"),
            is_agent=(entry.get("_meta") or {}).get(AGENT) is True,
            **given,
        )

    def to_json(self) -> dict[str, Any]:
        """The inverse of `from_json`. Fields that are not set are omitted."""
        said = {theirs: getattr(self, ours) for theirs, ours in _HINTS.items()}
        entry: dict[str, Any] = {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input_schema,
            "outputSchema": self.output_schema,
            "annotations": {hint: value for hint, value in said.items() if value is not None} or None,
            "_meta": {AGENT: True} if self.is_agent else None,
        }
        return {key: value for key, value in entry.items() if value is not None}


_HINTS = {
    "readOnlyHint": "read_only",
    "destructiveHint": "destructive",
    "idempotentHint": "idempotent",
    "openWorldHint": "open_world",
}


@dataclass(frozen=True)
class Tool:
    """A specification and its function.

    The function is called with keyword arguments, on the event loop if it is a coroutine function, otherwise in a
    worker thread. With `takes_context` its first, positional argument is a `CallContext`. It returns text, an `Image`,
    a `Document`, a list with some of these, a `ToolOutput`, or what pydantic encodes as JSON: a model, a data class, a
    dictionary, a date. It raises `ToolError` for errors that the model can correct. `timeout` is in seconds; None means
    the limit of the agent.

    Example:
        shout = Tool(ToolSpec("shout", "Write in capitals.", schema), lambda text: text.upper())
    """

    spec: ToolSpec
    function: Callable[..., Any]
    takes_context: bool = False
    timeout: float | None = None
    served_by: str = "local"
    is_trusted: bool = True
    """Whether the hints of the specification are trusted."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.spec.name):
            raise ConfigurationError(f"Tool name {self.spec.name!r}: use 1 to 64 letters, digits, '_' and '-'.")
        if not callable(self.function):
            raise ConfigurationError(f"Tool {self.spec.name}: {self.function!r} is no function.")
        if self.timeout is not None and not is_amount(self.timeout):
            raise ConfigurationError(f"Tool {self.spec.name}: timeout is {self.timeout!r}: give seconds above 0.")

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def is_harmless(self) -> bool:
        """Whether a repeated call does no harm."""
        return self.is_trusted and bool(self.spec.read_only or self.spec.idempotent)

    @cached_property
    def is_async(self) -> bool:
        """Whether it runs on the event loop: a coroutine function, a partial of one, or a callable with async call."""
        function = self.function
        while isinstance(function, partial):
            function = function.func
        return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004
        )

    @cached_property
    def _arguments(self) -> SchemaCheck:
        return SchemaCheck(self.spec.input_schema, is_trusted=self.is_trusted)

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Validate the arguments by the input schema.

        Raises:
            ToolError: the arguments are invalid; it says where and why, for the model.
        """
        misfit = self._arguments.misfit(arguments)
        if misfit is not None:
            place, reason = misfit
            raise ToolError(f"Invalid arguments for {self.name}: {place or 'arguments'}: {reason}")

    @classmethod
    def from_function(
        cls,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        **spec: Any,
    ) -> Tool:
        """Make a tool of a function. Its name, docstring and type hints become the specification.

        A first parameter annotated `CallContext` receives the context of the call. Further keywords are fields of
        `ToolSpec`, for example `read_only=True`.

        Raises:
            ConfigurationError: a parameter has no annotation, one that is not defined or one without a JSON Schema, is
                `*args` or `**kwargs`, or begins with an underscore.
        """
        name = name or getattr(function, "__name__", "")
        if not name:
            raise ConfigurationError(f"{function!r:.100} has no name of its own: give it one, with name=...")
        try:
            parameters = list(inspect.signature(function, eval_str=True).parameters.values())
        except (NameError, ValueError) as error:
            raise ConfigurationError(f"{name}: its parameters cannot be read: {error}") from None
        takes_context = bool(parameters) and parameters[0].annotation is CallContext
        try:
            model = _arguments_model(name, parameters[1:] if takes_context else parameters)
            input_schema = untitled_schema(model)
        except PydanticUserError as error:
            raise ConfigurationError(f"{name}: a parameter has no JSON Schema: {str(error).splitlines()[0]}") from None
        tool = cls(
            ToolSpec(
                name=name,
                description=description or inspect.getdoc(function) or "",
                input_schema=input_schema,
                **spec,
            ),
            function,
            takes_context,
        )
        return replace(tool, function=_with_typed_arguments(tool, model))


def check_tools(tools: object, what: str) -> None:
    """Refuse what is not a list of tools.

    Raises:
        ConfigurationError: says which element of `what` is something else, and how to make it a tool.
    """
    # An iterator would be used up by this check, and leave no tools.
    if isinstance(tools, str | Mapping | Iterator) or not isinstance(tools, Iterable):
        raise ConfigurationError(f"{what} is {type(tools).__name__}. Give a list of tools.")
    for number, each in enumerate(tools):
        if isinstance(each, Tool):
            continue
        hint = " Make it a tool with @tool or Tool.from_function." if inspect.isroutine(each) else ""
        hint = " Its method as_tool() makes it one." if hasattr(each, "as_tool") else hint
        name = getattr(each, "__name__", None) or getattr(each, "name", None) or type(each).__name__
        raise ConfigurationError(f"{what}[{number}] is {name}, which is not a Tool.{hint}")


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    title: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    timeout: float | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None, /, *, timeout: float | None = None, **spec: Any
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a sync or async function a tool: see `Tool.from_function`. `timeout` limits one call, in seconds.

    Declare its side effects: MCP clients assume that a tool without hints is destructive. With `read_only` or
    `idempotent`, a call may start before the model has finished its message.

    Example:
        @tool(read_only=True)
        def word_count(text: str) -> int:
            'Count the words of a text.'
            return len(text.split())

        agent = Agent("writer", "Write short texts. Count the words.", tools=[word_count])

    Raises:
        ConfigurationError: as `Tool.from_function`.
    """

    def decorate(function: Callable[..., Any]) -> Tool:
        return replace(Tool.from_function(function, **spec), timeout=timeout)

    return decorate if function is None else decorate(function)


def _arguments_model(name: str, parameters: list[inspect.Parameter]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for p in parameters:
        if p.annotation is p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY):
            raise ConfigurationError(f"{name}: parameter {p.name!r} must be annotated and passable by keyword.")
        if p.annotation is CallContext or CallContext in get_args(p.annotation):
            raise ConfigurationError(f"{name}: {p.name!r} must be the first parameter, and annotated CallContext only.")
        if p.name.startswith("_"):
            raise ConfigurationError(f"{name}: parameter {p.name!r} must not begin with an underscore.")
        fields[_FIELD + p.name] = (p.annotation, ... if p.default is p.empty else p.default)
    config = ConfigDict(extra="forbid", alias_generator=lambda field: field.removeprefix(_FIELD))
    return create_model(name, __config__=config, **fields)


def _with_typed_arguments(tool: Tool, model: type[BaseModel]) -> Callable[..., Any]:
    """The tool's function, called with values of its annotated types instead of plain JSON.

    `Tool.check` has validated the arguments by the JSON schema, which is stricter: "3" is not a number there. Here
    pydantic converts them, and rejects only what a schema cannot express.
    """
    function = tool.function

    def typed(arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            parsed = model.model_validate(arguments, strict=False)
        except ValidationError as error:
            raise ToolError(f"Invalid arguments for {tool.name}: {misfits(error, 'arguments')}") from None
        return {name.removeprefix(_FIELD): getattr(parsed, name) for name in model.model_fields}

    async def call_async(*context: CallContext, **arguments: Any) -> Any:
        return await function(*context, **typed(arguments))

    def call(*context: CallContext, **arguments: Any) -> Any:
        return function(*context, **typed(arguments))

    return call_async if tool.is_async else call

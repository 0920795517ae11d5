"""The definition of an agent: name, system prompt, tools and model. It has no state of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, get_args

from agentloop import dispatch
from agentloop.context import CallContext
from agentloop.errors import ConfigurationError
from agentloop.journal import Journal, NoJournal
from agentloop.limits import Limits
from agentloop.long_results import READ_RESULT
from agentloop.model import Clients, ClientSource, Effort, ModelSettings
from agentloop.prompt_cache import CachePolicy, PromptCache
from agentloop.rate_limiter import RateLimiter
from agentloop.results import RunResult
from agentloop.sessions import MemorySessions
from agentloop.tool_output import ToolOutput
from agentloop.tools import Tool, check_tools
from agentloop.typed import ObjectType, Typed
from agentloop.usage import shown
from agentloop.wire import CLIENT_ADVICE, is_async_client, sdk_client

EFFORTS, CACHES = get_args(Effort), get_args(CachePolicy)
DEFAULT_MODEL = "claude-sonnet-5-5"


@dataclass(frozen=True)
class AgentDefinition:
    """The fields of `Agent`, and its tools by name."""

    name: str
    system_prompt: str
    tools: Sequence[Tool] = ()
    model: str = DEFAULT_MODEL
    client: ClientSource = sdk_client
    description: str = ""
    max_tokens: int = 8192
    effort: Effort | None = None
    parallel_tool_calls: bool = True
    early_tool_calls: bool = True
    cache: CachePolicy = "auto"
    limits: Limits = field(default_factory=Limits)
    journal: Journal = field(default_factory=NoJournal)
    output_type: ObjectType | None = None
    input_type: ObjectType | None = None
    sessions: bool = False
    attach: bool = False
    structured_result: Callable[[RunResult], Mapping[str, Any]] | None = None
    rate_limiter: RateLimiter = field(default_factory=RateLimiter, init=False, repr=False, compare=False)
    """The rate limiter of runs that are not part of another run."""
    memory_sessions: MemorySessions = field(default_factory=MemorySessions, init=False, repr=False, compare=False)
    """The sessions of calls without a session store of their own."""

    def __post_init__(self) -> None:
        self._check_settings()
        check_tools(self.tools, f"Agent {self.name!r}: tools")
        names = [tool.name for tool in self.tools]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigurationError(f"Agent {self.name!r} has more than one tool named {', '.join(twice)}.")
        if self.typed_output is not None and self.structured_result is not None:
            raise ConfigurationError(f"Agent {self.name!r} has an output_type, so it needs no structured_result.")
        _ = self.typed_input  # made here, so that a wrong type is found here

    def _check_settings(self) -> None:
        """Find wrong settings here, and not in the first request."""
        checks: dict[str, tuple[bool, str]] = {
            "name": (_is_text(self.name), "give a text"),
            "model": (_is_text(self.model), "give the id of a model"),
            "system_prompt": (_is_a(self.system_prompt, str), "give a text"),
            "max_tokens": (_is_a(self.max_tokens, int) and self.max_tokens >= 1, "give a whole number from 1"),
            "client": (callable(self.client) or is_async_client(self.client), CLIENT_ADVICE),
            "limits": (_is_a(self.limits, Limits), "give Limits(...)"),
            "effort": (self.effort in (None, *EFFORTS), f"give one of {', '.join(EFFORTS)}, or None"),
            "cache": (self.cache in CACHES, f"give one of {', '.join(CACHES)}"),
        }
        for key, (is_right, advice) in checks.items():
            if not is_right:
                raise ConfigurationError(f"Agent {self.name!r}: {key} is {shown(getattr(self, key))}: {advice}.")

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        context: CallContext | None = None,
        max_chars: int | None = None,
    ) -> ToolOutput:
        """Call one of the agent's tools: coroutine functions on the event loop, others in a worker thread.

        Text is cut to `max_chars` characters, by default those of the agent's limits. Failures are returned as an error
        output; only cancellation raises.
        """
        tool = self.tool(name)
        if tool is None:
            known = ", ".join(self._by_name) or "none"
            return ToolOutput.error(f"There is no tool named {name!r}. Available: {known}.")
        limits = self.limits if max_chars is None else replace(self.limits, max_result_chars=max_chars)
        output = await dispatch.call(tool, arguments, context or CallContext(), limits)
        return output if output.served_by else replace(output, served_by=tool.served_by)

    def tool(self, name: str) -> Tool | None:
        """The tool of that name."""
        return self._by_name.get(name)

    @cached_property
    def settings(self) -> ModelSettings:
        """The part of every request that stays the same."""
        return ModelSettings(
            model=self.model,
            system_prompt=self.system_prompt,
            tools=tuple(tool.spec for tool in self.tools),
            effort=self.effort,
            parallel_tool_calls=self.parallel_tool_calls,
            output_schema=None if self.typed_output is None else self.typed_output.schema,
        )

    @cached_property
    def keeps_long_results(self) -> bool:
        """Whether its model may read in parts what is too long to be shown whole."""
        return self.tool(READ_RESULT.name) is None

    @cached_property
    def typed_output(self) -> Typed | None:
        """Reads answers of the agent's `output_type`."""
        return None if self.output_type is None else Typed(self.output_type, f"The output type of {self.name}")

    @cached_property
    def typed_input(self) -> Typed | None:
        """Reads what the agent is asked, of its `input_type`."""
        return None if self.input_type is None else Typed(self.input_type, f"The input type of {self.name}")

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.client)

    @cached_property
    def prompt_cache(self) -> PromptCache:
        """The state of the prompt cache, which all runs of the agent share."""
        return PromptCache(self.cache)

    @cached_property
    def _by_name(self) -> Mapping[str, Tool]:
        return {tool.name: tool for tool in self.tools}


def _is_a(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())

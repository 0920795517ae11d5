"""OpenTelemetry spans of runs, turns and tool calls, after the GenAI semantic conventions.

`invoke_agent` for a run, under it `chat` for each turn and `execute_tool` for each call; the parent of a delegated run
is the call that started it. `wire` puts the context of the turn into the headers of its requests; the MCP SDK adds
spans on both sides of a call, and puts the trace context into its `_meta`.

https://github.com/open-telemetry/semantic-conventions-genai (status: development)
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import context as otel
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider, get_tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from agentloop import events, exact_json
from agentloop.events import Event
from agentloop.usage import ModelUsage

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURED_ON_SPANS = {"true", "span_only", "span_and_event"}


def records_content() -> bool:
    """Whether the environment asks for prompts, answers, arguments and results on spans; by default spans have none."""
    return os.environ.get(CAPTURE, "").strip().lower() in _CAPTURED_ON_SPANS


@dataclass(slots=True)
class _RunSpan:
    span: Span
    above: Context
    """The context before the run."""
    inside: Context
    usage: ModelUsage = field(default_factory=ModelUsage)
    turn: _TurnSpan | None = None


@dataclass(slots=True)
class _TurnSpan:
    span: Span
    usage: ModelUsage = field(default_factory=ModelUsage)
    text: list[str] = field(default_factory=list)


class Trace:
    """Creates spans from events. Use `on_event` as `RunScope.trace`, or as the event handler of `Agent.run`.

    In `RunScope.trace` it is called where events occur, so that the span of a request or tool is current in it, also
    in worker threads. `content` is whether spans have prompts, answers, arguments and results. Without a `provider` it
    is the one that the program has set.

    Example:
        result = await agent.run("Two haikus about rain", on_event=Trace().on_event)
    """

    def __init__(self, provider: TracerProvider | None = None, *, content: bool | None = None) -> None:
        self._tracer = get_tracer("agentloop", tracer_provider=provider)
        self._content = records_content() if content is None else content
        self._runs: dict[str, _RunSpan] = {}
        self._calls: dict[str, tuple[Span, Context]] = {}

    def on_event(self, event: Event) -> None:
        if isinstance(event, events.RunStarted):
            self._start_run(event)
        elif (run := self._runs.get(event.run)) is not None:
            self._update_run(run, event)

    def _update_run(self, run: _RunSpan, event: Event) -> None:
        match event:
            case events.TurnStarted():
                self._start_turn(run, event)
            case events.TurnRetried() if run.turn is not None:
                run.turn.text.clear()
                run.turn.span.add_event("retry", {"error.message": event.error} if self._content else None)
            case events.TurnFinished():
                self._end_turn(run, stop_reason=event.stop_reason)
            case events.TextDelta() if run.turn is not None and self._content:
                run.turn.text.append(event.text)
            case events.Spent():
                (run.turn or run).usage += event.usage
            case events.ToolStarted():
                self._start_call(run, event)
            case events.ToolFinished() if event.call in self._calls:
                self._finish_call(run, event)
            case events.RunFinished():
                self._finish_run(run, event)

    def _start_run(self, event: events.RunStarted) -> None:
        above = otel.get_current()
        _, parent = self._calls.get(event.parent_call or "", (None, above))
        span = self._span(
            f"invoke_agent {event.agent}", SpanKind.INTERNAL, parent, "invoke_agent", {"gen_ai.agent.name": event.agent}
        )
        if self._content:
            span.set_attribute("gen_ai.input.messages", _message("user", event.prompt))
        inside = set_span_in_context(span, parent)
        self._runs[event.run] = _RunSpan(span, above, inside)
        otel.attach(inside)

    def _finish_run(self, run: _RunSpan, event: events.RunFinished) -> None:
        del self._runs[event.run]
        self._end_turn(run, error_type=event.error_type)
        run.span.set_attributes(_usage(run.usage))
        usd = event.bill.total.usd
        if usd is not None:
            run.span.set_attribute("agentloop.usd", float(usd))
        if event.answer is not None and self._content:
            run.span.set_attribute("gen_ai.output.messages", _message("assistant", event.answer))
        if event.answer is None:
            self._fail(run.span, event.error_type, event.error)
        run.span.end()
        otel.attach(run.above)

    def _start_turn(self, run: _RunSpan, event: events.TurnStarted) -> None:
        about: dict[str, AttributeValue] = {
            "gen_ai.request.model": event.model,
            "gen_ai.request.stream": True,
            "gen_ai.agent.name": event.agent,
        }
        span = self._span(f"chat {event.model}", SpanKind.CLIENT, run.inside, "chat", about)
        run.turn = _TurnSpan(span)
        run.span.set_attribute("gen_ai.request.model", event.model)
        otel.attach(set_span_in_context(span, run.inside))

    def _end_turn(self, run: _RunSpan, *, stop_reason: str | None = None, error_type: str | None = None) -> None:
        """Without a stop reason, the run ended in the middle of its turn."""
        turn, run.turn = run.turn, None
        if turn is None:
            return
        run.usage += turn.usage
        turn.span.set_attributes(_usage(turn.usage))
        if turn.text:
            turn.span.set_attribute("gen_ai.output.messages", _message("assistant", "".join(turn.text)))
        if stop_reason is None:
            self._fail(turn.span, error_type)
        else:
            turn.span.set_attribute("gen_ai.response.finish_reasons", (stop_reason,))
        turn.span.end()
        otel.attach(run.inside)

    def _start_call(self, run: _RunSpan, event: events.ToolStarted) -> None:
        about = {"gen_ai.tool.name": event.tool, "gen_ai.tool.call.id": event.call, "gen_ai.agent.name": event.agent}
        span = self._span(f"execute_tool {event.tool}", SpanKind.INTERNAL, run.inside, "execute_tool", about)
        if self._content:
            span.set_attribute("gen_ai.tool.call.arguments", exact_json.dumps(event.arguments))
        inside = set_span_in_context(span, run.inside)
        self._calls[event.call] = (span, inside)
        otel.attach(inside)

    def _finish_call(self, run: _RunSpan, event: events.ToolFinished) -> None:
        span, _ = self._calls.pop(event.call)
        span.set_attribute("agentloop.served_by", event.served_by)
        if self._content:
            span.set_attribute("gen_ai.tool.call.result", event.result)
        if event.is_error:
            self._fail(span, "tool_error", event.result)
        span.end()
        otel.attach(run.inside)

    def _span(
        self, name: str, kind: SpanKind, parent: Context, operation: str, about: Mapping[str, AttributeValue]
    ) -> Span:
        attributes = {"gen_ai.operation.name": operation, "gen_ai.provider.name": "anthropic", **about}
        return self._tracer.start_span(name, parent, kind, attributes)

    def _fail(self, span: Span, error_type: str | None, text: str | None = None) -> None:
        """The error may quote a prompt or a result, so spans have it only if they have those."""
        span.set_attribute("error.type", error_type or "_OTHER")
        span.set_status(StatusCode.ERROR, text if self._content else None)


def _usage(usage: ModelUsage) -> dict[str, AttributeValue]:
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_input_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_creation_input_tokens,
    }


def _message(role: str, text: str) -> str:
    message: dict[str, Any] = {"role": role, "parts": [{"type": "text", "content": text}]}
    return json.dumps([message], ensure_ascii=False)

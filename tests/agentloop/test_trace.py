"""Spans as a fold over events: what hangs under what, what they tell, and what they keep to themselves."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, get_current_span

from agentloop import Agent, CallContext, ModelError, RunScope, Tool, create_agent_tool_async, create_agent_tool_sync
from agentloop.events import ignore
from agentloop.observers.export import tracing
from agentloop.observers.trace import CAPTURE, Trace, records_content
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, cut, fails, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]
Wrap = Callable[[Agent], Tool]


class Recording:
    """Spans made of the events of runs given `context`; `current` is the id of the span current in the tool."""

    def __init__(self, *, content: bool = False) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.context = CallContext(scope=RunScope(trace=Trace(provider, content=content).on_event))
        self.current: list[int] = []

    def double(self, number: int) -> int:
        self.current.append(get_current_span().get_span_context().span_id)
        return 2 * number

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def parent(self, span: ReadableSpan) -> str | None:
        names = {each.context.span_id: each.name for each in self.spans if each.context}
        return None if span.parent is None else names[span.parent.span_id]


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def family(request: RecordedRequest) -> Reply:
    """A parent that asks its child twice at once; the child calls a tool."""
    if request.system == "parent":
        return says("done") if request.results else calls(*(("child_agent", {"prompt": str(n)}) for n in (1, 2)))
    return says("doubled") if request.results else calls(("double", {"number": int(request.prompt)}))


@pytest.mark.requirement("trace")
@pytest.mark.parametrize("wrap", [create_agent_tool_async, create_agent_tool_sync], ids=["async", "sync"])
async def test_runs_turns_and_calls_hang_under_each_other_also_in_threads(scripted_messages: Serve, wrap: Wrap) -> None:
    recording = Recording()
    server = scripted_messages(family)
    child = Agent("child", "child", [Tool.from_function(recording.double)], client=server.client)
    parent = Agent("parent", "parent", [wrap(child)], client=server.client)
    await parent.run("go", context=recording.context)
    assert sorted((span.name, recording.parent(span)) for span in recording.spans if span.parent) == [
        *[("chat claude-sonnet-5-5", "invoke_agent child")] * 4,
        *[("chat claude-sonnet-5-5", "invoke_agent parent")] * 2,
        *[("execute_tool child_agent", "invoke_agent parent")] * 2,
        *[("execute_tool double", "invoke_agent child")] * 2,
        *[("invoke_agent child", "execute_tool child_agent")] * 2,
    ]
    assert [span.name for span in recording.spans if not span.parent] == ["invoke_agent parent"]
    doubles = {span.context.span_id for span in recording.named("execute_tool double") if span.context}
    assert set(recording.current) == doubles
    assert get_current_span().get_span_context().span_id == 0


@pytest.mark.requirement("trace")
async def test_spans_have_the_conventions_attributes_and_add_up_to_the_usage(scripted_messages: Serve) -> None:
    recording = Recording()
    server = scripted_messages([cut(says("x"), after=3), calls(("double", {"number": 4})), says("8")])
    agent = Agent("doubler", "doubler", [Tool.from_function(recording.double)], client=server.client)
    result = await agent.run("twice 4?", context=recording.context)
    (run,) = recording.named("invoke_agent doubler")
    turns = recording.named("chat claude-sonnet-5-5")
    usage = result.usage.by_model["claude-sonnet-5-5"]
    for kind, tokens in [("input_tokens", usage.prompt_tokens), ("output_tokens", usage.output_tokens)]:
        assert about(run)[f"gen_ai.usage.{kind}"] == tokens
        assert sum(about(turn)[f"gen_ai.usage.{kind}"] for turn in turns) == tokens
    assert [event.name for event in turns[0].events] == ["retry"]
    assert [about(turn)["gen_ai.response.finish_reasons"] for turn in turns] == [("tool_use",), ("end_turn",)]
    (call,) = recording.named("execute_tool double")
    assert about(call)["agentloop.served_by"] == "local"
    for span, operation in [(run, "invoke_agent"), (turns[0], "chat"), (call, "execute_tool")]:
        assert about(span)["gen_ai.operation.name"] == operation
        assert about(span)["gen_ai.provider.name"] == "anthropic"
    assert "content" not in str([about(span) for span in recording.spans])


@pytest.mark.requirement("trace")
async def test_failures_are_marked_and_quoted_only_together_with_content(scripted_messages: Serve) -> None:
    for content in (False, True):
        recording = Recording(content=content)
        server = scripted_messages([calls(("double", {"number": "many"})), fails(400, "invalid_request_error")])
        agent = Agent("doubler", "doubler", [Tool.from_function(recording.double)], client=server.client)
        with pytest.raises(ModelError):
            await agent.run("twice many?", context=recording.context)
        failed = {span.name: span for span in recording.spans if span.status.status_code is StatusCode.ERROR}
        assert {name: about(span)["error.type"] for name, span in failed.items()} == {
            "execute_tool double": "tool_error",
            "chat claude-sonnet-5-5": "invalid_request_error",
            "invoke_agent doubler": "invalid_request_error",
        }
        quoted = [span.status.description for span in failed.values() if span.status.description]
        assert any("many" in text for text in quoted) is content
        assert ("twice many?" in str([about(span) for span in recording.spans])) is content


@pytest.mark.requirement("trace-content")
def test_content_is_recorded_only_when_the_environment_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CAPTURE, raising=False)
    assert not records_content()
    for value in ("", "false", "NO_CONTENT", "EVENT_ONLY"):
        monkeypatch.setenv(CAPTURE, value)
        assert not records_content(), value
    for value in ("true", "SPAN_ONLY", "span_and_event"):
        monkeypatch.setenv(CAPTURE, value)
        assert records_content(), value


@pytest.mark.requirement("trace-off")
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "", "OTEL_METRICS_EXPORTER": "otlp"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
    ids=str,
)
def test_nobody_observes_when_nothing_is_to_be_exported(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said: list[str] = []
    assert tracing("tested", said.append) is ignore
    assert said == []


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_TRACES_EXPORTER": "zipkin"}, {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}],
    ids=str,
)
def test_an_exporter_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said: list[str] = []
    assert tracing("tested", said.append) is ignore
    (line,) = said
    assert "is not installed. For OTLP over HTTP, install the extra 'trace'." in line

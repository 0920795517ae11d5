"""One trace over the orchestrator, the server and the model: three processes and a collector."""

import pytest

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.otlp import Collector, ReceivedSpan
from tests.processes import CLIENT, environment, run

AGENT_TOOL = "calculator_assistant_agent"
SECRET = "17 secret apples"  # noqa: S105 - what must not be on a span
SERVER_SIDE = [
    f"tools/call {AGENT_TOOL}",
    f"MCP send tools/call {AGENT_TOOL}",
    f"execute_tool {AGENT_TOOL}",
    "invoke_agent orchestrator",
    "orchestrator-client",
]


def delegates_two(request: RecordedRequest) -> Reply:
    if AGENT_TOOL in {tool["name"] for tool in request.body["tools"]}:
        return says(f"both {SECRET}") if request.results else calls(*((AGENT_TOOL, {"prompt": SECRET}),) * 2)
    return says(f"one {SECRET}") if request.results else calls(("sum_numbers", {"numbers": [1, 2]}))


async def traced(**more: str) -> tuple[Collector, ScriptedMessages]:
    with ScriptedMessages(delegates_two) as claude, Collector() as collector:
        env = environment(
            ANTHROPIC_BASE_URL=claude.url,
            ANTHROPIC_API_KEY="scripted",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            **more,
        )
        end = await run(*CLIENT, "--quiet", f"Twice {SECRET}.", env=env)
        assert (end.code, end.out, end.err) == (0, f"both {SECRET}\n", "")
    return collector, claude


def span_of_request(collector: Collector, request: RecordedRequest) -> ReceivedSpan:
    """The span that the trace context in the request's headers names."""
    _, trace, parent, _ = request.headers["traceparent"].split("-")
    (span,) = (span for span in collector.spans if span.id == parent)
    assert span.trace == trace
    return span


@pytest.mark.slow
@pytest.mark.requirement("one-trace")
async def test_orchestrator_server_and_model_requests_are_one_connected_trace_without_content() -> None:
    collector, claude = await traced()
    ids = {span.id for span in collector.spans}
    assert [span.name for span in collector.spans if not span.parent] == ["orchestrator-client"]
    assert [span.name for span in collector.spans if span.parent and span.parent not in ids] == []
    assert len({span.trace for span in collector.spans}) == 1
    runs = collector.named("invoke_agent calculator_assistant")
    assert [(span.service, collector.above(span)) for span in runs] == [("mcp-calc-server", SERVER_SIDE)] * 2
    calculator = "invoke_agent calculator_assistant"
    for request in claude.requests:
        span = span_of_request(collector, request)
        turn = f"chat {request.body['model']}"
        is_orchestrator = AGENT_TOOL in {tool["name"] for tool in request.body["tools"]}
        assert span.name == turn
        assert collector.above(span) == (SERVER_SIDE[-2:] if is_orchestrator else [calculator, *SERVER_SIDE])
    assert len(claude.requests) == 6
    assert {span.parent for span in collector.named("execute_tool sum_numbers")} == {span.id for span in runs}
    assert not any("secret" in str(span) for span in collector.spans)


@pytest.mark.slow
@pytest.mark.requirement("trace-content")
async def test_content_is_on_the_spans_of_both_processes_when_asked_for() -> None:
    collector, _ = await traced(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="SPAN_ONLY")
    tellers = {(span.service, span.name) for span in collector.spans if SECRET in str(span.attributes)}
    assert tellers == {
        ("orchestrator-client", "invoke_agent orchestrator"),
        ("orchestrator-client", "chat claude-sonnet-5-5"),
        ("orchestrator-client", f"execute_tool {AGENT_TOOL}"),
        ("mcp-calc-server", "invoke_agent calculator_assistant"),
        ("mcp-calc-server", "chat claude-haiku-5-5"),
    }


@pytest.mark.slow
@pytest.mark.requirement("trace-off")
async def test_a_collector_that_is_not_there_costs_the_flush_time_and_no_answer() -> None:
    env = environment(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", PYTHONWARNINGS="ignore")
    end = await run(*CLIENT, "--local", "--offline", "--quiet", "1 + 2", env=env)
    assert (end.code, end.out) == (0, "Answer: 3\n")
    assert end.err == "Traces cannot be exported to the endpoint in OTEL_*. The run continues without them.\n"

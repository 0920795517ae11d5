"""However the model's API fails: no credential is in what an MCP client is sent."""

import pytest
from mcp import Client

from agentloop import Agent, Limits, sdk_client
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.serving import build_server
from tests.agentloop.test_secrets import ANSWERS, CUSTOM, KEY, SECRETS
from tests.raw_http import raw_server

pytestmark = pytest.mark.requirement("no-secret-leaks")


@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_result_of_a_published_agent_contains_a_credential(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", f"x-team: {CUSTOM}")
    messages: list[str] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        messages.append(message or "")

    async with raw_server(ANSWERS[answer]) as api:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
        agent = Agent("tester", "Test.", client=sdk_client, limits=Limits(attempts=2))
        async with Client(build_server(Publication([], [agent]))) as client:
            result = await client.call_tool("tester_agent", {"prompt": "go"}, progress_callback=report)
    assert api.requests
    assert result.is_error
    seen = "\n".join([result.model_dump_json(), *messages])
    assert [secret for secret in SECRETS if secret in seen] == []

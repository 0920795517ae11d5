"""The client and its own server with credentials: a scripted Messages server plays Claude."""

import json
from collections.abc import Callable

import pytest

from agentloop.testing import RecordedRequest, Rendezvous, Reply, ScriptedMessages, calls, says
from tests.journeys.test_cli import invoke

AGENT_TOOL = "calculator_assistant_agent"


def delegates(request: RecordedRequest) -> bool:
    """Whether it is the orchestrator's request."""
    return AGENT_TOOL in {tool["name"] for tool in request.body["tools"]}


class Claude:
    """Delegates three sums; each calculator's first request waits for the other two."""

    def __init__(self) -> None:
        self._meeting = Rendezvous(3, seconds=60)

    async def __call__(self, request: RecordedRequest) -> Reply:
        if delegates(request):
            if request.results:
                return says(" and ".join(result["content"][0]["text"] for result in request.results))
            return calls(*((AGENT_TOOL, {"prompt": f"{number} + {number}?"}) for number in (1, 2, 3)))
        number = request.prompt.partition(" ")[0]
        if request.results:
            return says(f"Answer: {json.loads(request.results[0]['content'][0]['text'])['result']}")
        await self._meeting.meet()
        return calls(("sum_numbers", {"numbers": [number, number]}))


@pytest.mark.slow
@pytest.mark.requirement("credentials")
@pytest.mark.requirement("own-server-credentials")
def test_the_servers_calculators_use_the_clients_credentials_and_models_at_once(
    scripted_messages: Callable[..., ScriptedMessages],
) -> None:
    claude = scripted_messages(Claude())
    env = {
        "ANTHROPIC_BASE_URL": claude.url,
        "ANTHROPIC_API_KEY": "the-key",
        "ORCHESTRATOR_MODEL": "big",
        "CALCULATOR_MODEL": "overridden",
    }
    end = invoke("--json", "--quiet", "--calculator-model", "small", "Three sums.", **env)
    report = json.loads(end.stdout)
    assert (end.exit_code, report["answer"], end.stderr) == (0, "Answer: 2 and Answer: 4 and Answer: 6", "")
    assert [each["served_by"] for each in report["delegations"]] == ["mcp-calc-server"] * 3
    assert {request.headers["authorization"] for request in claude.requests} == {"Bearer the-key"}
    models = [(delegates(request), request.body["model"]) for request in claude.requests]
    assert sorted(models) == [(False, "small")] * 6 + [(True, "big")] * 2
    assert claude.refusals == []

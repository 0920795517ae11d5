"""A scripted Messages server: test agents with the real SDK and real HTTP, without a key and without a model.

    async def test_agent_adds(scripted_messages):
        server = scripted_messages([calls(("add", {"a": 1, "b": 2})), says("3")])
        agent = Agent("adder", "Add.", [add], client=server.client)
        assert (await agent.run("1 + 2?")).answer == "3"

The fixture comes with `pytest_plugins = ["agentloop.testing.fixtures"]` in the top `conftest.py`. What the server
says is scripted by the test; what it accepts is as strict as the API.
"""

from typing import TYPE_CHECKING, Any

from agentloop.testing.script import Rendezvous, Reply, calls, cut, fails, refuses, says, thinks

if TYPE_CHECKING:
    from agentloop.testing.server import RecordedRequest, ScriptedMessages

__all__ = [
    "RecordedRequest",
    "Rendezvous",
    "Reply",
    "ScriptedMessages",
    "calls",
    "cut",
    "fails",
    "refuses",
    "says",
    "thinks",
]


def __getattr__(name: str) -> Any:
    """The server brings a web framework along, which those who only need `agentloop.testing.wire` can do without."""
    if name in {"RecordedRequest", "ScriptedMessages"}:
        from agentloop.testing import server  # noqa: PLC0415

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

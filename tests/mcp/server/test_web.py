"""What the HTTP transports are like below the protocol: sockets, pieces, tasks."""

import json
import socket

import pytest

from agentloop import Tool, ToolSpec
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.web import Address, listen
from mcp_calc_server.calculator import math_tools_async

REVISION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": REVISION, "io.modelcontextprotocol/clientCapabilities": {}}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_written_to_a_client_leaves_at_once(host: str) -> None:
    with listen(Address("sse", host, port=0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_host_names_are_accepted_as_clients_write_them() -> None:
    given = Address("sse", names=("Agents.Example.com", "agents.example:8443", "FE80::1", "[::2]")).security()
    assert {"agents.example.com:*", "agents.example:8443", "[fe80::1]", "[::2]:*"} <= {*given.allowed_hosts}
    assert "https://agents.example.com" in given.allowed_origins


async def brief() -> str:
    """Say that it is done."""
    return "done"


def test_the_sdk_is_given_only_schemas_with_arguments_for_headers() -> None:
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    routed = Tool(ToolSpec("routed", "Route.", schema), brief)
    publication = Publication([*math_tools_async(), routed])
    assert publication.input_schema("routed") == json.loads(json.dumps(schema))
    assert publication.input_schema("sum_numbers") is None
    assert publication.input_schema("no such tool") is None

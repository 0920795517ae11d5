"""What `agentloop.mcp.sdk_compat` relies on is as it says, in the versions that are installed."""

import asyncio
from typing import Any

import pytest
import uvicorn
from mcp import Client, types
from mcp.client.extension import ClientExtension, NotificationBinding
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from pydantic import BaseModel
from starlette.responses import PlainTextResponse

from agentloop.mcp import sdk_compat
from agentloop.mcp.server.web import Address, listen

METHOD = "notifications/dev.agentloop/test"


class Params(BaseModel):
    number: int


class Extension(ClientExtension):
    identifier = "dev.agentloop/test"

    def __init__(self) -> None:
        self.received: list[Params] = []

    def notifications(self) -> list[NotificationBinding[Any]]:
        return [NotificationBinding(method=METHOD, params_type=Params, handler=self._receive)]

    async def _receive(self, params: Params) -> None:
        self.received.append(params)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_notification_of_an_extension_reaches_the_client_before_the_result(mode: str) -> None:
    async def call(context: ServerRequestContext[Any, Any], _: types.CallToolRequestParams) -> types.CallToolResult:
        await sdk_compat.send_notification(context, METHOD, {"number": 1})
        return types.CallToolResult(content=[])

    async def tools(*_: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool(name="any", input_schema={"type": "object"})])

    extension = Extension()
    async with Client(
        Server("test", on_call_tool=call, on_list_tools=tools), mode=mode, extensions=[extension]
    ) as client:
        await client.call_tool("any", {})
    assert extension.received == [Params(number=1)]


async def test_every_connection_of_uvicorn_gets_a_wrapped_protocol() -> None:
    wrapped: list[asyncio.Protocol] = []

    def wrap(protocol: asyncio.Protocol) -> asyncio.Protocol:
        wrapped.append(protocol)
        return protocol

    config = uvicorn.Config(PlainTextResponse("yes"), log_config=None, lifespan="off")
    sdk_compat.wrap_http_protocol(config, wrap)
    server = uvicorn.Server(config)
    listening = listen(Address("sse", port=0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    async with asyncio.timeout(20):
        for number in (1, 2):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).endswith(b"yes")
            assert len(wrapped) == number
            writer.close()
        server.should_exit = True
        await serving

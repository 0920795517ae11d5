"""What the client changes in the `mcp` package, because it offers no option for it."""

from __future__ import annotations

from mcp import Client
from mcp.types import CallToolResult


def skip_result_validation(client: Client) -> None:
    """Let results through that the SDK would check against the output schema that the server listed.

    The SDK compiles the server's regular expressions with `re`, which can run for hours in this process, and raises
    `RuntimeError` for a result that does not fit. `Client` has no option to turn that off, nor one for the class of its
    session. `RemoteCall` checks results itself. Test: `tests/mcp/client/test_sdk_compat.py`.
    """
    client.session.validate_tool_result = _accept  # type: ignore[method-assign, assignment]


async def _accept(_name: str, _result: CallToolResult) -> None:
    pass

"""What users and models are told of HTTP errors, and what is tried again."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from tests.mcp.client.raw import call
from tests.mcp.client.test_reconnecting import connect, fine, http_server, legacy_server, reply


def error(status: int, text: str, kind: str = "text/plain", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(text, status_code=status, media_type=kind, headers=named)


def invalid(message: dict[str, Any]) -> Response:
    body = reply(message, error={"code": -32602, "message": "x > 0"}).body
    return error(400, bytes(body).decode(), "application/json")


@pytest.mark.requirement("http-reasons")
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (error(401, '{"error":"invalid_token"}', "application/json"), 'HTTP 401: {"error":"invalid_token"}'),
        (error(403, "Access is only allowed here\nsee"), "HTTP 403: Access is only allowed here"),
        (error(500, "oops: DB_URL is not set"), "HTTP 500: oops: DB_URL is not set"),
        (error(502, "<html>nginx</html>", "text/html"), "HTTP 502: Bad Gateway"),
        (error(404, "not found"), "HTTP 404: not found"),
    ],
)
async def test_an_address_that_refuses_says_why(answer: Response, told: str) -> None:
    async def handle(_request: Request) -> Response:
        return answer

    async with (
        http_server(Route("/mcp", handle, methods=["GET", "POST"])) as base,
        connect(f"{base}/mcp") as connection,
    ):
        assert connection.error == told


@pytest.mark.requirement("http-reasons")
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda _m: error(403, "no scope"), "HTTP 403: no scope"),
        (lambda _m: error(413, "too large"), "HTTP 413: too large"),
        (invalid, "HTTP 400: x > 0"),
    ],
)
async def test_a_model_is_told_why_a_call_was_refused(answer: Callable[[dict[str, Any]], Response], told: str) -> None:
    async with legacy_server(answer) as server, connect(server.url) as connection:
        output = await call(connection, "use")
        assert output.text == f"old refused the call: {told}"
        assert connection.is_up


class Sometimes:
    """Answers the first call with an error."""

    def __init__(self, status: int, retry_after: str) -> None:
        self.calls = 0
        self._first = error(status, "busy", retry_after=retry_after)

    def __call__(self, message: dict[str, Any]) -> Response:
        self.calls += 1
        return self._first if self.calls == 1 else fine(message)


@pytest.mark.requirement("http-reasons")
@pytest.mark.parametrize(
    ("status", "retry_after", "calls"), [(429, "0", 2), (503, "0", 1), (429, "3600", 1), (500, "0", 1)]
)
async def test_a_call_that_was_not_run_is_made_again_when_the_server_says(
    status: int, retry_after: str, calls: int
) -> None:
    """The tool may change things, so only a 429 is known to have run nothing."""
    answer = Sometimes(status, retry_after)
    async with legacy_server(answer) as server, connect(server.url) as connection:
        output = await call(connection, "use")
    assert (answer.calls, output.is_error) == (calls, calls == 1)


async def test_a_server_that_is_busy_when_it_is_connected_to_is_tried_again_when_it_says() -> None:
    refusals = 3

    async with legacy_server(fine) as server:
        handle = server.handle

        async def busy(request: Request) -> Response:
            nonlocal refusals
            refusals -= 1
            return error(503, "warming up", retry_after="0") if refusals >= 0 else await handle(request)

        route = Route("/mcp", busy, methods=["GET", "POST", "DELETE"])
        async with http_server(route) as base, connect(f"{base}/mcp") as connection:
            assert connection.error is None


@pytest.mark.requirement("http-reasons")
async def test_an_address_that_refuses_a_post_is_tried_as_sse_unless_its_type_is_given() -> None:
    seen: list[str] = []

    async def stream(request: Request) -> Response:
        seen.append(request.method)
        return error(405, "")

    async with http_server(Route("/sse", stream, methods=["GET", "POST"])) as base:
        async with connect(f"{base}/sse"):
            assert seen[-1] == "GET"
        seen.clear()
        entry = ServerEntry(url=f"{base}/sse", type="http")
        async with Connection("typed", entry, connect_timeout=20, server_log=sys.stderr) as connection:
            assert set(seen) == {"POST"}
            assert connection.error == "HTTP 405: Method Not Allowed"


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_within_the_server_is_followed(status: int) -> None:
    """As from /mcp to /mcp/, which web frameworks send by themselves."""

    async def redirect(_request: Request) -> Response:
        return RedirectResponse("/mcp", status)

    async with legacy_server(fine) as server:
        route = Route("/mcp", server.handle, methods=["GET", "POST", "DELETE"])
        moved = Route("/old", redirect, methods=["GET", "POST", "DELETE"])
        async with http_server(route, moved) as base, connect(f"{base}/old") as connection:
            assert connection.error is None
            output = await call(connection, "use")
    assert not output.is_error, output.text

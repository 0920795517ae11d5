"""Serving over HTTP: streamable HTTP, or the older SSE transport.

Agent calls need responses that stream (no `json_response`) and state for older clients (no `stateless_http`): without
them a client's cancel never arrives. Only what is brief is answered without: see `_Endpoint`.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal

import uvicorn
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Message, Receive, Scope, Send

from agentloop.mcp.exact_arguments import keep_body
from agentloop.mcp.server.access import Access
from agentloop.mcp.server.gathering import GatheringProtocol
from agentloop.mcp.server.publication import LEFT

MAX_BODY = 1024 * 1024
"""Bytes of one request."""
SHUTDOWN_GRACE = 1
"""Seconds open responses have to end once the server is asked to stop; then their calls are cancelled."""

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where and how to listen. Port 0 picks a free one. `names` are further host names clients may use."""

    transport: Literal["streamable-http", "sse"]
    host: str = "127.0.0.1"
    port: int = 8000
    path: str = "/mcp"
    names: tuple[str, ...] = ()
    access: Access = field(default_factory=Access)

    def security(self) -> TransportSecuritySettings:
        """Names under which a browser may have been led here: no others, or any web page could call the tools."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        names = dict.fromkeys((*LOOPBACK_NAMES, host, socket.gethostname(), *self.names))
        return TransportSecuritySettings(
            allowed_hosts=[form for name in names for form in (name, f"{name}:*")],
            allowed_origins=[
                f"{scheme}://{name}{end}" for scheme in ("http", "https") for name in names for end in ("", ":*")
            ],
        )


class _Web(uvicorn.Server):
    stopping: Callable[[], None] = staticmethod(lambda: None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Every stream that is cut off from now on would be logged as a failure.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self.stopping()
        super().handle_exit(sig, frame)


async def serve_web(
    server: Server[Any],
    address: Address,
    announce: Callable[[str], None],
    *,
    is_brief: Callable[[str], bool],
    stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal comes, and call `stopping` then. `announce` gets the URL once the port is bound."""
    listening = listen(address)
    app = web_app(server, address, is_brief)
    config = uvicorn.Config(
        app,
        http=GatheringProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_graceful_shutdown=SHUTDOWN_GRACE,
    )
    host = f"[{address.host}]" if ":" in address.host else address.host
    announce(f"http://{host}:{listening.getsockname()[1]}{address.path}")
    web = _Web(config)
    web.stopping = stopping
    app.state.stopping = lambda: web.should_exit
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends on these and then raises them again, for whoever was there before it.
        loop.add_signal_handler(number, lambda: None)
    await web.serve(sockets=[listening])


def listen(address: Address) -> socket.socket:
    """The bound socket of an address.

    Raises:
        OSError: it cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.create_server((address.host, address.port), family=family, backlog=2048)
    # asyncio sees to it only for sockets it has made itself. Without it an event waits for the ACK of the one before.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def web_app(server: Server[Any], address: Address, is_brief: Callable[[str], bool]) -> Starlette:
    """The ASGI application: the transport at `address.path`, `/health` and `/ready`.

    `is_brief` says of which tools a call is over before there would be something to tell of it.
    """
    inner = (
        _http_app(server, address, is_brief) if address.transport == "streamable-http" else _sse_app(server, address)
    )
    access = address.access
    routes = [Route("/health", _health), Route("/ready", _ready)]
    if access.verifier is None:
        inner.router.routes += routes  # an app round it costs each call 0.03 ms
        return inner
    metadata = build_resource_metadata_url(access.resource) if access.resource else None
    backend = BearerAuthBackend(access.verifier, resource_server_url=access.resource)
    middleware = [Middleware(AuthenticationMiddleware, backend=backend), Middleware(AuthContextMiddleware)]
    endpoint = RequireAuthMiddleware(inner, [], metadata)
    if access.resource is not None:
        routes += create_protected_resource_routes(access.resource, access.issuers)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with inner.router.lifespan_context(inner):
            yield

    return Starlette(routes=[*routes, Mount("/", endpoint)], middleware=middleware, lifespan=lifespan)


def _http_app(server: Server[Any], address: Address, is_brief: Callable[[str], bool]) -> Starlette:
    def manager(*, plain: bool) -> StreamableHTTPSessionManager:
        return StreamableHTTPSessionManager(
            server, json_response=plain, security_settings=address.security(), max_request_body_size=MAX_BODY
        )

    streaming, plain = manager(plain=False), manager(plain=True)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with streaming.run(), plain.run():
            yield

    return Starlette(routes=[Route(address.path, _Endpoint(streaming, plain, is_brief))], lifespan=lifespan)


class _Endpoint:
    """Streams what calls have to tell, and ends a call when its client goes. Brief calls are neither told of nor ended.

    The SDK sees to that for clients of today with two tasks and a stream for each request, a third of what a brief call
    costs. It lets calls of older clients run on, for streams that are resumed. Ours are not: `scope[LEFT]` is an event
    that such a client is gone.
    """

    def __init__(
        self,
        streaming: StreamableHTTPSessionManager,
        plain: StreamableHTTPSessionManager,
        is_brief: Callable[[str], bool],
    ) -> None:
        self._streaming = streaming
        self._plain = plain
        self._is_brief = is_brief

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        receive = keep_body(scope, receive)
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        manager = self._streaming
        if headers.get(b"mcp-protocol-version") not in MODERN_PROTOCOL_VERSIONS:
            receive = _telling_of_leaving(scope, receive)
        elif headers.get(b"mcp-method") == "tools/call" and self._is_brief(headers.get(b"mcp-name", "")):
            manager = self._plain
        await manager.handle_request(scope, receive, send)


def _telling_of_leaving(scope: Scope, receive: Receive) -> Receive:
    left = scope[LEFT] = asyncio.Event()

    async def receive_and_look() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            left.set()
        return message

    return receive_and_look


def _sse_app(server: Server[Any], address: Address) -> Starlette:
    messages = f"{address.path.rstrip('/')}/messages/"
    sse = SseServerTransport(messages, security_settings=address.security(), max_request_body_size=MAX_BODY)
    security = TransportSecurityMiddleware(address.security())

    class Events:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            # The SDK's own check answers too, and then raises, which would be logged as a failure.
            refusal = await security.validate_request(Request(scope, receive))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            async with sse.connect_sse(scope, receive, send) as (reading, writing):
                await server.run(reading, writing, server.create_initialization_options())

    async def post(scope: Scope, receive: Receive, send: Send) -> None:
        await sse.handle_post_message(scope, keep_body(scope, receive), send)

    return Starlette(routes=[Route(address.path, Events()), Mount(messages, post)])


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> Response:
    stopping = request.app.state.stopping()
    return JSONResponse({"status": "stopping" if stopping else "ready"}, status_code=503 if stopping else 200)

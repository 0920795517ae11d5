"""Serving over HTTP: streamable HTTP, or the older SSE transport.

Agent calls need streamed responses (no `json_response`) and sessions for older clients (no `stateless_http`): without
them a client's cancellation does not arrive.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import uvicorn
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend
from mcp.server.auth.routes import create_protected_resource_routes
from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp.types import jsonrpc_message_adapter
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from agentloop import ConfigurationError
from agentloop.mcp import sdk_compat
from agentloop.mcp.json_check import check_json
from agentloop.mcp.server.access import Access, RequireScopes
from agentloop.mcp.server.admission import CALLS_PER_MINUTE, RateLimit
from agentloop.mcp.server.connections import KEEP_ALIVE, Connections, GuardedProtocol, Proxies, max_connections
from agentloop.mcp.server.requests import ALWAYS, MAX_BODY, JsonBody, RequestLimit
from agentloop.mcp.server.sessions import MAX_SESSIONS, BoundedSender, Sessions
from agentloop.signals import on_signals

BACKLOG = 2048
SHUTDOWN_GRACE = 1
"""Seconds in which open responses have to end after a signal; then their calls are cancelled."""

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_NAME = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:\d+)?", re.ASCII)
_PATH = re.compile(r"(/(?!\.\.?(/|$))[\w.~-]+)*/?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where and how to listen. Port 0 picks a free one.

    `names` are further host names that clients may use.

    Raises:
        ConfigurationError: a name is not one that clients can send, or the path not one at which they find the server.
    """

    transport: Literal["streamable-http", "sse"]
    host: str = "127.0.0.1"
    port: int = 8000
    path: str = "/mcp"
    names: tuple[str, ...] = ()
    access: Access = field(default_factory=Access)
    proxies: Proxies = field(default_factory=Proxies)

    def __post_init__(self) -> None:
        for name in self.names:
            if not _NAME.fullmatch(_in_url(name)):
                raise ConfigurationError(
                    f"The allowed host {name!r} is none: give the name alone, such as agents.example.com, without "
                    "https://, a path or a pattern. Other letters than a to z are written as xn--..."
                )
        if not _PATH.fullmatch(self.path) or self.path in ALWAYS:
            raise ConfigurationError(
                f"The path {self.path!r} cannot be used: give letters, digits, '-', '_' and '.' after each slash, and "
                f"none of {', '.join(sorted(ALWAYS))}."
            )

    @property
    def url_host(self) -> str:
        """The host as it is written in a URL."""
        return _in_url(self.host)

    def security(self) -> TransportSecuritySettings:
        """The accepted Host and Origin headers. Without the check any web page could call the tools (DNS rebinding)."""
        names = dict.fromkeys(_in_url(each) for each in (*LOOPBACK_NAMES, self.host, socket.gethostname(), *self.names))
        return TransportSecuritySettings(
            allowed_hosts=[form for name in names for form in (name, f"{name}:*")],
            allowed_origins=[
                f"{scheme}://{name}{end}" for scheme in ("http", "https") for name in names for end in ("", ":*")
            ],
        )


def _in_url(host: str) -> str:
    """A host as clients write it in URLs, and so in the Host header."""
    with suppress(ValueError):
        return f"[{host.lower()}]" if ipaddress.ip_address(host).version == 6 else host  # noqa: PLR2004
    return host.lower()


async def serve_web(
    server: Server[Any],
    address: Address,
    announce: Callable[[str], None],
    *,
    stopping: Callable[[], None] = lambda: None,
    sessions_per_minute: int = CALLS_PER_MINUTE,
) -> None:
    """Serve until the process receives SIGTERM or SIGINT, and call `stopping` then.

    `announce` is called with the URL once the port is bound. A client of a revision before 2026-07-28 may open
    `sessions_per_minute`.
    """
    listening = listen(address)
    connections = Connections(max_connections(), address.proxies)
    rate = RateLimit(sessions_per_minute)
    inner = _sse_app(server, address) if address.transport == "sse" else _http_app(server, address, rate)

    def stop() -> None:
        # uvicorn would log every stream that it closes from now on as a failure.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        stopping()
        web.should_exit = True

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with address.access.verifying(), inner.router.lifespan_context(inner):
            on_signals(stop)  # instead of uvicorn's own handlers, which raise the signal again once it has stopped
            yield

    proxied: Any = _web_app(inner, address.access, lambda: web.should_exit, lifespan)
    if address.proxies.trusted:  # a trusted proxy names the client's address
        proxied = ProxyHeadersMiddleware(proxied, address.proxies.trusted)
    config = uvicorn.Config(
        RequestLimit(proxied, connections),
        http="h11",
        ws="none",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=SHUTDOWN_GRACE,
        timeout_keep_alive=round(KEEP_ALIVE),
    )
    sdk_compat.wrap_http_protocol(config, lambda inner: GuardedProtocol(inner, connections))
    web = uvicorn.Server(config)
    asyncio.get_running_loop().set_exception_handler(connections.on_loop_error)
    announce(f"http://{address.url_host}:{listening.getsockname()[1]}{address.path}")
    await web.serve(sockets=[listening])


def listen(address: Address) -> socket.socket:
    """The bound socket of an address.

    Raises:
        OSError: it cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
    # asyncio sets it only on its own sockets. Without it an event waits for the ACK of the one before.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _web_app(inner: ASGIApp, access: Access, is_stopping: Callable[[], bool], lifespan: Lifespan[Any]) -> Starlette:
    """The ASGI application: the transport, `/health` and `/ready`, and the metadata of the authorization server."""

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        status, code = ("stopping", 503) if is_stopping() else ("ready", 200)
        return JSONResponse({"status": status}, status_code=code)

    routes: list[BaseRoute] = [Route("/health", health), Route("/ready", ready)]
    middleware: list[Middleware] = []
    if access.verifier is not None:
        backend = BearerAuthBackend(access.verifier, resource_server_url=access.resource)
        middleware = [Middleware(AuthenticationMiddleware, backend=backend), Middleware(AuthContextMiddleware)]
        inner = RequireScopes(inner, access.scopes, access.metadata)
        if access.resource is not None:
            routes += create_protected_resource_routes(access.resource, access.issuers, access.scopes.all or None)
    return Starlette(
        routes=[*routes, Mount("/", _with_lower_case_hosts(inner))], middleware=middleware, lifespan=lifespan
    )


def _with_lower_case_hosts(app: ASGIApp) -> ASGIApp:
    """The application, which receives the Host and Origin headers in lower case: the SDK compares them as they are."""

    async def lowered(scope: Scope, receive: Receive, send: Send) -> None:
        given = scope.get("headers", ())
        headers = [(key, value.lower() if key in {b"host", b"origin"} else value) for key, value in given]
        await app({**scope, "headers": headers}, receive, send)

    return lowered


def _http_app(server: Server[Any], address: Address, rate: RateLimit) -> Starlette:
    manager = StreamableHTTPSessionManager(
        server, security_settings=address.security(), max_request_body_size=MAX_BODY, max_sessions=2 * MAX_SESSIONS
    )
    sessions = Sessions(manager, rate)

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        version = Headers(scope=scope).get("mcp-protocol-version")
        if version in MODERN_PROTOCOL_VERSIONS:
            await manager.handle_request(scope, receive, send)
        else:
            await sessions.handle_request(scope, _watch_disconnect(scope, receive), send)

    routes = [Route(address.path, JsonBody(address.access.of_tools(endpoint)))]
    return Starlette(routes=routes, lifespan=lambda _app: manager.run())


def _watch_disconnect(scope: Scope, receive: Receive) -> Receive:
    """`receive`, which sets the event `request.state.left` when the client of an older revision disconnects.

    The SDK cancels the calls of clients of 2026-07-28 only.
    """
    left = Request(scope).state.left = asyncio.Event()

    async def receive_and_watch() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            left.set()
        return message

    return receive_and_watch


def _sse_app(server: Server[Any], address: Address) -> Starlette:
    messages = f"{address.path.rstrip('/')}/messages/"
    settings = address.security()
    sse = SseServerTransport(messages, security_settings=settings, max_request_body_size=MAX_BODY)
    security = TransportSecurityMiddleware(settings)

    class Events:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            # The SDK's own check raises after its response, which would be logged as a failure.
            refusal = await security.validate_request(Request(scope, receive))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            async with sse.connect_sse(scope, receive, send) as (reading, writing):
                with anyio.CancelScope() as session:
                    sender = BoundedSender(writing, session.cancel)
                    await server.run(reading, sender, server.create_initialization_options())

    posts = JsonBody(address.access.of_tools(sse.handle_post_message), _check_message)
    return Starlette(routes=[Route(address.path, Events()), Mount(messages, posts)])


def _check_message(body: bytes) -> None:
    """Check that a body is a JSON-RPC message; the SDK logs one that is not with a traceback."""
    check_json(body)
    try:
        jsonrpc_message_adapter.validate_json(body, by_name=False)
    except ValueError:
        raise ValueError("not a JSON-RPC message") from None

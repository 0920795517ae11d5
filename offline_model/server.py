"""The offline model behind a loopback HTTP server, for any client of the Messages API."""

import signal
import socket

import click
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from offline_model.service import MOST_BYTES, Reply, refused, respond, too_large
from agentloop.testing.wire import WireError

_GRACE = 2  # seconds for answers under way when the server is told to stop


async def _answer(request: Request) -> Response:
    try:
        content = await _content(request)
    except WireError as error:
        reply = refused(error)
        reply = Reply(reply.status, {**reply.headers, "connection": "close"}, reply.pieces)  # the rest is not read
    else:
        reply = respond(request.method, request.url.path, request.headers, content)
    return StreamingResponse(iter(reply.pieces), status_code=reply.status, headers=dict(reply.headers))


async def _content(request: Request) -> bytes:
    """The body, of MOST_BYTES at most. Raises WireError, before any is read if the request announces more."""
    if int(request.headers.get("content-length", "0")) > MOST_BYTES:
        raise too_large()
    content = bytearray()
    async for piece in request.stream():
        if len(content) + len(piece) > MOST_BYTES:
            raise too_large()
        content += piece
    return bytes(content)


def application() -> Starlette:
    return Starlette(routes=[Route("/{path:path}", _answer, methods=["GET", "POST"])])


def serve(host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; says on stdout where, once connections are accepted."""
    config = uvicorn.Config(application(), lifespan="off", log_config=None, timeout_graceful_shutdown=_GRACE)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        shown = f"[{host}]" if ":" in host else host
        # uvicorn raises the signal again once it has shut down: without handlers of our own that would be a failure
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: None)
        click.echo(f"ANTHROPIC_BASE_URL=http://{shown}:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])

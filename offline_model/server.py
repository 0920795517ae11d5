"""The offline model behind a loopback HTTP server, for any client of the Messages API."""

import signal
import socket

import click
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from offline_model.service import respond

_GRACE = 2  # seconds for answers under way when the server is told to stop


async def _answer(request: Request) -> Response:
    reply = respond(request.method, request.url.path, request.headers, await request.body())
    return StreamingResponse(iter(reply.pieces), status_code=reply.status, headers=dict(reply.headers))


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

"""`python -m offline_model --port N`: the offline model as a server that any Messages client can use."""

import logging
import signal
import socket

import click
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agentloop.testing.wire import WireError
from offline_model.service import MOST_BYTES, Reply, refused, respond, too_large

_GRACE = 2  # seconds for answers under way when the server is told to stop


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 picks a free one.")
def main(host: str, port: int) -> None:
    """Serve the built-in reader, which follows fixed rules and is not a language model, over the Messages API.

    No key is needed; any will do.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    serve(host, port)


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


def application() -> Starlette:
    return Starlette(routes=[Route("/{path:path}", _answer, methods=["GET", "POST"])])


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


if __name__ == "__main__":
    main(prog_name="python -m offline_model")

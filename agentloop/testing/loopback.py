"""A web application on a loopback port, served by a thread of this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute


class LoopbackServer:
    """Serves `routes` on a free port of 127.0.0.1 within its block. `url` has no path."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._app = Starlette(routes=routes)

    def __enter__(self) -> Self:
        # It listens before the thread runs, so that clients can connect at once.
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        # What uvicorn calls an error is a connection that is reset, as a script may want it.
        config = uvicorn.Config(
            self._app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, backlog=2048
        )
        config.load()  # imports here, not in the thread: a process forked meanwhile would inherit the import lock
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

"""A Messages server that plays the model for Claude Code, which sends more than the strict one accepts."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agentloop.testing import Reply
from agentloop.testing.wire import plain_message, sse_events

Body = dict[str, Any]


class LenientMessages:
    """Answers each POST /v1/messages with what `script` makes of its body, and keeps the bodies."""

    def __init__(self, script: Callable[[Body], Reply]) -> None:
        self._script = script
        self._numbers = itertools.count(1)
        self.bodies: list[Body] = []

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        routes = [
            Route("/v1/messages", self._answer, methods=["POST"]),
            Route("/v1/messages/count_tokens", self._count, methods=["POST"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def results(self) -> Mapping[str, Body]:
        """The tool_result blocks the client has sent, by the id of the call."""
        return {
            block["tool_use_id"]: block
            for body in self.bodies
            for message in body["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
            if block["type"] == "tool_result"
        }

    async def _answer(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        reply = self._script(body)
        message = {
            "id": f"msg_interop_{next(self._numbers)}",
            "model": body["model"],
            "content": list(reply.content),
            "stop_reason": reply.stop_reason,
            "usage": dict(reply.usage),
        }
        if body.get("stream"):
            return StreamingResponse(sse_events(message), media_type="text/event-stream")
        return JSONResponse(plain_message(message))

    async def _count(self, _request: Request) -> Response:
        return JSONResponse({"input_tokens": 1})

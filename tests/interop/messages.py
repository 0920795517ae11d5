"""A Messages server that plays the model for Claude Code, which sends more than the strict one accepts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agentloop.testing import Reply
from agentloop.testing.loopback import LoopbackServer
from agentloop.testing.wire import plain_message, sse_events

Body = dict[str, Any]


class LenientMessages(LoopbackServer):
    """Answers each POST /v1/messages with what `script` makes of its body, and keeps the bodies."""

    def __init__(self, script: Callable[[Body], Reply]) -> None:
        super().__init__(
            [
                Route("/v1/messages", self._answer, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count, methods=["POST"]),
            ]
        )
        self._script = script
        self._numbers = itertools.count(1)
        self.bodies: list[Body] = []

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

"""The scripted Messages server: real HTTP and real SSE on loopback, as strict as the API, in a thread of its own."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
from anthropic import AsyncAnthropic
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agentloop.testing.checks import WireError, check_request
from agentloop.testing.loopback import LoopbackServer
from agentloop.testing.script import Reply
from agentloop.testing.wire import error_body, plain_message, sse_event, sse_events
from agentloop.wire import sdk_client

Script = Iterable[Reply] | Callable[["RecordedRequest"], Reply | Awaitable[Reply]]


@dataclass(slots=True)
class RecordedRequest:
    """A request the server got. Times are on the `time.monotonic` clock.

    `outcome` is None while it is being answered, then `complete`, `cut` (by the script), `refused` (by the checks) or
    `cancelled` (the client went away).
    """

    number: int
    body: dict[str, Any]
    headers: Mapping[str, str]
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    outcome: str | None = None
    reported: dict[str, int] = field(default_factory=dict)
    """The usage that was sent to the client so far."""

    @property
    def results(self) -> list[dict[str, Any]]:
        """The tool_result blocks of the last message that is not the system's."""
        content = [message for message in self.body["messages"] if message["role"] != "system"][-1]["content"]
        return [b for b in content if isinstance(b, dict) and b["type"] == "tool_result"]

    @property
    def system(self) -> str:
        """The system prompt, which is a list of blocks if it is marked for the prompt cache."""
        system = self.body.get("system") or ""
        return system if isinstance(system, str) else "".join(block["text"] for block in system)

    @property
    def prompt(self) -> str:
        """The text of the first message."""
        content = self.body["messages"][0]["content"]
        return content if isinstance(content, str) else "".join(b.get("text", "") for b in content)


class ScriptedMessages(LoopbackServer):
    """A Messages server that answers from a script.

    The script is a series of replies in the order of the requests, or a function of the request, sync or async, that
    makes the reply: agents that run at once need the second. Requests beyond the script are answered with status 500.
    """

    def __init__(self, script: Script) -> None:
        super().__init__([Route("/v1/messages", self._answer, methods=["POST"])])
        self._script = script
        self._replies = iter(() if callable(script) else script)
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._bound: dict[str, str] = {}
        self.requests: list[RecordedRequest] = []
        self.refusals: list[str] = []
        """What the checks found wrong, in order."""

    def client(self) -> AsyncAnthropic:
        """A real SDK client of this server; the method itself is an agent's `client`."""
        return sdk_client(base_url=self.url, api_key="scripted", max_retries=2)

    def counted(self, model: str) -> dict[str, int]:
        """Requests for a model, and the tokens it has reported for them: what a bill should say."""
        requests = [request for request in self.requests if request.body.get("model") == model]
        total = {"requests": len(requests)}
        for request in requests:
            for kind, tokens in request.reported.items():
                total[kind] = total.get(kind, 0) + tokens
        return total

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until `condition` holds; it is looked at whenever a request begins or ends.

        Raises:
            TimeoutError: it did not come to hold within `seconds`.
        """

        def wait() -> bool:
            with self._changed:
                return self._changed.wait_for(condition, timeout=seconds)

        if not await anyio.to_thread.run_sync(wait):
            raise TimeoutError(f"not within {seconds:g} s; the server got {len(self.requests)} requests")

    async def _answer(self, http: HttpRequest) -> Response:
        request = RecordedRequest(next(self._numbers), await http.json(), dict(http.headers))
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        try:
            check_request(request.body, request.headers)
            self._check_bound_thinking(request.body)
        except WireError as error:
            self.refusals.append(error.message)
            self._end(request, "refused")
            return JSONResponse(error_body(error), status_code=error.status)
        try:
            reply = await self._reply_unless_left(http, request)
        except asyncio.CancelledError:
            self._end(request, "cancelled")
            raise
        if reply is None:
            self._end(request, "cancelled")
            return Response()
        if reply.status != 200:  # noqa: PLR2004
            self._end(request, "complete")
            body = {"type": "error", "error": dict(reply.error)}
            return JSONResponse(body, status_code=reply.status, headers=dict(reply.headers))
        return self._message(request, reply)

    async def _reply_unless_left(self, http: HttpRequest, request: RecordedRequest) -> Reply | None:
        """The script's reply; None if the client leaves before there is one."""
        reply = asyncio.ensure_future(self._reply(request))
        left = asyncio.ensure_future(http.receive())  # the body has been read: what comes is the disconnect
        try:
            await asyncio.wait({reply, left}, return_when=asyncio.FIRST_COMPLETED)
            return reply.result() if reply.done() else None
        finally:
            reply.cancel()
            left.cancel()
            await asyncio.wait({reply, left})

    async def _reply(self, request: RecordedRequest) -> Reply:
        try:
            reply: object = self._script(request) if callable(self._script) else next(self._replies)
            reply = await reply if inspect.isawaitable(reply) else reply
            if isinstance(reply, Reply):
                return reply
            reason = f"the script gave {reply!r:.100}, and not what says(...), calls(...) and the like make"
        except StopIteration:
            reason = "the script is over"
        except Exception as error:  # noqa: BLE001 - the script's failure must reach the test through the client
            reason = f"the script failed: {error!r}"
        return Reply(status=500, error={"type": "api_error", "message": reason}, headers={"x-should-retry": "false"})

    def _message(self, request: RecordedRequest, reply: Reply) -> Response:
        message = {
            "id": f"msg_scripted_{request.number}",
            "model": request.body["model"],
            "content": list(reply.content),
            "stop_reason": reply.stop_reason,
            "stop_details": reply.stop_details,
            "usage": dict(reply.usage),
        }
        if reply.cleared:
            edit = {"cleared_tool_uses": reply.cleared[0], "cleared_input_tokens": reply.cleared[1]}
            applied = [{"type": "clear_tool_uses_20250919", **edit}]
            message["context_management"] = {"applied_edits": applied}
        if reply.cache_miss and "diagnostics" in request.body:
            message["diagnostics"] = {"cache_miss_reason": dict(reply.cache_miss)}
        if reply.container:
            message["container"] = {"id": reply.container, "expires_at": "2100-01-01T00:00:00Z"}
        self._bind_thinking(request.body, reply)
        if not request.body.get("stream"):
            request.reported |= reply.usage
            self._end(request, "complete")
            return JSONResponse(plain_message(message))
        events = self._events(request, reply, message)
        headers = {"request-id": f"req_scripted_{request.number}", **reply.headers}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    async def _events(self, request: RecordedRequest, reply: Reply, message: Mapping[str, Any]) -> AsyncIterator[bytes]:
        outcome = "cancelled"
        try:
            for count, event in enumerate(sse_events(message)):
                if count == reply.cut_after:
                    outcome = "cut"
                    if reply.cut_by == "error":
                        yield sse_event("error", error={"type": "overloaded_error", "message": "scripted overload"})
                    if reply.cut_by == "reset":
                        raise ConnectionResetError("scripted")
                    return
                await asyncio.sleep(reply.seconds_per_event)
                request.reported |= _usage(event)
                yield event
            outcome = "complete"
        finally:
            self._end(request, outcome)

    def _end(self, request: RecordedRequest, outcome: str) -> None:
        with self._changed:
            request.outcome, request.ended = outcome, time.monotonic()
            self._changed.notify_all()

    def _bind_thinking(self, body: Mapping[str, Any], reply: Reply) -> None:
        for block in reply.content:
            if block["type"] == "thinking":
                self._bound[block["signature"]] = _prefix(body, len(body["messages"]))

    def _check_bound_thinking(self, body: Mapping[str, Any]) -> None:
        """Thinking blocks are bound to model, system prompt, tools and all messages before them."""
        for index, message in enumerate(body["messages"]):
            for block in message["content"] if isinstance(message["content"], list) else ():
                bound = self._bound.get(block.get("signature", ""))
                if bound is not None and bound != _prefix(body, index):
                    text = f"messages.{index}: thinking blocks cannot be used with a changed conversation"
                    raise WireError(400, "invalid_request_error", text)


def _usage(event: bytes) -> dict[str, int]:
    """The usage in an event, if any."""
    data = json.loads(event.partition(b"data: ")[2])
    usage = data.get("usage") or data.get("message", {}).get("usage") or {}
    return {kind: tokens for kind, tokens in usage.items() if isinstance(tokens, int)}


def _prefix(body: Mapping[str, Any], messages: int) -> str:
    """What thinking is bound to, without the marks of prompt caching, which are no part of the prompt."""
    bound = [body["model"], body.get("system"), body.get("tools"), body["messages"][:messages]]
    return json.dumps(_without_marks(bound))


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_marks(each) for key, each in value.items() if key != "cache_control"}
    return [_without_marks(each) for each in value] if isinstance(value, list) else value

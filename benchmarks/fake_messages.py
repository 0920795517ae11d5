"""A fake of the Messages API for benchmarks: real wire format, real pacing, `script` instead of a model.

`python -m benchmarks.fake_messages` listens on a free port of loopback and prints `{"port": ...}`.

Token k of an answer, counted from 1, is due at `ttft` + k / `tps` seconds after its request came: reckoned from there, so
that a late event delays none of those after it. `POST /__config?NAME=VALUE` sets the knobs:

    ttft        seconds until the first event
    tps         tokens a second; 0: all at once after `ttft`
    tps_orch    the same for the orchestrator's first turn; -1: as `tps`
    n           calls in the orchestrator's first turn
    per_delta   tokens an event
    skew        further tokens of text before the answer of the first sub-agent

`GET /__log` gives the requests, `POST /__reset` forgets them. `late` in the log is how late the worst event of an answer
was written. Message threads (beta) and `/v1/models` are there for clients that use them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import parse_qsl

from benchmarks.script import BadRequest, Reply, State

LIFETIME = 4 * 3600.0
"""Seconds after which it ends by itself."""

_SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"request-id: req_fake\r\ntransfer-encoding: chunked\r\n\r\n"
)
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found"}


class Fake:
    """What all connections share."""

    def __init__(self) -> None:
        self.knobs = {"ttft": 0.0, "tps": 0.0, "tps_orch": -1.0, "n": 3.0, "per_delta": 4.0, "skew": 0.0}
        self.log: list[dict[str, Any]] = []
        self.threads: dict[str, State] = {}
        self.open = 0
        self.peak = 0

    def reset(self) -> None:
        self.log.clear()
        self.threads.clear()
        self.peak = self.open
        gc.collect()


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    is_last: bool
    """Whether the client wants the connection closed."""


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection that is kept; requests on it are answered one after the other."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._buffer = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._entry: dict[str, Any] | None = None
        self._queue: list[tuple[float, bytes]] = []
        self._next = 0
        self._is_last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._entry is not None:
            self._entry.update(end=time.monotonic(), aborted=True)
            self._fake.open -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        """Answer the next request, if there is one and none is being answered."""
        while self._entry is None and not self._transport.is_closing():
            request = self._taken()
            if request is None:
                return
            self._is_last = request.is_last
            self._answer(request)

    def _taken(self) -> _Request | None:
        """The next request, taken off the buffer; None if it has not come whole."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "chunked" in headers.get("transfer-encoding", ""):
            body, after = _chunked(self._buffer, end + 4)
        else:
            after = end + 4 + int(headers.get("content-length", 0))
            body = bytes(self._buffer[end + 4 : after])
        if after < 0 or len(self._buffer) < after:
            return None
        del self._buffer[:after]
        method, target, _ = first.split(" ", 2)
        path, _, query = target.partition("?")
        while path.startswith("/v1/v1/"):
            path = path[3:]
        return _Request(method, path, dict(parse_qsl(query)), body, headers.get("connection", "").lower() == "close")

    def _answer(self, request: _Request) -> None:
        fake = self._fake
        match request.path:
            case "/v1/messages" if request.method == "POST":
                self._begin(request.body)
            case "/__log":
                self._send({"log": fake.log, "open": {"peak": fake.peak}})
            case "/__reset":
                fake.reset()
                self._send({})
            case "/__config":
                fake.knobs |= {name: float(request.query[name]) for name in fake.knobs if name in request.query}
                self._send(fake.knobs)
            case path if path.startswith("/v1/models/"):
                self._send(
                    {"type": "model", "id": path[11:], "display_name": "fake", "created_at": "2026-01-01T00:00:00Z"}
                )
            case path:
                self._refuse(BadRequest(f"{request.method} {path}", status=404, kind="not_found_error"))

    def _refuse(self, error: BadRequest) -> None:
        now = time.monotonic()
        self._fake.log.append({"role": "rejected", "error": str(error)[:300], "start": now, "end": now})
        details = {} if error.code is None else {"details": {"error_code": error.code}}
        self._send({"type": "error", "error": {"type": error.kind, "message": str(error), **details}}, error.status)

    def _begin(self, body: bytes) -> None:
        """Begin to answer a request for a message."""
        fake, now = self._fake, time.monotonic()
        try:
            request = json.loads(body)
            state = State.of(request, fake.threads)
        except BadRequest as error:
            self._refuse(error)
            return
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            self._refuse(BadRequest(f"{type(error).__name__}: {error}"))
            return
        reply = Reply(request, state, fake.knobs)
        fake.open += 1
        fake.peak = max(fake.peak, fake.open)
        self._entry = {
            "role": state.role,
            "store": state.store,
            "turn": state.turn,
            "start": now,
            "end": None,
            "bad": state.bad,
            "late": 0.0,
        }
        fake.log.append(self._entry)
        if request.get("thread"):
            fake.threads[reply.id] = replace(state, turn=state.turn + bool(reply.calls), open=reply.calls)
        start = now + fake.knobs["ttft"]
        if request.get("stream"):
            self._queue = [(start + due, chunk) for due, chunk in reply.events()]
            self._queue[0] = (start, _SSE_HEAD + self._queue[0][1])
        else:
            self._queue = [(start + reply.seconds, _json_response(reply.message()))]
        self._next = 0
        self._pump()

    def _pump(self) -> None:
        """Write what is due, and come back when the next event is."""
        assert self._entry is not None
        self._timer = None
        queue, now = self._queue, time.monotonic()
        first = end = self._next
        while end < len(queue) and queue[end][0] <= now:
            end += 1
        if end > first:
            self._entry["late"] = max(self._entry["late"], now - queue[first][0])
            self._transport.write(b"".join([chunk for _, chunk in queue[first:end]]))
        self._next = end
        if end < len(queue):
            # Not `call_at`: uvloop's clock is cached.
            self._timer = self._loop.call_later(max(0.0, queue[end][0] - time.monotonic()), self._pump)
            return
        self._entry["end"] = time.monotonic()
        self._entry, self._queue = None, []
        self._fake.open -= 1
        if self._is_last:
            self._transport.close()
        elif self._buffer:
            self._loop.call_soon(self._go_on)

    def _send(self, value: object, status: int = 200) -> None:
        self._transport.write(_json_response(value, status))
        if self._is_last:
            self._transport.close()


def _chunked(buffer: bytearray, start: int) -> tuple[bytes, int]:
    """A chunked body, and where it ends; -1 if it has not come whole."""
    body = bytearray()
    while True:
        line = buffer.find(b"\r\n", start)
        if line < 0:
            return b"", -1
        size = int(bytes(buffer[start:line]).split(b";")[0], 16)
        start = line + 2 + size + 2
        if len(buffer) < start:
            return b"", -1
        body += buffer[line + 2 : line + 2 + size]
        if size == 0:
            return bytes(body), start


def _json_response(value: object, status: int = 200) -> bytes:
    data = json.dumps(value, separators=(",", ":")).encode()
    head = f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(data)}\r\nrequest-id: req_fake\r\n\r\n".encode() + data


async def main() -> None:
    loop = asyncio.get_running_loop()
    fake = Fake()
    server = await loop.create_server(lambda: Connection(fake), "127.0.0.1", 0, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), LIFETIME)
    server.close()


if __name__ == "__main__":
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        from uvloop import new_event_loop
    except ImportError:
        new_event_loop = None
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())
    sys.exit(0)

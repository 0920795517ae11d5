"""Messages servers as Claude's providers run them: paths, credentials and the framing of a streamed answer."""

import base64
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self

from agentloop.testing import Reply
from agentloop.testing.wire import sse_events

EVENT_STREAM = "application/vnd.amazon.eventstream"


def frame(payload: bytes, **headers: str) -> bytes:
    """One message of Amazon's event stream encoding."""
    names = {f":{name.replace('_', '-')}".encode(): value.encode() for name, value in headers.items()}
    packed = b"".join(
        struct.pack("!B", len(name)) + name + struct.pack("!BH", 7, len(value)) + value for name, value in names.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    whole = prelude + packed + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def framed(event: bytes) -> bytes:
    data = event.partition(b"data: ")[2].strip()
    payload = json.dumps({"bytes": base64.b64encode(data).decode()}).encode()
    return frame(payload, event_type="chunk", content_type="application/json", message_type="event")


@dataclass
class ProviderServer:
    """Answers requests on loopback in order, framed as `provider` does, and tokens for Google's credentials."""

    provider: str
    replies: Sequence[Reply]
    requests: list[tuple[str, Mapping[str, str], Any]] = field(default_factory=list)
    """Path, headers and body of each request to a model."""

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/token":
                    token = {"access_token": "a-token-from-google", "expires_in": 3600, "token_type": "Bearer"}
                    self._send("application/json", json.dumps(token).encode())
                else:
                    server.requests.append((self.path, dict(self.headers), json.loads(content)))
                    self._send(*server.answer(len(server.requests)))

            def _send(self, kind: str, content: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._http.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join(timeout=10)
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def answer(self, number: int) -> tuple[str, bytes]:
        """Content type and content of the answer to request `number`."""
        reply = self.replies[number - 1]
        message = {"id": f"msg_{number}", "model": "m", "content": reply.content, "stop_reason": reply.stop_reason}
        events = list(sse_events(message | {"usage": reply.usage}))
        if self.provider == "bedrock":
            return EVENT_STREAM, b"".join(map(framed, events))
        return "text/event-stream", b"".join(events)

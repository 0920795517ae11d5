"""A fake of Anthropic's Messages API for benchmarks: loopback only, standard library only.

    python fake_messages.py --port 0            # prints one JSON line {"port": ...}

Real wire format (SSE and plain JSON), real pacing, a script instead of a model.

Roles, by what the request carries
  * a tool whose name contains "calculator"        -> ORCHESTRATOR
  * else a tool whose name contains "multiply_numbers" -> CALCULATOR
  * else                                            -> "other": a five-token text answer
The turn is the number of this fake's own replies with tool_use blocks already in the conversation (each tool_use id
names its turn, so a client that splits one reply into several assistant messages is still understood; it is noted).

  ORCHESTRATOR turn 0: ~20 text tokens, then N tool_use blocks of ~60 tokens, one store problem each, in the
                       tool's own single required string parameter (read from its input_schema)
               turn 1: ~80 text tokens
  CALCULATOR   turn 0: 3 multiply_numbers calls (~25 tokens each); turn 1: 1 sum_numbers call (~30 tokens);
               turn 2: ~25 text tokens with the total
Every tool_result that comes back is checked: the products, the sum, and each sub-agent's total. A request whose
tool_use blocks lack a result, or whose history is out of order, gets the API's own 400.

Knobs (environment FAKE_<NAME>, command line --name, POST /__config?name=value, a query string on the request,
or a path prefix /k/name=value,name=value in front of /v1/messages):
  ttft        seconds until message_start
  tps         output tokens per second, 0 = everything at once after ttft
  tps_orch    the same for the orchestrator's first turn only (-1 = as tps)
  n           sub-problems in the orchestrator's first turn
  per_delta   tokens per content_block_delta event
  skew        extra text tokens before the answer of sub-agent 1 only (so the FIRST block is the longest job)

Token k of a reply (1-based) is due at start + ttft + k / tps, always reckoned from the stream's start: a late
event never delays the ones after it. `late` in the log is how late the worst event of a stream was written.

GET /__log gives the request log and this process's own CPU use; POST /__reset clears it.
Also served: POST /v1/messages?beta=true, message threads ("thread": create / continue, beta
message-threads-2026-08-12), /v1/messages/count_tokens, /v1/models, /v1/models/<id>.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import os
import re
import signal
import sys
import time
from urllib.parse import parse_qsl, unquote

KNOBS: dict[str, float] = {"ttft": 0.0, "tps": 0.0, "tps_orch": -1.0, "n": 3, "per_delta": 4, "skew": 0}
for _k in KNOBS:
    if (_v := os.environ.get("FAKE_" + _k.upper())) is not None:
        KNOBS[_k] = float(_v)

LOG: list[dict] = []
THREADS: dict[str, dict] = {}  # reply id -> what a thread must remember to be continued from it
IDS = itertools.count(1)
OPEN = {"now": 0, "peak": 0, "conns": 0, "conns_peak": 0, "conns_total": 0}

TOKENS = dict(orch_text=20, orch_tool=60, mult=25, sum=30, calc_text=25, orch_answer=80)


# ------------------------------------------------------------------------------------------------ the problem
def items(i: int) -> list[tuple[int, float]]:
    """Three (quantity, unit price) pairs of store i. Prices are multiples of 0.25, so floats are exact."""
    return [(3 + (i * 7 + j * 5) % 40, 0.25 * (5 + (i * 3 + j * 11) % 60)) for j in range(3)]


def total(i: int) -> float:
    return sum(q * p for q, p in items(i))


def problem(i: int, n: int) -> str:
    (a, p), (b, q), (c, r) = items(i)
    return (
        f"Store {i} of {n}: it sold {a} notebooks at {p:.2f} each, {b} pens at {q:.2f} each and {c} folders "
        f"at {r:.2f} each. Work out the store's total revenue with your tools and give it as one number."
    )


STORE = re.compile(r"Store (\d+) of (\d+)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def texts(content) -> str:
    """All the text in a message's or a tool_result's content."""
    if isinstance(content, str):
        return content
    out = []
    for block in content or ():
        if isinstance(block, str):
            out.append(block)
        elif block.get("type") == "text":
            out.append(block.get("text") or "")
        elif block.get("type") == "tool_result":
            out.append(texts(block.get("content")))
    return "\n".join(out)


def has_number(text: str, value: float) -> bool:
    return any(abs(float(m) - value) < 1e-6 for m in NUMBER.findall(text))


# ------------------------------------------------------------------------------------------------ the script
def string_param(tool: dict) -> str:
    schema = tool.get("input_schema") or {}
    props = schema.get("properties") or {}
    names = [k for k in schema.get("required") or () if (props.get(k) or {}).get("type") in ("string", None)]
    names += [k for k, v in props.items() if v.get("type") == "string"]
    return names[0] if names else next(iter(props), "input")


def two_numbers(tool: dict, a: float, b: float) -> dict:
    return numbers(tool, [a, b])


def numbers(tool: dict, values: list[float]) -> dict:
    """Arguments for `values` in the shape the tool's schema asks for: one list, or one parameter per number."""
    props = (tool.get("input_schema") or {}).get("properties") or {}
    for name, prop in props.items():
        kinds = [prop.get("type")] + [o.get("type") for o in prop.get("anyOf") or ()]
        if "array" in kinds:
            return {name: values}
    names = list(props)
    if len(names) >= len(values):
        return dict(zip(names, values))
    if len(names) == 2 and len(values) > 2:  # a two-argument sum: the first two (the harness's tools take a list)
        return dict(zip(names, values))
    return {"numbers": values}


class BadRequest(Exception):
    def __init__(self, message: str, details: dict | None = None, status: int = 400, kind="invalid_request_error"):
        super().__init__(message)
        self.details, self.status, self.kind = details, status, kind


def turn_of(tool_use_id: str) -> int:
    match = re.match(r"toolu_t(\d+)x", tool_use_id)
    return int(match.group(1)) if match else 0


def read_conversation(body: dict) -> dict:
    """Role, turn and sub-problem of a request, after checking it as the API would."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise BadRequest("messages: Field required")
    thread = body.get("thread") or None
    if thread and thread.get("type") == "continue":
        state = THREADS.get(thread.get("previous_message_id"))
        if state is None:
            raise BadRequest("thread not found", {"error_code": "thread_not_found"}, 404, "not_found_error")
        state = dict(state)
    else:
        role, tool = "other", None
        tools = [t for t in body.get("tools") or () if isinstance(t, dict)]
        by_name = {t.get("name") or "": t for t in tools}
        calc = next((t for k, t in by_name.items() if "calculator" in k), None)
        mult = next((t for k, t in by_name.items() if "multiply_numbers" in k), None)
        if calc is not None:
            role, tool = "orch", calc
        elif mult is not None:
            role, tool = "calc", mult
        summ = next((t for k, t in by_name.items() if "sum_numbers" in k), None)
        state = {"role": role, "tool": tool, "sum": summ, "turn": 0, "store": None, "open": [], "bad": 0, "split": 0}
    pending = list(state["open"])
    results: dict[int, list[str]] = {}  # by turn
    seen: dict[int, int] = {}  # assistant messages that carry tool_use blocks of a turn
    for message in messages:
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        if message.get("role") == "assistant":
            if pending:
                raise BadRequest(f"messages: tool_use ids without tool_result: {', '.join(pending)}")
            calls = [b["id"] for b in blocks if isinstance(b, dict) and b.get("type") == "tool_use"]
            if calls:
                pending = calls
                for turn in {turn_of(i) for i in calls}:
                    seen[turn] = seen.get(turn, 0) + 1
                state["turn"] = max(state["turn"], 1 + max(turn_of(i) for i in calls))
        elif message.get("role") == "user":
            got = [b for b in blocks if isinstance(b, dict) and b.get("type") == "tool_result"]
            if got:
                for block in got:
                    if block["tool_use_id"] not in pending:
                        raise BadRequest(f"unexpected tool_result {block['tool_use_id']}")
                    results.setdefault(turn_of(block["tool_use_id"]), []).append(texts(block.get("content")))
                    if block.get("is_error"):
                        state["bad"] += 1
                answered = {b["tool_use_id"] for b in got}
                pending = [p for p in pending if p not in answered]
            if state["store"] is None and (m := STORE.search(texts(content))):
                state["store"] = int(m.group(1))
    if pending:
        raise BadRequest(f"messages: tool_use ids without tool_result: {', '.join(pending)}")
    # The last results are the answers to the turn this fake played before: check them.
    state["split"] += sum(v - 1 for v in seen.values())
    values = results.get(state["turn"] - 1, [])
    if state["role"] == "calc" and state["store"] is not None and values:
        s = state["store"]
        want = [q * p for q, p in items(s)] if state["turn"] == 1 else [total(s)]
        if len(values) != len(want) or not all(has_number(v, w) for v, w in zip(values, want)):
            state["bad"] += 1
    elif state["role"] == "orch" and values:
        state["bad"] += sum(not has_number(v, total(i)) for i, v in enumerate(values, 1))
        state["results"] = len(values)
    return state


def script(state: dict, k: dict) -> tuple[list[tuple], str]:
    """The next turn: a list of ("text", text, tokens) and ("tool", name, input, tokens), and the stop reason."""
    role, turn, t = state["role"], state["turn"], TOKENS
    n = int(k["n"])
    if role == "orch":
        tool = state["tool"]
        if turn == 0:
            intro = "I'll hand each store to a calculator agent and then combine the totals they report."
            param = string_param(tool)
            return (
                [("text", intro, t["orch_text"])]
                + [("tool", tool["name"], {param: problem(i, n)}, t["orch_tool"]) for i in range(1, n + 1)],
                "tool_use",
            )
        done = state.get("results", 0)
        grand = sum(total(i) for i in range(1, done + 1))
        return [
            ("text", f"All {done} stores are in. Grand total: {grand:.2f}. " + "ok " * 60, t["orch_answer"])
        ], "end_turn"
    if role == "calc":
        s = state["store"] or 1
        if turn == 0:
            return [
                ("tool", state["tool"]["name"], two_numbers(state["tool"], q, p), t["mult"]) for q, p in items(s)
            ], "tool_use"
        if turn == 1 and state["sum"] is not None:
            values = [q * p for q, p in items(s)]
            return [("tool", state["sum"]["name"], numbers(state["sum"], values), t["sum"])], "tool_use"
        extra = int(k["skew"]) if s == 1 else 0
        return [
            ("text", "so " * extra + f"Store {s} total revenue: {total(s):.2f}", t["calc_text"] + extra)
        ], "end_turn"
    return [("text", "OK.", 5)], "end_turn"


def pieces(text: str, count: int) -> list[str]:
    """`text` in `count` nearly equal pieces (fewer if the text is shorter)."""
    count = max(1, min(count, len(text) or 1))
    q, r = divmod(len(text), count)
    out, at = [], 0
    for i in range(count):
        step = q + (i < r)
        out.append(text[at : at + step])
        at += step
    return out


def sse(kind: str, data: dict) -> bytes:
    payload = f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(payload), payload)


class Reply:
    """One scripted reply: its blocks, its token count and, for a stream, when each event is due."""

    def __init__(self, body: dict, state: dict, k: dict):
        self.id = f"msg_fake{next(IDS):010d}"
        self.model = body.get("model") or "claude-fake"
        self.turn, self.stop = script(state, k)
        self.tokens = sum(b[-1] for b in self.turn)
        self.input_tokens = 400 + 40 * state["turn"]
        self.rate = k["tps"]
        if state["role"] == "orch" and state["turn"] == 0 and k["tps_orch"] >= 0:
            self.rate = k["tps_orch"]
        self.per_delta = max(1, int(k["per_delta"]))
        self.ids = [f"toolu_t{state['turn']}x{next(IDS):09d}" if b[0] == "tool" else None for b in self.turn]

    @property
    def seconds(self) -> float:
        return self.tokens / self.rate if self.rate > 0 else 0.0

    def usage(self, output: int) -> dict:
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output,
            "service_tier": "standard",
        }

    def head(self) -> dict:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self.usage(1),
        }

    def message(self) -> dict:
        content = [
            {"type": "text", "text": b[1]}
            if b[0] == "text"
            else {"type": "tool_use", "id": i, "name": b[1], "input": b[2]}
            for b, i in zip(self.turn, self.ids)
        ]
        return {**self.head(), "content": content, "stop_reason": self.stop, "usage": self.usage(self.tokens)}

    def events(self) -> list[tuple[float, bytes]]:
        """(seconds after message_start, chunk) in order."""
        per = 1.0 / self.rate if self.rate > 0 else 0.0
        out = [(0.0, sse("message_start", {"type": "message_start", "message": self.head()}))]
        done = 0
        for index, (block, bid) in enumerate(zip(self.turn, self.ids)):
            if block[0] == "text":
                start: dict = {"type": "text", "text": ""}
                text, kind, key = block[1], "text_delta", "text"
            else:
                start = {"type": "tool_use", "id": bid, "name": block[1], "input": {}}
                text, kind, key = json.dumps(block[2]), "input_json_delta", "partial_json"
            out.append(
                (
                    done * per,
                    sse("content_block_start", {"type": "content_block_start", "index": index, "content_block": start}),
                )
            )
            if index == 0:
                out.append((done * per, sse("ping", {"type": "ping"})))
            tokens = block[-1]
            deltas = pieces(text, -(-tokens // self.per_delta))
            for j, piece in enumerate(deltas, 1):
                at = (done + tokens * j / len(deltas)) * per
                out.append(
                    (
                        at,
                        sse(
                            "content_block_delta",
                            {"type": "content_block_delta", "index": index, "delta": {"type": kind, key: piece}},
                        ),
                    )
                )
            done += tokens
            out.append((done * per, sse("content_block_stop", {"type": "content_block_stop", "index": index})))
        out.append(
            (
                done * per,
                sse(
                    "message_delta",
                    {
                        "type": "message_delta",
                        "delta": {"stop_reason": self.stop, "stop_sequence": None},
                        "usage": {"output_tokens": self.tokens},
                    },
                )
                + sse("message_stop", {"type": "message_stop"})
                + b"0\r\n\r\n",
            )
        )
        return out


# ------------------------------------------------------------------------------------------------ HTTP
def json_response(status: int, value, extra: bytes = b"") -> bytes:
    reason = {200: "OK", 400: "Bad Request", 404: "Not Found"}.get(status, "Error")
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n".encode()
        + b"request-id: req_fake\r\n"
        + extra
        + b"\r\n"
        + data
    )


SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"request-id: req_fake\r\ntransfer-encoding: chunked\r\n\r\n"
)


class Connection(asyncio.Protocol):
    """One HTTP/1.1 keep-alive connection; requests on it are answered one at a time."""

    def connection_made(self, transport):
        self.transport = transport
        self.buffer = bytearray()
        self.timer = None
        self.busy = False
        self.entry = None
        self.number = OPEN["conns_total"] = OPEN["conns_total"] + 1
        OPEN["conns"] += 1
        OPEN["conns_peak"] = max(OPEN["conns_peak"], OPEN["conns"])
        self.loop = asyncio.get_running_loop()

    def connection_lost(self, exc):
        OPEN["conns"] -= 1
        if self.timer is not None:
            self.timer.cancel()
        if self.entry is not None and self.busy:
            self.entry.update(end=time.monotonic(), aborted=True)
            OPEN["now"] -= 1

    def data_received(self, data):
        self.buffer += data
        if not self.busy:
            self.read_request()

    def read_request(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        at = end + 4
        if "chunked" in headers.get("transfer-encoding", ""):
            body = bytearray()
            while True:
                eol = self.buffer.find(b"\r\n", at)
                if eol < 0:
                    return
                size = int(bytes(self.buffer[at:eol]).split(b";")[0], 16)
                if len(self.buffer) < eol + 2 + size + 2:
                    return
                body += self.buffer[eol + 2 : eol + 2 + size]
                at = eol + 2 + size + 2
                if size == 0:
                    break
        else:
            size = int(headers.get("content-length", 0))
            if len(self.buffer) < at + size:
                if headers.get("expect", "").lower() == "100-continue" and not getattr(self, "continued", False):
                    self.continued = True
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body = self.buffer[at : at + size]
            at += size
        self.continued = False
        body = bytes(body)
        del self.buffer[:at]
        method, target, _ = lines[0].split(" ", 2)
        self.close_after = headers.get("connection", "").lower() == "close"
        self.handle(method, target, headers, body)

    def finish(self):
        self.busy = False
        self.entry = None
        if self.close_after:
            self.transport.close()
        elif self.buffer:
            self.read_request()

    def handle(self, method, target, headers, body):
        now = time.monotonic()
        path, _, query = target.partition("?")
        args = dict(parse_qsl(query))
        knobs = dict(KNOBS)
        if path.startswith("/k/"):
            prefix, _, path = path[3:].partition("/")
            path = "/" + path
            args = {**dict(p.split("=", 1) for p in unquote(prefix).split(",") if "=" in p), **args}
        for name in KNOBS:
            if name in args:
                knobs[name] = float(args[name])
        while path.startswith("/v1/v1/"):
            path = path[3:]
        if path == "/__log":
            cpu = time.process_time()
            return self.reply(
                json_response(200, {"log": LOG, "open": OPEN, "cpu": cpu, "knobs": KNOBS, "threads": len(THREADS)})
            )
        if path == "/__reset":
            LOG.clear()
            THREADS.clear()
            OPEN.update(peak=OPEN["now"], conns_peak=OPEN["conns"], conns_total=OPEN["conns"])
            gc.collect()
            return self.reply(json_response(200, {"cpu": time.process_time()}))
        if path == "/__config":
            for name in KNOBS:
                if name in args:
                    KNOBS[name] = float(args[name])
            return self.reply(json_response(200, KNOBS))
        if path.startswith("/v1/models"):
            model = {
                "type": "model",
                "id": path[11:] or "claude-fake",
                "display_name": "fake",
                "created_at": "2026-01-01T00:00:00Z",
            }
            many = {"data": [model], "has_more": False, "first_id": model["id"], "last_id": model["id"]}
            return self.reply(json_response(200, model if len(path) > 11 else many))
        if path == "/v1/messages/count_tokens":
            return self.reply(json_response(200, {"input_tokens": max(1, len(body) // 4)}))
        if path != "/v1/messages" or method != "POST":
            LOG.append({"role": "unknown-path", "path": f"{method} {path}", "start": now, "end": now})
            return self.reply(
                json_response(404, {"type": "error", "error": {"type": "not_found_error", "message": path}})
            )
        try:
            request = json.loads(body)
            state = read_conversation(request)
        except (BadRequest, ValueError, KeyError, AttributeError, TypeError) as e:
            status, kind, details = (
                getattr(e, "status", 400),
                getattr(e, "kind", "invalid_request_error"),
                getattr(e, "details", None),
            )
            LOG.append({"role": "rejected", "error": f"{type(e).__name__}: {e}"[:300], "start": now, "end": now})
            error = {"type": kind, "message": str(e), **({"details": details} if details else {})}
            return self.reply(json_response(status, {"type": "error", "error": error}))
        if dump := os.environ.get("FAKE_DUMP"):  # a folder: every request body as a file, to see what a peer sends
            with open(os.path.join(dump, f"{next(IDS):06d}_{state['role']}_{state['turn']}.json"), "wb") as f:
                f.write(body)
        reply = Reply(request, state, knobs)
        streaming = bool(request.get("stream"))
        self.busy = True
        OPEN["now"] += 1
        OPEN["peak"] = max(OPEN["peak"], OPEN["now"])
        self.entry = {
            "role": state["role"],
            "store": state["store"],
            "turn": state["turn"],
            "start": now,
            "end": None,
            "stream": streaming,
            "bytes": len(body),
            "conn": self.number,
            "bad": state["bad"],
            "split": state["split"],
            "tools": len(request.get("tools") or ()),
            "tokens": reply.tokens,
            "late": 0.0,
            "beta": headers.get("anthropic-beta", ""),
            "thread": (request.get("thread") or {}).get("type"),
            "agent": headers.get("user-agent", "")[:40],
        }
        LOG.append(self.entry)
        if request.get("thread"):
            opened = [i for i in reply.ids if i]
            THREADS[reply.id] = {
                **state,
                "turn": state["turn"] + bool(opened),
                "open": opened,
            }
        start = now + knobs["ttft"]
        if streaming:
            self.queue = [(start + at, chunk) for at, chunk in reply.events()]
            self.queue[0] = (start, SSE_HEAD + self.queue[0][1])
        else:
            self.queue = [(start + reply.seconds, json_response(200, reply.message()))]
        self.at = 0
        self.pump()

    def pump(self):
        """Write every event that is due; sleep until the next one's own time."""
        self.timer = None
        queue, at, now = self.queue, self.at, time.monotonic()
        first = at
        while at < len(queue) and queue[at][0] <= now:
            at += 1
        if at > first:
            late = now - queue[first][0]
            if late > self.entry["late"]:
                self.entry["late"] = late
            self.transport.write(b"".join([c for _, c in queue[first:at]]))
        self.at = at
        if at < len(queue):
            # loop.time() is CLOCK_MONOTONIC, as time.monotonic() is; uvloop's is cached, so sleep a relative time
            self.timer = self.loop.call_later(max(0.0, queue[at][0] - time.monotonic()), self.pump)
        else:
            self.entry["end"] = time.monotonic()
            OPEN["now"] -= 1
            self.queue = []
            self.finish()

    def reply(self, data: bytes):
        self.transport.write(data)
        self.busy = False
        if getattr(self, "close_after", False):
            self.transport.close()
        elif self.buffer:
            self.loop.call_soon(self.read_request)


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1], "pid": os.getpid()}), flush=True)
    stop = asyncio.Event()
    for s in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(s, stop.set)
    life = float(os.environ.get("FAKE_LIFETIME", "14400"))
    try:
        await asyncio.wait_for(stop.wait(), life)  # bounded: it ends by itself
    except TimeoutError:
        pass
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=int(os.environ.get("FAKE_PORT", "0")))
    for name, value in KNOBS.items():
        parser.add_argument("--" + name.replace("_", "-"), type=float, default=value)
    options = parser.parse_args()
    for name in KNOBS:
        KNOBS[name] = getattr(options, name)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(options.port))
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main(options.port))
    sys.exit(0)

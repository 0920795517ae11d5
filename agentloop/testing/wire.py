"""The server side of the Messages API, without sockets: errors and the SSE form of a message.

Usable by any server or transport that plays the model; nothing here knows who wrote the message.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentloop.testing.checks import WireError

JSON_HEADERS = {"content-type": "application/json"}
SSE_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}

_PIECE = 12  # characters in one delta: small, so that readers meet words and numbers cut in two


def error_body(err: WireError) -> dict[str, Any]:
    """The JSON body of an error response; also the data of an SSE `error` event."""
    return {"type": "error", "error": {"type": err.type, "message": err.message}}


def error_headers(err: WireError) -> dict[str, str]:
    return {**JSON_HEADERS, **err.headers}


def plain_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message as a response that is not streamed: every field of the API, private keys (`_raw`) left out."""
    content = [{key: value for key, value in block.items() if not key.startswith("_")} for block in message["content"]]
    return {
        "type": "message",
        "role": "assistant",
        "stop_sequence": None,
        "stop_details": None,
        **message,
        "content": content,
    }


def sse_event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def sse_events(message: Mapping[str, Any]) -> Iterator[bytes]:
    """The events of a streamed response, one item each, so that a server may pause between them or cut the stream.

    `message` has id, model, content, stop_reason, usage and, if wanted, stop_sequence and stop_details. A tool_use
    block may carry `_raw` (str): sent as the input's JSON text as it stands, broken or not, instead of `input`.
    """
    usage = dict(message["usage"])
    start = plain_message({**message, "content": [], "stop_reason": None, "stop_sequence": None})
    start |= {"stop_details": None, "usage": {**usage, "output_tokens": 1}}
    yield sse_event("message_start", message=start)
    yield sse_event("ping")
    for index, block in enumerate(message["content"]):
        opening, deltas = _block_parts(block)
        yield sse_event("content_block_start", index=index, content_block=opening)
        for delta in deltas:
            yield sse_event("content_block_delta", index=index, delta=delta)
        yield sse_event("content_block_stop", index=index)
    delta = {key: message.get(key) for key in ("stop_reason", "stop_sequence", "stop_details")}
    if "container" in message:
        delta["container"] = message["container"]
    edits = {"context_management": message["context_management"]} if "context_management" in message else {}
    yield sse_event("message_delta", delta=delta, usage=usage, **edits)
    yield sse_event("message_stop")


def _block_parts(block: Mapping[str, Any]) -> tuple[dict[str, Any], Iterable[dict[str, Any]]]:
    """What content_block_start carries, and the deltas after it."""
    kind = block["type"]
    if kind == "text":
        return {**block, "text": ""}, _deltas("text_delta", "text", block["text"])
    if kind == "thinking":
        thinking = _deltas("thinking_delta", "thinking", block["thinking"])
        signature = {"type": "signature_delta", "signature": block.get("signature", "")}
        return {"type": "thinking", "thinking": "", "signature": ""}, [*thinking, signature]
    if kind in {"tool_use", "server_tool_use"}:
        opening = {key: value for key, value in block.items() if not key.startswith("_")}
        raw = block["_raw"] if "_raw" in block else json.dumps(block["input"])
        return {**opening, "input": {}}, _deltas("input_json_delta", "partial_json", raw)
    if kind == "compaction":
        return {**block, "content": None}, [{"type": "compaction_delta", "content": block["content"]}]
    return dict(block), []


def _deltas(kind: str, field: str, text: str) -> list[dict[str, Any]]:
    pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    return [{"type": kind, field: piece} for piece in pieces or [""]]

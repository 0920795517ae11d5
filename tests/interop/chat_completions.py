"""A server of OpenAI's chat completions, as local servers have it. The offline model plays the model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agentloop.testing.loopback import LoopbackServer
from offline_model.answering import answer

Body = dict[str, Any]


class ChatCompletions(LoopbackServer):
    """Answers each POST /v1/chat/completions, and keeps the bodies."""

    def __init__(self) -> None:
        super().__init__([Route("/v1/chat/completions", self._answer, methods=["POST"])])
        self.bodies: list[Body] = []

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    async def _answer(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        message = answer(_as_messages_request(body))
        if body.get("stream"):
            return StreamingResponse(_chunks(message, body["model"]), media_type="text/event-stream")
        return JSONResponse(_completion(message, body["model"]))


def _as_messages_request(body: Body) -> Body:
    tools = [
        {"name": each["function"]["name"], "input_schema": each["function"].get("parameters", {})}
        for each in body.get("tools", [])
    ]
    messages: list[Body] = []
    for message in body["messages"]:
        role, blocks = _blocks(message)
        if role == "system":
            continue
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    return {"model": body["model"], "messages": messages, "tools": tools}


def _blocks(message: Body) -> tuple[str, list[Body]]:
    content = message.get("content") or ""
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    if message["role"] == "tool":
        failed = text.startswith("Error")
        return "user", [
            {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": text, "is_error": failed}
        ]
    calls = [
        {
            "type": "tool_use",
            "id": call["id"],
            "name": call["function"]["name"],
            "input": json.loads(call["function"]["arguments"]),
        }
        for call in message.get("tool_calls") or ()
    ]
    return message["role"], [*([{"type": "text", "text": text}] if text else []), *calls]


def _text(message: Mapping[str, Any]) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


def _calls(message: Mapping[str, Any]) -> list[Body]:
    return [
        {
            "index": index,
            "id": block["id"],
            "type": "function",
            "function": {"name": block["name"], "arguments": json.dumps(block["input"])},
        }
        for index, block in enumerate(block for block in message["content"] if block["type"] == "tool_use")
    ]


def _completion(message: Mapping[str, Any], model: str) -> Body:
    calls = _calls(message)
    content: Body = {"role": "assistant", "content": _text(message) or None} | ({"tool_calls": calls} if calls else {})
    choice = {"index": 0, "message": content, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    return {"id": message["id"], "object": "chat.completion", "created": 0, "model": model, "choices": [choice]} | {
        "usage": usage
    }


def _chunks(message: Mapping[str, Any], model: str) -> Iterator[bytes]:
    """As the real servers stream: each call begins with its name and an empty text of arguments."""
    head = {"id": message["id"], "object": "chat.completion.chunk", "created": 0, "model": model}
    calls = _calls(message)
    deltas: list[Body] = [{"role": "assistant", "content": _text(message) or None}]
    for call in calls:
        arguments = call["function"]["arguments"]
        deltas.append({"tool_calls": [call | {"function": call["function"] | {"arguments": ""}}]})
        deltas.append({"tool_calls": [{"index": call["index"], "function": {"arguments": arguments}}]})
    for delta in deltas:
        yield _event(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}]})
    yield b"data: [DONE]\n\n"


def _event(document: Body) -> bytes:
    return f"data: {json.dumps(document)}\n\n".encode()

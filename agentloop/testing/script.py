"""What a scripted Messages server answers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Block = dict[str, Any]

_ids = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to POST /v1/messages.

    A `status` other than 200 sends `error` instead of a message; `headers` go with either. `cut_after` ends the stream
    after that many events: silently (`eof`), with the API's error event (`error`), or by dropping the connection
    (`reset`). `seconds_per_event` paces the stream. `container` is the id of the container in which code was executed,
    `cleared` how many tool results and tokens context editing has cleared, `cache_miss` the reason that is given to
    requests that ask for diagnostics.
    """

    content: Sequence[Block] = ()
    stop_reason: str | None = "end_turn"
    stop_details: Mapping[str, Any] | None = None
    usage: Mapping[str, Any] = field(default_factory=lambda: {"input_tokens": 10, "output_tokens": 20})
    status: int = 200
    error: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    cut_by: Literal["eof", "error", "reset"] = "eof"
    seconds_per_event: float = 0.0
    container: str = ""
    cleared: tuple[int, int] | None = None
    cache_miss: Mapping[str, Any] | None = None


def says(text: str, *, stop_reason: str = "end_turn") -> Reply:
    """The model answers with text."""
    return Reply([{"type": "text", "text": text}], stop_reason)


def calls(*tool_calls: tuple[str, Mapping[str, Any] | str], text: str = "", stop_reason: str = "tool_use") -> Reply:
    """The model calls tools: `(name, arguments)` each. Arguments given as text go out verbatim, broken or not."""
    content: list[Block] = [{"type": "text", "text": text}] if text else []
    for name, arguments in tool_calls:
        block: Block = {"type": "tool_use", "id": f"toolu_scripted_{next(_ids)}", "name": name, "input": {}}
        content.append(block | ({"_raw": arguments} if isinstance(arguments, str) else {"input": dict(arguments)}))
    return Reply(content, stop_reason)


def thinks(reply: Reply, thought: str = "") -> Reply:
    """The same reply with a thinking block before it, bound to the history up to there as on current models."""
    block = {"type": "thinking", "thinking": thought, "signature": f"signature_{next(_ids)}"}
    return replace(reply, content=[block, *reply.content])


def refuses(explanation: str | None = None, category: str | None = None) -> Reply:
    """The model declines."""
    return Reply(
        stop_reason="refusal",
        stop_details={"type": "refusal", "category": category, "explanation": explanation},
    )


def fails(status: int, kind: str, *, retry_after: float | None = None) -> Reply:
    """The API answers with an error."""
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return Reply(status=status, error={"type": kind, "message": f"scripted {kind}"}, headers=headers)


def cut(reply: Reply, *, after: int, by: Literal["eof", "error", "reset"] = "eof") -> Reply:
    """The same reply, its stream ended after `after` events."""
    return replace(reply, cut_after=after, cut_by=by)


class Rendezvous:
    """A meeting of `parties` requests: none goes on before all have come.

    Proves that requests are under way at once; a caller that sends them one after another gets a failure after
    `seconds` instead.
    """

    def __init__(self, parties: int, seconds: float = 10.0) -> None:
        self._parties = parties
        self._seconds = seconds
        self._waiting = 0
        self._all_here = asyncio.Event()

    async def meet(self) -> None:
        """Wait for the others.

        Raises:
            TimeoutError: they did not come.
        """
        self._waiting += 1
        if self._waiting >= self._parties:
            self._all_here.set()
        async with asyncio.timeout(self._seconds):
            await self._all_here.wait()

"""Generated bad arguments against every published tool of one server over stdio."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from jsonschema import Draft202012Validator
from mcp.types import Tool

from agentloop import ToolError
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from tests.chaos.counts import Part
from tests.chaos.leaks import children, resident_kib
from tests.chaos.servers import CALLS_PER_MINUTE

BOUND = 0.1
"""Seconds an answer may take. One that took longer is asked for again, three times at most: work takes as long."""
MAY_GROW = 8 * 1024
"""KiB the server's resident memory may grow by during the last two fifths of the calls.

Resident memory settles after about 300 calls (73 to 88 MiB): the first calls import what they need, and the largest
arguments enlarge the heap."""

_NUMBERS = (
    "1/3",
    "-0",
    "1e-7",
    "0.1",
    "+.5",
    "7" * 3000,
    "1e2999",
    "1e999999999",
    "1/0",
    "9" * 3101,
    "١٢",
    "1_0",
    " 1 ",
)
_TEXTS = (
    "",
    "NaN",
    "inf",
    "1,000",
    "0x10",
    "1+1",
    "\0",
    "\x1b[2J",
    "\N{GRINNING FACE}",
    "e" * 100,
    "1e",
    "--1",
    "1//2",
)


async def play(part: Part, times: int, seed: int, folder: Path, log: TextIO) -> None:
    """`times` calls, one after another, so that each one's time is its own."""
    del folder
    entry = ServerEntry(
        command=sys.executable, args=("-m", "mcp_calc_server", "--offline", *CALLS_PER_MINUTE), trusted=True
    )
    rng = random.Random(seed)  # noqa: S311 - seeded, so that a run can be had again
    took: list[tuple[float, str]] = []
    early = 0
    async with Connection("calc", entry, connect_timeout=60, server_log=log) as calc:
        (pid,) = children()
        for number in range(times):
            if number == times * 3 // 5:
                early = resident_kib(pid)
            tool = calc.tools[number % len(calc.tools)]
            took.append(await _one(part, calc, tool, rng))
        late = resident_kib(pid)
        part.expect(calc.reconnects == 0 and calc.is_up, "the server did not live through it")
    _sum_up(part, took, early, late)


async def _one(part: Part, calc: Connection, tool: Tool, rng: random.Random) -> tuple[float, str]:
    arguments = bad_arguments(tool, rng)
    part.add(f"calls of {tool.name}")
    seconds, kind = await _timed(calc, tool, arguments)
    part.add(kind)
    part.expect(kind.startswith("answered"), f"{tool.name}({_shown(arguments)}): {kind}")
    if seconds >= BOUND:
        part.add("100 ms or more at first")
        again = [(await _timed(calc, tool, arguments))[0] for _ in range(2)]
        part.add("100 ms or more each of three times", min(again) >= BOUND)
        part.expect(min(again) < BOUND, f"{tool.name}({_shown(arguments)}): {seconds:.3f}, {again} s")
    return seconds, f"{tool.name}({_shown(arguments)})"


async def _timed(calc: Connection, tool: Tool, arguments: Mapping[str, Any]) -> tuple[float, str]:
    began = time.perf_counter()
    try:
        answer = await calc.call(tool.name, arguments, _no_progress)
    except ToolError as error:
        return time.perf_counter() - began, f"not answered: {error}"
    return time.perf_counter() - began, f"answered with {'an error' if answer.is_error else 'a valid result'}"


def _sum_up(part: Part, took: list[tuple[float, str]], early: int, late: int) -> None:
    worst, _ = max(took)
    times = [seconds for seconds, _ in took]
    part.add("100 ms or more at first", 0)
    part.add("100 ms or more each of three times", 0)
    part.figures["median latency"] = f"{statistics.median(times) * 1000:.1f} ms"
    part.figures["99.9 % latency"] = f"{sorted(times)[int(len(times) * 0.999)] * 1000:.1f} ms"
    part.figures["worst latency"] = f"{worst * 1000:.1f} ms"
    part.figures["server memory after three fifths"] = f"{early / 1024:.1f} MiB"
    part.figures["server memory at the end"] = f"{late / 1024:.1f} MiB"
    part.expect(late - early < MAY_GROW, f"the server grew by {(late - early) / 1024:.1f} MiB")


def bad_arguments(tool: Tool, rng: random.Random) -> dict[str, Any]:
    """Arguments that do not fit the tool's schema, or that fit and are hard on it; never a prompt for a model."""
    names = list(tool.input_schema["properties"])
    arguments: dict[str, Any] = {name: _value(rng, 0) for name in names}
    if "numbers" in arguments and rng.random() < 0.5:
        arguments["numbers"] = [_value(rng, 3) for _ in range(rng.choice((1, 2, 5, 50, 1000, 1001)))]
    if rng.random() < 0.2:
        del arguments[rng.choice(names)]
    if rng.random() < 0.2:
        arguments[str(_text(rng))] = _value(rng, 1)
    is_model = "prompt" in names
    return {"prompt": [arguments]} if is_model and _fits(tool.input_schema, arguments) else arguments


def _fits(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    return Draft202012Validator(schema).is_valid(arguments)


def _value(rng: random.Random, depth: int) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: rng.choice(_NUMBERS),
        lambda: _text(rng),
        lambda: rng.choice((None, True, False, 0, -1, 1, 2**53 + 1, 10**300, -1.5, 1e-320, 1.7e308)),
        lambda: f"{rng.randrange(-(10**9), 10**9)}/{rng.randrange(10**6)}",
        lambda: str(rng.randrange(10 ** rng.randrange(1, 400))),
    ]
    if depth < 3:
        kinds += [
            lambda: [_value(rng, depth + 1) for _ in range(rng.randrange(6))],
            lambda: {_text(rng): _value(rng, depth + 1) for _ in range(rng.randrange(4))},
            lambda: _nested(rng.choice((5, 31, 40, 100))),
        ]
    return rng.choice(kinds)()


def _text(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return rng.choice(_TEXTS)
    ranges = ((0, 32), (32, 127), (0xE000, 0x11000))
    return "".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(1, 40)))


def _nested(depth: int) -> Any:
    value: Any = "1"
    for _ in range(depth):
        value = [value]
    return value


def _shown(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments)[:160]


async def _no_progress(progress: float, total: float | None, message: str | None) -> None:
    del progress, total, message

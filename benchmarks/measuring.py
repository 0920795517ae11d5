"""What every runner shares: the six maths tools, the prompts, and the `main` that measures.

A runner is a module of `runners/`. It writes one async context manager, `session(base_url)`, which yields
`async ask(prompt) -> str`, and ends with `main(session)`. That prints one JSON line:

    {"answer": str, "error": str | null, "start_s", "first_s", "run_s", "cpu_s", "rss_base_mb", "rss_peak_mb",
     "versions": {distribution: version}}

`first_s` is a question with one sub-agent and a model that takes no time: what is built lazily shows up there.
`run_s` is the measured question, `cpu_s` the CPU time of this process and its children during it, and memory is that of
the same processes in MB. Only the standard library is imported, because every environment runs this.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import inspect
import json
import math
import os
import subprocess
import sys
import time
import traceback
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

MODEL = "claude-sonnet-4-6"
MAX_TOKENS = 8192
TIMEOUT = float(os.environ.get("BENCH_TIMEOUT", "60"))

CALC_SYSTEM = "You are a calculator. Use your tools for every arithmetic step. Reply with the result in one sentence."
ORCH_SYSTEM = (
    "You are an orchestrator. Split the question into independent sub-problems, hand each one to the calculator tool, "
    "all in one turn, and combine their answers."
)
CALC_DESCRIPTION = (
    "Ask a calculator agent to solve one self-contained maths problem. Calls are independent: make many at once."
)

Ask = Callable[[str], Awaitable[str]]
Session = Callable[[str], AbstractAsyncContextManager[Ask]]


def question(n: int) -> str:
    return f"{n} stores each sold notebooks, pens and folders. Find each store's revenue and the grand total."


# Plain functions: frameworks read their names, annotations and docstrings.
def sum_numbers(numbers: list[float]) -> float:
    """Add a list of numbers.

    Args:
        numbers: The numbers to add.
    """
    return math.fsum(numbers)


def multiply_numbers(a: float, b: float) -> float:
    """Multiply a by b.

    Args:
        a: The first factor.
        b: The second factor.
    """
    return a * b


def subtract_numbers(a: float, b: float) -> float:
    """Subtract b from a.

    Args:
        a: The number to subtract from.
        b: The number to subtract.
    """
    return a - b


def divide_numbers(a: float, b: float) -> float:
    """Divide a by b.

    Args:
        a: The dividend.
        b: The divisor.
    """
    return a / b


def power(base: float, exponent: float) -> float:
    """Raise base to exponent.

    Args:
        base: The base.
        exponent: The exponent.
    """
    return float(base**exponent)


def square_root(x: float) -> float:
    """The square root of x.

    Args:
        x: The number.
    """
    return math.sqrt(x)


TOOLS: list[Callable[..., float]] = [
    sum_numbers,
    multiply_numbers,
    subtract_numbers,
    divide_numbers,
    power,
    square_root,
]
BY_NAME = {function.__name__: function for function in TOOLS}


def as_async(function: Callable[..., float], returns: type | None = None) -> Callable[..., Awaitable[Any]]:
    """The function as a coroutine function with the same signature, so that no framework sends it to a thread.

    With `returns` it gives its value as that type and says so.
    """

    @functools.wraps(function)
    async def tool(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        return value if returns is None else returns(value)

    if returns is not None:
        tool.__annotations__ = {**function.__annotations__, "return": returns}
        signature = inspect.signature(function).replace(return_annotation=returns)
        vars(tool)["__signature__"] = signature  # where `inspect` looks first
    return tool


_NUMBER = {"type": "number"}


def _schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "description": description, "input_schema": _schema(**properties)}


# The same tools as definitions of the Messages API, for the hand loops.
TOOL_PARAMS = [
    _tool("sum_numbers", "Add a list of numbers.", numbers={"type": "array", "items": _NUMBER}),
    _tool("multiply_numbers", "Multiply a by b.", a=_NUMBER, b=_NUMBER),
    _tool("subtract_numbers", "Subtract b from a.", a=_NUMBER, b=_NUMBER),
    _tool("divide_numbers", "Divide a by b.", a=_NUMBER, b=_NUMBER),
    _tool("power", "Raise base to exponent.", base=_NUMBER, exponent=_NUMBER),
    _tool("square_root", "The square root of x.", x=_NUMBER),
]
CALC_TOOL_PARAM = _tool(
    "calculator",
    CALC_DESCRIPTION,
    problem={"type": "string", "description": "The problem, with every number it needs."},
)

_TICK = os.sysconf("SC_CLK_TCK")


def tree() -> list[int]:
    """This process and its living descendants, without the profiler that watches them."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                name, _, fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")
                if not name.endswith("(py-spy"):
                    children.setdefault(int(fields.split()[1]), []).append(int(folder.name))
    found, todo = [], [os.getpid()]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_seconds() -> float:
    """CPU time of this process (exact), of its living descendants, and of those it has waited for."""
    times = os.times()
    total = time.process_time() + times.children_user + times.children_system
    for pid in tree()[1:]:
        with suppress(OSError):
            nanoseconds = int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0])  # of the main thread
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            own, waited_for = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
            total += max(nanoseconds / 1e9, own / _TICK) + waited_for / _TICK
    return total


def resident_mb(key: str) -> float:
    """The sum over the tree of `VmRSS`, or of `VmHWM`, the peak since `reset_peak`, in MB (10**6 bytes)."""
    total = 0
    for pid in tree():
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines():
                if line.startswith(key):
                    total += int(line.split()[1]) * 1024
    return total / 1e6


def reset_peak() -> None:
    for pid in tree():
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


def phase(name: str) -> None:
    """Tell the fake server which part begins: `warm` (one sub-agent, no delay) or `measure` (the scenario's own)."""
    control, knobs = os.environ.get("BENCH_CONTROL"), os.environ.get(f"BENCH_{name.upper()}")
    if control and knobs:
        for path in (f"/__config?{knobs}", "/__reset"):
            request = urllib.request.Request(control + path, method="POST", data=b"")
            with urllib.request.urlopen(request, timeout=30) as answer:
                answer.read()


def versions(distributions: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in distributions:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@contextmanager
def profiled() -> Iterator[None]:
    """Sample the stacks of the tree during the block, if `BENCH_PROFILE` says with what command: see `flame`."""
    command = os.environ.get("BENCH_PROFILE")
    if not command:
        yield
        return
    with subprocess.Popen(
        [*json.loads(command), "--pid", str(os.getpid())], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as sampling:
        assert sampling.stdout is not None
        while b"Sampling" not in (line := sampling.stdout.readline()):
            if not line:
                raise RuntimeError("the profiler ended before it began")
        try:
            yield
        finally:
            sampling.send_signal(2)
            sampling.stdout.read()


async def _measured(session: Session, base_url: str, n: int, out: dict[str, Any]) -> None:
    began = time.monotonic()
    async with session(base_url) as ask:
        out["start_s"] = time.monotonic() - began
        phase("warm")
        began = time.monotonic()
        await asyncio.wait_for(ask(question(1)), TIMEOUT)
        out["first_s"] = time.monotonic() - began
        gc.collect()
        phase("measure")
        reset_peak()
        out["rss_base_mb"] = resident_mb("VmRSS")
        with profiled():
            cpu, began = cpu_seconds(), time.monotonic()
            try:
                out["answer"] = str(await asyncio.wait_for(ask(question(n)), TIMEOUT))[:200]
            finally:
                out["run_s"] = time.monotonic() - began
                out["cpu_s"] = cpu_seconds() - cpu
                out["rss_peak_mb"] = resident_mb("VmHWM")


def main(session: Session, distributions: Sequence[str] = ()) -> NoReturn:
    """Measure a runner; `distributions` are those whose versions are worth knowing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--n", type=int, default=3)
    options = parser.parse_args()
    out: dict[str, Any] = {"error": None, "answer": None}
    try:
        asyncio.run(_measured(session, options.base_url, options.n, out))
    except TimeoutError:
        out["error"] = f"cut at {TIMEOUT:g} s"
        _explain()
    except BaseException as error:  # noqa: BLE001 - every failure is a result
        out["error"] = f"{type(error).__name__}: {error}"[:500]
        _explain()
    out["versions"] = versions(["anthropic", *distributions])
    sys.stdout.flush()
    os.write(1, f"\n{json.dumps(out)}\n".encode())
    os._exit(0 if out["error"] is None else 1)  # some libraries take seconds to end


def _explain() -> None:
    if os.environ.get("BENCH_TRACE"):
        traceback.print_exc()

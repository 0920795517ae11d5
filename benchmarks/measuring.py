"""What every runner shares: the six maths tools, the prompts, and the measuring main().

The contract of a runner (the product's included) is only this: a command that is given `--base-url URL --n N`,
answers the question at that Messages API, and prints one JSON line. Every key below is optional but `answer`
(or `error`); the harness falls back on what it sees from outside.

    {"answer": str, "error": str|null, "import_s":, "start_s":, "first_s":, "run_s":, "cpu_s":, "rss_base_mb":,
     "rss_peak_mb":, "versions": {...}}

import_s  process spawned -> peer's modules imported       first_s  the first answer (N = 1, fake set to no delay):
start_s   ... -> client, agents, servers ready             what is built lazily shows up here
run_s     the measured question                            cpu_s    CPU of this process and its children during it

A runner in this folder writes one async context manager, session(base_url), that yields `async ask(prompt) -> str`,
and ends with main("name", session, ["dist", ...]). Standard library only, so that any venv can import it.
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
import sys
import time
import urllib.request

MODEL = os.environ.get("BENCH_MODEL", "claude-sonnet-4-6")
MAX_TOKENS = 8192
TIMEOUT = float(os.environ.get("BENCH_TIMEOUT", "120"))

CALC_SYSTEM = "You are a calculator. Use your tools for every arithmetic step. Reply with the result in one sentence."
ORCH_SYSTEM = (
    "You are an orchestrator. Split the question into independent sub-problems, hand each one to the calculator tool, "
    "all in one turn, and combine their answers."
)
CALC_DESCRIPTION = (
    "Ask a calculator agent to solve one self-contained maths problem. Calls are independent: make many at once."
)


def question(n: int) -> str:
    return f"{n} stores each sold notebooks, pens and folders. Find each store's revenue and the grand total."


# The six tools, as plain functions. Frameworks read the names, annotations and docstrings.
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
    return base**exponent


def square_root(x: float) -> float:
    """The square root of x.

    Args:
        x: The number.
    """
    return math.sqrt(x)


TOOLS = [sum_numbers, multiply_numbers, subtract_numbers, divide_numbers, power, square_root]
BY_NAME = {f.__name__: f for f in TOOLS}


def as_async(f, returns=None):
    """f as a coroutine function with the same signature, so that no framework sends it to a thread pool."""

    @functools.wraps(f)
    async def tool(*args, **kwargs):
        value = f(*args, **kwargs)
        return value if returns is None else returns(value)

    if returns is not None:
        tool.__annotations__ = {**f.__annotations__, "return": returns}
        tool.__signature__ = inspect.signature(f).replace(return_annotation=returns)
    return tool


_NUM = {"type": "number"}


def _schema(**props) -> dict:
    return {"type": "object", "properties": props, "required": list(props)}


# The same tools as raw Messages API definitions, for the hand loops.
TOOL_PARAMS = [
    {
        "name": "sum_numbers",
        "description": "Add a list of numbers.",
        "input_schema": _schema(numbers={"type": "array", "items": _NUM}),
    },
    {"name": "multiply_numbers", "description": "Multiply a by b.", "input_schema": _schema(a=_NUM, b=_NUM)},
    {"name": "subtract_numbers", "description": "Subtract b from a.", "input_schema": _schema(a=_NUM, b=_NUM)},
    {"name": "divide_numbers", "description": "Divide a by b.", "input_schema": _schema(a=_NUM, b=_NUM)},
    {"name": "power", "description": "Raise base to exponent.", "input_schema": _schema(base=_NUM, exponent=_NUM)},
    {"name": "square_root", "description": "The square root of x.", "input_schema": _schema(x=_NUM)},
]
CALC_TOOL_PARAM = {
    "name": "calculator",
    "description": CALC_DESCRIPTION,
    "input_schema": _schema(problem={"type": "string", "description": "The problem, with every number it needs."}),
}


# ------------------------------------------------------------------------------------------------ measuring
_TICK = os.sysconf("SC_CLK_TCK")


def tree() -> list[int]:
    """This process and its living descendants."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    children.setdefault(int(f.read().rpartition(")")[2].split()[1]), []).append(int(name))
            except OSError:
                pass
    out, todo = [], [os.getpid()]
    while todo:
        pid = todo.pop()
        out.append(pid)
        todo += children.get(pid, [])
    return out


def cpu_seconds() -> float:
    """CPU time of this process (exact), of its living descendants, and of those it has waited for."""
    t = os.times()
    total = time.process_time() + t.children_user + t.children_system
    for pid in tree()[1:]:
        try:
            with open(f"/proc/{pid}/schedstat") as f:  # nanoseconds of the main thread
                main_ns = int(f.read().split()[0])
            with open(f"/proc/{pid}/stat") as f:
                parts = f.read().rpartition(")")[2].split()
            total += (
                max(main_ns / 1e9, (int(parts[11]) + int(parts[12])) / _TICK)
                + (int(parts[13]) + int(parts[14])) / _TICK
            )
        except OSError:
            pass
    return total


def rss_mb(key: str) -> float:
    """Sum of VmRSS or VmHWM (peak) over the process tree, in MB (10**6 bytes)."""
    total = 0
    for pid in tree():
        try:
            with open(f"/proc/{pid}/status") as f:
                for line in f:
                    if line.startswith(key):
                        total += int(line.split()[1]) * 1024
        except OSError:
            pass
    return total / 1e6


def reset_peak() -> None:
    for pid in tree():
        try:
            with open(f"/proc/{pid}/clear_refs", "w") as f:
                f.write("5")
        except OSError:
            pass


def phase(name: str) -> None:
    """Tell the harness's fake which part begins: 'warm' (no delay, N = 1) or 'measure' (the scenario's knobs)."""
    control = os.environ.get("BENCH_CONTROL")
    knobs = os.environ.get("BENCH_" + name.upper())
    if control and knobs:
        for path in (f"/__config?{knobs}", "/__reset"):
            urllib.request.urlopen(urllib.request.Request(control + path, method="POST", data=b""), timeout=30).read()


def versions(dists: list[str]) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    out = {}
    for dist in dists:
        try:
            out[dist] = version(dist)
        except PackageNotFoundError:
            out[dist] = "?"
    return out


def main(name: str, session, dists: list[str] = (), loop_factory=None) -> None:
    spawned = float(os.environ.get("BENCH_SPAWNED") or time.monotonic())
    imported = time.monotonic()
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", default=os.environ.get("ANTHROPIC_BASE_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--n", type=int, default=3)
    args = parser.parse_args()
    os.environ.setdefault("ANTHROPIC_API_KEY", "sk-ant-fake")
    os.environ["ANTHROPIC_BASE_URL"] = args.base_url
    out: dict = {"runner": name, "error": None, "answer": None, "import_s": imported - spawned}

    async def go() -> None:
        t = time.monotonic()
        async with session(args.base_url) as ask:
            out["start_s"] = time.monotonic() - t
            phase("warm")
            t = time.monotonic()
            if os.environ.get("BENCH_WARM"):
                await asyncio.wait_for(ask(question(1)), TIMEOUT)
                out["first_s"] = time.monotonic() - t
            gc.collect()
            phase("measure")
            reset_peak()
            out["rss_base_mb"] = rss_mb("VmRSS")
            cpu, t = cpu_seconds(), time.monotonic()
            profile = None
            if os.environ.get("BENCH_PROFILE"):  # a file for `python -m pstats`; CPU time of this thread, not wall time
                import cProfile

                profile = cProfile.Profile(time.thread_time)
                profile.enable()
            try:
                out["answer"] = str(await asyncio.wait_for(ask(question(args.n)), TIMEOUT))[:200]
            finally:
                if profile is not None:
                    profile.disable()
                    profile.dump_stats(os.environ["BENCH_PROFILE"])
                out["run_s"] = time.monotonic() - t
                out["cpu_s"] = cpu_seconds() - cpu
                out["rss_peak_mb"] = rss_mb("VmHWM")

    try:
        if loop_factory is None:
            asyncio.run(go())
        else:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(go())
    except BaseException as e:  # every failure is a result
        out["error"] = f"{type(e).__name__}: {e}"[:500]
        if os.environ.get("BENCH_TRACE"):
            import traceback

            traceback.print_exc()
    out["versions"] = versions(["anthropic", *dists])
    sys.stdout.flush()
    os.write(1, ("\n" + json.dumps(out) + "\n").encode())
    os._exit(0 if out["error"] is None else 1)

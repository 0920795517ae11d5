"""The chaos suite: `python -m tests.chaos` is the long form, with `--short` the one for continuous integration."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from tests.chaos import arguments, hostile, kills, messages, network
from tests.chaos.counts import Part, say, table
from tests.chaos.leaks import Holdings, count_leaks

Play = Callable[..., Coroutine[Any, Any, None]]

PARTS: dict[str, tuple[Play, int, int]] = {
    "kills over stdio": (kills.over_stdio, 8, 100),
    "kills over HTTP": (kills.over_http, 8, 100),
    "network": (network.play, 2, 20),
    "Messages side": (messages.play, 6, 60),
    "hostile server": (hostile.play, 1, 5),
    "bad arguments": (arguments.play, 500, 10_000),
}
"""What is played, and how often in the short and in the long form."""
BEGIN, END = "<!-- begin: written by `make chaos` -->\n", "<!-- end -->"


def main() -> int:
    options = _options()
    # The SDK prints a traceback for every broken frame, the scripted server one for every reset. Both are the point.
    logging.disable(logging.CRITICAL)
    parts = [Part.from_json(json.loads(line)) for path in options.saved for line in path.read_text().splitlines()]
    if not parts:
        parts = _played(options)
    if options.save:
        options.save.write_text("".join(json.dumps(part.to_json()) + "\n" for part in parts), encoding="utf-8")
    counted = f"{_machine()}, seed {options.seed}:\n\n{table(parts)}\n"
    say(f"\n{counted}")
    if options.write:
        before, _, rest = options.write.read_text(encoding="utf-8").partition(BEGIN)
        options.write.write_text(f"{before}{BEGIN}\n{counted}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    failed = sum(len(part.failures) for part in parts)
    say(f"{sum(part.passed for part in parts)} passed, {failed} failed")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--only", action="append", choices=list(PARTS), help="play this part; may be given again")
    parser.add_argument("--save", type=Path, help="write the counts to this file")
    parser.add_argument("--saved", type=Path, action="append", default=[], help="play nothing, read these counts")
    parser.add_argument("--write", type=Path, help="put the table into this document")
    return parser.parse_args()


def _played(options: argparse.Namespace) -> list[Part]:
    parts = []
    with tempfile.TemporaryDirectory() as folder, Path(folder, "servers.log").open("w", encoding="utf-8") as log:
        for name, (play, short, long) in PARTS.items():
            if not options.only or name in options.only:
                times = short if options.short else long
                parts.append(_play(name, partial(play, times=times), options.seed, Path(folder), log))
    return parts


def _play(name: str, play: Play, seed: int, folder: Path, log: TextIO) -> Part:
    part = Part(name)
    began = time.monotonic()
    start = Holdings.now()
    asyncio.run(play(part, seed=seed, folder=folder, log=log))
    count_leaks(part, start)
    part.figures["seconds"] = f"{time.monotonic() - began:.0f}"
    say(f"{name}: {part.figures['seconds']} s, {part.passed} passed, {len(part.failures)} failed")
    return part


def _machine() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.system()} on {platform.machine()}, {os.cpu_count()} processors, {python}"


if __name__ == "__main__":
    sys.exit(main())

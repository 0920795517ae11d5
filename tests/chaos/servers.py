"""Servers that are killed: the ones the client starts, and HTTP servers that come back on their port."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from agentloop.mcp.client.config import ServerEntry
from agentloop.testing import ScriptedMessages
from tests.chaos.leaks import children
from tests.processes import environment

LEDGER = Path(__file__).with_name("ledger_server.py")
CALLS_PER_MINUTE = ("--calls-per-minute", "1000000")
START = 30.0


def model_env(model: ScriptedMessages) -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "scripted"}


def stdio_entry(model: ScriptedMessages) -> ServerEntry:
    arguments = ("-m", "mcp_calc_server", *CALLS_PER_MINUTE)
    return ServerEntry(command=sys.executable, args=arguments, env=model_env(model), trusted=True)


def ledger_entry(file: Path) -> ServerEntry:
    return ServerEntry(command=sys.executable, args=(str(LEDGER), str(file)), trusted=True)


def kill_child(words: str) -> bool:
    """Kill -9 the child whose command line has `words`. Whether there was one."""
    for pid, command in children().items():
        if words in command:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
    return False


class WebServer:
    """A calculator server over streamable HTTP. Killed, it can be started again at the same address."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = environment(**env)
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mcp_calc_server", "--transport", "streamable-http", "--port", str(self.port)),
            *CALLS_PER_MINUTE,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        stderr = self._process.stderr
        assert stderr is not None
        async with asyncio.timeout(START):
            while b"listening at" not in (line := await stderr.readline()):
                assert line, "the server ended before it listened"
        self.port = int(line.split(b"127.0.0.1:")[1].split(b"/")[0])
        self._drain = asyncio.create_task(stderr.read())

    async def kill(self) -> None:
        """Kill -9, and reap it."""
        if self._process is None or self._drain is None:
            return
        with suppress(ProcessLookupError):
            self._process.kill()
        await asyncio.wait_for(self._process.wait(), 5)
        await asyncio.wait_for(self._drain, 5)
        self._process = self._drain = None

"""A demonstration of durable runs: a server is killed in the middle of a run, and the answer arrives anyway.

The model is the offline model behind a loopback server that counts its turns and answers slowly. `make demo-durable`
runs this.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages
from offline_model.answering import answer

PACE = 0.05
"""Seconds between two events of an answer, so that there is time to kill the server."""
KILL_AFTER = 5
"""Turns finished before the server is killed."""
MOMENT = 0.2
"""Seconds for the last of these turns to reach the store; a turn that is not stored is requested again."""
START_TIMEOUT = 60.0
RUN_TIMEOUT = 180.0

Turn = tuple[str, int]


async def slowly(request: RecordedRequest) -> Reply:
    """The answer of the offline model."""
    message = answer(request.body)
    return Reply(message["content"], message["stop_reason"], usage=message["usage"], seconds_per_event=PACE)


def finished(model: ScriptedMessages) -> Counter[Turn]:
    return Counter(_turn(request) for request in model.requests if request.outcome == "complete")


def _turn(request: RecordedRequest) -> Turn:
    """The prompt of the agent whose turn it is, and the number of the turn."""
    roles = [message["role"] for message in request.body["messages"]]
    return request.prompt, 1 + roles.count("assistant")


def say(text: str) -> None:
    sys.stderr.write(f"\n--- {text}\n")
    sys.stderr.flush()


@asynccontextmanager
async def server(port: int, store: Path, env: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A server with durable runs, once it listens."""
    arguments = ("--transport", "streamable-http", "--port", str(port), "--durable", f"sqlite:{store}")
    command = (sys.executable, "-m", "mcp_calc_server", *arguments)
    process = await asyncio.create_subprocess_exec(*command, env=env, stderr=asyncio.subprocess.PIPE)
    try:
        assert process.stderr is not None
        async with asyncio.timeout(START_TIMEOUT):
            while b"listening at" not in (line := await process.stderr.readline()):
                if not line:
                    raise SystemExit("The server did not start.")
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def demonstrate() -> int:
    """Kill the server in the middle of a run, and return the exit status of the orchestrator."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ScriptedMessages(slowly) as model, tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "the-demonstration"}
        store = Path(folder) / "runs.sqlite"
        url = f"http://127.0.0.1:{port}/mcp"
        command = (sys.executable, "-m", "orchestrator_client", "--server", url, "--demo")
        async with server(port, store, env) as first:
            client = await asyncio.create_subprocess_exec(*command, env=env)
            try:
                await model.until(lambda: finished(model).total() >= KILL_AFTER, RUN_TIMEOUT)
                await asyncio.sleep(MOMENT)
                first.kill()
                await first.wait()
                before = finished(model)
                say(f"The server was killed (-9) after {before.total()} finished turns. Starting another one.")
                async with server(port, store, env):
                    async with asyncio.timeout(RUN_TIMEOUT):
                        status = await client.wait()
            finally:
                with suppress(ProcessLookupError):
                    client.kill()
                await client.wait()
        _sum_up(model, before)
        return status


def _sum_up(model: ScriptedMessages, before: Counter[Turn]) -> None:
    after = finished(model)
    again = sum(count - 1 for count in after.values())
    cut = sum(request.outcome != "complete" for request in model.requests)
    say(
        f"The answer has {len(after)} turns. {before.total()} were finished before the kill, {again} of them were "
        f"requested again: {before.total() - again} turns saved. {cut} more were running when the server was killed."
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(demonstrate()))

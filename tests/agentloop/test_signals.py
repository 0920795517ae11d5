"""Signals on the event loop, in the way of this platform and in the portable way that Windows needs."""

import asyncio
import signal
import subprocess
import sys

import pytest

from agentloop.signals import ctrl_c

PROGRAM = """
import asyncio, sys
from agentloop.signals import on_signals

async def main():
    stop = asyncio.Event()
    on_signals(stop.set, portable=sys.argv[1] == "portable")
    print("ready", flush=True)
    await stop.wait()
    print("stopped", flush=True)

asyncio.run(main())
"""
both = pytest.mark.parametrize("way", ["portable", "native"])


@both
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_waiting_event_loop_is_woken_by_a_signal(way: str, number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, way], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.communicate(timeout=20)[0] == "stopped\n"
        assert process.returncode == 0


@both
async def test_ctrl_c_is_handled_within_the_block_only(way: str) -> None:
    before, pressed = signal.getsignal(signal.SIGINT), asyncio.Event()
    with ctrl_c(pressed.set, portable=way == "portable"):
        signal.raise_signal(signal.SIGINT)
        await asyncio.wait_for(pressed.wait(), 20)
    assert signal.getsignal(signal.SIGINT) in {before, signal.default_int_handler}


HIDDEN = """
import asyncio, subprocess, sys, tempfile, uuid
import anthropic, click, mcp.client.stdio, mcp.server.stdio, prompt_toolkit.history, rich.live, uvicorn

POSIX = {"termios", "fcntl", "resource", "pwd", "grp", "tty", "pty"}

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in POSIX:
            raise ImportError(name)

sys.meta_path.insert(0, Hidden())
for name in POSIX & set(sys.modules):
    del sys.modules[name]
sys.platform = "win32"
import signal
signal.SIGBREAK = signal.SIGTERM
import agentloop.mcp.server.serving, agentloop.mcp.server.web, agentloop.mcp.client.connection
import mcp_calc_server.cli, orchestrator_client.cli, orchestrator_client.chat, orchestrator_client.live_view
print("imported")
"""


@pytest.mark.slow
def test_the_commands_load_without_the_modules_of_posix() -> None:
    """As on Windows, where these modules do not exist. Only the import is tried: nothing is served here."""
    result = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True, timeout=120, check=False)
    assert (result.stdout, result.returncode) == ("imported\n", 0), result.stderr

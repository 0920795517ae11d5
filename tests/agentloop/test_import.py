"""Importing the runtime does nothing: no output, no thread, no connection."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys

seen = []
sys.addaudithook(lambda event, _: event.startswith("socket.") and seen.append(event))
import agentloop, agentloop.events, agentloop.stream
import threading

assert threading.active_count() == 1, threading.enumerate()
assert seen == [], seen
"""


@pytest.mark.requirement("import-does-nothing")
def test_importing_does_nothing() -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

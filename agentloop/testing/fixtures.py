"""The pytest fixture: `pytest_plugins = ["agentloop.testing.fixtures"]`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from agentloop.testing.server import Script, ScriptedMessages


@pytest.fixture
def scripted_messages() -> Iterator[Callable[[Script], ScriptedMessages]]:
    """Start scripted Messages servers: `scripted_messages(script)`. They end with the test."""
    with ExitStack() as servers:
        yield lambda script: servers.enter_context(ScriptedMessages(script))

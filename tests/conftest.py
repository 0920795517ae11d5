"""No test reaches a real model: without credentials, at an address where nobody answers."""

import os
from pathlib import Path

import pytest
import stamina
from hypothesis import settings

HERE = Path(__file__).parent

pytest_plugins = ["agentloop.testing.fixtures"]

# No deadline: an example may be the first that loads a library, and the machine may be busy.
settings.register_profile("quick", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=200)  # `make matrix`
settings.load_profile("quick")


SHARING = {"access": "access", "transports": "transports", "journeys": "", "durable": "", "mcp": ""}
"""Directories whose tests share servers or an installation: all of the directory, or those of one file."""


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have tests that share something expensive run in one worker: `--dist loadgroup` keeps a group together."""
    for item in items:
        folder, *_ = item.path.relative_to(HERE).parts
        if folder in SHARING:
            item.add_marker(pytest.mark.xdist_group(SHARING[folder] or item.path.stem))


@pytest.fixture(autouse=True)
def _no_real_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def _no_waiting_between_retries() -> None:
    stamina.set_testing(True, attempts=10, cap=True)

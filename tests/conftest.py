"""No test reaches a real model: without credentials, at an address where nobody answers."""

import os

import pytest
from hypothesis import settings

pytest_plugins = ["agentloop.testing.fixtures"]

# No deadline: an example may be the first that loads a library, and the machine may be busy.
settings.register_profile("quick", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=200)  # `make matrix`
settings.load_profile("quick")


@pytest.fixture(autouse=True)
def _no_real_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "AGENTLOOP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def _no_waiting_between_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentloop.model_caller.FIRST_PAUSE", 0.0)

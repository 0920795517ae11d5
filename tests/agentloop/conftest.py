"""Both ways to the Messages API."""

import pytest


@pytest.fixture(params=["direct", pytest.param("through the SDK", marks=pytest.mark.slow)])
def each_wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Requests of plain clients go directly; those of clients that log go through the SDK."""
    if request.param != "direct":
        monkeypatch.setenv("ANTHROPIC_LOG", "info")
    return str(request.param)

"""What an approval for always is bound to."""

from pathlib import Path
from typing import Any

import pytest

from agentloop.mcp.client.config import ServerEntry
from orchestrator_client.approval import identity

STARTED: dict[str, Any] = {"command": "uvx", "args": ["mcp-server-git"], "env": {"STAGE": "test"}}
REMOTE: dict[str, Any] = {"url": "https://user@example.org/mcp", "headers": {"X-Tenant": "a"}}


def known_as(entry: dict[str, Any]) -> str:
    return identity("a server", ServerEntry.model_validate(entry))


@pytest.mark.requirement("approval")
@pytest.mark.parametrize(
    ("entry", "change"),
    [
        (STARTED, {"args": ["mcp-server-git", "--push"]}),
        (STARTED, {"env": {"STAGE": "production"}}),
        (STARTED, {"env": {"STAGE": "test", "LD_PRELOAD": "other.so"}}),
        (STARTED, {"cwd": "/srv"}),
        (REMOTE, {"url": "https://user@example.com/mcp"}),
        (REMOTE, {"url": "https://other@example.org/mcp"}),
        (REMOTE, {"headers": {"X-Tenant": "b"}}),
        (REMOTE, {"type": "sse"}),
    ],
)
def test_another_server_of_the_same_name_is_asked_about(entry: dict[str, Any], change: dict[str, Any]) -> None:
    assert known_as(entry | change) != known_as(entry)


@pytest.mark.requirement("approval")
def test_what_does_not_change_the_server_leaves_an_approval_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = known_as(STARTED)
    monkeypatch.chdir(tmp_path)
    assert known_as(STARTED | {"timeout": 5000, "disabledTools": ["git_reset"]}) == before


@pytest.mark.requirement("approval")
def test_a_program_of_the_folder_is_another_server_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = set()
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        monkeypatch.chdir(folder)
        (folder / "server.py").touch()
        known.add(known_as({"command": "python", "args": ["server.py", "-" * 10_000]}))
    assert len(known) == 2

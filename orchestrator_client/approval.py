"""Permission for tools that may change things: asked for at the terminal, and kept as long as the user says."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentloop import ToolError, exact_json
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.narration import clip
from orchestrator_client.configuration import read_state, write_state

if TYPE_CHECKING:
    from orchestrator_client.person import Person

CHOICES = ("yes", "conversation", "always", "no")
_SHOWN = 1000


class Approvals:
    """Asks `person` before a tool is called. What is always allowed is kept in `file`, by server and tool.

    A server is known by its name together with how it is reached, so another server of that name is asked about.
    """

    def __init__(self, person: Person, file: Path) -> None:
        self._person = person
        self._file = file
        self._in_conversation: set[tuple[str, str]] = set()

    def new_conversation(self) -> None:
        self._in_conversation.clear()

    async def permit(self, connection: Connection, tool: str, name: str, arguments: Mapping[str, Any]) -> None:
        """Return if the call is allowed. `tool` is the tool's name at the server, `name` the one shown.

        Raises:
            ToolError: it is not; for the model.
        """
        key = (identity(connection.name, connection.entry), tool)
        if self._is_allowed(key):
            return
        shown = clip(exact_json.dumps(dict(arguments)), _SHOWN)
        text = f"{clip(connection.name, 64)} wants to run {name} {shown}\nIt may change things. Allow it?"
        answer = await self._person.choice(text, CHOICES, "no", when=lambda: not self._is_allowed(key))
        if answer in {"conversation", "always"}:
            self._in_conversation.add(key)
        if answer == "always":
            tools = sorted({*self._always(key[0]), key[1]})
            write_state(self._file, read_state(self._file) | {key[0]: tools})
        if answer != "no" or self._is_allowed(key):
            return
        raise ToolError(
            f"{name} was not called: the user did not allow it. Do not try again. Go on without it, or ask what to do."
        )

    def _is_allowed(self, key: tuple[str, str]) -> bool:
        return key in self._in_conversation or key[1] in self._always(key[0])

    def _always(self, server: str) -> list[str]:
        tools = read_state(self._file).get(server)
        return [str(tool) for tool in tools] if isinstance(tools, list) else []


def identity(name: str, entry: ServerEntry) -> str:
    """`name sha256`, of all that decides what is started or connected to, and with which credentials.

    The current folder counts if a word of the command is a file or folder in it: `python server.py` is another server
    in another folder.
    """
    is_here = any(not Path(word).is_absolute() and _exists(word) for word in (entry.command or "", *entry.args))
    reached_by = {
        "command": [entry.command, *entry.args],
        "env": dict(entry.env),
        "folder": str(Path(entry.cwd or "").absolute()) if entry.cwd or is_here else None,
        "address": entry.address if entry.command is None else None,
        "headers": entry.all_headers,
        "type": entry.type,
    }
    return f"{name} {hashlib.sha256(json.dumps(reached_by, sort_keys=True).encode()).hexdigest()[:16]}"


def _exists(word: str) -> bool:
    return os.path.exists(word)  # noqa: PTH110 - `Path.exists` raises an error for a long word

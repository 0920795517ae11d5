"""Runs of the orchestrator that can be resumed: each has a store of its own, and a note of how it was begun."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from agentloop import Agent, Budget, ConfigurationError, ToolOutput
from agentloop.events import Observer

STORE_VARIABLE = "MCP_CALC_DURABLE"
"""Where our own server, when it is started by a durable run, keeps its runs."""

_RUN_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class DurableRun:
    """A run and its files in `folder`: `ID.json`, how it was begun, `ID.sqlite`, and the own server's store."""

    folder: Path
    id: str
    question: str
    options: Mapping[str, Any]

    @classmethod
    def begun(cls, folder: Path | None, question: str, options: Mapping[str, Any]) -> DurableRun:
        """A new run. `options` are those of the command line that it will be resumed with.

        Raises:
            ConfigurationError: the folder cannot be written, or the extra is not installed.
        """
        _require_the_extra()
        run = cls(folder or default_folder(), secrets.token_hex(6), question, _plain(options))
        try:
            run.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            run._note({"question": question, "options": run.options})
        except OSError as error:
            raise ConfigurationError(f"Cannot keep the run in {run.folder}: {error.strerror}.") from None
        return run

    @classmethod
    def kept(cls, folder: Path | None, run_id: str) -> DurableRun:
        """A run that was begun earlier.

        Raises:
            ConfigurationError: there is none of that id, or its note cannot be read.
        """
        _require_the_extra()
        folder = folder or default_folder()
        name = f"{run_id}.json" if _RUN_ID.fullmatch(run_id) else "none"
        try:
            note = json.loads((folder / name).read_text(encoding="utf-8"))
            return cls(folder, run_id, str(note["question"]), dict(note["options"]))
        except FileNotFoundError:
            known = ", ".join(sorted(path.stem for path in folder.glob("*.json"))) or "none"
            raise ConfigurationError(f"There is no run {run_id} in {folder}. Kept there: {known}.") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"The note of run {run_id} in {folder} cannot be read: {error}.") from None

    @property
    def server_store(self) -> str:
        """The store of our own server for this run."""
        return f"sqlite:{self.folder / self.id}.server.sqlite"

    @property
    def command(self) -> str:
        """What resumes the run."""
        elsewhere = "" if self.folder == default_folder() else f" --durable-dir {shlex.quote(str(self.folder))}"
        return f"orchestrator-client resume {self.id}{elsewhere}"

    async def answer(
        self, agent: Agent, budget: Budget, deadline: float | None, observe: Observer, trace: Observer
    ) -> ToolOutput:
        """Answer the question, or go on with that. `deadline` is in seconds from now.

        Raises:
            ConfigurationError: the run is under way in another process, its store cannot be used, or the servers now
                offer other tools than those it began with.
        """
        from agentloop.durable.engine import Engine  # noqa: PLC0415 - the engine is loaded only when asked for
        from agentloop.durable.runs import Order  # noqa: PLC0415
        from agentloop.durable.store import Store  # noqa: PLC0415

        until = None if deadline is None else time.time() + deadline
        store = Store.named(f"sqlite:{self.folder / self.id}.sqlite")
        async with Engine(store, [agent], trace=trace) as engine:
            self._check_frame(agent.settings.fingerprint)
            order = Order(f"{agent.name}_agent", {"prompt": self.question}, "me", 0, until, budget)
            async with engine.observing(self.id, observe):
                await engine.start(order, self.id)
                state = await engine.ended(self.id)
        return state.output or ToolOutput.error(state.error or "The run was cancelled.")

    def _check_frame(self, frame: str) -> None:
        """What the model was told of the tools may not change in a run, because its thinking is bound to that."""
        path = self.folder / f"{self.id}.frame"
        if path.exists():
            if path.read_text(encoding="utf-8") != frame:
                raise ConfigurationError(
                    f"Run {self.id} began with another model, or other tools than the servers offer now, "
                    "so it cannot go on. Resume it when they are as they were, or ask anew."
                )
        else:
            _write_own(path, frame)

    def _note(self, note: Mapping[str, Any]) -> None:
        _write_own(self.folder / f"{self.id}.json", json.dumps(note))


def _write_own(path: Path, text: str) -> None:
    """Write a new file that its owner alone may read: questions and options may be private."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def default_folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "orchestrator-client"


def _require_the_extra() -> None:
    try:
        import agentloop.durable.engine  # noqa: F401, PLC0415 - fails when the extra is not installed
    except ImportError:
        raise ConfigurationError(
            "Durable runs need the extra `durable`. In the project's folder: pip install '.[durable]'"
        ) from None


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as JSON has them; the command reads texts as it reads them from its command line."""
    return {
        name: str(value) if isinstance(value, Path | Decimal) else list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
    }

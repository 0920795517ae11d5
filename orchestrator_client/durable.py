"""Orchestrator runs that can be resumed: each has a store of its own, and a file that says how it was started."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from agentloop import Agent, ConfigurationError, RunScope, ToolOutput
from agentloop.own_files import replace_own, state_folder
from orchestrator_client.options import Options

STORE_VARIABLE = "MCP_CALC_DURABLE"
"""The environment variable that names the store of this project's own server."""

_RUN_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class DurableRun:
    """A run and its files in `folder`: `ID.json` (how it was started), `ID.sqlite`, and its server's store."""

    folder: Path
    id: str
    question: str
    options: Options

    @classmethod
    def started(cls, question: str, options: Options) -> DurableRun:
        """A new run, which will be resumed with the same options.

        Raises:
            ConfigurationError: the folder cannot be written, or the extra is not installed.
        """
        _require_the_extra()
        run = cls(options.durable_dir or state_folder("orchestrator-client"), secrets.token_hex(6), question, options)
        try:
            stored = TypeAdapter(Options).dump_python(options, mode="json")
            replace_own(run.folder / f"{run.id}.json", json.dumps({"question": question, "options": stored}))
        except OSError as error:
            raise ConfigurationError(f"Cannot store the run in {run.folder}: {error.strerror}.") from None
        return run

    @classmethod
    def stored(cls, folder: Path | None, run_id: str) -> DurableRun:
        """A run that was started earlier.

        Raises:
            ConfigurationError: there is no run with this id, or its file cannot be read.
        """
        _require_the_extra()
        folder = folder or state_folder("orchestrator-client")
        path = folder / (f"{run_id}.json" if _RUN_ID.fullmatch(run_id) else "none")
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            options = TypeAdapter(Options).validate_python(note["options"])
            return cls(folder, run_id, str(note["question"]), options)
        except FileNotFoundError:
            names = sorted(path.stem for path in folder.glob("*.json"))
            known = ", ".join(name for name in names if _RUN_ID.fullmatch(name)) or "none"
            raise ConfigurationError(f"There is no run {run_id} in {folder}. Runs stored there: {known}.") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigurationError(f"{path} cannot be read as the description of a run.") from None

    @property
    def server_store(self) -> str:
        """The store of this project's own server for this run."""
        return f"sqlite:{self.folder / self.id}.server.sqlite"

    @property
    def command(self) -> str:
        """The command that resumes the run."""
        is_default = self.folder == state_folder("orchestrator-client")
        elsewhere = "" if is_default else f" --durable-dir {shlex.quote(str(self.folder.absolute()))}"
        return f"orchestrator-client resume {self.id}{elsewhere}"

    async def answer(self, agent: Agent, scope: RunScope) -> ToolOutput:
        """Answer the question, or continue to answer it. The deadline of the options counts from now.

        Of `scope`, the event handlers and `ask` are used.

        Raises:
            ConfigurationError: another process has this run open, its store cannot be used, or the servers no longer
                offer the tools that the run started with.
        """
        from agentloop.durable.engine import Engine  # noqa: PLC0415 - loaded only for durable runs
        from agentloop.durable.runs import Order  # noqa: PLC0415
        from agentloop.durable.store import Store  # noqa: PLC0415

        until = None if self.options.deadline is None else time.time() + self.options.deadline
        store = Store.named(f"sqlite:{self.folder / self.id}.sqlite")
        async with Engine(store, [agent], trace=scope.trace) as engine:
            if (ask := scope.ask) is not None:
                engine.ask = lambda _run_id, question: ask(question)
            self._check_frame(agent.settings.fingerprint)
            order = Order(f"{agent.name}_agent", {"prompt": self.question}, "me", 0, until, self.options.budget)
            async with engine.observing(self.id, scope.emit):
                await engine.start(order, self.id)
                state = await engine.ended(self.id)
        return state.output or ToolOutput.error(state.error or "The run was cancelled.")

    def _check_frame(self, frame: str) -> None:
        """The model and the tools may not change within a run: the model's thinking blocks are bound to them."""
        path = self.folder / f"{self.id}.frame"
        if path.exists():
            if path.read_text(encoding="utf-8") != frame:
                raise ConfigurationError(
                    f"Run {self.id} started with another model or other tools than are available now, so it cannot "
                    "continue. Resume it with the same model and servers, or ask the question again."
                )
        else:
            replace_own(path, frame)


def _require_the_extra() -> None:
    try:
        import agentloop.durable.engine  # noqa: F401, PLC0415 - raises ImportError if the extra is not installed
    except ImportError:
        raise ConfigurationError(
            "Durable runs need the extra `durable`. Install it from the project's folder: pip install '.[durable]'"
        ) from None

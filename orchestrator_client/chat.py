"""A conversation at the terminal: questions one after another, each with what was said before, and a few commands."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prompt_toolkit.patch_stdout import patch_stdout

from agentloop import AgentError, Budget, CallContext, Conversation, Ledger, RunResult, RunScope
from agentloop.command_line import EXIT_FAILED, EXIT_INTERRUPTED, print_result
from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, Observer, ServerChanged, ignore, together
from agentloop.governor import Governor
from agentloop.limits import deadline_after
from agentloop.model import prepare
from agentloop.observers import export
from agentloop.observers.own_files import new_own
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import timeline_page
from orchestrator_client.answer import advice, print_answer
from orchestrator_client.line_editor import line_editor
from orchestrator_client.listing import print_listing
from orchestrator_client.observing import began_at
from orchestrator_client.orchestrator import Session, Setup
from orchestrator_client.progress import Progress, progress_on_stderr, say
from orchestrator_client.report import Report
from orchestrator_client.terminal import restored_on_sigterm
from orchestrator_client.transcript import Transcript, usage_lines

COMMANDS = {
    "/help": "this list",
    "/tools": "the servers, how they are, and their tools",
    "/usage": "what the chat has cost",
    "/timeline [FILE]": "draw the last question's timeline, as one HTML page",
    "/save [FILE]": "save the chat as Markdown, or what the model has been told as .json",
    "/new, /clear": "begin a new conversation, with the tools of the servers that are up now",
    "/quit, /exit": "end the chat; so does Ctrl-D. Ctrl-C stops a question.",
}
WITHOUT_SLASH = {"help", "exit", "quit", "clear"}
"""Lines that are commands although they have no slash: nobody asks a model that."""


@dataclass
class ChatSettings:
    """What holds for all questions: the budget (for all of them together), the deadline (in seconds, for each)."""

    ledger: Ledger = field(default_factory=Ledger)
    deadline: float | None = None
    policy: str = "all"
    observers: Sequence[Observer] = ()
    trace: Observer = ignore


def chat(setup: Setup, budget: Budget, options: Mapping[str, Any], observers: Sequence[Observer]) -> int:
    """Chat until the user ends it; the exit status."""
    progress = progress_on_stderr(is_quiet=options["quiet"])
    trace = export.tracing("orchestrator-client", say)
    settings = ChatSettings(Ledger(budget), options["deadline"], options["policy"], observers, trace)
    try:
        with restored_on_sigterm():
            asyncio.run(_connected_chat(setup, settings, progress))
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_INTERRUPTED
    except AgentError as error:
        say(str(error))
        return EXIT_FAILED
    finally:
        export.finish()
    return 0


async def _connected_chat(setup: Setup, settings: ChatSettings, progress: Progress) -> None:
    talk = Chat(progress, settings)
    preparing = asyncio.create_task(asyncio.to_thread(prepare))
    try:
        observe = together(talk.hear, progress.observe, *settings.observers)
        async with progress.server_log() as log, AsyncExitStack() as stack:
            async with progress.shown():
                session = await stack.enter_async_context(
                    Session(replace(setup, server_log=log), progress.say, observe)
                )
            await talk.run(session)
    finally:
        await preparing


class Chat:
    """Questions and commands until /quit or Ctrl-D.

    The tools of a conversation stay as they are when it begins: thinking is bound to them. A question that has no
    answer, or is stopped, does not become part of the conversation.
    """

    def __init__(self, progress: Progress, settings: ChatSettings) -> None:
        self._progress = progress
        self._settings = settings
        self._governor = Governor()
        self._transcript = Transcript()
        self._timeline: Timeline | None = None
        self._running: asyncio.Task[RunResult] | None = None
        self._known_servers: set[str] | None = None

    async def run(self, session: Session) -> None:
        self._session = session
        self._begin()
        self._progress.say("Ask, or /help. Ctrl-C stops a question, Ctrl-D ends.")
        editor = line_editor([name.split()[0] for names in COMMANDS for name in names.split(", ")])
        with self._ctrl_c_stops_a_question():
            while True:
                try:
                    with patch_stdout(raw=True):
                        line = (await editor.prompt_async("> ", handle_sigint=False)).strip()
                except KeyboardInterrupt:
                    continue
                except EOFError:
                    return
                if line.lower() in WITHOUT_SLASH:
                    line = f"/{line.lower()}"
                if line in {"/quit", "/exit"}:
                    return
                if line.startswith("/"):
                    self._obey(line)
                elif line:
                    await self._ask(line)

    def hear(self, event: Event) -> None:
        """Tell of servers whose tools the conversation has not, because they came later."""
        if not isinstance(event, ServerChanged) or not event.is_up or self._known_servers is None:
            return
        if event.server not in self._known_servers:
            self._known_servers.add(event.server)
            self._progress.say(f"{event.server} is up now. /new begins a conversation that has its tools.")

    async def _ask(self, question: str) -> None:
        report, timeline = Report(), Timeline()
        observe = together(report.observe, timeline.observe, self._progress.observe, *self._settings.observers)
        deadline = None if self._settings.deadline is None else deadline_after(self._settings.deadline)
        context = CallContext(
            deadline=deadline,
            scope=RunScope(
                emit=observe, trace=self._settings.trace, ledger=self._settings.ledger, governor=self._governor
            ),
        )
        self._running = asyncio.create_task(self._agent.run(self._conversation.ask(question), context=context))
        try:
            async with self._progress.shown():
                await asyncio.wait({self._running})
        finally:
            await cancel_and_wait([self._running])
        self._timeline = timeline
        self._transcript.add(question, report)
        self._take(self._running, report)

    def _take(self, ended: asyncio.Task[RunResult], report: Report) -> None:
        """Print what came of a question."""
        if ended.cancelled():
            report.error = "stopped"
            self._progress.say("stopped; the question is forgotten")
            return
        try:
            self._conversation = ended.result().conversation
        except AgentError as error:
            report.error = f"{error}{advice(error)}"
        print_answer(report, self._settings.policy, self._progress.say)

    def _begin(self) -> None:
        self._agent = self._session.orchestrator()
        self._conversation = Conversation()
        self._known_servers = {each.name for each in self._session.connections if each.is_up}

    def _obey(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        commands: dict[str, Callable[[str], None]] = {
            "/help": self._help,
            "/tools": self._tools,
            "/usage": self._usage,
            "/timeline": self._draw_timeline,
            "/save": self._save,
            "/new": self._new,
            "/clear": self._new,
        }
        if name in commands:
            commands[name](argument.strip())
        else:
            self._progress.say(f"There is no command {name}. /help lists them.")

    def _help(self, _argument: str) -> None:
        for name, what in COMMANDS.items():
            print_result(f"{name:18}{what}", indent=18)

    def _tools(self, _argument: str) -> None:
        print_listing(self._session.connections)
        local = [tool.name for tool in self._agent.tools if tool.served_by == "local"]
        if local:
            print_result(f"local, in this conversation: {', '.join(local)}")

    def _usage(self, _argument: str) -> None:
        for line in usage_lines(self._transcript.usage, self._transcript.claims):
            print_result(line)
        if self._settings.ledger.left.is_bounded:
            print_result(f"left of the budget: {self._settings.ledger.left}")

    def _draw_timeline(self, argument: str) -> None:
        if self._timeline is None or not self._timeline.lanes:
            self._progress.say("There is no timeline before the first question.")
            return
        self._write(
            Path(argument or "timeline.html"),
            timeline_page(self._timeline, began_at(self._timeline)),
            is_named=bool(argument),
        )

    def _save(self, argument: str) -> None:
        path = Path(argument or "conversation.md")
        is_json = path.suffix == ".json"
        text = self._transcript.to_json(self._conversation) if is_json else self._transcript.to_markdown()
        self._write(path, text, is_named=bool(argument))

    def _new(self, _argument: str) -> None:
        self._begin()
        self._progress.say("A new conversation.")

    def _write(self, path: Path, text: str, *, is_named: bool) -> None:
        """Write a new file. One whose name was not given gets another if there is one already."""
        paths = [path] if is_named else [path, *(path.with_stem(f"{path.stem}-{n}") for n in range(2, 1000))]
        for each in paths:
            try:
                with open(each.expanduser(), "x", encoding="utf-8", opener=new_own) as file:
                    file.write(text)
            except FileExistsError:
                continue
            except (OSError, RuntimeError) as error:
                self._progress.say(f"Cannot write {each}: {error}")
                return
            self._progress.say(f"written: {each}")
            return
        self._progress.say(f"{path} exists already: give another name.")

    @contextmanager
    def _ctrl_c_stops_a_question(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._stop)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()

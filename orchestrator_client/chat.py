"""A chat at the terminal: questions in one conversation, and a few commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from prompt_toolkit import PromptSession

from agentloop import AgentError, CallContext, ConfigurationError, Conversation, Inbox, RunResult
from agentloop.command_line import EXIT_FAILED, print_result
from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, ServerChanged
from agentloop.mcp.client.connection import Connection
from agentloop.messages import Message
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import timeline_page
from agentloop.own_files import new_own
from agentloop.signals import ctrl_c
from orchestrator_client.answer import advice, print_answer
from orchestrator_client.attachments import prompt_content, question_content, server_of
from orchestrator_client.completion import KnownNames
from orchestrator_client.line_editor import editing, line_editor, typed_line
from orchestrator_client.lines import say
from orchestrator_client.listing import print_listing
from orchestrator_client.progress import CommandState, MakeSession, Progress
from orchestrator_client.report import Report
from orchestrator_client.run_files import began_at
from orchestrator_client.terminal import restored_on_signals
from orchestrator_client.transcript import Transcript, usage_lines

COMMANDS = {
    "/help": "list the commands",
    "/tools": "list the servers, their state and their tools",
    "/usage": "show what the chat has cost",
    "/SERVER:PROMPT [NAME=VALUE]...": "ask with a prompt of a server. @SERVER:URI in a question attaches a resource.",
    "/timeline [FILE]": "write the timeline of the last question to an HTML page",
    "/save [FILE]": "save the chat as Markdown, or the messages of the conversation as .json",
    "/new, /clear": "start a new conversation, with the tools of the servers that are up now",
    "/quit, /exit": "end the chat, as Ctrl-D does. Ctrl-C stops a question.",
}
ToMessage = Callable[[Sequence[Connection], Callable[[str], None]], Awaitable[Message]]
WITHOUT_SLASH = {"help", "exit", "quit", "clear"}
"""Lines that are commands even without a slash."""


def chat(make_session: MakeSession, state: CommandState) -> int:
    """Chat until the user ends it, and return the exit status."""
    try:
        with restored_on_signals():
            asyncio.run(Chat(state).run(make_session))
    except AgentError as error:
        say(str(error))
        return EXIT_FAILED
    return 0


class Chat:
    """Questions and commands until /quit or Ctrl-D.

    The budget is for the whole chat, the deadline for each question. The tools of a conversation do not change after
    its start, because the model's thinking blocks are bound to them. A question that fails or is stopped does not
    become part of the conversation.
    """

    def __init__(self, state: CommandState) -> None:
        self._state = state
        self._progress = state.progress
        self._notes = Notes(state.progress)
        self._transcript = Transcript()
        self._timeline: Timeline | None = None
        self._running: asyncio.Task[RunResult] | None = None
        self._known_servers: set[str] | None = None

    async def run(self, make_session: MakeSession) -> None:
        on_event = self._state.on_event(self._on_server_change)
        async with AsyncExitStack() as stack:
            async with self._progress.shown():
                self._session = await stack.enter_async_context(self._state.connected(make_session, on_event))
            self._begin()
            self._progress.say("Type a question, or /help. Ctrl-C stops a question, Ctrl-D ends the chat.")
            names = KnownNames([name.split()[0] for names in COMMANDS for name in names.split(", ") if ":" not in name])
            await stack.enter_async_context(names.loaded(self._session.connections))
            editor = line_editor(names)
            with ctrl_c(self._stop):
                while (line := await self._line(editor)) not in {"/quit", "/exit"}:
                    await self._react(line)

    async def _react(self, line: str) -> None:
        if line.startswith("/") and server_of(line[1:], self._session.connections):
            await self._ask(line, partial(prompt_content, line[1:]))
        elif line.startswith("/"):
            self._run_command(line)
        elif line:
            await self._ask(line, partial(question_content, line))

    async def _line(self, editor: PromptSession[str]) -> str:
        """The next line; `/quit` at the end of the input."""
        while True:
            try:
                draft, self._notes.draft = self._notes.draft, ""
                with editing(editor):
                    line = (await editor.prompt_async("> ", default=draft, handle_sigint=False)).strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return "/quit"
            return f"/{line.lower()}" if line.lower() in WITHOUT_SLASH else line

    def _on_server_change(self, event: Event) -> None:
        """Report a server that came up after the conversation started, and whose tools are not part of it."""
        if not isinstance(event, ServerChanged) or not event.is_up or self._known_servers is None:
            return
        if event.server not in self._known_servers:
            self._known_servers.add(event.server)
            self._progress.say(f"{event.server} is up now. /new starts a conversation with its tools.")

    async def _ask(self, question: str, content: ToMessage) -> None:
        """Answer a question; `content` makes what of it goes to the model."""
        report, timeline, inbox = Report(), Timeline(), Inbox()
        context = self._state.context(report.on_event, timeline.on_event, inbox=inbox)
        self._running = asyncio.create_task(self._answer(content, context))
        try:
            async with self._progress.shown():
                typing = asyncio.create_task(self._notes.pass_on(inbox), name="notes")
                try:
                    await asyncio.wait({self._running})
                finally:
                    await cancel_and_wait([typing])
        finally:
            await cancel_and_wait([self._running])
        self._notes.keep_unread(inbox)
        self._timeline = timeline if timeline.runs else self._timeline
        self._transcript.add(question, report)
        self._print_outcome(self._running, report)

    async def _answer(self, content: ToMessage, context: CallContext) -> RunResult:
        message = await content(self._session.connections, self._progress.say)
        return await self._agent.run(self._conversation.extend(message), context=context)

    def _print_outcome(self, ended: asyncio.Task[RunResult], report: Report) -> None:
        """Print the outcome of a question."""
        if ended.cancelled():
            report.error = "stopped"
            self._progress.say("stopped; the question is not part of the conversation")
            return
        try:
            self._conversation = ended.result().conversation
        except AgentError as error:
            report.error = f"{error}{advice(error)}"
        print_answer(report, self._state.options.policy, self._progress.say)

    def _begin(self) -> None:
        self._agent = self._session.orchestrator()
        self._conversation = Conversation()
        self._known_servers = {each.name for each in self._session.connections if each.is_up}

    def _run_command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        match name:
            case "/help":
                for names, what in COMMANDS.items():
                    print_result(f"{names:18}{what}", indent=18)
            case "/tools":
                self._list_tools()
            case "/usage":
                self._show_usage()
            case "/timeline":
                self._draw_timeline(argument.strip())
            case "/save":
                self._save(argument.strip())
            case "/new" | "/clear":
                self._begin()
                self._progress.say("A new conversation.")
            case _:
                self._progress.say(f"There is no command {name}. /help lists the commands.")

    def _list_tools(self) -> None:
        print_listing(self._session.connections)
        local = [tool.name for tool in self._agent.tools if tool.served_by == "local"]
        if local:
            print_result(f"local, in this conversation: {', '.join(local)}")

    def _show_usage(self) -> None:
        for line in usage_lines(self._transcript.usage, self._transcript.claims):
            print_result(line)
        if self._state.ledger.left.is_bounded:
            print_result(f"left of the budget: {self._state.ledger.left}")

    def _draw_timeline(self, name: str) -> None:
        if self._timeline is None or not self._timeline.runs:
            self._progress.say("There is no timeline before the first question.")
        else:
            self._write("timeline.html", name, timeline_page(self._timeline, began_at(self._timeline)))

    def _save(self, name: str) -> None:
        is_json = name.endswith(".json")
        text = self._transcript.to_json(self._conversation) if is_json else self._transcript.to_markdown()
        self._write("conversation.md", name, text)

    def _write(self, default: str, name: str, text: str) -> None:
        """Write a new file. Without a `name`, the first free one of `default`, `default`-2 and so on is taken."""
        path = Path(name or default)
        for each in [path] if name else [path, *(path.with_stem(f"{path.stem}-{n}") for n in range(2, 1000))]:
            try:
                with open(each.expanduser(), "x", encoding="utf-8", opener=new_own) as file:
                    file.write(text)
            except FileExistsError:
                continue
            except (OSError, RuntimeError) as error:
                self._progress.say(f"Cannot write {each}: {error}")
            else:
                self._progress.say(f"written: {each}")
            return
        self._progress.say(f"{path} exists already. Give another name.")

    def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()


class Notes:
    """Reads notes at the terminal. `draft` is what was typed when the question ended, or what nobody has read."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.draft = ""

    async def pass_on(self, inbox: Inbox) -> None:
        """Pass on each line that is typed. The first key opens a line that can be edited."""
        while (typed := await self._progress.typed()) is not None:
            note = typed if typed.endswith("\n") else await self._edited(typed)
            if not note.strip():
                continue
            try:
                inbox.send(note.strip())
            except ConfigurationError as error:
                self._progress.say(str(error))
            else:
                self._progress.say("noted; the agent reads it before its next turn")

    def keep_unread(self, inbox: Inbox) -> None:
        """Offer the notes for which there was no turn as the next question."""
        self.draft = " ".join([*inbox.take(), self.draft]).strip()

    async def _edited(self, typed: str) -> str:
        def keep(draft: str) -> None:
            self.draft = draft

        async with self._progress.paused():
            return await typed_line("note> ", typed, keep) or ""

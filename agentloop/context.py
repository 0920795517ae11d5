"""The context of a tool call: one part for the author of the tool, one for the runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agentloop.budget import Ledger
from agentloop.errors import CannotAsk, ConfigurationError
from agentloop.events import EventHandler, ignore
from agentloop.inbox import Inbox
from agentloop.limits import time_limit
from agentloop.questions import (
    ANSWER_TIMEOUT,
    MAX_MESSAGE,
    Accepted,
    Answer,
    M,
    Question,
    QuestionHandler,
    form_schema,
    parse,
)
from agentloop.rate_limiter import RateLimiter
from agentloop.sessions import Session
from agentloop.usage import Bill

T = TypeVar("T")


class Cancellation:
    """Becomes true when the caller no longer waits for the call. It can be set from any thread.

    A thread cannot be stopped from outside. A tool that runs for long in a thread checks this between steps, or
    registers a callback with `then`. See `CallContext`.

    Example:
        context.cancelled.then(lambda: print("the caller is gone"))
    """

    def __init__(self) -> None:
        self._future = Future[None]()

    def __bool__(self) -> bool:
        return self._future.done()

    def set(self) -> None:
        with suppress(InvalidStateError):  # it is set already
            self._future.set_result(None)

    def then(self, callback: Callable[[], object]) -> None:
        """Call `callback` when this is set, in the thread that sets it; immediately if it is already set."""
        self._future.add_done_callback(lambda _future: callback())

    async def guard(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` in the event loop of a thread, and cancel it when this is set."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def cancel() -> None:
            # The loop may have closed before the caller is cancelled.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)

        self.then(cancel)
        return await work


@dataclass(frozen=True, slots=True)
class RunScope:
    """What the runtime passes down with a call. By default there is no event handler and no limit.

    Example:
        context = CallContext(scope=RunScope(emit=print, ledger=Ledger(Budget(tokens=200_000))))
        result = await agent.run("Two haikus about rain", context=context)
    """

    emit: EventHandler = ignore
    """The event handler for everything the call starts."""
    trace: EventHandler = ignore
    """An event handler called in the task or thread in which an event occurs, so that it can make a span current."""
    call_id: str | None = None
    """The call's id in the event stream."""
    run_id: str | None = None
    """The id of the run that the call starts, or None for a new id. A resumed run has the same id as before."""
    depth: int = 0
    """The number of agents above the called one."""
    ledger: Ledger = field(default_factory=Ledger)
    """The remaining budget of the tree of runs."""
    rate_limiter: RateLimiter | None = None
    """The rate limiter of the tree of runs, or None for the one that all runs of an agent share."""
    owner: str = ""
    """The identity of the caller. Only the owner of a session can continue it."""
    session: Session | None = None
    """The session of the run that the call starts, if the caller keeps it; an agent keeps its sessions otherwise."""
    siblings: int = 1
    """The number of calls of the same message that have not started yet, including this one. They share the budget."""
    ask: QuestionHandler | None = None
    """Puts questions to the person at the client. None if nobody can be asked."""
    inbox: Inbox | None = None
    """Notes to the run that the call starts, or None if it takes none."""
    remote_text: bool = False
    """Whether runs in other processes send their text too, as `TextDelta` events about twice a second."""
    charge: Callable[[Bill], None] = lambda _bill: None
    """Add the usage of a delegated run to the caller's. It is called once, however the run ended."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """Passed to a tool function as its first argument, if that is annotated `CallContext`.

    Example:
        @tool(read_only=True)
        def count_words(context: CallContext, pages: list[str]) -> int:
            total = 0
            for number, page in enumerate(pages, 1):
                if context.cancelled:
                    break
                context.progress(f"page {number} of {len(pages)}")
                total += len(page.split())
            return total

    An agent that a tool runs with `await agent.run(prompt, context=context)` shares the budget, deadline and events of
    the caller.
    """

    progress: Callable[[str], None] = lambda _message: None
    """Report a step of a long call with a message for the user."""
    cancelled: Cancellation = field(default_factory=Cancellation)
    """Whether the caller has given up."""
    deadline: float | None = None
    """When the caller gives up, on the `time.monotonic` clock."""
    scope: RunScope = field(default_factory=RunScope)
    """What the runtime passes down. Tools do not need it."""

    async def ask(self, message: str, form: type[M]) -> Answer[M]:
        """Ask the person at the client to fill in a form: a pydantic model of texts, numbers, booleans and choices.

        The time until the answer counts against no timeout except the deadline. Sync tools use `ask_sync`.

        Example:
            class Licence(BaseModel):
                licence: Literal["MIT", "Apache-2.0"]

            @tool
            async def publish(context: CallContext, project: str) -> str:
                match await context.ask(f"Which licence does {project} get?", Licence):
                    case Accepted(value):
                        return f"published under {value.licence}"
                    case Declined() | Cancelled():
                        return "not published: the user gave no licence"

        Raises:
            CannotAsk: nobody can be asked, or nobody answered within an hour. It tells the model so if the tool lets it
                through.
            ToolError: the answer does not fit the form.
            ConfigurationError: the model has a field that a form cannot have.
        """
        question = Question(message, form_schema(form))
        return parse(form, question, await self.answer_to(question))

    def ask_sync(self, message: str, form: type[M]) -> Answer[M]:
        """`ask` for sync tools, which run in threads: the thread waits for the answer, or until the caller gives up.

        Example:
            @tool
            def publish(context: CallContext, project: str) -> str:
                answer = context.ask_sync(f"Which licence does {project} get?", Licence)
                return f"published under {answer.value.licence}" if isinstance(answer, Accepted) else "not published"

        Raises:
            ConfigurationError: as `ask`; or an event loop is running in this thread (await `ask` there).
            CannotAsk, ToolError: as `ask`.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.cancelled.guard(self.ask(message, form)))
        raise ConfigurationError("ask_sync was called from async code, which it would block: await `ask` instead.")

    async def ask_to_open(self, message: str, url: str) -> Answer[None]:
        """Ask the person to open a web page, for what must not pass through a model, such as a login or a payment.

        The answer says whether they agreed to open it, and not what they did there.

        Raises:
            CannotAsk: as `ask`.
            ConfigurationError: `url` is not an http or https URL.
        """
        if not url.startswith(("https://", "http://")):
            raise ConfigurationError(f"{url!r:.100} is not an http or https URL.")
        answer = await self.answer_to(Question(message, url=url))
        return Accepted(None) if isinstance(answer, Accepted) else answer

    async def answer_to(self, question: Question) -> Answer[Any]:
        """The answer to a question whose form is a JSON Schema: `Accepted` with a mapping.

        Raises:
            CannotAsk: as `ask`.
            ConfigurationError: the question is too long.
        """
        if len(question.message) > MAX_MESSAGE:
            raise ConfigurationError(f"The question has more than {MAX_MESSAGE:,} characters.")
        if self.scope.ask is None:
            raise CannotAsk("Nobody can be asked: no person is connected, or the client does not pass questions on.")
        self.progress(f"asks the user: {question.message}")
        late = CannotAsk(f"Nobody answered the question within {ANSWER_TIMEOUT:g} s.")
        async with time_limit(ANSWER_TIMEOUT, late):
            answer = await self.scope.ask(question)
        self.progress(f"the user's answer: {type(answer).__name__.lower()}")
        return answer

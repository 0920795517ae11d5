"""Calls tools: a single call, on the event loop or in a thread, and all calls of one message concurrently."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Self

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar

from agentloop.context import CallContext, Cancellation
from agentloop.errors import ToolError, first_cause
from agentloop.events import Event
from agentloop.limits import Limits, seconds_left, time_limit
from agentloop.questions import Answer, Question, QuestionHandler, pausing
from agentloop.tool_output import ToolOutput
from agentloop.tools import Tool
from agentloop.turn import ToolUse
from agentloop.usage import Bill

NOTICE_GRACE = 2.0
"""Seconds to wait for an abandoned thread that checks its context."""

_threads: RunVar[dict[int, CapacityLimiter]] = RunVar("agentloop_threads")


async def call(tool: Tool, arguments: Mapping[str, Any], context: CallContext, limits: Limits) -> ToolOutput:
    """Call a tool and return its output. An exception of the tool becomes an error result for the model.

    Only the cancellation of the caller is raised.
    """
    try:
        if tool.spec.model_schema is not None:
            arguments = tool.spec.model_schema.original(arguments)
        tool.check(arguments)
        output = ToolOutput.of(await _within_time(tool, arguments, context, limits))
        cut = output.cut_to(limits.max_result_chars)
        if cut is not output:
            context.progress(f"the result was cut to {limits.max_result_chars:,} characters")
        return cut.sendable()
    except asyncio.CancelledError:
        if is_cancelled():
            raise
        return _cancelled_itself(tool.name)
    except (KeyboardInterrupt, GeneratorExit):  # nobody's failure: the program, or this coroutine, is ended
        raise
    except BaseException as error:  # noqa: BLE001 - one failing call never takes its siblings along
        cause = first_cause(error)  # of the group that a task group raises
        if isinstance(cause, ToolError):
            return ToolOutput.error(str(cause))
        return ToolOutput.error(f"{tool.name} failed: {type(cause).__name__}: {cause}")


def is_cancelled() -> bool:
    """Whether the current task is being cancelled. Otherwise a `CancelledError` is a failure of what it called."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _cancelled_itself(name: str) -> ToolOutput:
    return ToolOutput.error(f"{name} cancelled itself and returned no result.")


async def _within_time(tool: Tool, arguments: Mapping[str, Any], context: CallContext, limits: Limits) -> object:
    seconds = tool.timeout or limits.tool_timeout
    if context.deadline is not None:
        seconds = min(seconds, seconds_left(context.deadline))
    late = ToolError(f"{tool.name} timed out after {seconds:.3g} s and was stopped.")
    async with time_limit(seconds, late, deadline=context.deadline) as limit:
        context = replace(context, scope=replace(context.scope, ask=pausing(context.scope.ask, limit)))
        if tool.is_async:
            first = (context,) if tool.takes_context else ()
            return await tool.function(*first, **arguments)
        value = await _in_thread(tool, arguments, context, limits)
        # A plain function may return an awaitable, and some async callables cannot be recognised as such.
        return await value if inspect.isawaitable(value) else value


async def _in_thread(tool: Tool, arguments: Mapping[str, Any], context: CallContext, limits: Limits) -> object:
    loop, cancelled = asyncio.get_running_loop(), Cancellation()

    def to_loop(deliver: Callable[[Any], None], item: object) -> None:
        if not cancelled:
            loop.call_soon_threadsafe(deliver, item)

    def charge(bill: Bill) -> None:
        # Also for an abandoned call, since its usage still counts, unless the loop has closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(context.scope.charge, bill)

    async def ask(question: Question) -> Answer[Any]:
        assert context.scope.ask is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_asked(context.scope.ask, question), loop))

    first: tuple[CallContext, ...] = ()
    if tool.takes_context:
        emit: Callable[[Event], None] = partial(to_loop, context.scope.emit)
        progress: Callable[[str], None] = partial(to_loop, context.progress)
        scope = replace(context.scope, emit=emit, charge=charge, ask=ask if context.scope.ask else None)
        first = (replace(context, progress=progress, cancelled=cancelled, scope=scope),)
    thread = asyncio.ensure_future(
        anyio.to_thread.run_sync(
            without_exit, partial(tool.function, *first, **arguments), abandon_on_cancel=True, limiter=_limiter(limits)
        )
    )
    try:
        await asyncio.wait({thread})
    finally:
        if not thread.done():
            cancelled.set()
            try:
                if tool.takes_context:
                    await asyncio.wait({thread}, timeout=NOTICE_GRACE)
            finally:
                await cancel_and_wait({thread})
    return thread.result()


async def _asked(ask: QuestionHandler, question: Question) -> Answer[Any]:
    return await ask(question)


def without_exit(function: Callable[[], object]) -> object:
    """Call a function in a thread. A `SystemExit` or `KeyboardInterrupt` of it would stop the event loop."""
    try:
        return function()
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def _limiter(limits: Limits) -> CapacityLimiter:
    """The event loop's limiter for this number of threads. Nested loops have their own, so as not to block callers."""
    limiters = _threads.get(None)
    if limiters is None:
        _threads.set(limiters := {})
    if limits.threads not in limiters:
        limiters[limits.threads] = CapacityLimiter(limits.threads)
    return limiters[limits.threads]


class ToolCallGroup:
    """The calls of one message. They run concurrently, and none of them outlives the block.

    The first `most` calls are run; the others get an error result. Calls are identified by their `ToolUse` object,
    because a model may use an id twice.
    """

    def __init__(self, answer: Callable[[ToolUse], Coroutine[Any, Any, ToolOutput]], *, most: int) -> None:
        self._answer = answer
        self._most = most
        self._written = 0
        self._tasks: dict[int, tuple[ToolUse, asyncio.Task[ToolOutput]]] = {}
        self._dropped: list[asyncio.Task[ToolOutput]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancel_and_wait([*(task for _, task in self._tasks.values()), *self._dropped])

    def drop(self) -> None:
        """Cancel the started calls, because their message was cut off."""
        started = [task for _, task in self._tasks.values()]
        for task in started:
            task.cancel()
        self._dropped += started
        self._tasks, self._written = {}, 0

    def written(self, use: ToolUse, *, may_start: bool) -> None:
        """Receive the next complete call of the message. Start it if it may start early and is within the limit."""
        self._written += 1
        if may_start and self._written <= self._most:
            self._start(use)

    def _start(self, use: ToolUse) -> asyncio.Task[ToolOutput]:
        if id(use) not in self._tasks:
            task = asyncio.create_task(self._answer(use), name=f"tool:{use.name[:64]}")
            self._tasks[id(use)] = use, task
        return self._tasks[id(use)][1]

    async def results(self, uses: Sequence[ToolUse]) -> list[ToolOutput]:
        """Start the remaining calls and wait for all of them. The results are in the order of `uses`."""
        tasks = [self._start(use) for use in uses[: self._most]]
        outputs = [await _result_of(task, use.name) for task, use in zip(tasks, uses, strict=False)]
        excess = ToolOutput.error(
            f"Too many calls in one message: {self._most} at most. Send the rest in the next one."
        )
        return outputs + [excess] * (len(uses) - len(outputs))


async def _result_of(task: asyncio.Task[ToolOutput], name: str) -> ToolOutput:
    if not task.done():
        await asyncio.wait({task})
    if task.cancelled():  # by the tool: a cancelled caller does not come here
        return _cancelled_itself(name)
    return task.result()


async def cancel_and_wait(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel the tasks that are not done and wait for them, even if the caller is cancelled meanwhile.

    The caller's own cancellation is raised as it came: AnyIO's scopes recognise theirs by its message.
    """
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    interruption: asyncio.CancelledError | None = None
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError as error:
            interruption = error
    for task in tasks:
        if not task.cancelled():
            task.exception()  # asked for, so that asyncio does not report it as forgotten
    if interruption is not None:
        raise interruption

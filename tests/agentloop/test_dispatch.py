"""`Agent.call_tool` runs any kind of function where it belongs: on the event loop, or in a worker thread."""

import asyncio
import functools
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest

from agentloop import Agent, CallContext, Limits, RunScope, Tool, ToolError, ToolOutput, ToolSpec, ToolUnavailable
from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event, Notice

SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}}}
LONG = 30.0


def here() -> str:
    return "the loop" if threading.current_thread() is threading.main_thread() else "a thread"


async def coroutine_function(a: float) -> str:
    await asyncio.sleep(0)
    return f"{here()} {a}"


def function(a: float) -> str:
    return f"{here()} {a}"


async def with_sign(sign: str, a: float) -> str:
    return f"{here()} {sign}{a}"


class AsyncCallable:
    async def __call__(self, a: float) -> str:
        return await coroutine_function(a)


class SyncCallable:
    def __call__(self, a: float) -> str:
        return function(a)


class Bound:
    async def method(self, a: float) -> str:
        return await coroutine_function(a)

    def sync_method(self, a: float) -> str:
        return function(a)


def hides_that_it_is_async(a: float) -> Awaitable[str]:
    return coroutine_function(a)


def agent(function: Callable[..., Any], **settings: Any) -> Agent:
    limits = settings.pop("limits", Limits())
    return Agent("a", "", [Tool(ToolSpec("f", "F.", SCHEMA), function, **settings)], limits=limits)


@pytest.mark.requirement("async-on-loop")
@pytest.mark.parametrize(
    "kind",
    [
        coroutine_function,
        functools.partial(coroutine_function),
        functools.partial(functools.partial(coroutine_function)),
        AsyncCallable(),
        functools.partial(AsyncCallable()),
        Bound().method,
        hides_that_it_is_async,
        lambda a: coroutine_function(a),  # noqa: PLW0108 - a kind of its own
        functools.partial(hides_that_it_is_async),
    ],
)
async def test_what_is_async_runs_on_the_event_loop(kind: Callable[..., Any]) -> None:
    assert (await agent(kind).call_tool("f", {"a": 3})).text == "the loop 3"


@pytest.mark.requirement("sync-in-threads")
@pytest.mark.parametrize(
    "kind",
    [function, functools.partial(function), SyncCallable(), Bound().sync_method, lambda a: function(a)],  # noqa: PLW0108
)
async def test_what_is_not_async_runs_in_a_thread(kind: Callable[..., Any]) -> None:
    assert (await agent(kind).call_tool("f", {"a": 3})).text == "a thread 3"


async def test_a_partial_keeps_what_it_was_given() -> None:
    assert (await agent(functools.partial(with_sign, "-")).call_tool("f", {"a": 3})).text == "the loop -3"


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_tool_that_takes_the_context_gets_that_of_its_call(kind: str) -> None:
    async def on_loop(context: CallContext) -> str:
        return f"{context.scope.call_id} {context.scope.depth}"

    def in_thread(context: CallContext) -> str:
        return f"{context.scope.call_id} {context.scope.depth}"

    called = agent(on_loop if kind == "async" else in_thread, takes_context=True)
    output = await called.call_tool("f", {}, context=CallContext(scope=RunScope(call_id="c1", depth=3)))
    assert output.text == "c1 3"


async def test_events_from_a_thread_arrive_on_the_loop_in_order() -> None:
    received: list[str] = []

    def receive(event: Event) -> None:
        assert isinstance(event, Notice)
        received.append(f"{event.text} on {here()}")

    def talk(context: CallContext) -> str:
        for number in range(100):
            context.scope.emit(Notice(run="r", agent="a", text=str(number)))
        return "done"

    await agent(talk, takes_context=True).call_tool("f", {}, context=CallContext(scope=RunScope(emit=receive)))
    assert received == [f"{number} on the loop" for number in range(100)]


async def test_reports_from_a_thread_arrive_on_the_loop() -> None:
    received: list[str] = []

    def work(context: CallContext) -> str:
        context.progress("half")
        return "done"

    context = CallContext(progress=lambda message: received.append(f"{message} on {here()}"))
    await agent(work, takes_context=True).call_tool("f", {}, context=context)
    assert received == ["half on the loop"]


class Trouble(Exception): ...


class Panic(BaseException):
    """What modules written in Rust raise is not an `Exception`."""


@pytest.mark.requirement("siblings-kept")
@pytest.mark.parametrize("in_thread", [False, True], ids=["async", "sync"])
@pytest.mark.parametrize(
    ("raised", "reported"),
    [
        (ToolError("Use metres."), "Use metres."),
        (ToolUnavailable("Nobody answers."), "Nobody answers."),
        (Trouble("it broke"), "f failed: Trouble: it broke"),
        (SystemExit(3), "SystemExit: 3"),
        (Panic("a bug in Rust"), "f failed: Panic: a bug in Rust"),
        (BaseExceptionGroup("many", [Panic("one")]), "f failed: Panic: one"),
        (StopIteration(), "f failed: "),
        (TimeoutError("its own"), "f failed: TimeoutError: its own"),
        (asyncio.CancelledError(), "f cancelled itself"),
        (ExceptionGroup("many", [Trouble("one")]), "f failed: Trouble: one"),
        (ExceptionGroup("of a task group", [ToolError("Use metres.")]), "Use metres."),
        (ToolError(" "), "gave no reason"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
async def test_whatever_a_tool_raises_comes_back_as_text(in_thread: bool, raised: BaseException, reported: str) -> None:  # noqa: FBT001
    async def on_loop() -> str:
        raise raised

    def off_loop() -> str:
        raise raised

    output = await agent(off_loop if in_thread else on_loop).call_tool("f", {})
    assert output.is_error
    assert reported in output.text


async def test_a_tool_in_a_thread_that_exits_ends_only_its_call() -> None:
    output = await agent(lambda: sys.exit("no more")).call_tool("f", {})
    assert "no more" in output.text


async def test_a_tool_in_a_thread_that_raises_keyboard_interrupt_ends_only_its_call() -> None:
    def interrupts() -> str:
        raise KeyboardInterrupt

    assert "KeyboardInterrupt" in (await agent(interrupts).call_tool("f", {})).text


async def test_a_tool_that_awaits_what_was_cancelled_is_an_ordinary_failure() -> None:
    async def awaits_cancelled() -> str:
        inner = asyncio.ensure_future(asyncio.Event().wait())
        inner.cancel()
        return str(await inner)

    assert "cancelled itself" in (await agent(awaits_cancelled).call_tool("f", {})).text


async def test_an_unknown_tool_is_answered_with_the_known_ones() -> None:
    output = await agent(function).call_tool("g", {})
    assert (output.is_error, output.text) == (True, "There is no tool named 'g'. Available: f.")
    assert (await Agent("a", "").call_tool("g", {})).text.endswith("Available: none.")


async def test_a_tool_is_not_called_with_arguments_that_do_not_fit() -> None:
    called: list[float] = []
    output = await agent(called.append).call_tool("f", {"a": "three"})
    assert (output.is_error, called) == (True, [])
    assert "'three' is not of type 'number'" in output.text


async def test_arguments_the_function_does_not_have_are_an_error_for_the_model() -> None:
    output = await agent(function).call_tool("f", {"b": 3})
    assert output.is_error
    assert "TypeError" in output.text


async def test_an_async_tool_over_its_time_is_stopped_and_says_so() -> None:
    stopped = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    output = await agent(endless, timeout=0.01).call_tool("f", {})
    assert (output.is_error, output.text) == (True, "f timed out after 0.01 s and was stopped.")
    assert stopped.is_set()


async def test_a_thread_over_its_time_learns_that_nobody_waits() -> None:
    learned = threading.Event()

    def endless(context: CallContext) -> str:
        context.cancelled.then(learned.set)
        return str(learned.wait(LONG))

    output = await agent(endless, takes_context=True, limits=Limits(tool_timeout=0.05)).call_tool("f", {})
    assert "timed out after 0.05 s" in output.text
    assert learned.is_set()


async def test_a_thread_that_does_not_watch_its_context_is_left_behind() -> None:
    release = threading.Event()
    try:
        output = await agent(lambda: release.wait(LONG), timeout=0.05).call_tool("f", {})
    finally:
        release.set()
    assert "was stopped" in output.text


@pytest.mark.requirement("hidden-async")
async def test_an_awaitable_from_a_thread_has_the_same_time_as_its_function() -> None:
    def hides() -> Awaitable[object]:
        return asyncio.Event().wait()

    assert "was stopped" in (await agent(hides, timeout=0.05).call_tool("f", {})).text


async def test_the_callers_deadline_is_a_bound_too() -> None:
    output = await agent(asyncio.Event().wait).call_tool("f", {}, context=CallContext(deadline=0.0))
    assert "timed out after 0 s" in output.text


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_the_callers_cancellation_goes_through(kind: str) -> None:
    began, ended = threading.Event(), threading.Event()

    async def on_loop() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    def in_thread(context: CallContext) -> None:
        began.set()
        context.cancelled.then(ended.set)
        ended.wait(LONG)

    called = agent(on_loop) if kind == "async" else agent(in_thread, takes_context=True)
    call = asyncio.create_task(called.call_tool("f", {}))
    assert await asyncio.to_thread(began.wait, LONG)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ended.is_set()


async def test_a_caller_that_cancels_twice_still_leaves_no_task_behind() -> None:
    began, release = threading.Event(), threading.Event()

    def stubborn(context: CallContext) -> None:  # noqa: ARG001
        began.set()
        release.wait(LONG)

    before = asyncio.all_tasks()
    call = asyncio.create_task(agent(stubborn, takes_context=True).call_tool("f", {}))
    assert await asyncio.to_thread(began.wait, LONG)
    call.cancel()
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    release.set()
    assert asyncio.all_tasks() == before


async def test_a_scope_that_is_cancelled_while_tasks_end_is_left_as_usual() -> None:
    """AnyIO's scopes absorb their own cancellation only, which they recognise by its message."""
    release = asyncio.Event()

    async def slow_to_end() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await release.wait()

    with anyio.CancelScope() as scope:
        task = asyncio.create_task(slow_to_end())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(scope.cancel)
        asyncio.get_running_loop().call_later(0.01, release.set)
        await cancel_and_wait([task])
        pytest.fail("the cancellation was lost")
    assert scope.cancelled_caught
    assert task.done()


async def test_who_served_a_call_is_the_tool_unless_the_output_says_otherwise() -> None:
    assert (await agent(function, served_by="shop").call_tool("f", {"a": 1})).served_by == "shop"
    answer = ToolOutput.of("x")
    moved = ToolOutput(answer.content, served_by="fallback")
    assert (await agent(lambda: moved, served_by="shop").call_tool("f", {})).served_by == "fallback"


async def test_the_threads_of_each_agent_on_a_loop_are_limited_as_its_limits_say() -> None:
    """Three calls of each agent meet in threads; of the agent with two threads only two are ever there at once."""
    lock = threading.Lock()
    inside, most = 0, 0
    meeting, pair = threading.Barrier(3), threading.Barrier(2)

    def meet() -> str:
        meeting.wait(LONG)
        return "met"

    def count() -> str:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        pair.wait(LONG)
        with lock:
            inside -= 1
        return "counted"

    wide = Agent("wide", "Call.", [Tool.from_function(meet)], limits=Limits(threads=3))
    narrow = Agent("narrow", "Call.", [Tool.from_function(count)], limits=Limits(threads=2))
    for called, name, times in ((wide, "meet", 3), (narrow, "count", 6), (wide, "meet", 3)):
        outputs = await asyncio.gather(*(called.call_tool(name, {}) for _ in range(times)))
        assert not any(output.is_error for output in outputs), outputs
    assert most == 2

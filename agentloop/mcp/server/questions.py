"""Questions of a running call to the person at its client.

Up to the revision 2025-11-25 the server sends a request, `elicitation/create`, while it answers the call. Since
2026-07-28 it answers the call with its questions (`input_required`), and the client calls again with the answers. The
run waits meanwhile, without a request being open.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from mcp import types
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from pydantic import Field, ValidationError

from agentloop import Accepted, Answer, Cancelled, CannotAsk, Declined, Question, QuestionHandler, ToolError, ToolOutput
from agentloop.delegation_context import NOBODY, QUESTION, DelegationContext
from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.server.calls import ANYBODY, Context, QuestionClient, client_of, owner_of
from agentloop.mcp.server.reports import CallReport
from agentloop.questions import ANSWER_TIMEOUT

MAX_WAITING = 256
"""Calls that wait for a person at once."""
KEPT = ANSWER_TIMEOUT + 600
"""Seconds for which a call waits for its client to call again."""


def sealed_state(server: str) -> RequestStateBoundary:
    """Middleware that encrypts each `requestState`, and binds it to its owner, its call, its time and this process."""
    security = RequestStateSecurity(keys=[secrets.token_bytes(32)], ttl=KEPT, bind_principal=owner_of)
    return RequestStateBoundary(security, default_audience=server)


def asks_client(context: Context, call: str) -> QuestionHandler:
    """Asks with `elicitation/create`, while the request is open. `call` is the caller's id of the call."""

    async def ask(question: Question) -> Answer[Any]:
        request = _request(question, client_of(context), call)
        try:
            result = await context.session.send_request(
                request, types.ElicitResult, metadata=ServerMessageMetadata(related_request_id=context.request_id)
            )
        except MCPError as error:
            raise CannotAsk(f"The client did not put the question to anybody: {error.message}") from None
        except ValidationError:
            raise CannotAsk("The client's answer to the question cannot be read.") from None
        answer = _answer(result)
        if isinstance(answer, CannotAsk):
            raise answer
        return answer

    return ask


@dataclass(frozen=True, slots=True)
class _Open:
    question: Question
    request: types.ElicitRequest
    answer: asyncio.Future[Answer[Any]]


class OpenQuestions:
    """The questions of one run that its client has not answered yet."""

    def __init__(self, client: QuestionClient = ANYBODY, call: str = "", *, max_early: int = 0) -> None:
        """Answers that come before their questions wait for them, `max_early` at most."""
        self.client = client
        self.asked = asyncio.Event()
        """Set while there are such questions."""
        self._call = call
        self._open: dict[str, _Open] = {}
        self._early: dict[str, Any] = {}
        self._max_early = max_early

    @property
    def requests(self) -> dict[str, types.InputRequest]:
        """What the client is sent of the questions."""
        return {name: each.request for name, each in self._open.items()}

    async def ask(self, question: Question, key: str | None = None) -> Answer[Any]:
        """Wait for the answer. `key` identifies the question for clients that may have seen it already."""
        request = _request(question, self.client, self._call)
        name = json.dumps({"id": key or secrets.token_hex(8), **_about(question, self._call)})
        answer: asyncio.Future[Answer[Any]] = asyncio.get_running_loop().create_future()
        self._open[name] = _Open(question, request, answer)
        self.asked.set()
        if name in self._early:
            self.answer({name: self._early.pop(name)})
        try:
            return await answer
        finally:
            self._close(name)

    def answer(self, responses: Mapping[str, Any]) -> None:
        """Receive the client's answers. Those that cannot be read are ignored."""
        for name, response in responses.items():
            if name in self._open:
                with suppress(ValidationError):
                    self._settle(name, _answer(types.ElicitResult.model_validate(response)))
            elif len(self._early) < self._max_early:
                self._early[name] = response

    async def pass_on(self, ask: QuestionHandler) -> None:
        """Put the questions, present and later ones, to a client that waits for the run."""
        while True:
            await self.asked.wait()
            for name, each in [*self._open.items()]:
                try:
                    self._settle(name, await ask(each.question))
                except CannotAsk as error:
                    self._settle(name, error)

    def _settle(self, name: str, outcome: Answer[Any] | CannotAsk) -> None:
        if name not in self._open or self._open[name].answer.done():
            return
        if isinstance(outcome, CannotAsk):
            self._open[name].answer.set_exception(outcome)
        else:
            self._open[name].answer.set_result(outcome)
        self._close(name)

    def _close(self, name: str) -> None:
        self._open.pop(name, None)
        if not self._open:
            self.asked.clear()


def _request(question: Question, client: QuestionClient, call: str) -> types.ElicitRequest:
    """The question as the client receives it. `CannotAsk` is raised if it does not take such questions."""
    if not client.can_ask:
        raise CannotAsk("Nobody can be asked: the client does not pass questions on (it declares no elicitation).")
    meta: Any = {QUESTION: _about(question, call)}
    if question.url is None:
        if not client.form:
            raise CannotAsk("Nobody can be asked: the client only opens web pages, and shows no forms.")
        schema = dict(question.schema)
        form = types.ElicitRequestFormParams(message=question.message, requested_schema=schema, _meta=meta)
        return types.ElicitRequest(params=form)
    if not client.url:
        raise CannotAsk("The client opens no web pages for others. Give the user the address in your answer.")
    name = None if client.is_modern else secrets.token_hex(8)
    page = types.ElicitRequestURLParams(message=question.message, url=question.url, elicitation_id=name, _meta=meta)
    return types.ElicitRequest(params=page)


def _about(question: Question, call: str) -> dict[str, str]:
    about = {"call": call, "agent": question.agent, "server": question.server}
    return {key: value for key, value in about.items() if value}


def _answer(result: types.ElicitResult) -> Answer[Any] | CannotAsk:
    """The client's answer, or the reason why it could ask nobody."""
    reason = (result.content or {}).get(NOBODY)
    if isinstance(reason, str):
        return CannotAsk(reason)
    if result.action == "accept":
        return Accepted(dict(result.content or {}))
    return Declined() if result.action == "decline" else Cancelled()


@dataclass(eq=False, slots=True)
class RunningCall:
    """A call that may wait for its client between two requests. `finish` makes the result of what `work` returns."""

    owner: str
    delegation: DelegationContext
    report: CallReport
    questions: OpenQuestions
    work: asyncio.Task[ToolOutput]
    finish: Callable[[ToolOutput], types.CallToolResult]
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    expiry: asyncio.TimerHandle | None = None
    """Set while no request of the client is open."""

    async def has_news(self) -> None:
        """Wait until the run has a question or has ended. If this is cancelled, so is the run."""
        asked = asyncio.create_task(self.questions.asked.wait())
        try:
            await asyncio.wait({self.work, asked}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.work.cancel()  # at once: otherwise the run may go on with the news that its question was withdrawn
            raise
        finally:
            await cancel_and_wait([asked])

    @property
    def input_required(self) -> types.InputRequiredResult:
        return types.InputRequiredResult(input_requests=self.questions.requests, request_state=self.id)


class RunningCalls:
    """The calls of a server that are under way, or wait for their clients to call again."""

    def __init__(self) -> None:
        self._calls: dict[str, RunningCall] = {}

    @property
    def is_full(self) -> bool:
        """Whether `MAX_WAITING` calls wait for their clients."""
        return sum(call.expiry is not None for call in self._calls.values()) >= MAX_WAITING

    def find(self, call_id: str, owner: str) -> RunningCall:
        """The call that waits for its client.

        Raises:
            ToolError: there is none, or another request of the client is open.
        """
        call = self._calls.get(call_id)
        if call is None or call.owner != owner:
            raise ToolError("This call does not wait for an answer any more. Make it again.")
        if call.expiry is None:
            raise ToolError("Another request has continued this call.")
        return call

    @asynccontextmanager
    async def attended(self, call: RunningCall) -> AsyncIterator[None]:
        """A block with a request of the client. A block that is cancelled cancels the call."""
        self._calls[call.id] = call
        if call.expiry is not None:
            call.expiry.cancel()
            call.expiry = None
        try:
            yield
        except BaseException:
            await cancel_and_wait([call.work])
            raise
        finally:
            if call.work.done():
                self._calls.pop(call.id, None)
            else:
                call.expiry = asyncio.get_running_loop().call_later(KEPT, self._expire, call)

    def _expire(self, call: RunningCall) -> None:
        self._calls.pop(call.id, None)
        call.work.cancel()

    async def cancel(self, owner: str, call_id: str) -> None:
        """Cancel the owner's call that its caller names so."""
        mine = [call for call in self._calls.values() if (call.owner, call.delegation.call) == (owner, call_id)]
        await cancel_and_wait([call.work for call in mine])

    async def close(self) -> None:
        """Cancel all calls."""
        for call in self._calls.values():
            if call.expiry is not None:
                call.expiry.cancel()
        await cancel_and_wait([call.work for call in self._calls.values()])


@asynccontextmanager
async def running_calls(_server: Any) -> AsyncIterator[RunningCalls]:
    """A lifespan of the SDK's server, and so the `lifespan_context` of its requests."""
    calls = RunningCalls()
    try:
        yield calls
    finally:
        await calls.close()


class WithdrawParams(types.RequestParams):
    id: str = Field(min_length=1)


async def withdraw(context: Context, params: WithdrawParams) -> types.EmptyResult:
    """Answers `dev.agentloop/withdraw`: cancels a call that its caller has given up."""
    running: RunningCalls = context.lifespan_context
    await running.cancel(owner_of(context), params.id)
    return types.EmptyResult()

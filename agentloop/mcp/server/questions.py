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
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import Field, ValidationError

from agentloop import Accepted, Answer, Cancelled, CannotAsk, Declined, Question, QuestionHandler, ToolError, ToolOutput
from agentloop.delegation_context import NOBODY, QUESTION, DelegationContext
from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.server.owners import owner_of_request
from agentloop.mcp.server.reports import CallReport
from agentloop.questions import ANSWER_TIMEOUT

MAX_WAITING = 256
"""Calls that wait for a person at once."""
MAX_EARLY = 50
"""Answers of a run that come before their questions."""
KEPT = ANSWER_TIMEOUT + 600
"""Seconds for which a call waits for its client to call again."""

Context = ServerRequestContext[Any, Any]


async def withdraw(context: Context, params: WithdrawParams) -> types.EmptyResult:
    """Answers `dev.agentloop/withdraw`."""
    running: RunningCalls = context.lifespan_context
    return await running.withdraw(context, params)


def sealed_state(server: str) -> RequestStateBoundary:
    """Middleware that encrypts each `requestState`, and binds it to its owner, its call and its time.

    The key is in the memory of this process, as are the calls that wait.
    """

    def owner(context: Context) -> str:
        return owner_of_request(context.request)

    security = RequestStateSecurity(keys=[secrets.token_bytes(32)], ttl=KEPT, bind_principal=owner)
    return RequestStateBoundary(security, default_audience=server)


@dataclass(frozen=True, slots=True)
class QuestionClient:
    """What a client does with questions: whether it shows forms and opens web pages, and its era of the protocol."""

    form: bool = True
    url: bool = True
    is_modern: bool = True


ANYBODY = QuestionClient()


def client_of(context: Context) -> QuestionClient:
    capabilities = context.session.client_capabilities
    able = capabilities.elicitation if capabilities else None
    is_modern = context.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS
    if able is None:
        return QuestionClient(form=False, url=False, is_modern=is_modern)
    return QuestionClient(able.form is not None or able.url is None, able.url is not None, is_modern)


def calls_again(context: Context) -> bool:
    """Whether the client of the request takes questions as the result of its call."""
    client = client_of(context)
    return client.is_modern and (client.form or client.url)


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
        return _answer(result)

    return ask


class OpenQuestions:
    """The questions of one run that its client has not answered yet. `requests` are what the client is sent of them."""

    def __init__(self, client: QuestionClient = ANYBODY, call: str = "", early: dict[str, Any] | None = None) -> None:
        """`early` receives answers that come before their questions; without it they are ignored."""
        self._client = client
        self._call = call
        self._early = early
        self._answers: dict[str, asyncio.Future[Answer[Any]]] = {}
        self._questions: dict[str, Question] = {}
        self.requests: dict[str, types.InputRequest] = {}
        self.asked = asyncio.Event()
        """Set while there are such questions."""
        self.watchers = 0
        """How many clients wait for the run and are asked."""

    async def ask(self, question: Question, key: str | None = None) -> Answer[Any]:
        """Wait for the answer. `key` identifies the question for clients that may have seen it already."""
        request = _request(question, self._client, self._call)
        name = json.dumps({"id": key or secrets.token_hex(8), **_about(question, self._call)})
        self.requests[name], self._questions[name] = request, question
        answered: asyncio.Future[Answer[Any]] = asyncio.get_running_loop().create_future()
        self._answers[name] = answered
        self.asked.set()
        if self._early and name in self._early:
            self.answer({name: self._early.pop(name)})
        try:
            return await answered
        finally:
            self._remove(name)

    def answer(self, responses: Mapping[str, Any]) -> None:
        """Receive the client's answers. What answers no question is kept in `early`, or ignored."""
        for name, response in responses.items():
            if self._early is not None and name not in self._answers and len(self._early) < MAX_EARLY:
                self._early[name] = response
            with suppress(ValidationError):
                self._settle(name, _answer, types.ElicitResult.model_validate(response))

    async def pass_on(self, ask: QuestionHandler) -> None:
        """Put the questions, present and later ones, to a client that waits for the run."""
        while True:
            await self.asked.wait()
            for name, question in [*self._questions.items()]:
                try:
                    answer = await ask(question)
                except CannotAsk as error:
                    self._settle(name, _raise, error)
                else:
                    self._settle(name, lambda given: given, answer)

    def _settle(self, name: str, answer_of: Callable[[Any], Answer[Any]], given: Any) -> None:
        future = self._answers.get(name)
        if future is None or future.done():
            return
        try:
            future.set_result(answer_of(given))
        except CannotAsk as error:
            future.set_exception(error)
        self._remove(name)

    def _remove(self, name: str) -> None:
        self.requests.pop(name, None)
        self._answers.pop(name, None)
        self._questions.pop(name, None)
        if not self.requests:
            self.asked.clear()


def _raise(error: CannotAsk) -> Answer[Any]:
    raise error


def _request(question: Question, client: QuestionClient, call: str) -> types.ElicitRequest:
    """The question as the client receives it.

    Raises:
        CannotAsk: the client does not take such questions.
    """
    if not (client.form or client.url):
        raise CannotAsk("Nobody can be asked: the client does not pass questions on (it declares no elicitation).")
    meta: Any = {QUESTION: _about(question, call)}
    if question.url is None:
        if not client.form:
            raise CannotAsk("Nobody can be asked: the client only opens web pages, and shows no forms.")
        schema = dict(question.schema)
        return types.ElicitRequest(
            params=types.ElicitRequestFormParams(message=question.message, requested_schema=schema, _meta=meta)
        )
    if not client.url:
        raise CannotAsk("The client opens no web pages for others. Give the user the address in your answer.")
    return types.ElicitRequest(
        params=types.ElicitRequestURLParams(
            message=question.message,
            url=question.url,
            elicitation_id=None if client.is_modern else secrets.token_hex(8),
            _meta=meta,
        )
    )


def _about(question: Question, call: str) -> dict[str, str]:
    about = {"call": call, "agent": question.agent, "server": question.server}
    return {key: value for key, value in about.items() if value}


def _answer(result: types.ElicitResult) -> Answer[Any]:
    """The client's answer.

    Raises:
        CannotAsk: it says that it could ask nobody.
    """
    reason = (result.content or {}).get(NOBODY)
    if isinstance(reason, str):
        raise CannotAsk(reason)
    if result.action == "accept":
        return Accepted(dict(result.content or {}))
    return Declined() if result.action == "decline" else Cancelled()


class WithdrawParams(types.RequestParams):
    id: str = Field(min_length=1)


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
    is_attended: bool = False
    """Whether a request of the client is open."""

    async def has_news(self) -> None:
        """Wait until the run has a question or has ended."""
        asked = asyncio.create_task(self.questions.asked.wait())
        try:
            await asyncio.wait({self.work, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait([asked])

    @property
    def input_required(self) -> types.InputRequiredResult:
        return types.InputRequiredResult(input_requests=dict(self.questions.requests), request_state=self.id)


class RunningCalls:
    """The calls whose clients may be asked between two requests. They are cancelled at the end of the block."""

    def __init__(self) -> None:
        self._calls: dict[str, RunningCall] = {}
        self._expiry: dict[str, asyncio.TimerHandle] = {}

    @classmethod
    @asynccontextmanager
    async def lifespan(cls, _server: Any) -> AsyncIterator[RunningCalls]:
        """A lifespan of the SDK's server."""
        calls = cls()
        try:
            yield calls
        finally:
            for timer in calls._expiry.values():
                timer.cancel()
            await cancel_and_wait([call.work for call in calls._calls.values()])

    def add(self, call: RunningCall) -> RunningCall:
        self._calls[call.id] = call
        return call

    async def withdraw(self, context: Context, params: WithdrawParams) -> types.EmptyResult:
        """Cancel a call whose caller has given it up."""
        owner = owner_of_request(context.request)
        mine = [call for call in self._calls.values() if (call.owner, call.delegation.call) == (owner, params.id)]
        await cancel_and_wait([call.work for call in mine])
        return types.EmptyResult()

    def find(self, call_id: str, owner: str) -> RunningCall:
        """The call that waits for its client.

        Raises:
            ToolError: there is none, or another request of the client is open.
        """
        call = self._calls.get(call_id)
        if call is None or call.owner != owner:
            raise ToolError("This call does not wait for an answer any more. Make it again.")
        if call.is_attended:
            raise ToolError("Another request has continued this call.")
        return call

    @asynccontextmanager
    async def attended(self, call: RunningCall) -> AsyncIterator[None]:
        """A block with a request of the client. A block that is cancelled cancels the call."""
        call.is_attended = True
        if (timer := self._expiry.pop(call.id, None)) is not None:
            timer.cancel()
        try:
            yield
        except BaseException:
            await cancel_and_wait([call.work])
            raise
        finally:
            call.is_attended = False
            if call.work.done():
                self._calls.pop(call.id, None)
            else:
                self._expiry[call.id] = asyncio.get_running_loop().call_later(KEPT, self._expire, call)

    @property
    def is_full(self) -> bool:
        """Whether `MAX_WAITING` calls wait for their clients."""
        return len(self._expiry) >= MAX_WAITING

    def _expire(self, call: RunningCall) -> None:
        self._expiry.pop(call.id, None)
        self._calls.pop(call.id, None)
        call.work.cancel()

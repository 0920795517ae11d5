"""Questions of servers to the person whom the caller can ask."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import urlsplit

from mcp import ClientSession
from mcp.client import ClientRequestContext
from mcp.types import (
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
    EmptyResult,
    Request,
    RequestParams,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from agentloop import Accepted, Answer, Cancelled, CannotAsk, Declined, Question, ToolError, exact_json
from agentloop.delegation_context import NOBODY, QUESTION
from agentloop.dispatch import cancel_and_wait
from agentloop.event_bounds import MAX_NAME
from agentloop.mcp.client.call_state import CallState, current_call
from agentloop.narration import clip
from agentloop.questions import MAX_MESSAGE

_log = logging.getLogger(__name__)

MAX_QUESTIONS = 50
"""Questions of one call."""
MAX_KEY = 2_000
"""Characters of the key of a question that are read."""
MAX_URL = 8_000
WITHDRAW_TIMEOUT = 1.0
MAX_FIELDS = 50
MAX_FORM = 50_000
"""Fields of one form, and characters of its schema as JSON."""


async def answered(
    server: str, calls: Iterable[CallState], context: ClientRequestContext, params: ElicitRequestParams
) -> ElicitResult:
    """Put a question of `server` to the person who can be asked about the call that it belongs to.

    If nobody can be asked, the answer is `cancel` with the reason in its content.
    """
    about = _about(context)
    try:
        call = _asking(server, list(calls), about.get("call"))
        question = _question(server, params, about)
        match await _answer(call, question):
            case Accepted(value):
                return ElicitResult(action="accept", content=None if question.url else question.completed(value))
            case Declined():
                return ElicitResult(action="decline")
            case Cancelled():
                return ElicitResult(action="cancel")
    except ToolError as error:
        return ElicitResult(action="cancel", content={NOBODY: str(error)})


async def _answer(call: CallState, question: Question) -> Answer[Any]:
    """The person's answer. The question is withdrawn when the call ends, which up to 2025-11-25 does not cancel it."""

    async def ask() -> Answer[Any]:
        assert call.ask is not None
        with call.waiting_for_person():
            try:
                return await call.ask(question)
            except ToolError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the handler raises
                _log.exception("The handler of questions failed.")
                raise CannotAsk(f"The question could not be asked: {type(error).__name__}: {error}") from None

    asking = asyncio.create_task(ask(), name="question")
    call.asking.add(asking)
    try:
        await asyncio.wait({asking})
    finally:
        call.asking.discard(asking)
        await cancel_and_wait([asking])
    if asking.cancelled():
        raise CannotAsk("The call has ended.")
    return asking.result()


class _CallId(RequestParams):
    id: str


class _Withdraw(Request[_CallId, Literal["dev.agentloop/withdraw"]]):
    method: Literal["dev.agentloop/withdraw"] = "dev.agentloop/withdraw"
    params: _CallId


async def withdraw(session: ClientSession, call: CallState) -> None:
    """Tell a server of ours that a call is given up: its question may be on the way, so that no request is open.

    A server that knows the deadline ends the call at that by itself.
    """
    has_deadline = call.delegation is None or call.delegation.delegation.seconds is not None
    if call.ask is None or has_deadline or session.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
        return
    request = _Withdraw(params=_CallId(id=call.name))
    sending = asyncio.create_task(session.send_request(request, EmptyResult), name="withdraw")
    try:
        await asyncio.wait({sending}, timeout=WITHDRAW_TIMEOUT)
    finally:
        await cancel_and_wait([sending])


def _about(context: ClientRequestContext) -> dict[str, Any]:
    """What the server says of the question: the `call` it belongs to, and the `agent` and `server` that ask."""
    about = (context.meta or {}).get(QUESTION)
    if about is None and isinstance(context.request_id, str):
        with suppress(ValueError, RecursionError):
            about = json.loads(context.request_id[:MAX_KEY])
    return about if isinstance(about, dict) else {}


def _asking(server: str, calls: list[CallState], name: object) -> CallState:
    """The call that a question belongs to.

    Up to 2025-11-25 it is a request of its own, which only servers of ours connect with a call. Of several calls the
    latest is taken, but only if all of them are of one owner: nobody is asked about the calls of somebody else.
    """
    call = current_call.get()
    if call not in calls:
        named = [each for each in calls if each.name == name and name]
        if not named and len({each.owner for each in calls}) > 1:
            raise CannotAsk(f"{server} does not say which call its question belongs to.")
        call = next(iter(named or calls[-1:]), None)
    if call is None or call.ask is None:
        raise CannotAsk("Nobody can be asked: no person is connected, or the client does not pass questions on.")
    call.questions += 1
    if call.questions > MAX_QUESTIONS:
        raise CannotAsk(f"One call may ask {MAX_QUESTIONS} questions.")
    return call


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and len(url) <= MAX_URL


def _question(server: str, params: ElicitRequestParams, about: dict[str, Any]) -> Question:
    agent, beyond = (clip(str(about.get(key) or ""), MAX_NAME) for key in ("agent", "server"))
    place = clip(f"{server} > {beyond}", MAX_NAME) if beyond else server
    message = params.message[:MAX_MESSAGE]
    if isinstance(params, ElicitRequestURLParams):
        if not _is_web_address(params.url):
            raise CannotAsk("The client opens http and https URLs only.")
        return Question(message, url=params.url, agent=agent, server=place)
    schema = params.requested_schema
    fields = schema.get("properties", {})
    if not isinstance(fields, dict) or not all(isinstance(each, dict) for each in fields.values()):
        raise CannotAsk("The form of the question cannot be read: `properties` has to be an object of schemas.")
    if len(fields) > MAX_FIELDS or len(exact_json.dumps(schema)) > MAX_FORM:
        raise CannotAsk(f"The form is too large: {MAX_FIELDS} fields and {MAX_FORM:,} characters are allowed.")
    return Question(message, schema, agent=agent, server=place)

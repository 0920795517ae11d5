"""A call as it is admitted: whose it is, what it runs, and what its client can do. All of it is checked here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import ServerRequestContext
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.requests import Request

from agentloop import Tool, ToolError, exact_json
from agentloop.delegation_context import CALL, IDEMPOTENCY_KEY, DelegationContext

MAX_ARGUMENTS = 200_000
"""Characters of one call's arguments as JSON."""
MAX_NESTING = 32
"""Objects and lists within each other in one call's arguments."""
MAX_KEY = 200
"""Characters of an idempotency key."""
LOCAL = "stdio"
"""The owner of all requests over stdio."""

Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class QuestionClient:
    """What a client does with questions: whether it shows forms and opens web pages, and its era of the protocol."""

    form: bool = True
    url: bool = True
    is_modern: bool = True

    @property
    def can_ask(self) -> bool:
        return self.form or self.url


ANYBODY = QuestionClient()


@dataclass(frozen=True, slots=True)
class Call:
    """An admitted call. Only `owner` has access to its run; `key` is the idempotency key, if there is one."""

    tool: Tool
    arguments: Mapping[str, Any]
    owner: str
    key: str | None
    delegation: DelegationContext
    client: QuestionClient = ANYBODY


def owner_of(context: Context) -> str:
    """The owner of a request: limits count per owner, and only the owner of a run has access to it."""
    return owner_of_request(context.request)


def owner_of_request(request: object) -> str:
    """The client and subject of the request's token; without a token the address it comes from, or `LOCAL`."""
    token = get_access_token()
    if token is not None:
        return json.dumps([token.client_id, token.subject])
    return request.client.host if isinstance(request, Request) and request.client else LOCAL


def extensions_of(context: Context) -> Mapping[str, Any]:
    """The settings of the extensions that the client declares."""
    capabilities = context.session.client_capabilities
    return (capabilities.extensions if capabilities else None) or {}


def client_of(context: Context) -> QuestionClient:
    capabilities = context.session.client_capabilities
    able = capabilities.elicitation if capabilities else None
    is_modern = context.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS
    if able is None:
        return QuestionClient(form=False, url=False, is_modern=is_modern)
    return QuestionClient(able.form is not None or able.url is None, able.url is not None, is_modern)


def check_size(arguments: Mapping[str, Any]) -> None:
    if exact_json.nesting(arguments, MAX_NESTING) > MAX_NESTING:
        raise ToolError(f"The arguments are nested more than {MAX_NESTING} deep.")
    try:
        characters = len(exact_json.dumps(arguments))
    except ValueError as error:
        raise ToolError(f"The arguments cannot be read: {error}. Send finite numbers, or numbers as text.") from None
    if characters > MAX_ARGUMENTS:
        raise ToolError(f"The arguments have {characters:,} characters; {MAX_ARGUMENTS:,} are allowed. Send less.")


def delegation_of(meta: Mapping[str, Any]) -> DelegationContext:
    if CALL not in meta:
        return DelegationContext()
    try:
        delegation = DelegationContext.from_json(meta[CALL])
    except ValueError as error:
        raise ToolError(f"`_meta` has a {CALL} that cannot be read: {error}.") from None
    if delegation.budget.is_used_up:
        raise ToolError(f"The caller's budget has {delegation.budget} left, so the call is not made.")
    if delegation.seconds is not None and delegation.seconds <= 0:
        raise ToolError("The caller's deadline has passed, so the call is not made.")
    return delegation


def key_of(meta: Mapping[str, Any]) -> str | None:
    key = meta.get(IDEMPOTENCY_KEY)
    if key is None or (isinstance(key, str) and 0 < len(key) <= MAX_KEY):
        return key
    raise ToolError(f"`_meta` has an {IDEMPOTENCY_KEY} that is not a text of 1 to {MAX_KEY} characters.")

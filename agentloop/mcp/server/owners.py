"""The owner of a request: limits count per owner, and only the owner of a run has access to it."""

from __future__ import annotations

import json

from mcp.server.auth.middleware.auth_context import get_access_token
from starlette.requests import Request

LOCAL = "stdio"


def owner_of_request(request: object) -> str:
    """The client and subject of the request's token; without a token the address it comes from, or `LOCAL`."""
    token = get_access_token()
    if token is not None:
        return json.dumps([token.client_id, token.subject])
    return request.client.host if isinstance(request, Request) and request.client else LOCAL

"""Errors of the Messages API, and of the way to it, in our own words.

No text of another library is passed on: it may hold the request's headers, and with them the credentials. What the API
says itself is passed on without the credentials that were sent to it.
"""

from __future__ import annotations

import base64
import errno
import json
import re
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from agentloop.errors import AgentError, ApiUnreachable, ConfigurationError, ModelError, StreamBroken
from agentloop.imports import lazy
from agentloop.rate_limiter import number_in
from agentloop.turn import error_of_event

if TYPE_CHECKING:
    import aiohttp
    import anthropic
    import httpx2
else:
    aiohttp, anthropic, httpx2 = lazy("aiohttp"), lazy("anthropic"), lazy("httpx2")

SHORTEST_SECRET = 10
"""Characters of a credential at least. What is shorter is a placeholder for a server that wants none, often a word."""
MAX_QUOTED = 1000
"""Characters of what the API says that are passed on."""

_PUBLIC_HEADERS = re.compile(
    r"x-stainless-.*|anthropic-(version|beta)|accept(-encoding)?|connection|content-(type|length)|host|user-agent"
    r"|traceparent|tracestate"
)
_TOOL = re.compile(r"tools\.(\d{1,4})[.:]")
_BAD_REQUEST = 400
_REQUEST_ID = re.compile(r"[\w-]{1,100}")
_HOST = re.compile(r"[\w.:-]{1,255}")
_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH}
_NOT_SENDABLE = (
    "the address or a header cannot be sent; see ANTHROPIC_API_KEY, which may hold no line break, ANTHROPIC_BASE_URL, "
    "which may hold no user name or password, and ANTHROPIC_CUSTOM_HEADERS"
)
_MISSING = "No credentials for the Messages API: set ANTHROPIC_API_KEY."


class ApiError(ModelError):
    """The API answered with an error status. `headers` are those of the answer, `quoted` is what it says."""

    def __init__(self, response: httpx2.Response) -> None:
        status, headers = response.status_code, response.headers
        error = _error(response.text)
        message, kind, request_id = error.get("message"), error.get("type"), headers.get("request-id", "")
        text = message if isinstance(message, str) and message else response.text.strip() or "no reason"
        quoted = redacted(text, response.request)[:MAX_QUOTED]
        should_retry = headers.get("x-should-retry")
        may_pass = status in {408, 409, 429} or status >= 500  # noqa: PLR2004
        super().__init__(
            f"The Messages API answered {status}: {quoted}",
            status=status,
            kind=redacted(kind, response.request) if isinstance(kind, str) else None,
            request_id=redacted(request_id, response.request) if _REQUEST_ID.fullmatch(request_id) else None,
            is_passing=should_retry == "true" if should_retry in {"true", "false"} else may_pass,
            retry_after=_seconds(headers.get("retry-after-ms"), 1000) or _seconds(headers.get("retry-after"), 1),
        )
        self.headers = headers
        self.quoted = quoted


def refused_tool(error: ModelError) -> int | None:
    """The index of the tool definition for which the API refused the request, if that was the reason.

    The API says so only in its text, which begins with the place: `tools.3.custom.input_schema: ...`.
    """
    found = _TOOL.match(error.quoted) if isinstance(error, ApiError) and error.status == _BAD_REQUEST else None
    return None if found is None else int(found[1])


def failed_request(error: Exception, base_url: httpx2.URL, *, has_credentials: bool) -> AgentError:
    """What to raise for a request that got no answer, or an answer that is an error."""
    if isinstance(error, AgentError):
        return error
    if isinstance(error, anthropic.APIStatusError):
        return _redirected(error.response) if error.response.has_redirect_location else ApiError(error.response)
    if isinstance(error, ImportError):
        package = (error.name or "a package").partition(".")[0]
        return ConfigurationError(f"The SDK's client needs {package}, which is not installed.")
    host = base_url.netloc.decode() or "the Messages API"
    if isinstance(error, anthropic.APIConnectionError):
        why, is_passing = _cause(error)
        return ApiUnreachable(f"Cannot reach {host}: {why}.", is_passing=is_passing)
    if isinstance(error, TypeError) and not has_credentials:
        return ConfigurationError(_MISSING)
    return client_unusable(error, f"The request to {host} cannot be made")


def client_unusable(error: Exception, what: str) -> ConfigurationError:
    """For what the SDK, or the library that finds a provider's credentials, raises before anything is sent."""
    return ConfigurationError(
        f"{what} ({type(error).__name__}): check the credentials, the address and the proxy of the Messages API."
    )


def broken_stream(error: Exception, response: httpx2.Response) -> AgentError:
    """What to raise for an answer that began and did not end."""
    if isinstance(error, AgentError):
        return error
    if isinstance(error, anthropic.APIStatusError):  # the SDK's form of an `error` event
        body = error.body if isinstance(error.body, dict) else {}
        return error_of_event(redacted_error(body, response.request))
    if isinstance(error, ValueError | RecursionError):
        return StreamBroken("The Messages API sent an event that cannot be read.")
    return StreamBroken(f"The Messages API's answer was cut off: {_cause(error)[0]}.")


def redacted_error(event: Mapping[str, Any], request: httpx2.Request) -> dict[str, str]:
    """Type and message of an `error` event, where they are text, without credentials."""
    error = event.get("error")
    fields = error if isinstance(error, dict) else {}
    return {
        name: redacted(fields[name], request)[:MAX_QUOTED]
        for name in ("type", "message")
        if isinstance(fields.get(name), str)
    }


def redacted(text: str, request: httpx2.Request) -> str:
    """The text without the credentials of the request, should whoever answered repeat them."""
    for secret in sorted(set(_secrets(request)), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


def _secrets(request: httpx2.Request) -> Iterator[str]:
    for name, value in request.headers.items():
        if not _PUBLIC_HEADERS.fullmatch(name.lower()):
            yield from (part for part in (value, *value.split()) if len(part) >= SHORTEST_SECRET)
    for url in (str(request.url), *urllib.request.getproxies().values()):
        with suppress(ValueError):
            parts = urlsplit(url)
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            if password:
                pair = f"{user}:{password}"
                yield from (password, parts.password or "", pair, base64.b64encode(pair.encode()).decode())


def _redirected(response: httpx2.Response) -> ModelError:
    """Redirects are not followed: the prompt, and often the credentials, would go to another server."""
    try:
        target = urlsplit(response.headers["location"]).hostname or "itself"
    except ValueError:
        target = ""
    shown = redacted(target, response.request) if _HOST.fullmatch(target) else "an address that cannot be read"
    host = response.request.url.netloc.decode()
    return ModelError(
        f"{host} redirects to {shown}. Redirects are not followed: set ANTHROPIC_BASE_URL to the API's own address.",
        status=response.status_code,
    )


def _error(body: str) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _seconds(header: str | None, unit: int) -> float | None:
    """The header's number in seconds. A date, which the API does not send, is not read."""
    number = number_in(header)
    return None if number is None else max(0.0, number / unit)


def _cause(error: BaseException) -> tuple[str, bool]:
    """Why a connection failed, and whether it may work later."""
    chain = list(_chain(error))
    for kinds, why, is_passing in (
        (httpx2.UnsupportedProtocol, "its address is no http:// or https:// address", False),
        (httpx2.ProxyError, "the proxy cannot be reached or refuses the connection", True),
        (ssl.SSLCertVerificationError, "its TLS certificate is not trusted", False),
        (ssl.SSLError, "no TLS connection could be made", True),
        (socket.gaierror, "name not found", True),
        (httpx2.ConnectTimeout, "no connection in time", True),
        ((httpx2.TimeoutException, TimeoutError), "nothing came in time", True),
        (httpx2.DecodingError, "its answer is compressed wrongly", True),
        ((aiohttp.ClientResponseError, httpx2.RemoteProtocolError), "its answer is not valid HTTP", True),
        (ConnectionRefusedError, "connection refused", True),
        (ValueError, _NOT_SENDABLE, False),
    ):
        if any(isinstance(each, kinds) for each in chain):
            return why, is_passing
    if any(isinstance(each, OSError) and each.errno in _NO_ROUTE for each in chain):
        return "no route to it", True
    return "the connection was closed", True


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(20):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__

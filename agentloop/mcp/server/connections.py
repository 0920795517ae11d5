"""Limits on the connections of an HTTP server, so that nobody can take all of its descriptors.

uvicorn bounds neither how many connections are open nor how long one may wait before its first request, so
`GuardedProtocol` wraps its protocol.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from agentloop import ConfigurationError

MAX_CONNECTIONS = 4_000
"""Open connections. Fewer if the process may open fewer descriptors."""
RESERVED = 32
"""Connections kept free of long requests, for health checks and 503 responses."""
REQUEST_TIMEOUT = 10.0
"""Seconds in which a new connection has to send the head of its first request."""
KEEP_ALIVE = 75.0
"""Seconds for which a connection is kept for its next request. It is longer than clients pause between two polls of a
task (10 s): a request on a connection that is just being closed fails."""
READ_TIMEOUT = 60.0
"""Seconds for which a peer may leave a full buffer unread."""
_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

Peer = tuple[str, int]
_log = logging.getLogger(__name__)


def max_connections() -> int:
    """Three quarters of the descriptors this process may open, at most `MAX_CONNECTIONS`."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource  # noqa: PLC0415 - not on Windows

    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if descriptors < 0 else min(MAX_CONNECTIONS, descriptors * 3 // 4)


class Proxies:
    """The reverse proxies whose `X-Forwarded-For` is trusted, by address or network (`10.0.0.0/8`).

    Raises:
        ConfigurationError: one of them is not an address or network.
    """

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self.trusted = list(trusted)
        try:
            self._networks = [ipaddress.ip_network(each) for each in trusted]
        except ValueError as error:
            raise ConfigurationError(f"--trusted-proxy: {error}. Give an IP address or a network.") from None

    def may_speak_for_many(self, address: str) -> bool:
        """Whether many clients may share the address: it is a trusted proxy's, or loopback."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return ip.is_loopback or any(ip in network for network in self._networks)


class Connections:
    """The open connections and the requests under way on them.

    At most `limit` connections are open and `limit - RESERVED` requests under way. One address may have half of these,
    loopback and trusted `proxies` all of them.
    """

    def __init__(self, limit: int, proxies: Proxies) -> None:
        self._limit = limit
        self._proxies = proxies
        self._open: dict[Peer, GuardedProtocol] = {}
        self._addresses: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._made_room = 0.0

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def opened(self, connection: GuardedProtocol) -> bool:
        """Count a new connection; if there are too many, close the oldest without a request. Whether it may stay."""
        address = connection.peer[0]
        has_room = len(self._open) < self._limit or self._close_one()
        if has_room and self._addresses[address] >= self._share(address, self._limit):
            has_room = self._close_one(address)
        if has_room:
            self._open[connection.peer] = connection
            self._addresses[address] += 1
        return has_room

    def closed(self, connection: GuardedProtocol) -> None:
        if self._open.get(connection.peer) is connection:
            del self._open[connection.peer]
            _subtract(self._addresses, connection.peer[0])

    @contextmanager
    def request(self, peer: Peer) -> Iterator[bool]:
        """A request that is under way in the block. Whether there was room for it."""
        address, connection = peer[0], self._open.get(peer)
        limit = self._limit - RESERVED
        has_room = self._requests.total() < limit and self._requests[address] < self._share(address, limit)
        if connection is not None:
            connection.request_began()
        self._requests[address] += 1
        try:
            yield has_room
        finally:
            _subtract(self._requests, address)
            if connection is not None:
                connection.request_ended()

    def close_waiting(self) -> None:
        """Close every connection that has no request."""
        while self._close_one():
            pass

    def _share(self, address: str, limit: int) -> int:
        return limit if self._proxies.may_speak_for_many(address) else limit // 2

    def _close_one(self, address: str | None = None) -> bool:
        """Close the oldest connection without a request, of that address if given. Whether there was one."""
        for each in self._open.values():
            if each.is_waiting and address in (None, each.peer[0]):
                each.abort()
                self.closed(each)
                return True
        return False

    def on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The event loop's exception handler. asyncio reports each failure to accept a connection, in a busy loop."""
        error = context.get("exception")
        if "socket" in context and isinstance(error, OSError) and error.errno in _OUT_OF_DESCRIPTORS:
            if loop.time() > self._made_room + 1:
                self._made_room = loop.time()
                _log.warning("No more connections can be accepted for now: %s", error.strerror)
                self.close_waiting()
            return
        loop.default_exception_handler(context)


def _subtract(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]


class GuardedProtocol(asyncio.Protocol):
    """Passes all events to the inner protocol, and closes the connection when it waits or stalls for too long."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self._inner = inner
        self._connections = connections
        self._requests = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = False
        self._is_stalled = False
        self._has_served = False
        self.peer: Peer = ("", 0)

    @property
    def is_waiting(self) -> bool:
        """Whether it has no request under way."""
        return self._requests == 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer = tuple(transport.get_extra_info("peername") or ("", id(self)))[:2]
        if not self._connections.opened(self):
            self._transport.abort()
            return
        self._is_open = True
        self._inner.connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.closed(self)
        if self._is_open:
            self._is_open = False
            self._inner.connection_lost(exc)
        self._set_deadline()

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._is_stalled = True
        self._set_deadline()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._is_stalled = False
        self._set_deadline()
        self._inner.resume_writing()

    def request_began(self) -> None:
        self._requests += 1
        self._has_served = True
        self._set_deadline()

    def request_ended(self) -> None:
        self._requests -= 1
        self._set_deadline()

    def abort(self) -> None:
        self._transport.abort()

    def _set_deadline(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._is_open and (self._is_stalled or self.is_waiting):
            waiting = KEEP_ALIVE if self._has_served else REQUEST_TIMEOUT
            seconds = READ_TIMEOUT if self._is_stalled else waiting
            self._timer = asyncio.get_running_loop().call_later(seconds, self.abort)

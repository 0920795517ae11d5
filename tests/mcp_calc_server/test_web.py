"""What the sockets of the HTTP transports are like."""

import socket

import pytest

from mcp_calc_server.web import Address, listen


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_written_to_a_client_leaves_at_once(host: str) -> None:
    with listen(Address("sse", host, port=0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

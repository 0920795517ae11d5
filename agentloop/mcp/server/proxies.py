"""The reverse proxies whose `X-Forwarded-For` is trusted."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from agentloop import ConfigurationError


class Proxies:
    """The trusted reverse proxies, by address (`10.0.0.2`) or network (`10.0.0.0/8`).

    The client address of all other connections is the peer address.

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

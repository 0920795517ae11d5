"""What can go wrong with a store. All of it is for the operator, except a key that was used before."""

from __future__ import annotations

from agentloop import AgentError, ConfigurationError, ToolError


class StoreError(ConfigurationError):
    """The store cannot be used: locked by another process, corrupt, not writable, not reachable."""


class StoreFailed(AgentError):
    """The store failed while it was in use. What it has acknowledged is kept; the run goes on at the next start."""


class KeyReused(ToolError):
    """The idempotency key belongs to a call with other arguments."""

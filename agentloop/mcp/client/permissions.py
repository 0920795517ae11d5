"""Tools that may be called: read-only ones, those of trusted servers, and those that the user allowed."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agentloop import ToolError, ToolSpec

Permit = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Receives the arguments of a call, and raises `ToolError` if it is not allowed."""


def needs_permission(spec: ToolSpec, *, is_trusted: bool) -> bool:
    return not is_trusted and not spec.read_only


def refusal(name: str, server: str, pattern: str, warn: Callable[[str], None]) -> Permit:
    """For a tool that nobody can be asked about. `warn` receives the option that would allow it."""

    async def refuse(_arguments: Mapping[str, Any]) -> None:
        warn(
            f"{server}: {name} was not called: it may change things, and nobody allowed it. "
            f"To allow it: --allow {shlex.quote(pattern)} (in Python allow=[{pattern!r}])"
        )
        raise ToolError(
            f"{name} was not called, because it may change things and the user has not allowed it. "
            "Do not try again. Go on without it, or say what it is needed for."
        )

    return refuse

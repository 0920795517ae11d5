"""Tools that may be called: read-only ones, those of trusted servers, and those that the user allowed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from agentloop import ToolError, ToolSpec


def needs_permission(spec: ToolSpec, *, is_trusted: bool) -> bool:
    return not is_trusted and not spec.read_only


def refusal(name: str, server: str, pattern: str, warn: Callable[[str], None]) -> Callable[..., Any]:
    """The function of a tool that is not allowed. It raises; `warn` receives the option that would allow it."""

    async def refuse(**_arguments: Any) -> Any:
        warn(
            f"{server}: {name} was not called: it may change things, and nobody allowed it. "
            f"To allow it: --allow {shlex.quote(pattern)}"
        )
        raise ToolError(
            f"{name} was not called, because it may change things and the user has not allowed it. "
            "Do not try again. Go on without it, or say what it is needed for."
        )

    return refuse

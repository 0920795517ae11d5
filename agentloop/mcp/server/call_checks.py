"""Checks of what a call has in its parameters, before anything is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentloop import ToolError, exact_json
from agentloop.delegation_context import CALL, IDEMPOTENCY_KEY, DelegationContext

MAX_ARGUMENTS = 200_000
"""Characters of one call's arguments as JSON."""
MAX_NESTING = 32
"""Objects and lists within each other in one call's arguments."""
MAX_KEY = 200
"""Characters of an idempotency key."""


def check_size(arguments: Mapping[str, Any]) -> None:
    if exact_json.nesting(arguments, MAX_NESTING) > MAX_NESTING:
        raise ToolError(f"The arguments are nested more than {MAX_NESTING} deep.")
    try:
        characters = len(exact_json.dumps(arguments))
    except ValueError as error:
        raise ToolError(f"The arguments cannot be read: {error}. Send finite numbers, or numbers as text.") from None
    if characters > MAX_ARGUMENTS:
        raise ToolError(f"The arguments have {characters:,} characters; {MAX_ARGUMENTS:,} are allowed. Send less.")


def delegation_of(meta: Any) -> DelegationContext:
    if not meta or CALL not in meta:
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


def key_of(meta: Any) -> str | None:
    key = (meta or {}).get(IDEMPOTENCY_KEY)
    if key is None or (isinstance(key, str) and 0 < len(key) <= MAX_KEY):
        return key
    raise ToolError(f"`_meta` has an {IDEMPOTENCY_KEY} that is not a text of 1 to {MAX_KEY} characters.")

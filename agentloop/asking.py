"""Asking the model for one turn.

What a request may cost is reserved, what it costs is counted, the governor says when it may go, and what failed but may
pass is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from agentloop.budget import Budget, Ledger, Reservation, cost_of
from agentloop.errors import ConfigurationError, ModelError
from agentloop.governor import Governor, Slot
from agentloop.imports import lazy
from agentloop.limits import Limits
from agentloop.model import Hear, Request, stream_turn
from agentloop.prices import price_of, priced
from agentloop.turn import ToolUse, Turn, TurnBuilder
from agentloop.usage import ModelUsage, Usage
from agentloop.wire import Wire

if TYPE_CHECKING:
    import stamina
else:
    stamina = lazy("stamina")

UNSEEN_TOKENS = 1000
"""Prompt tokens that the API may add by itself, for tools say."""
BYTES_PER_TOKEN = 4
"""About; for estimates that are corrected later."""

_COUNTED = {"message_start", "message_delta"}


class Asking:
    """Asks for the turns of one run, all of them from the same model.

    `spent` hears of every part of the cost as soon as it is known; `hear` of every event of the streams.
    """

    def __init__(
        self,
        model: str,
        limits: Limits,
        *,
        ledger: Ledger,
        governor: Governor,
        spent: Callable[[ModelUsage], None],
        hear: Hear,
    ) -> None:
        self._model = model
        self._limits = limits
        self._ledger = ledger
        self._governor = governor
        self._spent = spent
        self._hear = hear
        self._known: tuple[int, int] | None = None

    async def ask(self, wire: Wire, request: Request, retried: Callable[[ModelError], None]) -> Turn:
        """Ask for one turn; `retried` hears of each failure after which it is asked for again.

        Raises:
            ModelError: there is no answer, also after the last attempt.
            BudgetExceeded: the budget does not cover the request.
        """
        try:
            return await self._until_admitted(wire, request, retried)
        except ModelError as error:
            return await self._ask_again(wire, request, retried, error)

    async def _ask_again(
        self, wire: Wire, request: Request, retried: Callable[[ModelError], None], first: ModelError | None
    ) -> Turn:
        """The attempts after the `first`, which counts as one."""
        attempts = self._limits.attempts
        async for attempt in stamina.retry_context(on=_wait, attempts=attempts, timeout=None, wait_max=8.0):
            with attempt:
                try:
                    if first is None:
                        return await self._until_admitted(wire, request, retried)
                    failed, first = first, None
                    raise failed
                except ModelError as error:
                    if _wait(error) is not False and attempt.num < attempts:
                        retried(error)
                    raise
        raise AssertionError("stamina returns or raises")

    async def _until_admitted(self, wire: Wire, request: Request, retried: Callable[[ModelError], None]) -> Turn:
        """Send the request again as long as the API has too much to do; the governor spaces that."""
        give_up = time.monotonic() + self._limits.overload_timeout
        while True:
            try:
                return await self._attempt(wire, request)
            except ModelError as error:
                if not error.is_overload or not error.is_passing or time.monotonic() > give_up:
                    raise
                retried(error)

    async def _attempt(self, wire: Wire, request: Request) -> Turn:
        reservation = await self._reserve(request)
        count = _Count(self._model, self._spent)
        try:
            async with self._governor.admit(self._model, self._prompt_estimate(request)) as slot:
                turn = await self._send(wire, request, slot, count)
        finally:
            if reservation is not None:
                reservation.settle(cost_of(Usage({self._model: count.usage})))
        self._known = (len(request.body), count.usage.tokens)
        return turn

    async def _send(self, wire: Wire, request: Request, slot: Slot, count: _Count) -> Turn:
        builder = TurnBuilder()

        def hear(event: Mapping[str, Any], moved_on: ToolUse | None) -> None:
            if event.get("type") in _COUNTED:
                count.now(builder.usage)
            self._hear(event, moved_on)

        count.now(builder.usage)
        try:
            turn = await stream_turn(wire, request, builder, hear=hear, answered=slot.answered)
        except ModelError as error:
            if error.is_overload:
                slot.refused(error.retry_after)
            raise
        slot.used(count.usage.prompt_tokens, count.usage.output_tokens)
        return turn

    async def _reserve(self, request: Request) -> Reservation | None:
        left = self._ledger.left
        if not left.is_bounded:
            return None
        if left.usd is not None and price_of(self._model) is None:
            raise ConfigurationError(
                f"The budget is in USD, and the price of {self._model} is not known. Say what it costs with "
                f"agentloop.prices.register({self._model!r}, input=..., output=...), in USD for a million tokens, "
                "or set a budget of tokens or turns instead."
            )
        most = _most(self._model, self._most_prompt_tokens(request), request.max_tokens)
        return await self._ledger.reserve(most, f"The next turn of {self._model}")

    def _most_prompt_tokens(self, request: Request) -> int:
        """A bound from above: a token has at least one byte, and the last turn's tokens are known."""
        if self._known is None:
            return len(request.body) + UNSEEN_TOKENS
        size, tokens = self._known
        return tokens + max(0, len(request.body) - size)

    def _prompt_estimate(self, request: Request) -> int:
        if self._known is None:
            return len(request.body) // BYTES_PER_TOKEN
        size, tokens = self._known
        return tokens + max(0, len(request.body) - size) // BYTES_PER_TOKEN


class _Count:
    """The usage of one request, told on as it grows."""

    def __init__(self, model: str, spent: Callable[[ModelUsage], None]) -> None:
        self._model = model
        self._spent = spent
        self._counted = ModelUsage()
        self.usage = ModelUsage()

    def now(self, usage: ModelUsage) -> None:
        if usage != self._counted:
            known = priced(self._model, usage)
            self._spent(known - self.usage)
            self._counted, self.usage = usage, known


def _most(model: str, prompt_tokens: int, max_tokens: int) -> Budget:
    price = price_of(model, prompt_tokens=prompt_tokens)
    worst = ModelUsage(1, cache_creation_input_tokens=prompt_tokens, output_tokens=max_tokens)
    return cost_of(Usage({model: worst.costing(None if price is None else price.of(worst))}))


def _wait(error: Exception) -> bool | float:
    """Whether to try again, or after how many seconds."""
    if not isinstance(error, ModelError) or not error.is_passing or error.is_overload:
        return False
    return True if error.retry_after is None else error.retry_after

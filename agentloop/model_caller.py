"""Asking the model for one turn.

What a request may cost is reserved, what it costs is counted, the rate limiter says when it may go, and what failed but
may pass is tried again.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agentloop import events
from agentloop.api_errors import ApiError
from agentloop.budget import Budget, Ledger, Reservation, cost_of
from agentloop.context_editing import BYTES_PER_TOKEN, WEAKER, ContextEditor, Method, betas_of, is_summary
from agentloop.definition import AgentDefinition
from agentloop.errors import BudgetExceeded, ConfigurationError, ModelError
from agentloop.events import EventHandler, Source
from agentloop.long_results import ADDITION_BETA, adds_reader, with_reader_listed
from agentloop.model import ModelRequest, OnStreamEvent
from agentloop.prices import SEARCH_USD, price_of, priced
from agentloop.prompt_cache import WEAKER_STYLE, RunCache, ServerSupport, Ttl, support_of
from agentloop.rate_limiter import RateLimiter, Slot
from agentloop.turn import Turn, TurnBuilder
from agentloop.usage import ModelUsage, Usage
from agentloop.wire import ApiClient

FIRST_PAUSE = 0.5
"""Seconds before the second attempt, when the API does not say how long; it doubles up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = 8.0
UNSEEN_TOKENS = 1000
"""Prompt tokens that the API may add by itself, for tools say."""

MAX_ID = 100
"""Characters of a request id that are kept."""
SHORTEST_ANSWER = 1024
"""Tokens of an answer for which a request is made although the budget has no more."""

_BAD_REQUEST = 400
_WINDOW_IS_FULL = "model_context_window_exceeded"
_COUNTED = {"message_start", "message_delta"}
_EDITED_BY: Mapping[Method, str] = {
    "clear": "makes no summaries: old results are only left out from now on",
    "local": "refuses context_management: old results are left out here from now on",
}


@dataclass
class ModelCaller:
    """Asks for the turns of one run, all of them from the same model, until `deadline()` on the `time.monotonic` clock.

    `emit` receives the run's events about its requests, `receive` every event of their streams. `retried` is called
    before a turn is asked for again.
    """

    agent: AgentDefinition
    source: Source
    ledger: Ledger
    rate_limiter: RateLimiter
    deadline: Callable[[], float]
    emit: EventHandler
    receive: OnStreamEvent
    retried: Callable[[], None]
    usage: ModelUsage = field(default_factory=ModelUsage)
    """What the requests have cost so far, as far as it is known."""
    request_id: str = ""
    """The API's id of the last request that it answered."""
    trouble: str = ""
    """Why the last request failed, if it did and is to be sent again."""

    def __post_init__(self) -> None:
        self._model = self.agent.model
        self._cache = RunCache(self.agent.prompt_cache)
        self._editor = ContextEditor(self.agent.limits.max_context_tokens)
        self._known: tuple[int, int] | None = None

    async def ask(self, client: ApiClient, request: ModelRequest, number: int) -> Turn:
        """Ask for the turn of that number.

        Raises:
            ModelError: there is no answer, also after the last attempt, or none in the time there is.
            BudgetExceeded: the budget does not cover the request.
        """
        give_up = min(self.deadline(), time.monotonic() + self.agent.limits.overload_timeout)
        failures = 0
        for attempt in itertools.count(1):
            try:
                turn = await self._attempt(client, request)
                if turn.stop_reason != _WINDOW_IS_FULL or not self._clear(request):
                    return turn
                full = ModelError("The conversation does not fit the model's context window.")
                self._retry(full, number, attempt, 0.0)
                continue
            except ModelError as error:
                failures += not error.is_overload
                if not error.is_passing or failures >= self.agent.limits.attempts:
                    raise
                pause = self._pause_after(error, failures, give_up - time.monotonic())
                self._retry(error, number, attempt, pause)
                seconds = 0.0 if error.is_overload else pause  # then the rate limiter waits
            await asyncio.sleep(seconds)
        raise AssertionError("it returns or raises")

    def _retry(self, error: ModelError, number: int, attempt: int, pause: float) -> None:
        self.retried()
        self.trouble = str(error)
        self.emit(
            events.TurnRetried(
                **self.source,
                number=number,
                error=str(error),
                attempt=attempt,
                reason=error.reason,
                next_try_in=pause,
                request_id=error.request_id or "",
            )
        )

    def _spend(self, usage: ModelUsage) -> None:
        self.usage += usage
        self.emit(events.Spent(**self.source, model=self._model, usage=usage))

    def _report_edit(self, results: int, tokens: int, by: str) -> None:
        """Report what is left out of prompts. A summary leaves out everything, so it has no numbers."""
        self.emit(events.ContextEdited(**self.source, results=results, tokens=tokens, by=by))

    def _pause_after(self, error: ModelError, failures: int, left: float) -> float:
        """Seconds until the next attempt, of which there are `left`. Raises the error if that is not enough."""
        if error.retry_after is not None and error.retry_after > left:
            if error.retry_after < 1:
                raise error
            asked, there_are = f"{error.retry_after:,.0f} s", f"{max(0, left):,.0f} s"
            text = str(error).rstrip(".")
            error.args = (f"{text}. It asks to wait {asked}, and this run can wait {there_are} at most.",)
            raise error
        if not error.is_overload:
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)) * random.uniform(0.75, 1)  # noqa: S311
            return pause if error.retry_after is None else error.retry_after
        if left <= 0:
            raise error
        return self.rate_limiter.seconds_paused(self._model)

    async def _attempt(self, client: ApiClient, request: ModelRequest) -> Turn:
        """Send the request, and if it is refused, without one after another of what not all servers take.

        If the server takes it then, what was left out last was the reason: this server is not sent that any more.
        """
        server = support_of(client.base_url)
        refusal: ModelError | None = None
        for form, shown, notice in self._forms(request, server):
            try:
                turn = await self._attempt_once(client, form)
            except ModelError as error:
                if error.status != _BAD_REQUEST:
                    raise
                refusal = refusal or error
                continue
            for name, value in shown.items():
                setattr(server, name, value)
            if notice:
                self.emit(events.Notice(**self.source, text=f"{client.base_url} {notice}."))
            self._cache.sent(form.messages, turn.id)
            return turn
        assert refusal is not None
        raise refusal

    def _forms(
        self, request: ModelRequest, server: ServerSupport
    ) -> Iterator[tuple[ModelRequest, dict[str, Any], str]]:
        """The request in the form that the server takes as far as is known, then without what it may have refused.

        With each, what is known of the server if it takes this form and no earlier one. Tools in messages are for the
        Messages API, whose models have such names. With a budget nothing is summarized, because nothing limits what a
        summary costs.
        """
        if not (server.adds_tools and self._model.startswith("claude-")):
            request = with_reader_listed(request)
        method = "clear" if server.editing == "compact" and self.ledger.left.is_bounded else server.editing
        edited = self._edited(request, method)
        tokens, has_tools = _prefix_tokens(request), bool(request.settings.tools)
        marks = self._cache.marks(server.style, edited.messages, prefix_tokens=tokens, has_tools=has_tools)
        marked = edited if marks is None else replace(edited, marks=marks)  # which computes its size anew
        yield marked, {"is_known": server.is_known or marks is not None}, ""
        if marks is not None and not server.is_known:
            style = WEAKER_STYLE[server.style]
            yield edited, {"style": style}, f"refuses requests with cache_control ({style} from now on)"
        if adds_reader(request):
            request = with_reader_listed(request)
            edited = self._edited(request, method)
            yield edited, {"adds_tools": False}, "takes no tools in messages: they are listed from now on"
        while edited.context_management is not None:
            method = WEAKER[method]
            edited = self._edited(request, method)
            yield edited, {"editing": method}, _EDITED_BY[method]

    def _edited(self, request: ModelRequest, method: Method) -> ModelRequest:
        """The request without old tool results if it is too long: the API leaves them out, or else this does."""
        edited = replace(request, messages=self._editor.edited(request.messages))
        estimate = self._prompt_estimate(edited)
        if method == "local":
            is_shorter = self._editor.is_too_long(estimate) and self._clear(request)
            return replace(request, messages=self._editor.edited(request.messages)) if is_shorter else edited
        if not self._editor.is_on(estimate):
            return edited
        return replace(edited, context_management=self._editor.for_api(request.messages, method))

    def _clear(self, request: ModelRequest) -> bool:
        """Leave old tool results out from now on, if there are more of them."""
        cleared = self._editor.clear(request.messages)
        if cleared is None:
            return False
        self._known = None  # the next prompt may have other tokens, not only more
        self._report_edit(*cleared, "local")
        return True

    async def _attempt_once(self, client: ApiClient, request: ModelRequest) -> Turn:
        async with self._cache.turn(request.marks, _prefix_tokens(request)) as begun:
            reservation, sent = await self._reserve(request)
            count = _Count(self._model, request.marks.ttl if request.marks else "5m", self._spend)
            try:
                async with self.rate_limiter.admit(self._model, self._prompt_estimate(request)) as slot:
                    turn = await self._send(client, sent, slot, count, begun)
            finally:
                if reservation is not None:
                    reservation.settle(cost_of(Usage({self._model: count.usage})))
        self.trouble = ""
        self._known = (request.size, count.usage.tokens)
        if turn.stop_reason == "max_tokens" and sent is not request:
            raise BudgetExceeded(
                f"The answer of {self._model} is longer than the {sent.max_tokens:,} tokens that the budget has left."
            )
        return turn

    async def _send(
        self, client: ApiClient, request: ModelRequest, slot: Slot, count: _Count, begun: Callable[[], None]
    ) -> Turn:
        """Send the request, and put the turn together of the events of its stream.

        The SDK's stream helpers are not used: they parse tool input in a mode in which a cut-off number looks complete.
        """
        builder = TurnBuilder()
        count.now(builder.usage)
        betas = betas_of(request.context_management, request.messages)
        if adds_reader(request):
            betas.append(ADDITION_BETA)
        try:
            async with client.send(request.body, betas) as answer:
                self._answered(answer.headers, slot)
                async for event in answer.events:
                    moved_on = builder.feed(event)
                    if event.get("type") in _COUNTED:
                        begun()
                        count.now(builder.usage)
                    self._report_edits(event)
                    self.receive(event, moved_on)
            turn = builder.finish()
        except ModelError as error:
            if isinstance(error, ApiError):
                self._answered(error.headers, slot)
            if error.is_overload:
                slot.refused(error.retry_after)
            raise
        slot.used(count.usage.prompt_tokens, count.usage.output_tokens)
        return turn

    def _answered(self, headers: Mapping[str, str], slot: Slot) -> None:
        self.request_id = headers.get("request-id", "")[:MAX_ID]
        slot.answered(headers)

    def _report_edits(self, event: Mapping[str, Any]) -> None:
        if (cleared := self._editor.newly_cleared(event)) is not None:
            self._report_edit(*cleared, "api")
        if is_summary(event):
            self._report_edit(0, 0, "api")

    async def _reserve(self, request: ModelRequest) -> tuple[Reservation | None, ModelRequest]:
        """Reserve what the request may cost, or what it may cost with a shorter answer if there is no more."""
        left = self.ledger.left
        if not left.is_bounded:
            return None, request
        if left.usd is not None and price_of(self._model) is None:
            raise ConfigurationError(
                f"The budget is in USD, and the price of {self._model} is not known. Say what it costs with "
                f"agentloop.prices.register({self._model!r}, input=..., output=...), in USD for a million tokens, "
                "or with --prices FILE, or set a budget of tokens or turns instead."
            )
        prompt_tokens, purpose = self._most_prompt_tokens(request), f"The next turn of {self._model}"
        try:
            return await self.ledger.reserve(_most(request, prompt_tokens), purpose), request
        except BudgetExceeded:
            shorter = _shortened(request, prompt_tokens, self.ledger.left)
            if shorter is None:
                raise
            return await self.ledger.reserve(_most(shorter, prompt_tokens), purpose), shorter

    def _most_prompt_tokens(self, request: ModelRequest) -> int:
        """A bound from above: a token has at least one byte, and the last turn's tokens are known."""
        size, tokens = self._known or (0, UNSEEN_TOKENS)
        return tokens + max(0, request.size - size)

    def _prompt_estimate(self, request: ModelRequest) -> int:
        size, tokens = self._known or (0, 0)
        return tokens + max(0, request.size - size) // BYTES_PER_TOKEN


@dataclass(slots=True)
class _Count:
    """The usage of one request, reported as it grows. `ttl` is how long what it writes to the cache lasts."""

    model: str
    ttl: Ttl
    spent: Callable[[ModelUsage], None]
    counted: ModelUsage = field(default_factory=ModelUsage)
    usage: ModelUsage = field(default_factory=ModelUsage)

    def now(self, usage: ModelUsage) -> None:
        if usage != self.counted:
            known = priced(self.model, usage, self.ttl)
            self.spent(known - self.usage)
            self.counted, self.usage = usage, known


def _most(request: ModelRequest, prompt_tokens: int) -> Budget:
    """The most that the request can cost."""
    price = price_of(request.settings.model, prompt_tokens=prompt_tokens)
    ttl = request.marks.ttl if request.marks else None
    searches = request.settings.most_searches * SEARCH_USD
    usd = None if price is None else price.at_most(prompt_tokens, request.max_tokens, ttl) + searches
    return Budget.unchecked(usd, prompt_tokens + request.max_tokens, 1)


def _shortened(request: ModelRequest, prompt_tokens: int, left: Budget) -> ModelRequest | None:
    """The request with the longest answer that a budget is enough for; None if that is hardly an answer."""
    bounds = [request.max_tokens]
    price = price_of(request.settings.model, prompt_tokens=prompt_tokens)
    if left.usd is not None and price is not None and price.output:
        prompt_usd = _most(replace(request, max_tokens=0), prompt_tokens).usd or 0
        bounds.append(int((left.usd - prompt_usd) * 1_000_000 / price.output))
    if left.tokens is not None:
        bounds.append(left.tokens - prompt_tokens)
    most = min(bounds)
    return replace(request, max_tokens=most) if SHORTEST_ANSWER <= most < request.max_tokens else None


def _prefix_tokens(request: ModelRequest) -> int:
    return request.settings.frame_size // BYTES_PER_TOKEN

"""What a tree of runs may spend, reserved before it is spent, so that agents at work at once never exceed it together.

A reservation is the most that something may cost: for a request its prompt and all of `max_tokens`, for a delegated run
in another process its share of what is left. When it is over, what it really cost is booked and the rest is free again.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from decimal import ROUND_DOWN, Decimal
from typing import Any

from agentloop.errors import BudgetExceeded, ConfigurationError
from agentloop.usage import MAX_COUNT, Usage, decimal_of, shown

_SMALLEST_SHARE = Decimal("1e-12")

Number = Decimal | float | str
"""An amount as it may be written: 1, 0.5, "0.5" or `Decimal("0.5")`."""


@dataclass(frozen=True, slots=True, init=False)
class Budget:
    """An amount of each kind; None is without bound.

    `usd` is money, `tokens` are those of prompts and answers, a turn is one request to a model. A float counts as the
    decimal number it prints as: `Budget(usd=0.1)` is exactly ten cents.

    Example:
        budget = Budget(usd=0.50, tokens=200_000)

    Raises:
        ConfigurationError: an amount is not a number from 0 to 1,000,000,000,000; tokens or turns are not whole.
    """

    usd: Decimal | None = None
    tokens: int | None = None
    turns: int | None = None

    def __init__(self, usd: Number | None = None, tokens: Number | None = None, turns: Number | None = None) -> None:
        self._set(
            None if usd is None else _amount("usd", usd, "0.50"),
            None if tokens is None else _integer("tokens", tokens),
            None if turns is None else _integer("turns", turns),
        )

    def _set(self, *amounts: Decimal | int | None) -> None:
        for each, amount in zip(fields(self), amounts, strict=True):
            object.__setattr__(self, each.name, amount)

    @classmethod
    def unchecked(cls, *amounts: Any) -> Budget:
        """One whose amounts were calculated: also below 0, when more was spent than there was."""
        budget = object.__new__(cls)
        budget._set(*amounts)
        return budget

    @property
    def is_bounded(self) -> bool:
        return any(amount is not None for amount in self._amounts())

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left of some kind. 0 left means 0, not unbounded."""
        return any(left is not None and left <= 0 for left in self._amounts())

    def covers(self, cost: Budget) -> bool:
        """Whether `cost` can be taken from it. An amount of None in `cost` is unknown: only no bound covers it."""
        pairs = zip(self._amounts(), cost._amounts(), strict=True)
        return all(left is None or (wanted is not None and wanted <= left) for left, wanted in pairs)

    def beyond(self, left: Budget) -> Budget:
        """The kinds of which it wants more than there is."""
        return self._with(
            left, lambda mine, there: mine if there is not None and (mine is None or mine > there) else None
        )

    def share(self, parts: int) -> Budget:
        """One of `parts` equal parts, rounded down."""
        return Budget.unchecked(
            None if self.usd is None else (self.usd / parts).quantize(_SMALLEST_SHARE, ROUND_DOWN).normalize(),
            None if self.tokens is None else self.tokens // parts,
            None if self.turns is None else self.turns // parts,
        )

    def minus(self, cost: Budget) -> Budget:
        """What is left without `cost`; an unknown amount takes nothing."""
        return self._with(cost, lambda left, taken: None if left is None else left - (taken or 0))

    def plus(self, freed: Budget) -> Budget:
        return self._with(freed, lambda left, added: None if left is None else left + (added or 0))

    def or_else(self, other: Budget) -> Budget:
        """The amounts, those of `other` where they are unknown."""
        return self._with(other, lambda mine, theirs: theirs if mine is None else mine)

    def at_most(self, other: Budget) -> Budget:
        """The smaller amount of each kind; None is the largest."""
        return self._with(other, lambda mine, theirs: min((a for a in (mine, theirs) if a is not None), default=None))

    def _with(self, other: Budget, combine: Callable[[Any, Any], Any]) -> Budget:
        return Budget.unchecked(*map(combine, self._amounts(), other._amounts()))

    def to_json(self) -> dict[str, Any]:
        """The bounded kinds; USD as text, so that nothing is rounded."""
        amounts = {"usd": None if self.usd is None else str(self.usd), "tokens": self.tokens, "turns": self.turns}
        return {kind: amount for kind, amount in amounts.items() if amount is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Budget:
        """Read `to_json`'s shape.

        Raises:
            ValueError: an amount is not a number. It is not taken for "without bound".
        """
        try:
            return cls(value.get("usd"), value.get("tokens"), value.get("turns"))
        except ConfigurationError as error:
            raise ValueError(f"not a budget: {error}") from None

    def __str__(self) -> str:
        amounts = {"usd": None if self.usd is None else f"{self.usd:f}", "tokens": self.tokens, "turns": self.turns}
        known = [f"{amount} {kind}" for kind, amount in amounts.items() if amount is not None]
        return ", ".join(known) or "an unknown amount"

    def _amounts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, f.name) for f in fields(self))


def _amount(kind: str, value: object, example: str) -> Decimal:
    amount = decimal_of(value)
    if amount is None or not 0 <= amount <= MAX_COUNT:
        raise ConfigurationError(
            f"Budget({kind}=...) takes a number from 0 to {MAX_COUNT:,}, for example {kind}={example}, "
            f"not {shown(value)}."
        )
    return amount


def _integer(kind: str, value: object) -> int:
    amount = _amount(kind, value, "1000")
    if amount != amount.to_integral_value():
        raise ConfigurationError(f"Budget({kind}=...) takes a whole number, not {shown(value)}.")
    return int(amount)


def cost_of(usage: Usage) -> Budget:
    """What a usage takes from a budget."""
    return Budget.unchecked(usage.usd, usage.tokens, usage.requests)


@dataclass(slots=True)
class Account:
    """What is left of one budget, and how many reservations are open in it."""

    left: Budget
    reservations: int = 0


class Ledger:
    """What one tree of runs has spent and reserved of its budget. Shared by its runs, in whatever thread they are.

    What is spent of a ledger with a `parent` is spent of the parent's budget too.

    Example:
        ledger = Ledger(Budget(usd=1))
        context = CallContext(scope=RunScope(ledger=ledger))
        await asyncio.gather(agent.run("A haiku", context=context), agent.run("A sonnet", context=context))
        print(ledger.left.usd)
    """

    def __init__(self, budget: Budget | None = None, *, parent: Ledger | None = None) -> None:
        self.accounts: tuple[Account, ...] = (Account(budget or Budget()), *(parent.accounts if parent else ()))
        self.lock: threading.Lock = parent.lock if parent else threading.Lock()
        self.waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = parent.waiting if parent else []

    @property
    def left(self) -> Budget:
        """What is neither spent nor reserved."""
        with self.lock:
            return self._left()

    def _left(self) -> Budget:
        return functools.reduce(Budget.at_most, (each.left for each in self.accounts))

    async def reserve(self, cost: Budget, purpose: str, *, beside: Budget | None = None) -> Reservation:
        """Set `cost` aside, waiting for what others have reserved and may not need. `beside` is to be left too.

        Raises:
            BudgetExceeded: not that much is left, and nothing more can become free.
        """
        while True:
            freed = asyncio.Event()
            with self.lock:
                lacking = [each for each in self.accounts if not each.left.covers(cost.plus(beside or Budget()))]
                if not lacking:
                    return self._reserved(cost)
                for each in lacking:
                    if each.reservations == 0:
                        wanted = cost.beyond(each.left)
                        raise BudgetExceeded(f"{purpose} may need {wanted}, and the budget has {each.left} left.")
                self.waiting.append((asyncio.get_running_loop(), freed))
            await freed.wait()

    def reserve_share(self, parts: int, purpose: str) -> Reservation:
        """Set one of `parts` equal parts of what is left aside.

        Raises:
            BudgetExceeded: nothing is left.
        """
        with self.lock:
            share = self._left().share(parts)
            if share.is_used_up:
                raise BudgetExceeded(f"{purpose} cannot start: the budget has {self._left()} left.")
            return self._reserved(share)

    def settle(self, reserved: Budget, spent: Budget) -> None:
        """Give a reservation back and book what was spent: of what is unknown, all that was reserved."""
        with self.lock:
            for each in self.accounts:
                each.left = each.left.plus(reserved).minus(spent.or_else(reserved))
                each.reservations -= 1
            waiting = self.waiting[:]
            self.waiting.clear()
        for loop, freed in waiting:
            with suppress(RuntimeError):  # a loop that has closed since waits for nothing
                loop.call_soon_threadsafe(freed.set)

    def book(self, spent: Budget) -> None:
        """Take what was spent already, before a crash."""
        with self.lock:
            for each in self.accounts:
                each.left = each.left.minus(spent)

    def _reserved(self, amount: Budget) -> Reservation:
        for each in self.accounts:
            each.left = each.left.minus(amount)
            each.reservations += 1
        return Reservation(self, amount)


@dataclass(slots=True)
class Reservation:
    """An amount set aside, until it is settled."""

    _ledger: Ledger
    amount: Budget
    _is_open: bool = True

    def settle(self, spent: Budget) -> None:
        """Book what was really spent and free the rest. Settling again does nothing."""
        if self._is_open:
            self._is_open = False
            self._ledger.settle(self.amount, spent)

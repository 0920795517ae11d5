"""What runs cost: requests, tokens and estimated money, by model and by agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from operator import attrgetter
from typing import Any

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Requests sent to one model and the tokens they cost, as the API counts them.

    The whole prompt is `input_tokens + cache_creation_input_tokens + cache_read_input_tokens`. `usd` is an estimate
    from list prices; None if one of the requests went to a model whose price is not known.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    usd: Decimal | None = _NOTHING

    def __add__(self, other: ModelUsage) -> ModelUsage:
        return ModelUsage(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_creation_input_tokens + other.cache_creation_input_tokens,
            self.cache_read_input_tokens + other.cache_read_input_tokens,
            None if self.usd is None or other.usd is None else self.usd + other.usd,
        )

    def __sub__(self, other: ModelUsage) -> ModelUsage:
        return ModelUsage(
            self.requests - other.requests,
            self.input_tokens - other.input_tokens,
            self.output_tokens - other.output_tokens,
            self.cache_creation_input_tokens - other.cache_creation_input_tokens,
            self.cache_read_input_tokens - other.cache_read_input_tokens,
            None if self.usd is None or other.usd is None else self.usd - other.usd,
        )

    def costing(self, usd: Decimal | None) -> ModelUsage:
        """The same with another estimate."""
        return ModelUsage(
            self.requests,
            self.input_tokens,
            self.output_tokens,
            self.cache_creation_input_tokens,
            self.cache_read_input_tokens,
            usd,
        )

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

    @property
    def tokens(self) -> int:
        """Of prompts and answers, cached or not."""
        return self.prompt_tokens + self.output_tokens

    def to_json(self) -> dict[str, Any]:
        """The field names as keys; `usd` is a number or null."""
        counts: dict[str, Any] = {name: getattr(self, name) for name in COUNTS}
        return counts | {"usd": usd_to_json(self.usd)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ModelUsage:
        """Read a usage object; missing, null, negative and non-integer figures count as 0, a bad `usd` as unknown."""
        figures = [value.get(name) for name in COUNTS]
        counts = [figure if isinstance(figure, int) and figure > 0 else 0 for figure in figures]
        requests, input_tokens, output_tokens, written, read = counts
        usd = _usd(value["usd"]) if "usd" in value else _NOTHING
        return cls(requests, input_tokens, output_tokens, written, read, usd)


COUNTS = tuple(f.name for f in fields(ModelUsage) if f.name != "usd")


@dataclass(frozen=True, slots=True)
class Usage:
    """Model id to `ModelUsage`. Usages add up; the empty one is falsy."""

    by_model: Mapping[str, ModelUsage] = field(default_factory=dict)

    def __add__(self, other: Usage) -> Usage:
        total = dict(self.by_model)
        for model, usage in other.by_model.items():
            total[model] = total.get(model, ModelUsage()) + usage
        return Usage(total)

    def plus(self, model: str, usage: ModelUsage) -> Usage:
        """With what one more model, or the same, has cost."""
        known = self.by_model.get(model)
        return Usage({**self.by_model, model: usage if known is None else known + usage})

    def __bool__(self) -> bool:
        return bool(self.by_model)

    @property
    def requests(self) -> int:
        return sum(usage.requests for usage in self.by_model.values())

    @property
    def tokens(self) -> int:
        return sum(usage.tokens for usage in self.by_model.values())

    @property
    def usd(self) -> Decimal | None:
        amounts = [usage.usd for usage in self.by_model.values()]
        return None if None in amounts else sum((amount for amount in amounts if amount), _NOTHING)

    def to_json(self) -> dict[str, dict[str, Any]]:
        """`{model: {requests, input_tokens, ...}}`."""
        return {model: usage.to_json() for model, usage in self.by_model.items()}

    @classmethod
    def from_json(cls, value: object) -> Usage:
        """Read `to_json`'s shape, from another process perhaps: what does not fit it is left out."""
        if not isinstance(value, Mapping):
            return cls()
        return cls({str(m): ModelUsage.from_json(u) for m, u in value.items() if isinstance(u, Mapping)})


_FIGURES = attrgetter(*COUNTS, "usd")


def sum_of(usages: Iterable[Usage]) -> Usage:
    """Their sum, for which `sum` would make an object after each: the live view adds up hundreds for a picture."""
    parts: dict[str, list[ModelUsage]] = {}
    for usage in usages:
        for model, part in usage.by_model.items():
            parts.setdefault(model, []).append(part)
    return Usage({model: _sum_of(each) for model, each in parts.items()})


def _sum_of(parts: list[ModelUsage]) -> ModelUsage:
    *figures, amounts = zip(*map(_FIGURES, parts), strict=True)
    counts = dict(zip(COUNTS, map(sum, figures), strict=True))
    return ModelUsage(**counts, usd=None if None in amounts else sum(amounts, _NOTHING))


@dataclass(frozen=True, slots=True)
class Bill:
    """What one run cost: by itself (`own`), and through the runs it delegated to. `seconds` is its wall time."""

    agent: str
    seconds: float = 0.0
    own: Usage = field(default_factory=Usage)
    delegated: tuple[Bill, ...] = ()

    @property
    def total(self) -> Usage:
        return sum((bill.total for bill in self.delegated), self.own)

    def to_json(self) -> dict[str, Any]:
        """`usd` is the total's; `models` is the run's own usage; `delegated` are bills again."""
        return {
            "agent": self.agent,
            "seconds": round(self.seconds, 4),
            "usd": usd_to_json(self.total.usd),
            "models": self.own.to_json(),
            "delegated": [bill.to_json() for bill in self.delegated],
        }

    @classmethod
    def from_json(cls, value: object, *, depth: int = 16) -> Bill | None:
        """Read `to_json`'s shape, from another process perhaps; None if it is something else or too deep."""
        if depth == 0 or not isinstance(value, Mapping) or not isinstance(value.get("models"), Mapping):
            return None
        seconds, delegated = value.get("seconds"), value.get("delegated")
        bills = [cls.from_json(each, depth=depth - 1) for each in delegated] if isinstance(delegated, list) else []
        return cls(
            agent=str(value.get("agent", "")),
            seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
            own=Usage.from_json(value["models"]),
            delegated=tuple(bill for bill in bills if bill is not None),
        )


def usd_to_json(usd: Decimal | None) -> float | None:
    """An amount as a JSON number, to a millionth of a dollar."""
    return None if usd is None else float(round(usd, 6))


def _usd(value: object) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None

"""What runs cost: requests, tokens and estimated money, by model and by agent."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

MAX_COUNT = 10**12
"""Requests, tokens or dollars that are believed of another process. What is more is counted as this."""
MAX_MODELS = 100
"""Models of one usage that are read."""
MAX_NAME = 200
"""Characters of the name of a model or an agent that are read."""
MAX_DELEGATED = 1_000
"""Delegated runs of one bill that are read."""

_NOTHING = Decimal(0)
_LONGEST_NUMBER = 100
_LARGE = 10**30


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Requests sent to one model and the tokens they cost, as the API counts them.

    The whole prompt is `input_tokens + cache_creation_input_tokens + cache_read_input_tokens`. `web_search_requests`
    are searches that the API ran itself, which cost money besides their tokens. `usd` is an estimate from list prices;
    None if one of the requests went to a model whose price is not known.

    Example:
        for model, usage in result.usage.by_model.items():
            print(model, usage.requests, usage.output_tokens, usage.usd)
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    usd: Decimal | None = _NOTHING
    web_search_requests: int = 0

    def __add__(self, other: ModelUsage) -> ModelUsage:
        return self._with(other, operator.add)

    def __sub__(self, other: ModelUsage) -> ModelUsage:
        return self._with(other, operator.sub)

    def _with(self, other: ModelUsage, combine: Callable[[Any, Any], Any]) -> ModelUsage:
        counts = {name: combine(getattr(self, name), getattr(other, name)) for name in COUNTS}
        return ModelUsage(**counts, usd=None if self.usd is None or other.usd is None else combine(self.usd, other.usd))

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

    @property
    def tokens(self) -> int:
        """Of prompts and answers, cached or not."""
        return self.prompt_tokens + self.output_tokens

    def at_most(self, usd: Decimal | None, tokens: int | None, requests: int | None) -> ModelUsage:
        """The same with no figure above a bound; None is no bound.

        A cost that is not known counts as all of its bound.
        """
        counts = {name: getattr(self, name) for name in COUNTS}
        if requests is not None:
            counts["requests"] = min(counts["requests"], max(0, requests))
        for name in TOKENS:
            if tokens is not None:
                counts[name] = min(counts[name], max(0, tokens))
                tokens -= counts[name]
        cost = self.usd if usd is None else max(_NOTHING, usd if self.usd is None else min(self.usd, usd))
        return ModelUsage(**counts, usd=cost)

    def to_json(self) -> dict[str, Any]:
        """The field names as keys; `usd` is a number, not rounded, or null. Searches are there if there were any."""
        counts: dict[str, Any] = {name: getattr(self, name) for name in COUNTS}
        if not self.web_search_requests:
            del counts["web_search_requests"]
        return counts | {"usd": _usd_unrounded(self.usd)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ModelUsage:
        """Read a usage object, from another process perhaps.

        Missing, negative and non-integer figures count as 0, those above `MAX_COUNT` as that, a bad `usd` as unknown.
        """
        usd = _usd(value["usd"]) if "usd" in value else _NOTHING
        return cls(**{name: _count(value.get(name)) for name in COUNTS}, usd=usd)


COUNTS = tuple(f.name for f in fields(ModelUsage) if f.name != "usd")
TOKENS = tuple(name for name in COUNTS if name.endswith("_tokens"))


@dataclass(frozen=True, slots=True)
class Usage:
    """Model id to `ModelUsage`. Usages add up; the empty one is falsy.

    Example:
        print(result.usage.tokens, result.usage.usd)
    """

    by_model: Mapping[str, ModelUsage] = field(default_factory=dict)

    def __add__(self, other: Usage) -> Usage:
        total = dict(self.by_model)
        for model, usage in other.by_model.items():
            total[model] = total[model] + usage if model in total else usage
        return Usage(total)

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

    def at_most(self, usd: Decimal | None, tokens: int | None, requests: int | None) -> Usage:
        """The same with no sum above a bound, as `ModelUsage.at_most`."""
        counted = {}
        for model, used in self.by_model.items():
            counted[model] = part = used.at_most(usd, tokens, requests)
            usd = usd if usd is None or part.usd is None else usd - part.usd
            tokens = None if tokens is None else tokens - part.tokens
            requests = None if requests is None else requests - part.requests
        return Usage(counted)

    def to_json(self) -> dict[str, dict[str, Any]]:
        """`{model: {requests, input_tokens, ...}}`."""
        return {model: usage.to_json() for model, usage in self.by_model.items()}

    @classmethod
    def from_json(cls, value: object) -> Usage:
        """Read `to_json`'s shape, from another process perhaps: what does not fit it is left out."""
        if not isinstance(value, Mapping):
            return cls()
        items = islice(value.items(), MAX_MODELS)
        return cls({str(m)[:MAX_NAME]: ModelUsage.from_json(u) for m, u in items if isinstance(u, Mapping)})


def sum_of(usages: Iterable[Usage]) -> Usage:
    return sum(usages, Usage())


@dataclass(frozen=True, slots=True)
class Bill:
    """What one run cost: by itself (`own`), and through the runs it delegated to. `seconds` is its wall time.

    `claimed` is set for a run at a server that is not trusted, and is what that server says the run cost. `own` and
    `delegated` are then what counts: no more than was handed to the server.

    Example:
        result = await lead.run("Two haikus about rain")
        print(result.bill.own.usd, [bill.agent for bill in result.bill.delegated])
    """

    agent: str
    seconds: float = 0.0
    own: Usage = field(default_factory=Usage)
    delegated: tuple[Bill, ...] = ()
    claimed: Usage | None = None

    @property
    def total(self) -> Usage:
        return sum((bill.total for bill in self.delegated), self.own)

    @property
    def claims(self) -> Usage:
        """What servers that are not trusted say their part of it cost; empty if there were none."""
        return sum((bill.claims for bill in self.delegated), Usage()) if self.claimed is None else self.claimed

    def as_claim(self, usd: Decimal | None, tokens: int | None, requests: int | None) -> Bill:
        """The bill as the claim of a server that was handed these amounts, of which None is no bound."""
        claimed = self.total
        counted = claimed.at_most(usd, tokens, requests)
        if counted == claimed:
            return replace(self, claimed=claimed)
        return Bill(self.agent, self.seconds, counted, claimed=claimed)

    def to_json(self) -> dict[str, Any]:
        """`usd` is the total's, not rounded; `models` is the run's own usage; `delegated` are bills again."""
        value = {
            "agent": self.agent,
            "seconds": round(self.seconds, 4),
            "usd": _usd_unrounded(self.total.usd),
            "models": self.own.to_json(),
            "delegated": [bill.to_json() for bill in self.delegated],
        }
        return value if self.claimed is None else value | {"claimed": self.claimed.to_json()}

    @classmethod
    def from_json(cls, value: object, *, depth: int = 16) -> Bill | None:
        """Read `to_json`'s shape, from another process perhaps; None if it is something else or too deep."""
        if depth == 0 or not isinstance(value, Mapping) or not isinstance(value.get("models"), Mapping):
            return None
        agent, below, claimed = value.get("agent"), value.get("delegated"), value.get("claimed")
        below = below[:MAX_DELEGATED] if isinstance(below, list) else []
        bills = [cls.from_json(each, depth=depth - 1) for each in below]
        return cls(
            agent=agent[:MAX_NAME] if isinstance(agent, str) else "",
            seconds=_seconds(value.get("seconds")),
            own=Usage.from_json(value["models"]),
            delegated=tuple(bill for bill in bills if bill is not None),
            claimed=Usage.from_json(claimed) if isinstance(claimed, Mapping) else None,
        )


def usd_to_json(usd: Decimal | None) -> float | None:
    """An amount as a JSON number for people, to a millionth of a dollar."""
    return None if usd is None else round(float(usd), 6)


def _usd_unrounded(usd: Decimal | None) -> float | None:
    """An amount as a JSON number for programs that add up: exact up to 15 digits."""
    return None if usd is None else float(usd)


def _count(value: object) -> int:
    return min(value, MAX_COUNT) if type(value) is int and value > 0 else 0


def _seconds(value: object) -> float:
    seconds = decimal_of(value) if isinstance(value, int | float) else None
    return 0.0 if seconds is None else float(max(_NOTHING, min(seconds, Decimal(MAX_COUNT))))


def _usd(value: object) -> Decimal | None:
    amount = decimal_of(value)
    return None if amount is None or amount < 0 else min(amount, Decimal(MAX_COUNT))


def decimal_of(value: object) -> Decimal | None:
    """The number that somebody else wrote, a float as it prints; None if it is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, int):
        value = max(-_LARGE, min(value, _LARGE))  # a much longer one cannot be printed
    text = str(value)
    try:
        amount = Decimal(text if len(text) <= _LONGEST_NUMBER else "NaN")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def shown(value: object) -> str:
    """A value that is not a number, or not one that is wanted, for an error message."""
    if isinstance(value, int) and abs(value) > _LARGE:
        return "a larger one"
    return f"{value!r}"[:_LONGEST_NUMBER] if isinstance(value, int | float | str | Decimal) else type(value).__name__

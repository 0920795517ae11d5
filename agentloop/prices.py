"""What models cost, as estimates.

List prices in USD for a million tokens, read from the provider's model pages on 2026-11-23. Where a page gives no cache
price, writing costs 1.25 times the input price (2 times if it lasts an hour) and reading 0.1 times.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from agentloop.errors import ConfigurationError
from agentloop.prompt_cache import Ttl
from agentloop.usage import ModelUsage, decimal_of, shown

PRICES_VARIABLE = "AGENTLOOP_PRICES"
"""The environment variable that names a file of prices for the commands."""

SEARCH_USD = Decimal("0.01")
"""The price of one search with the API's own `web_search`, besides its tokens. `web_fetch` costs its tokens only."""

_MILLION = 1_000_000
_PROVIDER_ID = re.compile(
    r"(?:.*/)?(?P<bedrock>(?:(?P<area>[a-z-]+)\.)?anthropic\.)?(?P<id>claude-[\w@-]+?)(?:-v\d+)?(?::\d+)?"
)
_REGIONAL = Decimal("1.1")
_HIGHEST = 1_000_000
_LONG_PROMPT = 100_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens."""

    input: Decimal
    output: Decimal
    cache_write: Decimal
    cache_read: Decimal
    long: Price | None = None
    """The prices for prompts of more than 100,000 tokens, if they are others."""

    def times(self, factor: Decimal) -> Price:
        """Each price multiplied."""
        return Price(factor * self.input, factor * self.output, factor * self.cache_write, factor * self.cache_read)

    def write(self, ttl: Ttl) -> Decimal:
        """The price of writing to the cache. For an hour it is dearer by 0.75 times the price of input."""
        return self.cache_write if ttl == "5m" else self.cache_write + self.input * Decimal("0.75")

    def of(self, usage: ModelUsage, ttl: Ttl = "5m") -> Decimal:
        """What the usage costs, in USD. `ttl` is how long what it wrote to the cache lasts."""
        return (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_creation_input_tokens * self.write(ttl)
            + usage.cache_read_input_tokens * self.cache_read
        ) / _MILLION

    def at_most(self, prompt_tokens: int, output_tokens: int, ttl: Ttl | None) -> Decimal:
        """The most a request can cost, in USD, however much of its prompt is cached. `ttl` is None without marks."""
        dearest = max(self.input, self.cache_read, self.cache_write if ttl is None else self.write(ttl))
        return (prompt_tokens * dearest + output_tokens * self.output) / _MILLION


def _price(input_: object, output: object, cache_write: object = None, cache_read: object = None) -> Price:
    base = _checked(input_)
    return Price(
        base,
        _checked(output),
        base * Decimal("1.25") if cache_write is None else _checked(cache_write),
        base * Decimal("0.1") if cache_read is None else _checked(cache_read),
    )


def _checked(price: object) -> Decimal:
    amount = decimal_of(price)
    if amount is None or not 0 <= amount <= _HIGHEST:
        raise ConfigurationError(f"A price is a number of USD from 0 to {_HIGHEST:,}, not {shown(price)}.")
    return amount


_PRICES = {
    "claude-haiku-5-5": replace(_price("0.10", "0.50"), long=_price("0.50", "2.50")),
    "claude-sonnet-5-5": _price("2", "10"),
    "claude-opus-5-5": _price("4", "20", cache_read="0.20"),
    "claude-opus-5": _price("5", "25"),
    "claude-sonnet-5": _price("2", "10"),
    "claude-fable-5-1": _price("10", "50", cache_read="0.25"),
}


def register(
    model: str,
    *,
    input: Decimal | float | str,  # noqa: A002 - what the API calls it
    output: Decimal | float | str,
    cache_write: Decimal | float | str | None = None,
    cache_read: Decimal | float | str | None = None,
) -> None:
    """Say what a model costs, in USD for a million tokens; a known price is replaced.

    Without `cache_write` and `cache_read` they are 1.25 and 0.1 times the price of `input`.

    Example:
        `register("my-gateway/large", input=1.5, output=6)`

    Raises:
        ConfigurationError: a price is not a number from 0 to 1,000,000.
    """
    _PRICES[model] = _price(input, output, cache_write, cache_read)
    _name.cache_clear()


def register_file(path: Path) -> None:
    """Register the prices in a TOML file, which has a table for each model with the arguments of `register`.

    Example:
        ["my-gateway/large"]
        input = 1.5
        output = 6

    Raises:
        ConfigurationError: the file cannot be read, or a price is missing or wrong; says where.
    """
    try:
        models = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"Cannot read the prices in {path}: {error}") from None
    for model, table in models.items():
        try:
            register(model, **table)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {model}: {error}") from None
        except TypeError:
            raise ConfigurationError(
                f"{path}: {model}: needs `input` and `output`, and may have `cache_write` and `cache_read`."
            ) from None


def register_if_local(model: str, base_url: str | None, *, is_local: bool = False) -> None:
    """Let a model without a price cost nothing if it `is_local`.

    So is one whose server, or that of `ANTHROPIC_BASE_URL`, is on this machine.
    """
    host = urlsplit(base_url or os.environ.get("ANTHROPIC_BASE_URL") or "").hostname or ""
    if price_of(model) is None and (is_local or host in {"localhost", "::1"} or host.startswith("127.")):
        register(model, input=0, output=0)


@lru_cache(maxsize=256)
def _name(model: str) -> tuple[str | None, Decimal]:
    """The id under which a price is known, and by what it is multiplied."""
    if model in _PRICES:
        return model, Decimal(1)
    found = _PROVIDER_ID.fullmatch(model)
    core, is_regional = (found["id"], found["bedrock"] and found["area"] != "global") if found else (model, False)
    name = next((name for name in _PRICES if core == name or core.startswith((f"{name}-2", f"{name}@"))), None)
    return name, _REGIONAL if is_regional else Decimal(1)


def price_of(model: str, *, prompt_tokens: int = 0) -> Price | None:
    """The price of a model for a prompt of that length; None if it is not known.

    Dated ids cost what undated do, and so do ids of Vertex (`claude-opus-5@20260101`), of gateways
    (`anthropic/claude-opus-5`) and of Bedrock (`global.anthropic.claude-opus-5-v1:0`, or its ARN). Regional ids of
    Bedrock cost a tenth more.
    """
    name, factor = _name(model)
    if name is None:
        return None
    price = _PRICES[name]
    if price.long is not None and prompt_tokens > _LONG_PROMPT:
        price = price.long
    return price if factor == 1 else price.times(factor)


def priced(model: str, usage: ModelUsage, ttl: Ttl = "5m") -> ModelUsage:
    """The usage of one request with its estimated cost; None if the model's price is not known.

    `ttl` is how long what it wrote to the cache lasts.
    """
    price = price_of(model, prompt_tokens=usage.prompt_tokens)
    searches = usage.web_search_requests * SEARCH_USD
    return replace(usage, usd=None if price is None else price.of(usage, ttl) + searches)

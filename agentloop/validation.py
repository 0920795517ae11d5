"""Checking JSON against a JSON schema, also one that somebody wrote to do harm.

A regular expression can take exponential time and holds up every thread meanwhile; references to references can make a
few hundred characters of schema exponentially many checks. So in a schema that is not trusted no regular expression
is run and checks are counted. Nothing is ever fetched.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

MAX_STEPS = 20_000
"""Keywords looked at in one check of an untrusted schema, about 0.2 s; what would take more is not checked."""

MAX_MISFITS = 100
"""Misfits among which the one to tell is chosen. A thousand bad numbers in a list would cost 50 ms."""

Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterable[Any] | None]

_steps: ContextVar[Iterator[int]] = ContextVar("agentloop_schema_steps")


class _TooManySteps(Exception):
    pass


def validator(schema: Mapping[str, Any], *, is_trusted: bool) -> Any:
    """A validator of the schema; None if the schema is broken."""
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return None  # somebody else's broken schema
    kind = Draft202012Validator if is_trusted else _Wary
    # An empty registry: a `$ref` to a URL is never fetched.
    return kind(schema, registry=Registry())


def misfit(validator: Any, value: object) -> tuple[str, str] | None:
    """What does not fit: where, and why. None if the value fits, or if the schema is too broken to say."""
    if validator is None:
        return None
    _steps.set(iter(range(MAX_STEPS)))
    try:
        error = best_match(itertools.islice(validator.iter_errors(value), MAX_MISFITS))
    except (Unresolvable, RecursionError, re.error, _TooManySteps):
        return None
    return None if error is None else (error.json_path.removeprefix("$").lstrip("."), error.message[:500])


def _counted(keyword: Keyword) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Iterable[Any] | None:
        if next(_steps.get(), None) is None:
            raise _TooManySteps
        return keyword(validator, value, instance, schema)

    return check


def _unchecked(_validator: Any, _value: Any, _instance: Any, _schema: Mapping[str, Any]) -> None:
    return None


def _additional(validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Iterable[Any] | None:
    """What is additional depends on the patterns, if there are any."""
    if "patternProperties" in schema:
        return None
    found: Iterable[Any] | None = Draft202012Validator.VALIDATORS["additionalProperties"](
        validator, value, instance, schema
    )
    return found


# The last three compare everything with everything, or follow references without being counted.
_REGULAR_OR_SLOW = ("pattern", "patternProperties", "uniqueItems", "unevaluatedItems", "unevaluatedProperties")
_Wary = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    dict(
        itertools.chain(
            ((name, _counted(keyword)) for name, keyword in Draft202012Validator.VALIDATORS.items()),
            ((name, _unchecked) for name in _REGULAR_OR_SLOW),
            [("additionalProperties", _counted(_additional))],
        )
    ),
)

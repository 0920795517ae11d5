"""Validates JSON against a JSON schema, which may be malicious.

A regular expression can take exponential time and blocks all threads meanwhile, and nested references can expand a few
hundred characters of schema to exponentially many checks. So the regular expressions of an untrusted schema are not
run, and its checks are limited. Nothing is ever fetched.
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
"""Keywords evaluated in one validation by an untrusted schema, about 0.2 s. Beyond that the value counts as valid."""

MAX_MISFITS = 100
"""Errors from which the most relevant is chosen. A thousand invalid numbers in a list would take 50 ms."""

Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterable[Any] | None]

_steps: ContextVar[Iterator[int]] = ContextVar("agentloop_schema_steps")


class _TooManySteps(Exception):
    pass


def validator(schema: Mapping[str, Any], *, is_trusted: bool) -> Any:
    """A validator for the schema, or None if the schema is invalid."""
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return None
    kind = Draft202012Validator if is_trusted else _UntrustedValidator
    # An empty registry: a `$ref` to a URL is never fetched.
    return kind(schema, registry=Registry())


def misfit(validator: Any, value: object) -> tuple[str, str] | None:
    """The place and the reason of the most relevant error. None if the value is valid, or the schema is not."""
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
    """Skipped if there are patterns, because they decide which properties are additional."""
    if "patternProperties" in schema:
        return None
    found: Iterable[Any] | None = Draft202012Validator.VALIDATORS["additionalProperties"](
        validator, value, instance, schema
    )
    return found


# The last three compare all pairs of items, or follow references without being counted.
_REGULAR_OR_SLOW = ("pattern", "patternProperties", "uniqueItems", "unevaluatedItems", "unevaluatedProperties")
_UntrustedValidator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    dict(
        itertools.chain(
            ((name, _counted(keyword)) for name, keyword in Draft202012Validator.VALIDATORS.items()),
            ((name, _unchecked) for name in _REGULAR_OR_SLOW),
            [("additionalProperties", _counted(_additional))],
        )
    ),
)

"""Validates JSON against a JSON schema, which may be malicious.

A regular expression of Python can take exponential time and blocks all threads meanwhile, and nested references can
expand a few hundred characters of schema to exponentially many checks. So the regular expressions of an untrusted
schema are not run, and its checks are limited. Those of a trusted one are run by pydantic in linear time, because
values come from models and callers; only what its engine lacks, such as lookahead, is run by Python. Nothing is ever
fetched, and nothing is checked where a `$ref` leads nowhere.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from decimal import Decimal, InvalidOperation, localcontext
from functools import cache, cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from agentloop.imports import lazy

if TYPE_CHECKING:
    import jsonschema
    import referencing.exceptions
    import referencing.jsonschema
else:
    jsonschema, referencing = lazy("jsonschema"), lazy("referencing")

MAX_MESSAGE = 400
"""Characters of a reason."""
MAX_STEPS = 20_000
"""Keywords evaluated in one validation by an untrusted schema, about 0.2 s. Beyond that the value counts as valid."""
MAX_DIGITS = 700
"""Digits of a quotient by `multipleOf`. One of floats has at most 633."""
MAX_MISFITS = 100
"""Errors from which the most relevant is chosen. A thousand invalid numbers in a list would take 50 ms."""

Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterable[Any] | None]

_steps: ContextVar[Iterator[int]] = ContextVar("agentloop_schema_steps")


class _TooManySteps(Exception):
    pass


class SchemaCheck:
    """Validates values by one schema, which is checked when it is first used."""

    def __init__(self, schema: Mapping[str, Any], *, is_trusted: bool) -> None:
        self._schema = schema
        self._is_trusted = is_trusted

    def misfit(self, value: object) -> tuple[str, str] | None:
        """The place and the reason of the most relevant error. None if the value is valid, or the schema is not."""
        if self._validator is None:
            return None
        _steps.set(iter(range(MAX_STEPS)))
        try:
            error = jsonschema.exceptions.best_match(itertools.islice(self._validator.iter_errors(value), MAX_MISFITS))
        except (RecursionError, re.error, _TooManySteps):
            return None
        if error is None:
            return None
        return error.json_path.removeprefix("$").lstrip("."), _reason(error, self._schema)

    @cached_property
    def problem(self) -> str | None:
        """What is wrong with the schema itself, and where."""
        try:
            jsonschema.Draft202012Validator.check_schema(self._schema)
        except jsonschema.SchemaError as error:
            return f"{error.json_path}: {_shortened(error.message)}"
        except RecursionError:
            return "it is nested too deeply"
        return None

    @property
    def unresolved(self) -> str | None:
        """A sentence about a `$ref` that leads nowhere in a valid schema. A URL does, because nothing is fetched."""
        root = referencing.jsonschema.DRAFT202012.create_resource(self._schema)
        found = next(_unresolved(root, referencing.Registry().resolver_with_root(root)), None)
        return None if found is None else f"the $ref {found!r:.200} leads nowhere"

    @cached_property
    def _validator(self) -> Any:
        if self.problem is not None:
            return None
        # An empty registry: a `$ref` to a URL is never fetched.
        return _validator_class(is_trusted=self._is_trusted)(self._schema, registry=referencing.Registry())


def _unresolved(resource: Any, resolver: Any) -> Iterator[str]:
    reference = resource.contents.get("$ref") if isinstance(resource.contents, Mapping) else None
    if isinstance(reference, str):
        try:
            resolver.lookup(reference)
        except referencing.exceptions.Unresolvable:
            yield reference
    for each in resource.subresources():
        yield from _unresolved(each, resolver.in_subresource(each))


def _reason(error: Any, schema: Mapping[str, Any]) -> str:
    """What is wrong, with the limit: models do not read all limits of a schema before they call.

    A regular expression or a choice of types is followed by the words in which the schema describes the value.
    """
    unit = {"maxLength": "characters", "maxItems": "items"}.get(error.validator)
    if unit is not None:
        return f"too long: it has {len(error.instance):,} {unit}, and {error.validator_value:,} are allowed"
    if error.validator in {"pattern", "anyOf", "oneOf"} and (wanted := _description(error, schema)):
        return f"{_shortened(error.message)}. Wanted: {_shortened(wanted)}"
    return _shortened(error.message)


def _description(error: Any, schema: Any) -> str:
    """The description of the failed keyword's schema, or of the list around it; none of what a `$ref` leads to."""
    found = ""
    for step in error.absolute_schema_path:
        if step in {"properties", "patternProperties", "additionalProperties"}:
            found = ""
        elif isinstance(schema, Mapping) and isinstance(schema.get("description"), str):
            found = schema["description"]
        try:
            schema = schema[step]
        except (LookupError, TypeError):  # a `$ref` is no step of the path
            return ""
    return found


def _shortened(message: str) -> str:
    """The message may begin with the whole value; the reason is at its end."""
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[: MAX_MESSAGE // 2]} ... {message[-MAX_MESSAGE // 2 :]}"


@cache
def _validator_class(*, is_trusted: bool) -> Any:
    keywords = dict(jsonschema.Draft202012Validator.VALIDATORS)
    for name, keyword in (("$ref", _referred), ("pattern", _matched), ("type", _typed)):
        keywords[name] = partial(keyword, keywords[name])
    keywords["multipleOf"] = _multiple_of
    if not is_trusted:
        keywords["additionalProperties"] = partial(_additional, keywords["additionalProperties"])
        keywords = {name: _counted(keyword) for name, keyword in keywords.items()}
        # The last three compare all pairs of items, or follow references without being counted.
        for name in ("pattern", "patternProperties", "uniqueItems", "unevaluatedItems", "unevaluatedProperties"):
            keywords[name] = _unchecked
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, keywords)  # type: ignore[no-untyped-call]


def _referred(standard: Keyword, validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    with suppress(referencing.exceptions.Unresolvable):
        yield from standard(validator, value, instance, schema) or ()


def _typed(standard: Keyword, validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Any:
    """With `nullable` of OpenAPI, of which many servers' schemas are made."""
    if instance is None and schema.get("nullable") is True:
        return None
    return standard(validator, value, instance, schema)


def _additional(standard: Keyword, validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Any:
    """Skipped if there are patterns, because they decide which properties are additional."""
    if "patternProperties" in schema:
        return None
    return standard(validator, value, instance, schema)


def _matched(standard: Keyword, validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Any:
    if not isinstance(instance, str) or (text := _matching(value)) is None:
        return standard(validator, value, instance, schema)
    try:
        text.validate_python(instance)
    except ValidationError:
        return [jsonschema.ValidationError(f"{instance!r} does not match {value!r}")]
    return None


@lru_cache(maxsize=256)
def _matching(pattern: str) -> TypeAdapter[str] | None:
    """The type of texts that match, None if pydantic's engine cannot compile the expression."""
    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except SchemaError:
        return None


def _multiple_of(validator: Any, step: Any, instance: Any, _schema: Mapping[str, Any]) -> Iterator[Any]:
    """Numbers as they are written: 19.99 is a multiple of 0.01, and would not be one if floats were divided."""
    if not validator.is_type(instance, "number"):
        return
    exact, divisor = (each if isinstance(each, int) else Decimal(str(each)) for each in (instance, step))
    with localcontext(prec=MAX_DIGITS), suppress(InvalidOperation):
        if exact % divisor:
            yield jsonschema.ValidationError(f"{instance} is not a multiple of {step}")


def _counted(keyword: Keyword) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Iterable[Any] | None:
        if next(_steps.get(), None) is None:
            raise _TooManySteps
        return keyword(validator, value, instance, schema)

    return check


def _unchecked(_validator: Any, _value: Any, _instance: Any, _schema: Mapping[str, Any]) -> None:
    return None

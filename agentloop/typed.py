"""What an agent takes and gives as JSON objects, described by a pydantic model or a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from agentloop import exact_json
from agentloop.errors import ConfigurationError, ToolError
from agentloop.schema_check import SchemaCheck

ObjectType: TypeAlias = type[BaseModel] | Mapping[str, Any]
"""A pydantic model, or a JSON Schema of an object."""

MAX_PROBLEMS = 5
"""The validation errors of a value that the model is shown."""


@dataclass(frozen=True)
class Typed:
    """Reads objects of one type. `name` is how the type is called in errors.

    Raises:
        ConfigurationError: the type is neither a model nor a JSON Schema of an object.
    """

    type: ObjectType
    name: str

    def __post_init__(self) -> None:
        given: object = self.type
        if not isinstance(given, Mapping) and not (isinstance(given, type) and issubclass(given, BaseModel)):
            raise ConfigurationError(f"{self.name}: give a pydantic model or a JSON Schema, not {self.type!r:.100}.")
        if self.schema.get("type") != "object":
            raise ConfigurationError(f"{self.name}: it has to describe an object, with `type: object`.")
        if problem := self._check.problem or self._check.unresolved:
            raise ConfigurationError(f"{self.name}: not a valid JSON Schema: {problem}")

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema."""
        if isinstance(self.type, Mapping):
            return self.type
        schema = self.type.model_json_schema()
        return {"type": "object", **schema} if "$ref" in schema else schema  # a model that refers to itself

    @cached_property
    def _check(self) -> SchemaCheck:
        return SchemaCheck(self.schema, is_trusted=True)

    def read(self, value: object) -> Any:
        """The model of a JSON object; the object itself if the type is a JSON Schema.

        Raises:
            ToolError: what does not fit, and where.
        """
        misfit = self._check.misfit(value)
        if misfit is not None:
            raise ToolError(f"{misfit[0] or 'the object'}: {misfit[1]}")
        if isinstance(self.type, Mapping):
            return value
        try:
            return self.type.model_validate(value, strict=False)  # strict, it would take no date or Enum from JSON
        except ValidationError as error:
            raise ToolError(misfits(error, "the object")) from None

    def read_text(self, text: str) -> Any:
        """The same of an object's text, numbers exact.

        Raises:
            ToolError: as `read`, or the text is not JSON.
        """
        try:
            value = exact_json.loads(text)
        except ValueError as error:
            raise ToolError(f"not JSON: {error}") from None
        return self.read(value)

    def text_of(self, value: object) -> str:
        """A value of the type as a prompt: JSON.

        Raises:
            ConfigurationError: it does not fit the type.
        """
        try:
            plain = value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value
            self.read(plain)
            return exact_json.dumps(plain)
        except (ToolError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{self.name}: {error}") from None


def misfits(error: ValidationError, whole: str, *, most: int = MAX_PROBLEMS) -> str:
    """The places and reasons of the first errors, `most` of them. `whole` names the value itself."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)[:most]
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or whole}: {each['msg']}" for each in problems)


def api_format(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema as `output_config.format` of the Messages API, which knows a part of JSON Schema.

    What it does not know becomes a description. None for a schema that cannot be sent so: the API takes no objects with
    properties that are not listed.
    """
    from anthropic import transform_schema  # noqa: PLC0415 - takes long, and few processes need it

    if _is_open(schema):
        return None
    try:
        return {"type": "json_schema", "schema": transform_schema(dict(schema))}
    except (AssertionError, AttributeError, TypeError, ValueError):
        return None


def _is_open(value: object) -> bool:
    """Whether the schema has objects whose properties are not all listed."""
    if isinstance(value, Mapping):
        is_any = value.get("type") == "object" and not value.get("properties")
        return value.get("additionalProperties", is_any) is not False or any(map(_is_open, value.values()))
    return isinstance(value, list) and any(map(_is_open, value))

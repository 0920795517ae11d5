"""A JSON schema that values are checked against. What it takes to check is loaded with the first check."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agentloop.imports import lazy

if TYPE_CHECKING:
    from agentloop import validation
else:
    validation = lazy("agentloop.validation")


class SchemaCheck:
    """Checks values against one schema. `is_trusted`: whether its author means well."""

    def __init__(self, schema: Mapping[str, Any], *, is_trusted: bool) -> None:
        self._schema = schema
        self._is_trusted = is_trusted

    def misfit(self, value: object) -> tuple[str, str] | None:
        """What does not fit: where, and why. None if the value fits, or if the schema is too broken to say."""
        return validation.misfit(self._validator, value)

    @property
    def is_broken(self) -> bool:
        """Whether it is no JSON schema, so that nothing can be checked against it."""
        return self._validator is None

    @cached_property
    def _validator(self) -> Any:
        return validation.validator(self._schema, is_trusted=self._is_trusted)

"""Validation by a JSON schema. The libraries are imported by the first validation."""

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
    """Validates values by one schema. One that is not `is_trusted` may be malicious: see `validation`."""

    def __init__(self, schema: Mapping[str, Any], *, is_trusted: bool) -> None:
        self._schema = schema
        self._is_trusted = is_trusted

    def misfit(self, value: object) -> tuple[str, str] | None:
        """The place and the reason of the most relevant error. None if the value is valid, or the schema is not."""
        return validation.misfit(self._validator, value)

    @property
    def is_broken(self) -> bool:
        """Whether the schema is invalid."""
        return self._validator is None

    @cached_property
    def _validator(self) -> Any:
        return validation.validator(self._schema, is_trusted=self._is_trusted)

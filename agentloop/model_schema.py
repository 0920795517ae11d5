"""Input schemas as the Messages API takes them.

The API refuses a request, with all its tools, for one schema with `anyOf` at the top level, with a property called
`$filter`, or in a form of JSON Schema before 2020-12. Other people's tools have all of these. The model gets a schema
that says the same as far as it can be said; arguments are checked against the original.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from agentloop.schema_check import SchemaCheck

MAX_NOTE = 1_000
"""Characters of the note on keywords that the schema for the model cannot have."""
MAX_DEPTH = 50
"""Schemas within each other. A deeper one is given to the model as one that takes anything."""

_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_NOT_IN_KEY = re.compile(r"[^a-zA-Z0-9_.-]")
_TYPES = {"string", "number", "integer", "boolean", "object", "array", "null"}
_COMBINING = ("allOf", "anyOf", "oneOf")
_NOT_AT_TOP = (*_COMBINING, "not", "if", "then", "else", "enum", "const", "$ref", "$schema", "$id", "id")
_OF_ONE = ("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else")
_OF_MANY = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_OF_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")

Schema = dict[str, Any]


@dataclass(frozen=True)
class ModelSchema:
    """The `schema` for the model. `keys` maps the names of properties that had to be changed to the original ones.

    Example:
        >>> ModelSchema.of({"type": "object", "properties": {"$filter": {"type": "string"}}}).keys
        {'_filter': '$filter'}
    """

    schema: Mapping[str, Any]
    keys: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, original: Mapping[str, Any]) -> ModelSchema:
        """Never raises: a schema that cannot be used becomes one that takes any object."""
        try:
            schema = _at_top(_modern(dict(original), 0), original)
        except _TooDeep:
            schema = {"type": "object"}
        if SchemaCheck(schema, is_trusted=False).problem is not None:
            names = schema.get("properties")  # which are all that can be said
            schema = {"type": "object", "properties": {name: {} for name in names or ()}}
        return cls(*_with_usable_keys(schema))

    def original(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments under the original names."""
        if not self.keys:
            return arguments
        return {self.keys.get(name, name): value for name, value in arguments.items()}


class _TooDeep(Exception):
    pass


def _modern(schema: Any, depth: int) -> Any:
    """The schema, and those within it, in the form of 2020-12."""
    if depth > MAX_DEPTH:
        raise _TooDeep
    if not isinstance(schema, dict):
        return schema if isinstance(schema, bool) else {}
    schema = _without_old_forms(schema)
    for name in _OF_ONE:
        if name in schema:
            schema[name] = _modern(schema[name], depth + 1)
    for name in _OF_LIST:
        if isinstance(schema.get(name), list) and schema[name]:
            schema[name] = [_modern(each, depth + 1) for each in schema[name]]
        else:
            schema.pop(name, None)
    for name in _OF_MANY:
        if isinstance(schema.get(name), dict):
            schema[name] = {key: _modern(each, depth + 1) for key, each in schema[name].items()}
        else:
            schema.pop(name, None)
    return schema


def _without_old_forms(schema: Schema) -> Schema:
    """Draft 4 to 7 and OpenAPI: `exclusiveMinimum: true`, tuples in `items`, `required: true`, `nullable`."""
    schema = {key: value for key, value in schema.items() if key not in {"$schema", "id"} or isinstance(value, dict)}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(exclusive), bool):
            is_exclusive = schema.pop(exclusive)
            if is_exclusive and bound in schema:
                schema[exclusive] = schema.pop(bound)
    if isinstance(schema.get("items"), list):
        schema["prefixItems"] = schema.pop("items")
        if "additionalItems" in schema:
            schema["items"] = schema["additionalItems"]
    schema.pop("additionalItems", None)
    _correct_required(schema)
    _correct_type(schema)
    return schema


def _correct_required(schema: Schema) -> None:
    """`required` belongs to the object; draft 3 has it, as true or false, in each property."""
    required = schema.pop("required", None)
    if isinstance(required, list):
        schema["required"] = list(dict.fromkeys(each for each in required if isinstance(each, str)))
    properties = schema.get("properties")
    if isinstance(properties, dict):
        marked = [name for name, each in properties.items() if isinstance(each, dict) and each.get("required") is True]
        if marked:
            schema["required"] = list(dict.fromkeys([*schema.get("required", []), *marked]))


def _correct_type(schema: Schema) -> None:
    is_nullable = schema.pop("nullable", False) is True
    kinds = schema.pop("type", None)
    known = [
        kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str) and kind in _TYPES
    ]
    if not known:
        return
    if is_nullable:
        known.append("null")
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*(each for each in schema["enum"] if each is not None), None]
    known = list(dict.fromkeys(known))
    schema["type"] = known if len(known) > 1 else known[0]


def _at_top(schema: Schema, original: Mapping[str, Any]) -> Schema:
    """The schema of an object without keywords that the API refuses there. The description says what they say."""
    removed = {name: original[name] for name in _NOT_AT_TOP[:-3] if name in original}
    properties = dict(schema.get("properties", {}))
    required = list(schema.get("required", []))
    for name in (*_COMBINING, "$ref"):
        branches = [_resolved(each, schema) for each in (schema.get(name, []) if name != "$ref" else [schema])]
        branches = [each for each in branches if each is not schema]
        for branch in branches:
            properties = {**branch.get("properties", {}), **properties}
        lists = [branch.get("required", []) for branch in branches]
        if lists:
            shared = lists[0] if len(lists) == 1 else [each for each in lists[0] if all(each in some for some in lists)]
            required += [each for some in lists for each in some] if name == "allOf" else shared
    schema = {key: value for key, value in schema.items() if key not in _NOT_AT_TOP}
    schema |= {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(dict.fromkeys(required))
    if removed and set(removed) != {"$ref"}:
        note = f"The arguments also have to fit: {json.dumps(removed, ensure_ascii=False)}"[:MAX_NOTE]
        schema["description"] = "\n".join(filter(None, [str(schema.get("description") or ""), note]))
    return schema


def _resolved(branch: Any, schema: Schema) -> Schema:
    """A schema that a `$ref` within the document names."""
    target = branch.get("$ref") if isinstance(branch, dict) else None
    if not isinstance(target, str):
        return branch if isinstance(branch, dict) else {}
    found: Any = schema
    for step in target.removeprefix("#").strip("/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return dict(_modern(found, 0)) if isinstance(found, dict) else {}


def _with_usable_keys(schema: Schema) -> tuple[Schema, dict[str, str]]:
    properties = schema.get("properties", {})
    usable = {name: name for name in properties if _KEY.fullmatch(name)}
    for name in properties:
        if name not in usable:
            clean = _NOT_IN_KEY.sub("_", name)
            is_free = 0 < len(clean) <= 64 and clean not in usable.values()  # noqa: PLR2004
            digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
            usable[name] = clean if is_free else f"{clean[:55]}_{digest}"
    changed = {new: old for old, new in usable.items() if new != old}
    if not changed:
        return schema, {}
    renamed = {usable[name]: _named(each, name, usable[name]) for name, each in properties.items()}
    schema = {**schema, "properties": renamed}
    if "required" in schema:
        schema["required"] = [usable.get(each, each) for each in schema["required"]]
    return schema, changed


def _named(schema: Any, old: str, new: str) -> Any:
    """Tell the model the name that the documentation of the tool has."""
    if old == new or not isinstance(schema, dict):
        return schema
    return {**schema, "description": f"{old}: {schema.get('description') or ''}".rstrip(": ")[:MAX_NOTE]}


class _Untitled(GenerateJsonSchema):
    """Names each property once: a title is the name again, and a model reads every word with every request."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def untitled_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model class, without titles."""
    schema = model.model_json_schema(schema_generator=_Untitled)
    return {key: value for key, value in schema.items() if key != "title"}

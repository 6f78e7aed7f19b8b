"""Pieces that JSON Schemas (draft 2020-12) are made of: for events and for the HTTP API."""

from collections.abc import Collection
from typing import Any

JsonSchema = dict[str, Any]

TEXT: JsonSchema = {"type": "string"}
TRUTH: JsonSchema = {"type": "boolean"}
NUMBER: JsonSchema = {"type": "integer"}
COUNT: JsonSchema = {"type": "integer", "minimum": 0}
SEQ: JsonSchema = {"type": "integer", "minimum": 1}
TIME: JsonSchema = {
    "type": "string",
    "format": "date-time",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
}
MONEY: JsonSchema = {"type": "string", "pattern": "^-?(0|[1-9][0-9]*)([.][0-9]+)?$"}


def record(properties: JsonSchema, optional: Collection[str] = ()) -> JsonSchema:
    """An object with these properties, which may get further ones in later versions.

    optional: the names of those that may be left out.
    """
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def closed_record(properties: JsonSchema, optional: Collection[str] = ()) -> JsonSchema:
    """An object with these properties and no others."""
    return record(properties, optional) | {"additionalProperties": False}


def or_null(described: JsonSchema) -> JsonSchema:
    """What is described (by its `type`), or null: unknown."""
    return described | {"type": [described["type"], "null"]}


def one_of(*words: object) -> JsonSchema:
    """One of these values."""
    return {"enum": list(words)}

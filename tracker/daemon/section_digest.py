"""A digest of one section of the configuration: equal for equal sections, secrets included.

It tells a reload which sections are unchanged. It is kept in memory only and never printed or logged: a short secret
could be guessed from it.
"""

import dataclasses
import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct

from tracker.config import Secret


def section_digest(*values: object) -> bytes:
    """SHA-256 over the canonical encoding of these values of a configuration.

    TypeError for a value of a type that no section has.
    """
    return sha256(json.dumps(_plain(values)).encode()).digest()


def _plain(value: object) -> Any:
    """`value` in lists, texts and numbers, which say its type wherever two types could be mistaken for each other."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Enum():
            return [type(value).__name__, value.name]
        case Secret():
            return ["secret", value.reveal()]
        case bytes():
            return ["bytes", value.hex()]
        case Decimal() | Path():
            return [type(value).__name__, str(value)]
        case tuple() | list():
            return ["list", *map(_plain, value)]
        case frozenset():
            return ["set", *sorted(map(_plain, value), key=json.dumps)]
        case Mapping():
            return ["map", *sorted(([_plain(key), _plain(each)] for key, each in value.items()), key=json.dumps)]
        case Struct():
            names: tuple[str, ...] = value.__struct_fields__
        case _ if dataclasses.is_dataclass(value):
            names = tuple(each.name for each in dataclasses.fields(value))
        case _:
            raise TypeError(f"no section of a configuration holds a {type(value).__name__}")
    return [type(value).__name__, *([name, _plain(getattr(value, name))] for name in names)]

"""Prints JSON as PHP's json_encode does, and two things that no JSON library prints.

`raw("1.2e-05")` is printed as the bare number 1.2e-05, and a key made by `again("7")` is printed as "7" although the
object has a "7" already. Both are marked by a NUL at their beginning.
"""

import json
import re
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":")).encode
_RAW = re.compile(r'"\\u0000#([^"]*)"')


def raw(number: str) -> str:
    """A number that is printed digit by digit as given."""
    return f"\0#{number}"


def again(key: str) -> str:
    """A second key that is printed like the first."""
    return f"\0{key}"


def compact(value: Any) -> bytes:
    """The JSON text in one line without spaces, in ASCII, with escaped slashes."""
    text = _encode(value).replace("/", "\\/")
    if "\\u0000" in text:
        text = _RAW.sub(r"\1", text).replace('"\\u0000', '"')
    return text.encode()

"""JSON text as PHP's json_encode prints it, plus two things no honest encoder can say.

Texts that begin with a NUL are marks: `raw("1.2e-05")` prints as the bare number 1.2e-05, and a key
made by `again("7")` prints as "7" although the object has a "7" already.
"""

import json
import re
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":")).encode
_RAW = re.compile(r'"\\u0000#([^"]*)"')


def raw(number: str) -> str:
    """A text that is printed without quotes, digit by digit as given."""
    return f"\0#{number}"


def again(key: str) -> str:
    """A second key that prints like the first."""
    return f"\0{key}"


def compact(value: Any) -> bytes:
    """One line without spaces, slashes escaped, ASCII only."""
    text = _encode(value).replace("/", "\\/")
    if "\\u0000" in text:
        text = _RAW.sub(r"\1", text).replace('"\\u0000', '"')
    return text.encode()

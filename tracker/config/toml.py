"""Writes values and keys as TOML: for `config show`, and to quote them in problems."""

from typing import Any

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}

# Enough for users to recognise what they typed, and too little to flood a terminal.
_QUOTED_MAX = 60


def quote(text: str, limit: int | None = None) -> str:
    """Returns a basic string. Control characters are escaped, so that it can be printed on any terminal.

    limit: a longer text is cut to so many characters.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(c)) for c in text) + '"'


def quoted(text: str) -> str:
    """Returns the text of a user for a problem: quoted, escaped, and cut when it is long."""
    return quote(text, _QUOTED_MAX)


def key(name: str) -> str:
    return name if name and _BARE.issuperset(name) else quoted(name)


def value(thing: Any) -> str:
    """Returns what stands right of the equals sign. The types are those of the schema: no dates or tables."""
    match thing:
        case bool():
            return "true" if thing else "false"
        case int() | float():
            return str(thing)
        case str():
            return quote(thing)
        case _:
            return "[" + ", ".join(value(item) for item in thing) + "]"


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"

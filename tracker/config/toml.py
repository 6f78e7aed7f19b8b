"""Values and keys as TOML writes them: for `config show` and for quoting in problems."""

from typing import Any

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}

# Enough to recognise one's own typing by, too little to flood a terminal.
_QUOTED_MAX = 60


def quote(text: str, limit: int | None = None) -> str:
    """A basic string; what a terminal would act on is escaped, so that it can be printed anywhere."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(c)) for c in text) + '"'


def quoted(text: str) -> str:
    """A user's own text inside a problem: quoted, escaped, and cut when it is long."""
    return quote(text, _QUOTED_MAX)


def key(name: str) -> str:
    return name if name and _BARE.issuperset(name) else quoted(name)


def value(thing: Any) -> str:
    """What stands right of the equals sign. Only the types of our own tables: no floats, dates, tables."""
    match thing:
        case bool():
            return "true" if thing else "false"
        case int():
            return str(thing)
        case str():
            return quote(thing)
        case _:
            return "[" + ", ".join(value(item) for item in thing) + "]"


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"

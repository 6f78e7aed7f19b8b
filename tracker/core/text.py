"""Text from outside, made harmless for a terminal or a line of a log."""

import re

# What moves the cursor, starts a line or turns the reading direction: C0, DEL, C1, the bidi marks
# and controls, the line separators and the byte order mark. Lone surrogates cannot be encoded.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# The same but for tab, line feed and carriage return.
_STEERS = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b\x0c\x0e-\x1f"))


def safe_text(text: str) -> str:
    r"""`text` on one line, each unsafe character as its escape: ESC becomes `\x1b`, U+202E `\u202e`.

    Backslashes stay as they are: this is for reading, not for reading back.
    """
    return _UNSAFE.sub(_escape, text)


def quiet_text(text: str) -> str:
    """`text` in its lines, each character that steers a terminal or turns the reading direction as its escape."""
    return _STEERS.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")

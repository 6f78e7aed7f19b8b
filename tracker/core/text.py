"""Makes text from outside harmless for a terminal or a line of a log."""

import re

# Characters that move the cursor, start a line or change the reading direction: C0, DEL, C1, the bidi marks
# and controls, the line separators and the byte order mark; and lone surrogates, which cannot be encoded.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# The same but for tab, line feed and carriage return.
_STEERS = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b\x0c\x0e-\x1f"))


def safe_text(text: str) -> str:
    r"""Returns `text` on one line, each unsafe character as its escape: ESC becomes `\x1b`, U+202E `\u202e`.

    Backslashes stay as they are: the result is for people and cannot be parsed back.
    """
    return _UNSAFE.sub(_escape, text)


def quiet_text(text: str) -> str:
    """Returns `text` with its line breaks; characters that steer a terminal or change the direction are escaped."""
    return _STEERS.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")

"""Replaces known secrets in a text, in every spelling they may have there (JSON, URL, HTML, Python).

Rule 1: mask before cutting: half a secret is not recognised.
Rule 2: a text too short to be a secret is not masked; it would punch holes into every line.
"""

import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, unquote, urlsplit

MASK = "***"
_SHORTEST = 4
# A path worth hiding is longer than "/hook"; a path segment or query value of this length is a token.
_SHORTEST_PATH = 8
_SHORTEST_TOKEN = 16

# Characters that are written the same way everywhere: in URLs, JSON, HTML, Python and on a terminal.
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+")
_SHORT_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}


class Masker:
    """Replaces every known secret in a text by "***". The secrets are fixed; a reload makes a new Masker."""

    __slots__ = ("_kernels", "_pattern")

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = {part for secret in secrets for part in _parts(secret.strip()) if len(part) >= _SHORTEST}
        # Longest first, so that no secret is cut in two by a shorter one inside it.
        ordered = sorted(parts, key=lambda part: (-len(part), part))
        self._pattern = re.compile("|".join(map(_spellings, ordered)))
        # A text with none of these kernels has no secret in it. That is true of most texts, and saves the pattern.
        kernels = {max(_PLAIN.findall(part), key=len, default="") for part in parts}
        self._kernels = [k for k in kernels if not any(other in k for other in kernels - {k})]

    def __call__(self, text: str) -> str:
        if not any(kernel in text for kernel in self._kernels):
            return text
        return self._pattern.sub(MASK, text)

    def __repr__(self) -> str:
        return f"Masker({MASK})"


def _parts(secret: str) -> Iterator[str]:
    """Yields the secret, and the pieces of it that may appear alone and give it away."""
    yield secret
    if secret.startswith("whsec_"):
        yield secret.removeprefix("whsec_").rstrip("=")
    if "://" in secret:
        yield from _url_parts(secret)


def _url_parts(url: str) -> Iterator[str]:
    """Yields the parts of a URL that error texts show without its host: password, request target, tokens."""
    try:
        split = urlsplit(url)
    except ValueError:
        return
    yield from _passwords(split)
    target = split.path + ("?" + split.query if split.query else "")
    yield from (text for text in (split.path, target) if len(text) >= _SHORTEST_PATH)
    words = (*split.path.split("/"), *(pair.partition("=")[2] for pair in split.query.split("&")))
    yield from (word for word in words if len(word) >= _SHORTEST_TOKEN)


def _passwords(split: SplitResult) -> Iterator[str]:
    if split.password:
        yield split.password
        yield unquote(split.password)


def _spellings(secret: str) -> str:
    """Returns a pattern for `secret` as it may be written in URLs, JSON, HTML and Python, also one inside another."""
    return "".join(re.escape(char) if _PLAIN.fullmatch(char) else _escaped(char) for char in secret)


def _escaped(char: str) -> str:
    """Returns a pattern for a character that needs escaping somewhere; every nesting doubles the backslashes."""
    utf8 = char.encode(errors="surrogatepass")
    utf16 = char.encode("utf-16-be", errors="surrogatepass")
    literal = [re.escape(char), re.escape(html.escape(char))]
    escapes = [
        "".join(f"%{byte:02x}" for byte in utf8),
        "".join(rf"\\+u{utf16[i : i + 2].hex()}" for i in range(0, len(utf16), 2)),
        "".join(rf"\\+x{byte:02x}" for byte in utf8),
        rf"\\+x{ord(char):02x}",
        *([r"\\+" + _SHORT_ESCAPES[char]] if char in _SHORT_ESCAPES else []),
        *([r"\+"] if char == " " else []),
    ]
    return rf"(?:\\*(?:{'|'.join(literal)})|(?i:{'|'.join(escapes)}))"

"""A strict JSON reader for panels' answers: it reads exactly, or not at all.

Rule 1: UTF-8 only, with or without a BOM, and one document with nothing around it.
Rule 2: a number stays the digits that were printed (`Digits`); no float touches it.
Rule 3: a name that comes twice in an object is noticed; the last one does not silently win.

Rule 4: what it takes to read an answer has a bound, however few bytes the answer came in: a document has at most
        VALUES_MAX values, or is a list of at most ROWS_MAX rows, which are read one by one.

A long document is *cut* into the texts of its members first, so that a member whose text is known
already is not read at all. msgspec cuts in C. A document that msgspec refuses (NaN, lone surrogates) or in which
it would hide a member (a name that comes twice) is cut again by the exact reader.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator

import msgspec

VALUES_MAX = 300_000
ROWS_MAX, ROW_BYTES_MAX = 100_000, 65_536


class Unreadable(ValueError):
    """An answer that is not one of the API. `str()` says why, for people."""


class Digits(str):
    """A JSON number as printed. NaN and Infinity are read as Digits too; the readers of numbers refuse them."""

    __slots__ = ()


class Doubled(dict[str, object]):
    """An object in which a name came twice."""


class Members(msgspec.Struct, frozen=True):
    """The members of an object, each as the text it came in.

    doubled: names that came twice.
    """

    texts: dict[str, str]
    doubled: frozenset[str] = frozenset()


class _AnyObject(msgspec.Struct):
    """An object of which nothing is kept."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else Doubled(members)


_READER = json.JSONDecoder(object_pairs_hook=_object, parse_float=Digits, parse_int=Digits, parse_constant=Digits)
_CUT_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
# Finds that something in a list is no object before it makes anything of the list.
_ONLY_OBJECTS = msgspec.json.Decoder(list[_AnyObject])
_CUT_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_NOT_FOR_MSGSPEC = (msgspec.MsgspecError, RecursionError)
_BOM = b"\xef\xbb\xbf"
_SPACE = " \t\r\n"
_BETWEEN = re.compile(r"[ \t\r\n,:]*")


def decode(body: bytes) -> str:
    """Returns the text of a body without BOM and surrounding white space. Raises Unreadable."""
    if sum(map(body.count, (b",", b"[", b"{"))) > VALUES_MAX:
        raise Unreadable(f"more than {VALUES_MAX:,} values")
    try:
        text = body.removeprefix(_BOM).decode().strip(_SPACE)
    except UnicodeDecodeError as error:
        raise Unreadable("not UTF-8") from error
    if not text:
        raise Unreadable("empty")
    return text


def rows(body: bytes) -> Iterator[object] | None:
    """Reads a list of objects one by one, so that a long one takes little memory; None for any other document.

    A row of more than ROW_BYTES_MAX is read as None. Raises Unreadable.
    """
    body = body.removeprefix(_BOM)
    if not body.lstrip().startswith(b"["):
        return None
    if body.count(b"{") > ROWS_MAX:
        raise Unreadable(f"more than {ROWS_MAX:,} rows")
    try:
        _ONLY_OBJECTS.decode(body)
        cut = _CUT_LIST.decode(body)
    except _NOT_FOR_MSGSPEC:
        return None
    return map(_row, cut)


def _row(raw: msgspec.Raw) -> object:
    try:
        text = str(raw, "utf-8")  # msgspec does not look into what it cuts
    except UnicodeDecodeError as error:
        raise Unreadable("not UTF-8") from error
    return parse(text) if len(text) <= ROW_BYTES_MAX else None


def parse(text: str) -> object:
    """Returns the one document in `text`: dict, Doubled, list, str, Digits, bool or None. Raises Unreadable."""
    try:
        return _READER.decode(text)
    except RecursionError as error:
        raise Unreadable("JSON nested too deep") from error
    except ValueError as error:
        raise Unreadable("not JSON") from error


def members(text: str) -> Members:
    """Cut an object into the texts of its members. Raises Unreadable when `text` is not one well-formed document."""
    try:
        cut = _CUT_OBJECT.decode(text)
    except _NOT_FOR_MSGSPEC:
        return _exact_members(text)
    texts = {name: str(raw, "utf-8") for name, raw in cut.items()}
    return Members(texts) if _is_whole(text, texts) else _exact_members(text)


def items(text: str) -> list[str]:
    """Cut a list into the texts of its items. Raises Unreadable when `text` is not one well-formed document."""
    try:
        return [str(raw, "utf-8") for raw in _CUT_LIST.decode(text)]
    except _NOT_FOR_MSGSPEC:
        return [piece for _, piece in _cut(text)]


def folded(value: dict[str, object]) -> dict[str, object]:
    """Returns `value` with lower-case names; Doubled when a name comes twice, in `value` or after lowering."""
    lower = {name.lower(): member for name, member in value.items()}
    doubled = type(value) is Doubled or len(lower) < len(value)
    return Doubled(lower) if doubled else lower


def _is_whole(text: str, texts: dict[str, str]) -> bool:
    """Whether `texts` holds every member of the well-formed object `text`.

    Each member has one colon besides those in its name and its value, so a hidden member leaves at least one
    colon over. Only an escape in a name could hide a colon; then the backslashes do not add up.
    """
    values = "".join(texts.values())
    names = "".join(texts)
    colons = len(texts) + names.count(":") + values.count(":")
    if text.count(":") != colons:
        return False
    return "\\" not in text or text.count("\\") == values.count("\\")


def _exact_members(text: str) -> Members:
    pieces = _cut(text)
    names = [str(name) for name, _ in pieces[::2]]
    texts = {name: piece for name, (_, piece) in zip(names, pieces[1::2], strict=True)}
    return Members(texts, frozenset(name for name, times in Counter(names).items() if times > 1))


def _cut(text: str) -> list[tuple[object, str]]:
    """Returns value and text of everything in an object (names too) or list, in order."""
    parse(text)  # raises: from here on the document is known to be well-formed
    pieces = []
    at = _between(text, 1)
    while text[at] not in "}]":
        value, end = _READER.raw_decode(text, at)
        pieces.append((value, text[at:end]))
        at = _between(text, end)
    return pieces


def _between(text: str, at: int) -> int:
    """Returns where the next value, or the closing bracket, begins."""
    found = _BETWEEN.match(text, at)
    return found.end() if found else at

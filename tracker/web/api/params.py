"""Parameter types: the schema of each for the OpenAPI document, and how it is read. One table serves both."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from werkzeug.datastructures import MultiDict

from tracker.config.reading import did_you_mean
from tracker.core.ids import ID_MAX
from tracker.core.json_schema import JsonSchema
from tracker.core.wire.values import INT_MAX, is_storable
from tracker.web.api.problems import Error, Problem

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_ROW_DIGITS = 15  # hexadecimal digits of a row's number; more might not fit into a database column


class ParamType(Struct, frozen=True):
    """The type of a parameter.

    read: turns the text into a value; its ValueError says what the text must be.
    """

    schema: JsonSchema
    read: Callable[[str], Any]


class Param(Struct, frozen=True):
    """One parameter of an operation.

    default: the value when it is not given.
    where: path or query.
    """

    name: str
    kind: ParamType
    about: str
    example: Any
    default: Any = None
    where: str = "query"


def read(table: Sequence[Param], path: Mapping[str, str], query: "MultiDict[str, str]") -> dict[str, Any]:
    """Returns name -> value for every parameter of the table. Raises Problem (422) with all errors at once."""
    errors, found = list(_strange(table, query)), {}
    for param in table:
        given = [path[param.name]] if param.where == "path" else query.getlist(param.name)
        try:
            if len(given) > 1:
                raise ValueError("may be given once")
            found[param.name] = param.kind.read(given[0]) if given else param.default
        except ValueError as reason:
            errors.append(Error(param.name, str(reason)))
    if errors:
        raise Problem(422, "; ".join(f"{error.field}: {error.reason}" for error in errors), errors)
    return found


def _strange(table: Sequence[Param], query: "MultiDict[str, str]") -> Iterable[Error]:
    """Yields an error for each unknown parameter: a misspelt filter must not show everything."""
    names = [param.name for param in table if param.where == "query"]
    for name in query:
        if name not in names:
            known = f"known: {', '.join(names)}" if names else "there are none here"
            yield Error(name[:ID_MAX], f"is no parameter ({known}){did_you_mean(name, names)}")


def text(most: int = 4_000) -> ParamType:
    def read(given: str) -> str:
        if not 0 < len(given) <= most or not is_storable(given):
            raise ValueError(f"must be text of 1 to {most} characters without NUL")
        return given

    return ParamType({"type": "string", "minLength": 1, "maxLength": most, "pattern": "^[^\\u0000]*$"}, read)


def whole(low: int, high: int) -> ParamType:
    def read(given: str) -> int:
        if not (given.isascii() and given.isdigit() and len(given) < 20 and low <= int(given) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(given)

    return ParamType({"type": "integer", "minimum": low, "maximum": high}, read)


def one_of(words: Iterable[str]) -> ParamType:
    known = list(words)

    def read(given: str) -> str:
        if given not in known:
            raise ValueError(f"must be one of {', '.join(known)}{did_you_mean(given, known)}")
        return given

    return ParamType({"type": "string", "enum": known}, read)


def cursor(letter: str) -> ParamType:
    """Returns the type of a cursor, which says where a page of a list begins.

    letter: of this kind of list, so that no list accepts the cursor of another.
    """
    pattern = re.compile(f"{letter}[0-9a-f]{{1,{_ROW_DIGITS}}}")

    def read(given: str) -> int:
        if not pattern.fullmatch(given):
            raise ValueError("must be `next` of the page before")
        return int(given[1:], 16)

    return ParamType({"type": "string", "pattern": f"^{pattern.pattern}$"}, read)


def next_cursor(letter: str, row: int | None) -> str | None:
    return None if row is None else f"{letter}{row:x}"


def _moment(given: str) -> float:
    must = "must be like 2026-11-23T02:14:07Z (RFC 3339; in an address, + is written %2B)"
    if not _RFC3339.fullmatch(given):
        raise ValueError(must)
    try:
        return datetime.fromisoformat(given.upper()).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(must) from None


def _number(given: str) -> int | str:
    return given if given == LAST else NUMBER.read(given)


LAST = "last"
MOMENT = ParamType({"type": "string", "format": "date-time"}, _moment)
NUMBER = whole(0, INT_MAX)
AFTER = ParamType({"anyOf": [NUMBER.schema, {"const": LAST}]}, _number)

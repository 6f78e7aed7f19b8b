"""Parsers: functions that turn a TOML value into the program's own, or raise Invalid with the remedy.

A parser sees one value only; `checks` compares several. Durations become seconds.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from tracker.config.overrides import plain
from tracker.config.reading import Invalid, did_you_mean, kind_of
from tracker.config.toml import key, quote, quoted
from tracker.core.events.event_types import EVENT_TYPES, matching
from tracker.core.model import Severity
from tracker.core.status import OrderStatus, fold
from tracker.core.wire import Meaning

T = TypeVar("T")

Parser = Callable[[object], Any]

UNITS_S: Mapping[str, int] = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
FOREVER = "forever"

# A hundred years: a longer duration is a typing mistake, and this one is far from any overflow.
_DURATION_MAX = "36500d"
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
# As many digits as any panel prints. Without exponent, plus sign and grouping there is only one way to read it.
_MONEY = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")

_FAMILIES = tuple(dict.fromkeys(name.split(".")[0] + ".*" for name in EVENT_TYPES))


def text(value: object) -> str:
    if not isinstance(value, str):
        raise Invalid(f"must be text in quotes, not {kind_of(value)}")
    return str(value)


def line(value: object) -> str:
    """Returns text that is not empty and can stand in a header or an argument."""
    given = text(value)
    if not given:
        raise Invalid("must not be empty")
    if not given.isprintable():
        raise Invalid("contains a control character or a line break")
    return given


def header(value: object) -> str:
    """Returns text that can be the value of an HTTP header."""
    given = line(value)
    if not given.isascii():
        raise Invalid("may hold ASCII characters only: it goes into an HTTP header")
    return given


def flag(value: object) -> bool:
    value = plain(value)
    if not isinstance(value, bool):
        raise Invalid(f"must be true or false, not {kind_of(value)}")
    return value


def whole(low: int, high: int) -> Parser:
    """Returns a parser of whole numbers from `low` to `high`, both included."""

    def parse(value: object) -> int:
        value = plain(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Invalid(f"must be a whole number without quotes, not {kind_of(value)}")
        if not low <= value <= high:
            raise Invalid(f"must be from {low} to {high}")
        return value

    return parse


def fraction(low: float, high: float) -> Parser:
    """Returns a parser of parts of a whole from `low` to `high`, both included."""

    def parse(value: object) -> float:
        value = plain(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Invalid(f"must be a number without quotes, such as 0.5, not {kind_of(value)}")
        if not low <= value <= high:
            raise Invalid(f"must be from {low} to {high}")
        return float(value)

    return parse


def one_of(*words: str) -> Parser:
    def parse(value: object) -> str:
        given = text(value)
        if given not in words:
            known = ", ".join(quote(word) for word in words)
            raise Invalid(f"{quoted(given)} is not one of {known}{did_you_mean(given, words)}")
        return given

    return parse


def seconds(given: str) -> float | None:
    """Returns the seconds of `"90s"`, `"15m"`, `"12h"` or `"7d"`, and None for any other text."""
    found = _DURATION.fullmatch(given)
    return float(int(found[1]) * UNITS_S[found[2]]) if found else None


def duration(low: str = "0s", high: str = _DURATION_MAX, *, instead: str | None = None) -> Parser:
    """Returns a parser of durations from `low` to `high`, which gives seconds.

    instead: a word that may stand in place of a duration, and means None.
    """
    low_s, high_s = seconds(low), seconds(high)
    assert low_s is not None
    assert high_s is not None
    or_else = "" if instead is None else f", or {quote(instead)}"

    def parse(value: object) -> float | None:
        if instead is not None and value == instead:
            return None
        if not isinstance(value, str):
            raise Invalid(f'must be a duration in quotes, such as "90s"{or_else}, not {kind_of(value)}')
        found = seconds(value)
        if found is None:
            raise Invalid(f'{quoted(value)} is not a duration; write "90s", "15m", "12h" or "7d"{or_else}')
        if not low_s <= found <= high_s:
            raise Invalid(f"must be from {quote(low)} to {quote(high)}, not {quoted(value)}")
        return found

    return parse


def money(low: str | None = None) -> Parser:
    """Returns a parser of amounts, which gives a Decimal of at least `low`.

    Amounts are text in the file, so that no float ever touches them.
    """

    def parse(value: object) -> Decimal:
        if not isinstance(value, str):
            raise Invalid(f'money is written in quotes, such as "20.00", not as {kind_of(value)}')
        if not _MONEY.fullmatch(value):
            raise Invalid(f'{quoted(value)} is not an amount of money; write it like "20.00"')
        if low is not None and Decimal(value) < Decimal(low):
            raise Invalid(f"must be at least {quote(low)}, not {quoted(value)}")
        return Decimal(value)

    return parse


def listed(item: Parser, *, at_least: int = 0, example: str = "") -> Parser:
    """Returns a parser of lists, which gives a tuple of what `item` makes of each entry, or the problems of all."""

    def parse(value: object) -> tuple[Any, ...]:
        value = plain(value)
        if not isinstance(value, list):
            raise Invalid(f"must be a list{example and f', such as {example}'}, not {kind_of(value)}")
        if len(value) < at_least:
            raise Invalid(f"must have at least {at_least} entry{example and f', such as {example}'}")
        return _each([(f"[{i}]", entry) for i, entry in enumerate(value)], item)

    return parse


def event_glob(value: object) -> str:
    """Returns the name of an event, or a pattern with `*` that matches at least one name."""
    given = text(value)
    if given in EVENT_TYPES:
        return given
    # fnmatch gives these a meaning too; the documentation allows only the star.
    only_stars = not set(given) & set("?[]")
    if "*" in given and only_stars and matching(given):
        return given
    if "*" in given:
        raise Invalid(f"{quoted(given)} matches no event{did_you_mean(given, _FAMILIES)}")
    raise Invalid(f"unknown event {quoted(given)}{did_you_mean(given, (*EVENT_TYPES, *_FAMILIES))}")


def section_name(value: object) -> str:
    given = text(value)
    if not _NAME.fullmatch(given):
        raise Invalid(NAME_RULE)
    return given


# The names go into file names, environment variables, metrics labels and URLs.
NAME_RULE = "a name has 1 to 40 of a-z, 0-9, _ and -, and begins with a letter or a digit; choose another one"


def status_map(value: object) -> Mapping[str, OrderStatus]:
    """Returns a panel's own words, folded, and the status that each one means."""
    return _own_words(value, '{ "Awaiting" = "pending" }', lambda given: OrderStatus(_known_status(given)))


def error_map(value: object) -> Mapping[str, Meaning]:
    """Returns parts of a panel's own error texts, folded, and what each one means; the longest comes first."""
    words = _own_words(value, '{ "Account closed" = "account" }', lambda given: _MEANINGS[_known_meaning(given)])
    return {part: words[part] for part in sorted(words, key=len, reverse=True)}


def _own_words(value: object, example: str, read: Callable[[object], T]) -> dict[str, T]:
    value = plain(value)
    if not isinstance(value, dict):
        raise Invalid(f"must be a table, such as {example}, not {kind_of(value)}")
    words: dict[str, T] = {}
    problems: list[tuple[str, str]] = []
    for word, given in value.items():
        at = "." + key(word)
        try:
            meaning = read(given)
        except Invalid as wrong:
            problems += wrong.under(at)
            continue
        if not fold(word):
            problems.append((at, "contains only spaces, dashes and underscores; remove it"))
        elif words.setdefault(fold(word), meaning) is not meaning:
            problems.append((at, "another spelling of this word has a different meaning; keep one"))
    if problems:
        raise Invalid(problems=problems)
    return words


def severity(value: object) -> Severity:
    return Severity[_known_severity(value).upper()]


_known_severity = one_of(*map(str, Severity))
_known_status = one_of(*(status for status in OrderStatus if status is not OrderStatus.UNKNOWN))
_MEANINGS = {"not_found": Meaning.NOT_FOUND, "account": Meaning.ACCOUNT, "passing": Meaning.SERVER}
_known_meaning = one_of(*_MEANINGS)


def _each(entries: list[tuple[str, object]], item: Parser) -> tuple[Any, ...]:
    results: list[Any] = []
    problems: list[tuple[str, str]] = []
    for at, entry in entries:
        try:
            results.append(item(entry))
        except Invalid as wrong:
            problems += wrong.under(at)
    if problems:
        raise Invalid(problems=problems)
    return tuple(results)

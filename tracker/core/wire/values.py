"""Reads single values of a panel's answer: amounts, numbers, ids, words.

Every reader returns None for what it cannot read and for what is missing; `is_blank` tells the two
apart. Numbers have bounds and texts have lengths: a panel's answer must fit into a row, whatever it says.
"""

import re
import unicodedata
from decimal import Decimal

from tracker.core.ids import ID_MAX, valid_id
from tracker.core.wire.strict_json import Digits

INT_MAX = 2**63 - 1  # what a column holds
TEXT_MAX = 200  # characters kept of a status word or an error text

# A comma separates thousands only where every group has three digits and the number does not begin with a zero:
# "0,278" may as well have a decimal comma. The lengths keep out a number of 400 digits.
_MONEY = re.compile(r"[+-]?(?:[0-9]{1,21}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,6})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
# As people print an amount: one currency sign or code before or after it, blanks or apostrophes between thousands.
_PLAIN_OR_GROUPED = r"[0-9]{1,21}|[1-9][0-9]{0,2}(?P<gap>[ ,'])[0-9]{3}(?:(?P=gap)[0-9]{3}){0,5}"
_PRINTED = re.compile(
    r"(?P<sign>[+-]?) ?(?P<before>[^\w\s.,+-]|[A-Z]{3})? ?(?P<inner>[+-]?)"
    rf"(?P<number>(?:{_PLAIN_OR_GROUPED})(?:\.[0-9]{{1,40}})?)"
    r" ?(?P<after>[^\w\s.,+-]|[A-Z]{3})?"
)
_SEPARATORS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'", "\u2212": "-"})
_EXPONENTS = range(-30, 21)
_TRUE = frozenset({"1", "true", "yes", "on"})
_PART_OF_A_TOKEN = re.compile(r"[^\s\"'<>,;&]+\Z")


def is_blank(value: object) -> bool:
    """Whether the value is null or an empty text."""
    return value is None or (isinstance(value, str) and not value.strip())


def money(value: object) -> Decimal | None:
    """Returns the amount that a text or number prints, exact to the last digit."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    if not _MONEY.fullmatch(text):
        return None
    amount = Decimal(text.replace(",", ""))
    if amount.adjusted() not in _EXPONENTS:
        return None
    # Plain digits, because the database adds amounts: "1E+3" becomes 1000.
    return Decimal(format(amount, "f")) if "e" in text or "E" in text else amount


def printed_money(value: object, unit: str | None) -> Decimal | None:
    """Returns an amount as people print it, where there is no doubt: "$1 234.50", "-5.00 EUR"; else as `money`.

    A comma before two digits, as in "12,50", is a doubt, and so is a code that is not `unit`: None.

    unit: the currency that was named beside the amount.
    """
    plain_amount = money(value)
    if plain_amount is not None or not isinstance(value, str):
        return plain_amount
    found = _PRINTED.fullmatch(value.strip().translate(_SEPARATORS))
    if found is None or (found["sign"] and found["inner"]) or (found["before"] and found["after"]):
        return None
    mark = found["before"] or found["after"] or ""
    if len(mark) == 1 and unicodedata.category(mark) != "Sc":
        return None
    if len(mark) == 3 and unit is not None and mark != unit.upper():
        return None
    return Decimal(found["sign"] + found["inner"] + found["number"].replace(found["gap"] or " ", ""))


def whole(value: object) -> int | None:
    """Returns the integer that a text or number prints; "157.0" is one, "157.5" is not."""
    if isinstance(value, str) and len(value) <= 18 and value.isdigit() and value.isascii():
        return int(value)
    amount = (
        money(value)
        if isinstance(value, Digits) or (isinstance(value, str) and _MONEY.fullmatch(value.strip()))
        else None
    )
    if amount is None or amount != amount.to_integral_value() or abs(amount) > INT_MAX:
        return None
    return int(amount)


def remains(value: object) -> int | None:
    """Returns what is left to deliver; negative when more was delivered than ordered, which some panels print "+12"."""
    number = whole(value)
    beyond = number is not None and isinstance(value, str) and value.lstrip().startswith("+")
    return -abs(number) if beyond and number is not None else number


def remote_id(value: object) -> str | None:
    """Returns an id as text. A text with a comma is not one: commas separate the ids of a call."""
    if isinstance(value, Digits):
        return str(value) if value.isdigit() and len(value) <= ID_MAX else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if valid_id(text) and is_storable(text) else None


def new_id(value: object) -> str | None:
    """Returns the id of something just created. It must have a digit in it, which no word for success has."""
    text = remote_id(value)
    return text if text and text != "0" and any(c.isdigit() for c in text) else None


def word(value: object) -> str | None:
    """Returns a status as the panel said it: null is "", a number is its digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return plain(value) if isinstance(value, str) else None


def currency(value: object) -> str | None:
    """Returns the name of a currency, at most 16 characters."""
    if not isinstance(value, str) or isinstance(value, Digits):
        return None
    text = value.strip()
    return text if 0 < len(text) <= 16 and text.isprintable() else None


def truth(value: object) -> bool:
    """Whether a switch is on: true, 1, or one of the words "1", "true", "yes", "on"; anything else is off."""
    return value is True or (isinstance(value, str) and value.strip().lower() in _TRUE)


def is_storable(text: str) -> bool:
    """Whether a text has no NUL (PostgreSQL refuses it) and no lone surrogate (UTF-8 refuses it)."""
    return text.isprintable() or ("\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text))


def plain(text: str, limit: int = TEXT_MAX) -> str:
    """Returns the first `limit` characters of `text`, with what a database cannot hold escaped."""
    kept = text[:limit]
    if is_storable(kept):
        return str(kept)
    return kept.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")[:limit]


def short(text: str, limit: int = TEXT_MAX) -> str:
    """Returns what a panel said for one line of a log: escaped, at most `limit` characters.

    A word that the cut would split is left out: masking would not recognise half an API key.
    """
    start = text.strip()[: limit + 1]
    if not start.isprintable():
        start = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in start)
    if len(start) <= limit:
        return str(start)
    return f"{_PART_OF_A_TOKEN.sub('', start[: limit - 1])}…"

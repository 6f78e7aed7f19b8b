"""Status words: what panels call the state of an order or a refill, and what each word means.

Rule 1: a word we do not know is UNKNOWN. It is never mapped to a known status by guess.
Rule 2: a panel's own `status_map` takes precedence over the table.

Source of the spellings: the panel API v2 reference and recorded answers of real panels.
"""

import unicodedata
from collections.abc import Mapping
from enum import StrEnum


class OrderStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    IN_PROGRESS = "in_progress"
    REFILLING = "refilling"
    PAUSED = "paused"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    REFUNDED = "refunded"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class RefillStatus(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELED = "canceled"
    FAILED = "failed"
    UNKNOWN = "unknown"


_O = OrderStatus
OPEN = frozenset({_O.PENDING, _O.PROCESSING, _O.IN_PROGRESS, _O.REFILLING, _O.PAUSED})
NOT_STARTED = frozenset({None, _O.PENDING, _O.PROCESSING})
FINAL = frozenset({_O.COMPLETED, _O.PARTIAL, _O.CANCELED, _O.REFUNDED, _O.FAILED, _O.EXPIRED})

_R = RefillStatus
REFILL_OPEN = frozenset({_R.PENDING, _R.IN_PROGRESS})
REFILL_FINAL = frozenset({_R.COMPLETED, _R.REJECTED, _R.CANCELED, _R.FAILED})

# Keys are folded: lower case without spaces, "_" and "-".
ORDER_WORDS: Mapping[str, OrderStatus] = {
    "pending": _O.PENDING,
    "awaiting": _O.PENDING,
    "processing": _O.PROCESSING,
    "inprogress": _O.IN_PROGRESS,
    "active": _O.IN_PROGRESS,
    "completed": _O.COMPLETED,
    "complete": _O.COMPLETED,
    "success": _O.COMPLETED,
    "partial": _O.PARTIAL,
    "partiallycompleted": _O.PARTIAL,
    "canceled": _O.CANCELED,
    "cancelled": _O.CANCELED,
    "cancel": _O.CANCELED,
    "refunded": _O.REFUNDED,
    "refunds": _O.REFUNDED,
    "refund": _O.REFUNDED,
    "fail": _O.FAILED,
    "failed": _O.FAILED,
    "error": _O.FAILED,
    "rejected": _O.FAILED,
    "refill": _O.REFILLING,
    "refilling": _O.REFILLING,
    "paused": _O.PAUSED,
    "expired": _O.EXPIRED,
}

REFILL_WORDS: Mapping[str, RefillStatus] = {
    "pending": _R.PENDING,
    "awaiting": _R.PENDING,
    "inprogress": _R.IN_PROGRESS,
    "processing": _R.IN_PROGRESS,
    "completed": _R.COMPLETED,
    "complete": _R.COMPLETED,
    "success": _R.COMPLETED,
    "rejected": _R.REJECTED,
    "canceled": _R.CANCELED,
    "cancelled": _R.CANCELED,
    "cancel": _R.CANCELED,
    "error": _R.FAILED,
    "fail": _R.FAILED,
    "failed": _R.FAILED,
}

# Moves out of a final status that are expected.
EXPECTED_AFTER_FINAL: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    _O.COMPLETED: frozenset({_O.REFUNDED}),
    _O.PARTIAL: frozenset({_O.REFUNDED}),
    _O.CANCELED: frozenset({_O.REFUNDED}),
}

_FOLD = str.maketrans("", "", " _-\t\r\n")
# Turkish has an i with a dot and one without: lowering the dotted capital leaves a dot of its own (U+0307), and "I" may
# be the capital of either.
_DOTS = str.maketrans({"\u0307": None, "\u0131": "i"})
_NO_SIGNS = ("Zs", "Zl", "Zp", "Cf", "Pd")  # blanks, invisible characters, dashes


def fold(word: str) -> str:
    """Returns the form in which different spellings of a word are equal."""
    if word.isascii():
        return word.lower().translate(_FOLD)
    plain = caseless(word).translate(_FOLD)
    return "".join(character for character in plain if unicodedata.category(character) not in _NO_SIGNS)


def caseless(text: str) -> str:
    """Returns `text` as it is compared in any alphabet: NFKC, case folding, and one i instead of Turkish's two."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold().translate(_DOTS))


def order_status(word: str, status_map: Mapping[str, OrderStatus]) -> OrderStatus:
    """Returns the meaning of `word` on a panel whose own words (folded) are in `status_map`."""
    folded = fold(word)
    return status_map.get(folded) or ORDER_WORDS.get(folded) or OrderStatus.UNKNOWN


def refill_status(word: str) -> RefillStatus:
    """Returns the meaning of `word` for a refill."""
    return REFILL_WORDS.get(fold(word), RefillStatus.UNKNOWN)


def is_regression(old: OrderStatus | None, new: OrderStatus) -> bool:
    """Whether this is an unexpected move out of a final status."""
    return old in FINAL and new != old and new not in EXPECTED_AFTER_FINAL.get(old, frozenset())

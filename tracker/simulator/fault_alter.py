"""Faults that change a status answer: odd shapes, odd values, odd words. A reader never learns a false status.

Each changes an ApiAnswer in place, and keeps its `statuses` equal to what a careful reader can still learn from it.
"""

import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tracker.simulator.api import NO_ORDER, ApiAnswer
from tracker.simulator.render import again, raw

AnswerEntry = dict[str, Any]
Alter = Callable[[ApiAnswer, random.Random], None]

PASSING = "Service temporarily unavailable"
STRANGER = 900_000_000  # ids from here on belong to no simulated order

# The same status as other panels spell it.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "Pending": ("pending", "PENDING", "Awaiting", " Pending "),
    "Processing": ("processing", "PROCESSING"),
    "In progress": ("In Progress", "Inprogress", "in_progress", "IN-PROGRESS", "Active"),
    "Completed": ("completed", "Complete", "COMPLETED", " Completed "),
    "Partial": ("PARTIALLY COMPLETED", "partial", "Partially completed"),
    "Canceled": ("CANCELLED", "Cancelled", "Cancel"),
    "Refunded": ("Refunds", "REFUND", "refunded"),
}
UNKNOWN_WORDS = ("Awaiting approval", "Cancellation Requested", "", "On hold by operator")


def _some(answer: ApiAnswer, rng: random.Random, share: float = 0.2) -> list[str]:
    """Draws a share of the ids with an entry, and at least one if there is any."""
    ids = list(answer.entries)
    return rng.sample(ids, min(len(ids), max(1, round(share * len(ids)))))


# ---- shapes


def _list_with_order(answer: ApiAnswer, rng: random.Random) -> None:
    rows = [{"order": order_id, **_as_entry(entry)} for order_id, entry in answer.value.items()]
    rng.shuffle(rows)
    answer.value = rows


def _ids_as_numbers(answer: ApiAnswer, rng: random.Random) -> None:
    _list_with_order(answer, rng)
    for row in answer.value:
        row["order"] = int(row["order"]) if row["order"].isdecimal() else row["order"]


def _list_without_ids(answer: ApiAnswer, _rng: random.Random) -> None:
    answer.value = list(answer.value.values())
    answer.statuses.clear()


def _empty_list(answer: ApiAnswer, _rng: random.Random) -> None:
    answer.value = []
    answer.statuses.clear()


def _nested(answer: ApiAnswer, _rng: random.Random) -> None:
    answer.value = {"orders": answer.value}


def _missing_ids(answer: ApiAnswer, rng: random.Random) -> None:
    for order_id in _some(answer, rng):
        del answer.value[order_id]
        answer.forget(order_id)


def _strangers(answer: ApiAnswer, rng: random.Random) -> None:
    for entry in [dict(answer.entries[i]) for i in _some(answer, rng)]:
        answer.value[str(STRANGER + rng.randrange(10_000))] = entry | {"status": "Completed", "remains": "0"}


def _duplicate_key(answer: ApiAnswer, rng: random.Random) -> None:
    for order_id in _some(answer, rng):
        contrary = "Pending" if answer.statuses[order_id][0] == "Completed" else "Completed"
        answer.value[again(order_id)] = answer.entries[order_id] | {"status": contrary}
        answer.forget(order_id)


def _bare_errors(answer: ApiAnswer, rng: random.Random) -> None:
    for order_id in _some(answer, rng):
        answer.replace_entry(order_id, PASSING)
    for order_id, entry in answer.value.items():
        if entry is NO_ORDER:
            answer.value[order_id] = NO_ORDER["error"]


def _passing_errors(answer: ApiAnswer, rng: random.Random) -> None:
    for order_id in _some(answer, rng):
        answer.replace_entry(order_id, {"error": PASSING})


def _forgotten(answer: ApiAnswer, rng: random.Random) -> None:
    for order_id in _some(answer, rng):
        answer.replace_entry(order_id, NO_ORDER)


def _error_with_status(answer: ApiAnswer, rng: random.Random) -> None:
    for order_id in _some(answer, rng):
        answer.replace_entry(order_id, {"error": "Order not found.", "status": "104"})


def _title_case(answer: ApiAnswer, _rng: random.Random) -> None:
    for entry in answer.entries.values():
        for name in list(entry):
            entry[name.capitalize()] = entry.pop(name)


def _start_counter(answer: ApiAnswer, _rng: random.Random) -> None:
    for entry in answer.entries.values():
        if "start_count" in entry:
            entry["start_counter"] = entry.pop("start_count")


def _as_entry(entry: Any) -> AnswerEntry:
    return entry if isinstance(entry, dict) else {"error": entry}


# ---- values


def _each_charge(change: Callable[[Decimal], Any]) -> Alter:
    def alter(answer: ApiAnswer, _rng: random.Random) -> None:
        for entry in answer.entries.values():
            if "charge" in entry:
                entry["charge"] = change(Decimal(entry["charge"]))

    return alter


def _unreadable_charge(value: Any) -> Alter:
    """Replaces each charge by a value that cannot be read, so that a reader learns no charge."""

    def alter(answer: ApiAnswer, _rng: random.Random) -> None:
        for order_id, entry in answer.entries.items():
            if "charge" in entry:
                entry["charge"] = value
                answer.statuses[order_id] = (answer.statuses[order_id][0], None)

    return alter


def _scientific(charge: Decimal) -> str:
    # One digit before the point and all of them printed: 0.27819 is 2.7819e-1, not 2.78190e-1 ± rounding.
    return raw(f"{charge:e}")


def _delivered_beyond(sign: str) -> Alter:
    """Prints `remains` of completed orders as "-12" or "+12": both say that more than ordered was delivered."""

    def alter(answer: ApiAnswer, rng: random.Random) -> None:
        for entry in answer.entries.values():
            if entry.get("status") == "Completed" and entry.get("remains") == "0":
                entry["remains"] = f"{sign}{rng.randint(1, 20)}"

    return alter


def _no_remains(answer: ApiAnswer, rng: random.Random) -> None:
    for entry in answer.entries.values():
        if "remains" in entry:
            entry["remains"] = rng.choice(("", None))


def _all_numbers(answer: ApiAnswer, _rng: random.Random) -> None:
    for entry in answer.entries.values():
        for name in ("charge", "start_count", "remains"):
            if name in entry:
                entry[name] = raw(entry[name])


# ---- words


def _spellings(answer: ApiAnswer, rng: random.Random) -> None:
    for order_id, entry in answer.entries.items():
        word = rng.choice(SPELLINGS.get(entry["status"], (entry["status"],)))
        entry["status"] = word
        answer.statuses[order_id] = (word, answer.statuses[order_id][1])


def _unknown_words(answer: ApiAnswer, rng: random.Random) -> None:
    for order_id in _some(answer, rng):
        word = rng.choice(UNKNOWN_WORDS)
        answer.entries[order_id]["status"] = word
        answer.statuses[order_id] = (word, answer.statuses[order_id][1])


# name -> (description, the function that does it)
ALTER: Mapping[str, tuple[str, Alter]] = {
    "passing_errors": ("a temporary error for some ids", _passing_errors),
    "forgotten": ("`Incorrect order ID` for some known ids", _forgotten),
    "error_with_status": ("an error that carries a status of its own", _error_with_status),
    "title_case": ("keys in Title Case", _title_case),
    "start_counter": ("`start_counter` for start_count", _start_counter),
    "charge_thousands": ("1,234.50000", _each_charge(lambda charge: f"{charge:,}")),
    "charge_number": ("charge as a JSON number", _each_charge(lambda charge: raw(f"{charge:f}"))),
    "charge_scientific": ("charge in scientific notation", _each_charge(_scientific)),
    "charge_null": ("charge null", _unreadable_charge(None)),
    "charge_nan": ("charge NaN, as text", _unreadable_charge("NaN")),
    "charge_infinite": ("charge 1e309", _unreadable_charge(raw("1e309"))),
    "charge_400_digits": ("charge of 400 digits", _unreadable_charge(raw("9" * 400))),
    "charge_comma": ("a decimal comma", _unreadable_charge("0,27819")),
    "remains_plus": ('remains "+12" of completed orders', _delivered_beyond("+")),
    "remains_negative": ('remains "-12" of completed orders', _delivered_beyond("-")),
    "remains_empty": ("remains empty or null", _no_remains),
    "numbers": ("every value a JSON number", _all_numbers),
    "spellings": ("the same status in the spelling of other panels", _spellings),
    "unknown_words": ("an unknown word, for some ids", _unknown_words),
}

# These change an answer to a batch only.
ALTER_BATCH: Mapping[str, tuple[str, Alter]] = {
    "list_with_order": ("a shuffled list with `order` inside", _list_with_order),
    "ids_as_numbers": ("the same with ids as numbers", _ids_as_numbers),
    "list_without_ids": ("a list without ids", _list_without_ids),
    "empty_list": ("[]", _empty_list),
    "nested_orders": ("nested under `orders`", _nested),
    "missing_ids": ("some ids left out", _missing_ids),
    "strangers": ("ids that were not asked for", _strangers),
    "duplicate_key": ("two contradictory entries under one id", _duplicate_key),
    "bare_errors": ("errors per id as bare texts", _bare_errors),
}

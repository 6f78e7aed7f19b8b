"""Which call a panel needs most, which rows fill it, and in which order.

Rows are the reason for a call only once they are due. The places that are left in it go to the rows that are due
soonest: a fuller call costs the panel nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from tracker.core.model import Tracking
from tracker.core.rules import PollRules

ID_ACTIONS = ("status", "refill_status")  # the actions that ask about ids
MISSES_ALONE = 3  # answers that left an order out before it is asked alone
SMALLER = 4  # for a while batches are a quarter: after two halvings that found no id

Row = TypeVar("Row")


class RowSource(Struct, frozen=True):
    """Rows of one table that are tracked in one way.

    only_due: they fill a call only when they are due; a finished order is not asked sooner because there is room.
    """

    table: str  # orders | refills
    tracking: Tracking
    only_due: bool = False


# Takes a source, how many rows at most, and the moment they have to be due by (None: any); returns rows that are not
# in flight, soonest due first.
FetchRows = Callable[[RowSource, int, float | None], Sequence[Row]]

_OPEN = RowSource("orders", Tracking.ACTIVE)
_FINISHED = RowSource("orders", Tracking.FINISHED, only_due=True)
_NOT_FOUND = RowSource("orders", Tracking.NOT_FOUND, only_due=True)
_REFILLS = RowSource("refills", Tracking.ACTIVE)

# Which rows can be the reason for a call. `balance` and `services` are about the panel itself.
CALL_REASONS: Mapping[str, tuple[RowSource, ...]] = {
    "status": (_OPEN,),
    "recheck": (_FINISHED, _NOT_FOUND),
    "refill_status": (_REFILLS,),
}

# Which rows fill a call, in this order.
BATCH_SOURCES: Mapping[str, tuple[RowSource, ...]] = {
    "status": (_OPEN, _FINISHED, _NOT_FOUND),
    "recheck": (_FINISHED, _NOT_FOUND),
    "refill_status": (_REFILLS,),
}


def choose(due: Mapping[str, float | None], now: float) -> str | None:
    """Returns the kind of call that goes first, the one that has waited longest; None: nothing is due.

    due: for each kind the moment at which it is due, or was.
    """
    waiting = [(at, kind) for kind, at in due.items() if at is not None and at <= now]
    return min(waiting)[1] if waiting else None


def action_of(kind: str) -> str:
    """Returns the panel's action that a call of this kind uses: `status` for a recheck, or for one of a client's."""
    last = kind.rpartition(".")[2]
    return "status" if last == "recheck" else last


def is_aside(kind: str) -> bool:
    """Whether a call of this kind is about what is set aside: halves, ids tried alone, and canaries."""
    return kind.startswith(("aside.", "canary."))


def asks_singly(singles_until: float | None, now: float) -> bool:
    """Whether the ids of this panel go out one by one, since it refused a batch."""
    return singles_until is not None and now < singles_until


def size(singles_until: float | None, small_until: float | None, rules: PollRules, now: float) -> int:
    """Returns how many ids a call takes."""
    if asks_singly(singles_until, now):
        return 1
    small = small_until is not None and now < small_until
    return max(rules.batch_size // SMALLER, 1) if small else rules.batch_size


def ids_table(kind: str) -> str | None:
    """Returns the table whose ids a call of this kind asks about; None: it asks about no ids."""
    action = action_of(kind)
    return BATCH_SOURCES[action][0].table if action in BATCH_SOURCES else None


def out_of_turn(ids: Sequence[str], beside: Sequence[str], singles_until: float | None, now: float) -> list[str]:
    """Returns the ids of a call that clients ask for, each once: theirs, and those that fill it up where it has room.

    beside: ids that are worth asking about too.
    """
    return list(ids) if asks_singly(singles_until, now) else list(dict.fromkeys((*ids, *beside)))


def fill(kind: str, at_most: int, now: float, fetch: FetchRows[Row], misses: Callable[[Row], int]) -> list[Row]:
    """Returns the rows that a call asks about, at most so many, those that are due soonest first.

    misses: how many answers in a row have left a row out.
    """
    found: list[Row] = []
    for source in BATCH_SOURCES.get(kind, ()):
        if len(found) < at_most:
            found += fetch(source, at_most - len(found), now if source.only_due else None)
    return _apart(found, misses)


def _apart(found: list[Row], misses: Callable[[Row], int]) -> list[Row]:
    """Orders that answers keep leaving out are asked alone; the others never wait for them."""
    if found and misses(found[0]) >= MISSES_ALONE:
        return found[:1]
    return [row for row in found if misses(row) < MISSES_ALONE]

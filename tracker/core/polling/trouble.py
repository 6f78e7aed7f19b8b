"""How far the trouble of a failed call reaches: the ids it asked about, its kind of call, or the whole panel.

Trouble is judged by what it covers, so that one broken id or one broken kind of call delays only itself. A call that
fails by its answer does not say which of the three it is. The calls around it do:

  what failed                                          reaches
  ---------------------------------------------------  --------------------------------------------------
  no connection, 429, a Retry-After, the key refused   the panel
  a call of a kind that is set aside already           that kind
  a call of the panel's own that stands alone          its ids; its kind, if it asks about no ids
  the next one, with nothing answered in between       the panel
  a client's call, for ids that only clients ask for   its ids

A call stands alone while the last call before it was answered. So the first failure stops nothing, and the second one
in a row stops everything but one probe at a time.
"""

import math
from collections.abc import Container, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from tracker.core.polling.batches import action_of, ids_table, is_aside
from tracker.core.polling.schedule import DAY_S
from tracker.errors import Cause, PanelError, Trouble


class Scope(StrEnum):
    IDS = "ids"
    KIND = "kind"
    PANEL = "panel"


class RecentCall(Struct, frozen=True):
    """A call that has ended. outcome: "ok", or its trouble."""

    kind: str
    outcome: str
    ended_at: float


class KindAside(Struct, frozen=True):
    """A kind of call that is set aside."""

    since: float
    streak: int
    wait_until: float
    trouble: str
    words: str


class Wait(Struct, frozen=True):
    """How long something stays set aside: `first_s`, then twice as long after each further failure."""

    first_s: float
    longest_s: float

    def after(self, failures: int) -> float:
        """Returns the wait after that many failures in a row (from 1), in seconds."""
        return min(self.first_s * 2.0 ** min(failures - 1, 30), self.longest_s)


ID_WAIT = Wait(60.0, DAY_S)
# Statuses are what the tracker is for, so they are tried again soonest.
KIND_WAITS: Mapping[str, Wait] = {
    "status": Wait(10.0, 600.0),
    "refill_status": Wait(30.0, 3_600.0),
    "balance": Wait(60.0, 3_600.0),
    "services": Wait(300.0, DAY_S),
}

FINISHED_WAIT = Wait(DAY_S / 4, DAY_S)  # a finished order can wait


def id_wait_s(failures: int, *, finished: bool) -> float:
    """Returns how long an id is set aside after it failed alone that many times in a row (from 1), in seconds."""
    return (FINISHED_WAIT if finished else ID_WAIT).after(failures)


# Troubles in which the panel answered the call in its own words: never the panel as a whole.
_SPOKEN = frozenset({Trouble.REQUEST, Trouble.REFUSED})
_FAILED = frozenset(trouble.value for trouble in Trouble) - _SPOKEN - {Trouble.BATCH_REFUSED}


def finds_scope(error: PanelError) -> bool:
    """Whether the trouble may be the fault of what was asked; else it is that of the panel."""
    wide = error.kind in (Trouble.AUTH, Trouble.RATE_LIMITED, Trouble.REFUSES_ALL)
    return not wide and not error.retry_after_s and error.cause is not Cause.CONNECTION


def broken_kinds(recent: Sequence[RecentCall], kinds_aside: Mapping[str, float]) -> set[str]:
    """Returns the actions that are known to be broken: another call was answered since each began to fail.

    recent: the calls that ended lately, newest first. kinds_aside: each with the moment of its first failure.
    """
    heard_at = next((call.ended_at for call in recent if call.outcome == "ok"), -math.inf)
    return {action for action, since in kinds_aside.items() if since < heard_at}


def stands_alone(recent: Sequence[RecentCall], broken: Container[str]) -> bool:
    """Whether the last call before a failed one was answered, as far as it says anything about the panel.

    recent: without the failed one. broken: from `broken_kinds`.
    """
    for call in recent:
        if call.outcome == "ok":
            return True
        if call.outcome in _FAILED and "." not in call.kind and action_of(call.kind) not in broken:
            return False
    return True


def scope_of(kind: str, error: PanelError, *, in_trouble: bool, alone: bool, broken: bool, untracked: bool) -> Scope:
    """Returns how far a failed call reaches.

    in_trouble: the panel was in trouble when the call was claimed. alone: from `stands_alone`.
    broken: its kind is known to be. untracked: it asked only about ids that have no row.
    """
    if in_trouble or not finds_scope(error):
        return Scope.PANEL
    if is_aside(kind):
        return _scope_of_aside(kind, alone=alone)
    if broken:
        return Scope.KIND
    if not alone and not untracked and error.kind not in _SPOKEN:
        return Scope.PANEL
    return Scope.KIND if ids_table(kind) is None else Scope.IDS


def _scope_of_aside(kind: str, *, alone: bool) -> Scope:
    """Returns how far a failed call about what is set aside reaches: halves and ids tried alone, or a canary."""
    if kind.startswith("aside."):
        return Scope.IDS
    return Scope.KIND if alone else Scope.PANEL

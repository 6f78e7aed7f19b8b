"""Remembers ids that a panel said it does not know, so that a client that invents ids spends no calls on them.

An id above the highest one known may be an order that the panel has just made: it is never remembered. Ids without
digits only have no order among each other, and are remembered where the panel's known ids are numbers.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from tracker.clock import Clock
from tracker.core.gateway.requests import number

FIRST_S, LONGEST_S = 30.0, 3_600.0
IDS_MAX = 50_000


class UnknownIds:
    """The unknown ids of one panel, and for how long each is not asked about again: 30 s, doubling, an hour at most.

    highest: returns the highest id among the panel's tracked ones, if there are numbers among them.
    """

    def __init__(self, highest: Callable[[], int | None], clock: Clock) -> None:
        self._read_highest = highest
        self._clock = clock
        self._lock = threading.Lock()
        self._highest: int | None = None
        self._looked = False
        # id -> (until, how long it was remembered, the panel's text)
        self._ids: OrderedDict[str, tuple[float, float, str]] = OrderedDict()

    def said(self, remote_id: str) -> str | None:
        """Returns the panel's text about an id that need not be asked about again yet."""
        found = self._ids.get(remote_id)
        return None if found is None or found[0] <= self._clock.monotonic() else found[2]

    def note(self, texts: Mapping[str, str], known: Iterable[str]) -> None:
        """Remembers the ids that an answer calls unknown, and forgets those that it knows.

        texts: what the panel said about each unknown id.
        """
        now = self._clock.monotonic()
        with self._lock:
            for remote_id in known:
                self._ids.pop(remote_id, None)
                if self._highest is not None:
                    self._highest = max(self._highest, number(remote_id) or 0)
            for remote_id in filter(self._may_remember, texts):
                _, before_s, _ = self._ids.pop(remote_id, (0.0, FIRST_S / 2, ""))
                wait_s = min(2 * before_s, LONGEST_S)
                self._ids[remote_id] = now + wait_s, wait_s, texts[remote_id]
            while len(self._ids) > IDS_MAX:
                self._ids.popitem(last=False)

    def forget(self, ids: Iterable[str]) -> None:
        """Forgets ids: the panel knows them by now."""
        self.note({}, ids)

    def _may_remember(self, remote_id: str) -> bool:
        if not self._looked:
            self._highest, self._looked = self._read_highest(), True  # reads all of the panel's orders: once
        asked = number(remote_id)
        return self._highest is not None and (asked is None or asked <= self._highest)

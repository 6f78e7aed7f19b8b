"""What the dashboard is given, and what it remembers of what it worked out."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from tracker import clock
from tracker.core.rules import PollRules
from tracker.database import Database
from tracker.log import get
from tracker.reports.period import Ask
from tracker.reports.rows import Row

log = get(__name__)
T = TypeVar("T")

KEEP_S = 10.0  # how long what was worked out over all orders is shown without being worked out again


class Site(Struct, frozen=True):
    """rules: of the configured panels. hooks: what may be shown of each, `hook`, `type`, `target`, `events`.
    ready: why the tracker is not ready, "" when it is."""

    database: Database
    zone: str
    rules: Mapping[str, PollRules]
    hooks: Sequence[Row]
    mask: Callable[[str], str]
    ready: Callable[[], str]

    def ask(self, **chosen: Any) -> Ask:
        return Ask(self.zone, clock.now(), self.rules, **chosen)


class Kept(Generic[T]):
    """Something dear, worked out off the way of whoever wants to see it, and shown with its age.

    The first one waits for it. Everybody after gets what there is; when that is older than `keep_s` it is worked out
    again meanwhile, once for all.
    """

    def __init__(self, database: Database, work: Callable[[], T], keep_s: float = KEEP_S) -> None:
        self._database = database
        self._work = work
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._found: tuple[float, T] | None = None
        self._busy = False

    def get(self) -> tuple[T, float]:
        """What it is, and how many seconds old."""
        with self._lock:
            found = self._found
            fresh = found is not None and clock.monotonic() - found[0] < self._keep_s
            start = not fresh and not self._busy and found is not None
            self._busy = self._busy or start
        if found is None:
            return self._make(), 0.0
        if start:
            threading.Thread(target=self._renew, name="web:kept", daemon=True).start()
        return found[1], clock.monotonic() - found[0]

    def _make(self) -> T:
        made = self._work()
        with self._lock:
            self._found = (clock.monotonic(), made)
        return made

    def _renew(self) -> None:
        try:
            with self._database.session():
                self._make()
        except Exception:
            log.exception("web.failed", at="kept figures")  # the old ones are shown, with their age
        finally:
            with self._lock:
                self._busy = False

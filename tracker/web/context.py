"""What the dashboard is given, and what it remembers of what it worked out."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from tracker import clock
from tracker.core.rules import PollRules
from tracker.db.database import Database
from tracker.log import get
from tracker.reports.period import ReportScope
from tracker.reports.rows import ReportRow

log = get(__name__)
T = TypeVar("T")

KEEP_S = 10.0  # how long what was worked out over all orders is shown without being worked out again
STALE_S = 60.0  # older than this it is not shown any more


class WebContext(Struct, frozen=True):
    """rules: of the configured panels. hooks: what may be shown of each, `hook`, `type`, `target`, `events`.
    ready: why the tracker is not ready, "" when it is."""

    database: Database
    zone: str
    rules: Mapping[str, PollRules]
    hooks: Sequence[ReportRow]
    mask: Callable[[str], str]
    ready: Callable[[], str]

    def scope(self, **chosen: Any) -> ReportScope:
        return ReportScope(self.zone, clock.now(), self.rules, **chosen)


class RefreshedValue(Generic[T]):
    """Something dear, worked out off the way of whoever wants to see it, and shown with its age.

    What is younger than `keep_s` is shown as it is. What is older is shown too, and worked out again meanwhile. What is
    older than `stale_s`, because nobody looked for long, says nothing about now: it is waited for, as it is by the
    first one who asks. However many ask, it is worked out once.
    """

    def __init__(
        self, database: Database, work: Callable[[], T], keep_s: float = KEEP_S, stale_s: float = STALE_S
    ) -> None:
        self._database = database
        self._work = work
        self._keep_s, self._stale_s = keep_s, stale_s
        self._making = threading.Lock()
        self._found: tuple[float, T] | None = None
        self._renewing = threading.Lock()

    def get(self) -> tuple[T, float]:
        """What it is, and how many seconds old."""
        found, asked_at = self._found, clock.monotonic()
        if found is None or asked_at - found[0] > self._stale_s:
            found = self._made_after(asked_at - self._keep_s)
        elif asked_at - found[0] > self._keep_s:
            self._renew()
        return found[1], max(clock.monotonic() - found[0], 0.0)

    def warm(self) -> None:
        """Work it out before anybody asks."""
        if self._found is None:
            self._renew()

    def _made_after(self, moment: float) -> tuple[float, T]:
        """What somebody else began to work out after that moment, or what is worked out now."""
        with self._making:
            if self._found is None or self._found[0] < moment:
                begun = clock.monotonic()
                self._found = (begun, self._work())
            return self._found

    def _renew(self) -> None:
        """On a thread of its own, unless there is one."""
        if self._renewing.acquire(blocking=False):
            threading.Thread(target=self._renewed, name="web:kept", daemon=True).start()

    def _renewed(self) -> None:
        try:
            with self._database.session():
                self._made_after(clock.monotonic() - self._keep_s)
        except Exception:
            log.exception("web.failed", at="kept figures")  # the old ones are shown, with their age
        finally:
            self._renewing.release()

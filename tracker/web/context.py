"""What the dashboard works with, and the values that it keeps for a while because they are expensive to compute."""

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

KEEP_S = 10.0  # a value up to this age is shown without being computed again
STALE_S = 60.0  # a value older than this is not shown any more


class WebContext(Struct, frozen=True):
    """What the pages and the API read from.

    rules: of the configured panels.
    hooks: `hook`, `type`, `target`, `events` of each; these may be shown.
    ready: returns why the tracker is not ready, "" when it is.
    """

    database: Database
    zone: str
    rules: Mapping[str, PollRules]
    hooks: Sequence[ReportRow]
    mask: Callable[[str], str]
    ready: Callable[[], str]

    def scope(self, **chosen: Any) -> ReportScope:
        return ReportScope(self.zone, clock.now(), self.rules, **chosen)


class RefreshedValue(Generic[T]):
    """A value that is expensive to compute: refreshed in the background and shown with its age.

    A value younger than `keep_s` is returned as it is. An older one is returned too, and computed again in the
    background. One older than `stale_s`, because nothing asked for a while, is too old to show: the caller waits for
    a new one, as the first caller does. However many callers ask at once, the value is computed once.
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
        """Returns the value and its age in seconds."""
        found, asked_at = self._found, clock.monotonic()
        if found is None or asked_at - found[0] > self._stale_s:
            found = self._made_after(asked_at - self._keep_s)
        elif asked_at - found[0] > self._keep_s:
            self._renew()
        return found[1], max(clock.monotonic() - found[0], 0.0)

    def warm(self) -> None:
        """Compute the value before the first request, in the background."""
        if self._found is None:
            self._renew()

    def _made_after(self, moment: float) -> tuple[float, T]:
        """Returns the value if its computation began after that moment, or computes it now."""
        with self._making:
            if self._found is None or self._found[0] < moment:
                begun = clock.monotonic()
                self._found = (begun, self._work())
            return self._found

    def _renew(self) -> None:
        """Compute the value in a thread, unless one does so already."""
        if self._renewing.acquire(blocking=False):
            threading.Thread(target=self._renewed, name="web:kept", daemon=True).start()

    def _renewed(self) -> None:
        try:
            with self._database.session():
                self._made_after(clock.monotonic() - self._keep_s)
        except Exception:
            log.exception("web.failed", at="kept figures")  # the old value is shown, with its age
        finally:
            self._renewing.release()

"""The time, and the part of everything, that a report is about."""

from collections.abc import Mapping

from msgspec import Struct

from tracker.core.dates import day_in, later, starts
from tracker.core.rules import PollRules


class ReportScope(Struct, frozen=True):
    """since, until: days of `zone`, both included; None is open. rules: of the configured panels."""

    zone: str
    now: float
    rules: Mapping[str, PollRules] = {}
    since: str | None = None
    until: str | None = None
    panel: str | None = None
    service: str | None = None

    @property
    def today(self) -> str:
        return day_in(self.zone)(self.now)

    @property
    def begins(self) -> float | None:
        """The moment the time begins; None: at the beginning."""
        return None if self.since is None else starts(self.since, self.zone)

    @property
    def ends(self) -> float | None:
        """The moment after its last one; None: it goes on."""
        return None if self.until is None else starts(later(self.until, 1), self.zone)

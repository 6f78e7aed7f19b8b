"""What a report is about: which time, and which panel or service."""

from collections.abc import Mapping

from msgspec import Struct

from tracker.core.dates import day_in, later, starts
from tracker.core.rules import PollRules


class ReportScope(Struct, frozen=True):
    """The time and the part that a report is about.

    zone: the time zone of the days.
    rules: of the configured panels.
    since, until: the first and the last day; None: no limit.
    panel, service: None: all of them.
    """

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
        """The moment at which the first day begins; None: there is no first day."""
        return None if self.since is None else starts(self.since, self.zone)

    @property
    def ends(self) -> float | None:
        """The moment at which the last day is over; None: there is no last day."""
        return None if self.until is None else starts(later(self.until, 1), self.zone)

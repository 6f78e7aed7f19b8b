"""What people may do about alerts: acknowledge them, and silence them for a time."""

from tracker.actions.context import ActionContext
from tracker.store.alerts import TOLD

ALERT_NAMES = tuple(sorted(TOLD))


class AlertActions:
    """Everything that people may do about alerts."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    def acknowledge(self, panel: str, name: str) -> bool:
        """Send no more reminders of a raised alert, only the event for its end. Returns False if it is not raised."""
        self._context.panel(panel)
        return self._context.store.alerts.ack(panel, name, self._context.now())

    def silence(self, panel: str, name: str, for_s: float, comment: str | None = None) -> float | None:
        """Send nothing about an alert for a time, raised or not. Returns the end of the silence.

        for_s: in seconds; 0 ends a silence, and None is returned.
        comment: the reason, shown with the alert.
        """
        self._context.panel_with_row(panel)
        until = self._context.now() + for_s
        self._context.store.alerts.silence(panel, name, until, comment)
        return until if for_s else None

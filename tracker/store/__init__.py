"""Every write: one public method is one transaction. `Store` is all of them in one object."""

from tracker.core.newcomers import NewOrder
from tracker.store.alerts import AlertStore
from tracker.store.base import Answered, Claim, NewRefill, PanelRow
from tracker.store.control import ControlStore
from tracker.store.digests import DigestStore
from tracker.store.intake import IntakeStore
from tracker.store.intake_runs import IntakeRun, IntakeRunStore, RunEnd
from tracker.store.outbox import Claimed
from tracker.store.polls import PollStore
from tracker.store.replay import ReplayStore

__all__ = ["Answered", "Claim", "Claimed", "IntakeRun", "NewOrder", "NewRefill", "PanelRow", "RunEnd", "Store"]


class Store(PollStore, DigestStore, IntakeStore, AlertStore, ControlStore, ReplayStore, IntakeRunStore):
    """All writes of the tracker, over one database."""

"""Every write: one public method is one transaction. `Store` is all of them in one object."""

from tracker.core.orders.new_orders import NewOrder
from tracker.store.alerts import AlertStore
from tracker.store.base import Answered, Claim, NewRefill, PanelRow
from tracker.store.children import FamilyStore
from tracker.store.digests import DigestStore
from tracker.store.erasure import ForgetStore
from tracker.store.gateway import Call, GatewayStore
from tracker.store.intake_runs import IntakeRun, IntakeRunStore, RunEnd
from tracker.store.maintenance import ControlStore
from tracker.store.outbox import Claimed
from tracker.store.removed_panels import AwayStore
from tracker.store.replay import ReplayStore
from tracker.store.results import PollStore

__all__ = [
    "Answered",
    "Call",
    "Claim",
    "Claimed",
    "IntakeRun",
    "NewOrder",
    "NewRefill",
    "PanelRow",
    "RunEnd",
    "Store",
]


class Store(
    PollStore,
    DigestStore,
    GatewayStore,
    ForgetStore,
    FamilyStore,
    AwayStore,
    AlertStore,
    ControlStore,
    ReplayStore,
    IntakeRunStore,
):
    """All writes of the tracker, over one database."""

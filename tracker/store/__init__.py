"""Every write: one public method is one transaction. `Store` is all of them in one object."""

from tracker.core.orders.new_orders import NewOrder
from tracker.store.alerts import AlertStore
from tracker.store.base import Answered, Claim, NewRefill, PanelState
from tracker.store.children import ChildStore
from tracker.store.digests import DigestStore
from tracker.store.erasure import ErasureStore
from tracker.store.gateway import GatewayCall, GatewayStore
from tracker.store.intake_runs import IntakeRun, IntakeRunStore, RunEnd
from tracker.store.maintenance import MaintenanceStore
from tracker.store.outbox import Claimed
from tracker.store.removed_panels import RemovedPanelStore
from tracker.store.replay import ReplayStore
from tracker.store.results import ResultStore

__all__ = [
    "Answered",
    "Claim",
    "Claimed",
    "GatewayCall",
    "IntakeRun",
    "NewOrder",
    "NewRefill",
    "PanelState",
    "RunEnd",
    "Store",
]


class Store(
    ResultStore,
    DigestStore,
    GatewayStore,
    ErasureStore,
    ChildStore,
    RemovedPanelStore,
    AlertStore,
    MaintenanceStore,
    ReplayStore,
    IntakeRunStore,
):
    """All writes of the tracker, over one database."""

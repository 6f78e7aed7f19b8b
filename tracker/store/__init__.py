"""All writes to the database: one public method of these objects is one transaction.

Methods and functions that take a cursor run in their caller's transaction.
"""

from collections.abc import Callable, Iterable

from tracker.core.orders.new_orders import NewOrder
from tracker.core.rules import HookRules
from tracker.db.database import Database
from tracker.store.alerts import AlertStore
from tracker.store.catalogue import CatalogueStore
from tracker.store.children import ChildStore
from tracker.store.claims import ClaimStore
from tracker.store.daily_stats import DailyStatsStore
from tracker.store.digests import DigestStore
from tracker.store.erasure import ErasureStore
from tracker.store.event_log import EventLog
from tracker.store.gateway import GatewayCall, GatewayStore
from tracker.store.hooks import HookStore
from tracker.store.intake_runs import IntakeRun, IntakeRunStore, RunEnd
from tracker.store.maintenance import MaintenanceStore
from tracker.store.new_orders import NewOrderStore
from tracker.store.order_edits import OrderEditStore
from tracker.store.outbox import Claimed, OutboxStore
from tracker.store.panels import PanelStore
from tracker.store.removed_panels import RemovedPanelStore
from tracker.store.replay import ReplayStore
from tracker.store.results import ResultStore
from tracker.store.stuck import StuckStore
from tracker.store.values import Answered, Claim, NewRefill, NoCall

__all__ = [
    "Answered",
    "Claim",
    "Claimed",
    "GatewayCall",
    "IntakeRun",
    "NewOrder",
    "NewRefill",
    "NoCall",
    "RunEnd",
    "Store",
]


class Store:
    """All writes to one database, with one small object for each subject.

    hooks: the rules of the configured hooks, which decide which of them gets an event.
    wake: called with the names of the hooks that have something to deliver now.
    """

    def __init__(
        self,
        database: Database,
        hooks: Iterable[HookRules] = (),
        wake: Callable[[Iterable[str]], None] = lambda _hooks: None,
    ) -> None:
        self.event_log = events = EventLog(database, hooks, wake)
        self.database = database
        self.alerts = AlertStore(database)
        self.panels = PanelStore(database, events, self.alerts)
        self.catalogue = CatalogueStore(database, events, self.panels)
        self.claims = ClaimStore(database)
        self.results = ResultStore(database, events, self.panels)
        self.stuck = StuckStore(database, events)
        self.hooks = HookStore(database, events)
        self.outbox = OutboxStore(database, events, self.hooks)
        self.digests = DigestStore(database, self.hooks, self.outbox)
        self.replay = ReplayStore(database, events)
        self.new_orders = NewOrderStore(database, events)
        self.children = ChildStore(database, events)
        self.order_edits = OrderEditStore(database)
        self.erasure = ErasureStore(database)
        self.gateway = GatewayStore(database, events, self.new_orders)
        self.intake_runs = IntakeRunStore(database)
        self.removed_panels = RemovedPanelStore(database)
        self.daily_stats = DailyStatsStore(database)
        self.maintenance = MaintenanceStore(database, events)

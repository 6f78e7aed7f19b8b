"""The tables as peewee models: an overview for readers, and for scripts that look into the database.

The migrations are the schema; a test compares every table, column, type, key and reference here with it, on both
engines. The models have no behaviour, and the program itself writes SQL: reading tuples is four times faster. A script
binds the models to the database it opened:

    with database.handle.bind_ctx(models.TABLES), database.session():
        Orders.select().where(Orders.panel == "main")

Times are seconds since the epoch, UTC. The words in `status`, `kind`, `tracking` and `state` are those of core.status,
core.model, core.delivery.routing and core.alerts. A null means that the value is unknown. docs/database.md explains
every column.
"""

from tracker.db.models.base import FlagField, MoneyField, Table
from tracker.db.models.events import Attempts, Counters, Crowds, Deliveries, Events, Hooks, WaitingTogether
from tracker.db.models.orders import Orders, Progress, Refills, Refunds, Removed, Transitions
from tracker.db.models.panels import Alerts, Balances, Panels, PollRuns, Services, SetAside
from tracker.db.models.statistics import Daily, DailyMoney, Durations, Folds
from tracker.db.models.ways_in import GatewayCalls, GatewayStops, Intakes

TABLES = (
    *(Panels, SetAside, Services, Balances, PollRuns, Alerts),
    *(Orders, Refills, Removed, Transitions, Refunds, Progress),
    *(Events, Counters, Crowds, WaitingTogether, Hooks, Deliveries, Attempts),
    *(Intakes, GatewayCalls, GatewayStops),
    *(Folds, Daily, DailyMoney, Durations),
)

__all__ = [
    "TABLES",
    "Alerts",
    "Attempts",
    "Balances",
    "Counters",
    "Crowds",
    "Daily",
    "DailyMoney",
    "Deliveries",
    "Durations",
    "Events",
    "FlagField",
    "Folds",
    "GatewayCalls",
    "GatewayStops",
    "Hooks",
    "Intakes",
    "MoneyField",
    "Orders",
    "Panels",
    "PollRuns",
    "Progress",
    "Refills",
    "Refunds",
    "Removed",
    "Services",
    "SetAside",
    "Table",
    "Transitions",
    "WaitingTogether",
]

"""The tables as peewee models: what there is, in one place, for readers and for scripts of one's own.

The migrations are the schema; a test holds every table, column, type, key and reference here against
it on both engines. There is no behaviour, and the hot paths speak SQL: reading tuples is four times
faster. A script binds the models to the database it opened:

    with database.handle.bind_ctx(models.TABLES), database.session():
        Orders.select().where(Orders.panel == "main")

Times are seconds since the epoch, UTC. The words in `status`, `kind`, `tracking` and `state` are those
of core.status, core.model, core.delivery.routing and core.alerts. A column that may be null is unknown then.
"""

from decimal import Decimal
from typing import Any

import peewee as pw


class MoneyField(pw.Field):
    """Decimal, digit by digit: TEXT on SQLite, whose NUMERIC is a float, and NUMERIC on PostgreSQL.

    It compares and adds only on PostgreSQL; on SQLite that is for Python to do.
    """

    field_type = "NUMERIC"

    def db_value(self, value: Decimal | None) -> str | None:
        return None if value is None else format(value, "f")

    def python_value(self, value: Any) -> Decimal | None:
        return None if value is None else Decimal(value)


class FlagField(pw.IntegerField):
    """Yes or no, kept as 1 or 0 on both engines."""

    def db_value(self, value: Any) -> int | None:
        return None if value is None else int(value)

    def python_value(self, value: Any) -> bool | None:
        return None if value is None else bool(value)


class Table(pw.Model):
    """A class is named like its table."""

    class Meta:
        legacy_table_names = False


class Panels(Table):
    """What the tracker remembers about a panel itself."""

    name = pw.TextField(primary_key=True)
    paused = FlagField()
    reading = pw.TextField(null=True)  # changes when its answers would be read differently
    trouble = pw.TextField(null=True)
    trouble_since = pw.DoubleField(null=True)
    trouble_streak = pw.IntegerField()
    trouble_message = pw.TextField(null=True)
    wait_until = pw.DoubleField(null=True)  # not asked before
    singles_until = pw.DoubleField(null=True)  # asked one by one until then
    next_balance_at = pw.DoubleField(null=True)
    next_services_at = pw.DoubleField(null=True)
    left_at = pw.DoubleField(null=True)  # when it left the configuration
    back_at = pw.DoubleField(null=True)  # when it came back


class Services(Table):
    """One row of a panel's catalogue."""

    panel = pw.TextField()
    service = pw.TextField()
    name = pw.TextField()
    type = pw.TextField()
    category = pw.TextField()
    rate = MoneyField(null=True)  # the price of a thousand
    min = pw.BigIntegerField(null=True)
    max = pw.BigIntegerField(null=True)
    refill = FlagField()
    cancel = FlagField()
    first_seen_at = pw.DoubleField()
    changed_at = pw.DoubleField()
    gone_at = pw.DoubleField(null=True)

    class Meta:
        primary_key = pw.CompositeKey("panel", "service")


class Orders(Table):
    """What is believed about an order; core.model.Order says what each column means."""

    id = pw.BigAutoField()
    panel = pw.TextField()
    remote_id = pw.TextField()
    status = pw.TextField(null=True)
    known_status = pw.TextField(null=True)
    status_raw = pw.TextField(null=True)
    kind = pw.TextField()
    tracking = pw.TextField()
    charge = MoneyField(null=True)
    highest_charge = MoneyField(null=True)
    charge_mark = MoneyField(null=True)
    currency = pw.TextField(null=True)
    start_count = pw.BigIntegerField(null=True)
    remains = pw.BigIntegerField(null=True)
    quantity = pw.BigIntegerField(null=True)
    quantity_source = pw.TextField(null=True)
    service = pw.TextField(null=True)
    link = pw.TextField(null=True)
    ref = pw.TextField(null=True)
    tags = pw.TextField()  # a JSON list
    parent = pw.TextField(null=True)
    baseline = FlagField()
    refund_told = FlagField()
    seq = pw.IntegerField()
    version = pw.IntegerField()
    refusals = pw.IntegerField()
    refused_since = pw.DoubleField(null=True)
    misses = pw.IntegerField()
    progress_at = pw.BigIntegerField(null=True)  # `remains` at the last sample
    progress_count = pw.IntegerField()
    placed_at = pw.DoubleField(null=True)
    tracked_at = pw.DoubleField()
    last_polled_at = pw.DoubleField(null=True)
    last_changed_at = pw.DoubleField(null=True)
    finished_at = pw.DoubleField(null=True)
    next_poll_at = pw.DoubleField(null=True)
    entry = pw.TextField(null=True)
    progressed_at = pw.DoubleField(null=True)
    stuck_told = FlagField()
    born_at = pw.DoubleField(null=True)  # placed, as far as that is known: what times to start and finish count from
    away = pw.TextField(null=True)  # its tracking before its panel left the configuration
    forgotten = FlagField()  # link, ref and tags were erased, and no entry is kept


class Refills(Table):
    id = pw.BigAutoField()
    panel = pw.TextField()
    remote_id = pw.TextField()
    order_remote_id = pw.TextField(null=True)
    status = pw.TextField(null=True)
    known_status = pw.TextField(null=True)
    status_raw = pw.TextField(null=True)
    tracking = pw.TextField()
    baseline = FlagField()
    seq = pw.IntegerField()
    version = pw.IntegerField()
    refusals = pw.IntegerField()
    refused_since = pw.DoubleField(null=True)
    misses = pw.IntegerField()
    tracked_at = pw.DoubleField()
    last_polled_at = pw.DoubleField(null=True)
    last_changed_at = pw.DoubleField(null=True)
    finished_at = pw.DoubleField(null=True)
    next_poll_at = pw.DoubleField(null=True)
    away = pw.TextField(null=True)  # as of orders


class Removed(Table):
    """Orders that a person removed: no parent's answer brings them back."""

    panel = pw.TextField()
    remote_id = pw.TextField()
    at = pw.DoubleField()

    class Meta:
        primary_key = pw.CompositeKey("panel", "remote_id")


class Transitions(Table):
    """One observed move of an order, somewhere after not_before and at the latest at `at`."""

    id = pw.BigAutoField()
    order = pw.ForeignKeyField(Orders, on_delete="CASCADE")
    seq = pw.IntegerField()  # of the event that told it
    old = pw.TextField(null=True)
    new = pw.TextField()
    said = pw.TextField()
    at = pw.DoubleField()
    not_before = pw.DoubleField(null=True)
    charge = MoneyField(null=True)
    old_charge = MoneyField(null=True)
    remains = pw.BigIntegerField(null=True)
    regressed = FlagField()
    skipped = pw.TextField()  # words with a space between them
    currency = pw.TextField(null=True)  # of the charge


class Refunds(Table):
    """Money that has to come back, or may have, of an order that ended; as its last final move left it."""

    order = pw.ForeignKeyField(Orders, primary_key=True, on_delete="CASCADE")
    at = pw.DoubleField()
    expected = MoneyField(null=True)
    observed = MoneyField(null=True)
    basis = pw.TextField(null=True)


class Progress(Table):
    """A sample of `remains`, at most twenty an order."""

    id = pw.BigAutoField()
    order = pw.ForeignKeyField(Orders, on_delete="CASCADE")
    at = pw.DoubleField()
    remains = pw.BigIntegerField()


class Events(Table):
    """The append-only log; the body is the JSON every receiver gets, null once its time is over."""

    id = pw.BigAutoField()
    event_id = pw.TextField()
    type = pw.TextField()
    panel = pw.TextField()
    kind = pw.TextField()
    remote_id = pw.TextField()
    seq = pw.IntegerField()
    at = pw.DoubleField()
    body = pw.TextField(null=True)


class Hooks(Table):
    """The health of a hook; core.delivery.hook_health.Health says what each column means."""

    name = pw.TextField(primary_key=True)
    state = pw.TextField()
    failing_since = pw.DoubleField(null=True)
    fresh = pw.IntegerField()
    probes = pw.IntegerField()
    wait_until = pw.DoubleField(null=True)
    reason = pw.TextField()
    seq = pw.IntegerField()
    asked_until = pw.DoubleField(null=True)


class Intakes(Table):
    """A command that prints new orders: how far it has come, and how its last run went."""

    name = pw.TextField(primary_key=True)
    cursor = pw.TextField(null=True)  # what its next run is given
    next_run_at = pw.DoubleField(null=True)
    lease = pw.DoubleField(null=True)  # until then a run is under way
    started_at = pw.DoubleField(null=True)  # the last run, and the rest of the row is about it
    finished_at = pw.DoubleField(null=True)
    outcome = pw.TextField(null=True)
    error = pw.TextField(null=True)
    added = pw.IntegerField(null=True)
    known = pw.IntegerField(null=True)
    refused = pw.IntegerField(null=True)
    failures = pw.IntegerField()  # in a row
    failing_since = pw.DoubleField(null=True)


class Deliveries(Table):
    """One event for one hook."""

    id = pw.BigAutoField()
    hook = pw.TextField()
    event = pw.ForeignKeyField(Events, column_name="event")
    stream = pw.TextField()  # delivered in order
    state = pw.TextField()
    attempts = pw.IntegerField()
    attempts_before = pw.IntegerField()  # those that the retry schedule does not count
    replay = FlagField()
    single = FlagField()  # of a hook with `digest`: goes out alone
    created_at = pw.DoubleField()
    first_attempt_at = pw.DoubleField(null=True)
    next_attempt_at = pw.DoubleField(null=True)
    settled_at = pw.DoubleField(null=True)
    error = pw.TextField(null=True)


class Attempts(Table):
    """One try at a delivery, written down before it is made; outcome is null while it is under way."""

    id = pw.BigAutoField()
    delivery = pw.ForeignKeyField(Deliveries, on_delete="CASCADE")
    number = pw.IntegerField()
    started_at = pw.DoubleField()
    took_s = pw.DoubleField(null=True)
    outcome = pw.TextField(null=True)
    code = pw.IntegerField(null=True)
    address = pw.TextField(null=True)
    snippet = pw.TextField(null=True)
    error = pw.TextField(null=True)
    hook = pw.TextField(null=True)
    body_truncated = FlagField()  # the answer was cut


class Alerts(Table):
    """The memory of one alert."""

    panel = pw.TextField()
    name = pw.TextField()
    state = pw.TextField()
    since = pw.DoubleField(null=True)
    reminded_at = pw.DoubleField(null=True)
    reminders = pw.IntegerField()
    reason = pw.TextField()
    seq = pw.IntegerField()
    acked_at = pw.DoubleField(null=True)
    silenced_until = pw.DoubleField(null=True)
    comment = pw.TextField(null=True)

    class Meta:
        primary_key = pw.CompositeKey("panel", "name")


class Balances(Table):
    """What a panel said it holds, where that changed."""

    id = pw.BigAutoField()
    panel = pw.TextField()
    at = pw.DoubleField()
    amount = MoneyField()
    currency = pw.TextField(null=True)


class PollRuns(Table):
    """One call to a panel, written down before it is made; finished_at is null while it is under way."""

    id = pw.BigAutoField()
    panel = pw.TextField()
    kind = pw.TextField()
    started_at = pw.DoubleField()
    lease = pw.DoubleField(null=True)  # the next_poll_at of the rows it claimed
    finished_at = pw.DoubleField(null=True)
    asked = pw.IntegerField()
    answered = pw.IntegerField(null=True)
    moved = pw.IntegerField(null=True)
    refused = pw.IntegerField(null=True)
    absent = pw.IntegerField(null=True)
    outcome = pw.TextField(null=True)
    error = pw.TextField(null=True)


class Daily(Table):
    """What was counted on a day of the zone in `folds`."""

    day = pw.TextField()
    panel = pw.TextField()
    service = pw.TextField()
    what = pw.TextField()
    n = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("day", "panel", "service", "what")


class DailyMoney(Table):
    """Money of a day, by service and by tag."""

    day = pw.TextField()
    panel = pw.TextField()
    dim = pw.TextField()  # service or tag
    name = pw.TextField()
    currency = pw.TextField()
    what = pw.TextField()
    amount = MoneyField()

    class Meta:
        primary_key = pw.CompositeKey("day", "panel", "dim", "name", "currency", "what")


class Durations(Table):
    """How often something took so long, of all days."""

    panel = pw.TextField()
    service = pw.TextField()
    what = pw.TextField()
    seconds = pw.BigIntegerField()  # three digits of it
    n = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("panel", "service", "what", "seconds")


class Folds(Table):
    """Up to which row the daily figures have been added, in which time zone."""

    source = pw.TextField(primary_key=True)
    upto = pw.BigIntegerField()
    zone = pw.TextField()


class GatewayCalls(Table):
    """What a client asked to have changed; core.gateway.requests.CallState says what each state means."""

    id = pw.BigAutoField()
    name = pw.TextField(unique=True)
    client = pw.TextField()
    panel = pw.TextField()
    action = pw.TextField()
    state = pw.TextField()
    at = pw.DoubleField()
    settled_at = pw.DoubleField(null=True)
    service = pw.TextField(null=True)
    quantity = pw.BigIntegerField(null=True)
    link = pw.TextField(null=True)
    reserved = MoneyField(null=True)
    ids = pw.TextField()  # of the orders it was about, with a space between them
    reason = pw.TextField(null=True)


class GatewayStops(Table):
    """There is a row while nothing may be changed by way of the gateway."""

    name = pw.TextField(primary_key=True)
    since = pw.DoubleField()
    comment = pw.TextField(null=True)


TABLES = (
    *(Panels, Services, Orders, Refills, Transitions, Progress, Events, Hooks, Deliveries, Attempts, Alerts, Balances),
    *(PollRuns, Refunds, Daily, DailyMoney, Durations, Folds, GatewayCalls, GatewayStops, Removed, Intakes),
)

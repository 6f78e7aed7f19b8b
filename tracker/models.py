"""The tables as peewee models: what there is, in one place, for readers and for scripts of one's own.

The migrations are the schema; a test holds every table, column, type, key and reference here against
it on both engines. There is no behaviour, and the hot paths speak SQL: reading tuples is four times
faster. A script binds the models to the database it opened:

    with database.handle.bind_ctx(models.TABLES), database.session():
        Orders.select().where(Orders.panel == "main")

Times are seconds since the epoch, UTC. The words in `status`, `kind`, `tracking` and `state` are those
of core.status, core.model, core.outbox and core.alerts. A column that may be null is unknown then.
"""

from decimal import Decimal
from typing import Any

from peewee import BigAutoField, BigIntegerField, CompositeKey, DoubleField, Field, ForeignKeyField, IntegerField
from peewee import Model, TextField


class MoneyField(Field):
    """Decimal, digit by digit: TEXT on SQLite, whose NUMERIC is a float, and NUMERIC on PostgreSQL.

    It compares and adds only on PostgreSQL; on SQLite that is for Python to do.
    """

    field_type = "NUMERIC"

    def db_value(self, value: Decimal | None) -> str | None:
        return None if value is None else format(value, "f")

    def python_value(self, value: Any) -> Decimal | None:
        return None if value is None else Decimal(value)


class FlagField(IntegerField):
    """Yes or no, kept as 1 or 0 on both engines."""

    def db_value(self, value: Any) -> int | None:
        return None if value is None else int(value)

    def python_value(self, value: Any) -> bool | None:
        return None if value is None else bool(value)


class Table(Model):
    """A class is named like its table."""

    class Meta:
        legacy_table_names = False


class Panels(Table):
    """What the tracker remembers about a panel itself."""

    name = TextField(primary_key=True)
    paused = FlagField()
    reading = TextField(null=True)  # changes when its answers would be read differently
    trouble = TextField(null=True)
    trouble_since = DoubleField(null=True)
    trouble_streak = IntegerField()
    trouble_message = TextField(null=True)
    wait_until = DoubleField(null=True)  # not asked before
    singles_until = DoubleField(null=True)  # asked one by one until then
    next_balance_at = DoubleField(null=True)
    next_services_at = DoubleField(null=True)


class Services(Table):
    """One row of a panel's catalogue."""

    panel = TextField()
    service = TextField()
    name = TextField()
    type = TextField()
    category = TextField()
    rate = MoneyField(null=True)  # the price of a thousand
    min = BigIntegerField(null=True)
    max = BigIntegerField(null=True)
    refill = FlagField()
    cancel = FlagField()
    first_seen_at = DoubleField()
    changed_at = DoubleField()
    gone_at = DoubleField(null=True)

    class Meta:
        primary_key = CompositeKey("panel", "service")


class Orders(Table):
    """What is believed about an order; core.model.Order says what each column means."""

    id = BigAutoField()
    panel = TextField()
    remote_id = TextField()
    status = TextField(null=True)
    known_status = TextField(null=True)
    status_raw = TextField(null=True)
    kind = TextField()
    tracking = TextField()
    charge = MoneyField(null=True)
    highest_charge = MoneyField(null=True)
    charge_mark = MoneyField(null=True)
    currency = TextField(null=True)
    start_count = BigIntegerField(null=True)
    remains = BigIntegerField(null=True)
    quantity = BigIntegerField(null=True)
    quantity_source = TextField(null=True)
    service = TextField(null=True)
    link = TextField(null=True)
    ref = TextField(null=True)
    tags = TextField()  # a JSON list
    parent = TextField(null=True)
    baseline = FlagField()
    refund_told = FlagField()
    seq = IntegerField()
    version = IntegerField()
    refusals = IntegerField()
    refused_since = DoubleField(null=True)
    misses = IntegerField()
    progress_at = BigIntegerField(null=True)  # `remains` at the last sample
    progress_count = IntegerField()
    placed_at = DoubleField(null=True)
    tracked_at = DoubleField()
    last_polled_at = DoubleField(null=True)
    last_changed_at = DoubleField(null=True)
    finished_at = DoubleField(null=True)
    next_poll_at = DoubleField(null=True)
    entry = TextField(null=True)
    progressed_at = DoubleField(null=True)
    stuck_told = FlagField()


class Refills(Table):
    id = BigAutoField()
    panel = TextField()
    remote_id = TextField()
    order_remote_id = TextField(null=True)
    status = TextField(null=True)
    known_status = TextField(null=True)
    status_raw = TextField(null=True)
    tracking = TextField()
    baseline = FlagField()
    seq = IntegerField()
    version = IntegerField()
    refusals = IntegerField()
    refused_since = DoubleField(null=True)
    misses = IntegerField()
    tracked_at = DoubleField()
    last_polled_at = DoubleField(null=True)
    last_changed_at = DoubleField(null=True)
    finished_at = DoubleField(null=True)
    next_poll_at = DoubleField(null=True)


class Transitions(Table):
    """One observed move of an order, somewhere after not_before and at the latest at `at`."""

    id = BigAutoField()
    order = ForeignKeyField(Orders, on_delete="CASCADE")
    seq = IntegerField()  # of the event that told it
    old = TextField(null=True)
    new = TextField()
    said = TextField()
    at = DoubleField()
    not_before = DoubleField(null=True)
    charge = MoneyField(null=True)
    old_charge = MoneyField(null=True)
    remains = BigIntegerField(null=True)
    regressed = FlagField()
    skipped = TextField()  # words with a space between them


class Progress(Table):
    """A sample of `remains`, at most twenty an order."""

    id = BigAutoField()
    order = ForeignKeyField(Orders, on_delete="CASCADE")
    at = DoubleField()
    remains = BigIntegerField()


class Events(Table):
    """The append-only log; the body is the JSON every receiver gets, null once its time is over."""

    id = BigAutoField()
    event_id = TextField()
    type = TextField()
    panel = TextField()
    kind = TextField()
    remote_id = TextField()
    seq = IntegerField()
    at = DoubleField()
    body = TextField(null=True)


class Hooks(Table):
    """The health of a hook; core.breaker.Health says what each column means."""

    name = TextField(primary_key=True)
    state = TextField()
    failing_since = DoubleField(null=True)
    fresh = IntegerField()
    probes = IntegerField()
    wait_until = DoubleField(null=True)
    reason = TextField()
    seq = IntegerField()


class Deliveries(Table):
    """One event for one hook."""

    id = BigAutoField()
    hook = TextField()
    event = ForeignKeyField(Events, column_name="event")
    stream = TextField()  # delivered in order
    state = TextField()
    attempts = IntegerField()
    attempts_before = IntegerField()  # those that the retry schedule does not count
    replay = FlagField()
    created_at = DoubleField()
    first_attempt_at = DoubleField(null=True)
    next_attempt_at = DoubleField(null=True)
    settled_at = DoubleField(null=True)
    error = TextField(null=True)


class Attempts(Table):
    """One try at a delivery, written down before it is made; outcome is null while it is under way."""

    id = BigAutoField()
    delivery = ForeignKeyField(Deliveries, on_delete="CASCADE")
    number = IntegerField()
    started_at = DoubleField()
    took_s = DoubleField(null=True)
    outcome = TextField(null=True)
    code = IntegerField(null=True)
    address = TextField(null=True)
    snippet = TextField(null=True)
    error = TextField(null=True)
    hook = TextField(null=True)


class Alerts(Table):
    """The memory of one alert."""

    panel = TextField()
    name = TextField()
    state = TextField()
    since = DoubleField(null=True)
    reminded_at = DoubleField(null=True)
    reminders = IntegerField()
    reason = TextField()
    seq = IntegerField()

    class Meta:
        primary_key = CompositeKey("panel", "name")


class Balances(Table):
    """What a panel said it holds, where that changed."""

    id = BigAutoField()
    panel = TextField()
    at = DoubleField()
    amount = MoneyField()
    currency = TextField(null=True)


class PollRuns(Table):
    """One call to a panel, written down before it is made; finished_at is null while it is under way."""

    id = BigAutoField()
    panel = TextField()
    kind = TextField()
    started_at = DoubleField()
    lease = DoubleField(null=True)  # the next_poll_at of the rows it claimed
    finished_at = DoubleField(null=True)
    asked = IntegerField()
    answered = IntegerField(null=True)
    moved = IntegerField(null=True)
    refused = IntegerField(null=True)
    absent = IntegerField(null=True)
    outcome = TextField(null=True)
    error = TextField(null=True)


TABLES = (
    *(Panels, Services, Orders, Refills, Transitions, Progress, Events, Hooks, Deliveries, Attempts, Alerts, Balances),
    PollRuns,
)

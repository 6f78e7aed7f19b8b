"""Orders and refills, and what happened to them."""

import peewee as pw

from tracker.db.models.base import FlagField, MoneyField, Table


class Orders(Table):
    """What is believed about an order. core.model.Order explains the columns."""

    id = pw.BigAutoField()
    panel = pw.TextField()
    remote_id = pw.TextField()
    status = pw.TextField(null=True)
    known_status = pw.TextField(null=True)
    status_raw = pw.TextField(null=True)
    kind = pw.TextField()
    tracking = pw.TextField()
    away = pw.TextField(null=True)  # its tracking before its panel left the configuration
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
    forgotten = FlagField()  # link, ref and tags were erased, and no entry is kept
    baseline = FlagField()
    refund_told = FlagField()
    stuck_told = FlagField()
    unanswered_told = FlagField()
    seq = pw.IntegerField()
    moves = pw.IntegerField()
    notices = pw.IntegerField()
    version = pw.IntegerField()
    refusals = pw.IntegerField()
    refused_since = pw.DoubleField(null=True)
    misses = pw.IntegerField()
    progress_at = pw.BigIntegerField(null=True)  # `remains` at the last sample
    progress_count = pw.IntegerField()
    progressed_at = pw.DoubleField(null=True)
    placed_at = pw.DoubleField(null=True)
    born_at = pw.DoubleField(null=True)  # times to start and finish count from here; null counts as old
    tracked_at = pw.DoubleField()
    last_polled_at = pw.DoubleField(null=True)
    last_changed_at = pw.DoubleField(null=True)
    finished_at = pw.DoubleField(null=True)
    next_poll_at = pw.DoubleField(null=True)
    entry = pw.TextField(null=True)


class Refills(Table):
    """What is believed about a refill. Its columns mean what those of an order mean."""

    id = pw.BigAutoField()
    panel = pw.TextField()
    remote_id = pw.TextField()
    order_remote_id = pw.TextField(null=True)
    status = pw.TextField(null=True)
    known_status = pw.TextField(null=True)
    status_raw = pw.TextField(null=True)
    tracking = pw.TextField()
    away = pw.TextField(null=True)
    baseline = FlagField()
    seq = pw.IntegerField()
    moves = pw.IntegerField()
    notices = pw.IntegerField()
    version = pw.IntegerField()
    refusals = pw.IntegerField()
    refused_since = pw.DoubleField(null=True)
    misses = pw.IntegerField()
    tracked_at = pw.DoubleField()
    last_polled_at = pw.DoubleField(null=True)
    last_changed_at = pw.DoubleField(null=True)
    finished_at = pw.DoubleField(null=True)
    next_poll_at = pw.DoubleField(null=True)


class Removed(Table):
    """Orders that a person removed. An answer about their parent does not bring them back."""

    panel = pw.TextField()
    remote_id = pw.TextField()
    at = pw.DoubleField()
    seq = pw.IntegerField()  # this and the next two: where the order goes on when it is tracked again
    moves = pw.IntegerField()
    notices = pw.IntegerField()

    class Meta:
        primary_key = pw.CompositeKey("panel", "remote_id")


class Transitions(Table):
    """One observed move of an order: it happened after not_before, and at the latest at `at`."""

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
    currency = pw.TextField(null=True)
    remains = pw.BigIntegerField(null=True)
    regressed = FlagField()
    skipped = pw.TextField()  # words with a space between them


class Refunds(Table):
    """Money of an order that ended which has to come back, or may have to, as of its last final move."""

    order = pw.ForeignKeyField(Orders, primary_key=True, on_delete="CASCADE")
    at = pw.DoubleField()
    expected = MoneyField(null=True)
    observed = MoneyField(null=True)
    basis = pw.TextField(null=True)


class Progress(Table):
    """A sample of `remains`. An order has at most twenty."""

    id = pw.BigAutoField()
    order = pw.ForeignKeyField(Orders, on_delete="CASCADE")
    at = pw.DoubleField()
    remains = pw.BigIntegerField()

"""Panels and the calls to them."""

import peewee as pw

from tracker.db.models.base import FlagField, MoneyField, Table


class Panels(Table):
    """What the tracker remembers about a panel itself."""

    name = pw.TextField(primary_key=True)
    paused = FlagField()
    reading = pw.TextField(null=True)  # how its answers are read; when that changes, no answer counts as unchanged
    trouble = pw.TextField(null=True)
    trouble_since = pw.DoubleField(null=True)
    trouble_streak = pw.IntegerField()
    trouble_message = pw.TextField(null=True)
    wait_until = pw.DoubleField(null=True)  # no call before
    singles_until = pw.DoubleField(null=True)  # until then one order a call
    refused_batches = pw.IntegerField()  # in a row
    small_until = pw.DoubleField(null=True)  # until then smaller batches
    blameless = pw.IntegerField()  # halvings that found no id, lately
    refused = pw.TextField(null=True)  # what the last calls were refused in, as JSON
    clients_wait_until = pw.DoubleField(null=True)  # until then polling keeps to its part of the budget
    next_balance_at = pw.DoubleField(null=True)
    next_services_at = pw.DoubleField(null=True)
    left_at = pw.DoubleField(null=True)  # the configuration
    back_at = pw.DoubleField(null=True)  # to the configuration


class SetAside(Table):
    """A kind of call (remote_id "") or an id that is left alone for a while, and tried by itself then."""

    panel = pw.TextField()
    call = pw.TextField()  # status, refill_status, balance or services
    remote_id = pw.TextField()
    since = pw.DoubleField()  # its first failure
    streak = pw.IntegerField()  # failures in a row
    tried_at = pw.DoubleField()  # its last failure
    wait_until = pw.DoubleField()  # it is not tried before
    trouble = pw.TextField()
    words = pw.TextField()  # the panel's
    root = pw.BigIntegerField(null=True)  # the call that failed with this id in it
    part = pw.IntegerField(null=True)  # of that call's ids, while they are halved; null: tried alone
    failed = FlagField()  # this part was tried and failed
    silences = pw.IntegerField()  # calls of this halving without an answer in time

    class Meta:
        primary_key = pw.CompositeKey("panel", "call", "remote_id")


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


class Balances(Table):
    """A balance that a panel stated, where it differs from the one before."""

    id = pw.BigAutoField()
    panel = pw.TextField()
    at = pw.DoubleField()
    amount = MoneyField()
    currency = pw.TextField(null=True)


class PollRuns(Table):
    """One call to a panel, written before it is made. finished_at is null while it is under way."""

    id = pw.BigAutoField()
    panel = pw.TextField()
    kind = pw.TextField()
    started_at = pw.DoubleField()
    lease = pw.DoubleField(null=True)  # the next_poll_at of the rows it claimed
    finished_at = pw.DoubleField(null=True)
    client = pw.TextField(null=True)  # of the gateway, for which it was made
    asked = pw.IntegerField()
    answered = pw.IntegerField(null=True)
    moved = pw.IntegerField(null=True)
    refused = pw.IntegerField(null=True)
    absent = pw.IntegerField(null=True)
    outcome = pw.TextField(null=True)
    error = pw.TextField(null=True)


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
    raised_at = pw.DoubleField(null=True)
    raised_before = pw.DoubleField(null=True)  # the time before
    well_since = pw.DoubleField(null=True)

    class Meta:
        primary_key = pw.CompositeKey("panel", "name")

"""The event log and its way out."""

import peewee as pw

from tracker.db.models.base import FlagField, Table


class Events(Table):
    """The append-only log. The body is the JSON that every receiver gets, null once retention has taken it."""

    id = pw.BigAutoField()
    event_id = pw.TextField()
    type = pw.TextField()
    panel = pw.TextField()
    kind = pw.TextField()
    remote_id = pw.TextField()
    seq = pw.IntegerField()
    at = pw.DoubleField()
    body = pw.TextField(null=True)


class Counters(Table):
    """How many events there were about a subject that has no row of its own to count them in."""

    panel = pw.TextField()
    kind = pw.TextField()
    key = pw.TextField()
    n = pw.IntegerField()

    class Meta:
        primary_key = pw.CompositeKey("panel", "kind", "key")


class Crowds(Table):
    """What was told lately about many orders of one panel in one kind of trouble."""

    panel = pw.TextField()
    type = pw.TextField()  # of the event that one order gets
    since = pw.DoubleField()  # when the hour began
    told = pw.IntegerField()  # singly, in that hour
    said_at = pw.DoubleField(null=True)  # when some were told together last

    class Meta:
        primary_key = pw.CompositeKey("panel", "type")


class WaitingTogether(Table):
    """An order that waits to be told together with others."""

    panel = pw.TextField()
    type = pw.TextField()
    remote_id = pw.TextField()
    at = pw.DoubleField()

    class Meta:
        primary_key = pw.CompositeKey("panel", "type", "remote_id")


class Hooks(Table):
    """The health of a hook. core.delivery.hook_health.Health explains the columns."""

    name = pw.TextField(primary_key=True)
    state = pw.TextField()
    failing_since = pw.DoubleField(null=True)
    fresh = pw.IntegerField()
    probes = pw.IntegerField()
    wait_until = pw.DoubleField(null=True)
    asked_until = pw.DoubleField(null=True)
    reason = pw.TextField()
    seq = pw.IntegerField()
    later = pw.IntegerField()
    paused = pw.IntegerField()


class Deliveries(Table):
    """One event for one hook."""

    id = pw.BigAutoField()
    hook = pw.TextField()
    event = pw.ForeignKeyField(Events, column_name="event")
    stream = pw.TextField()  # within which deliveries go out in order
    state = pw.TextField()
    attempts = pw.IntegerField()
    attempts_before = pw.IntegerField()  # that the retry schedule does not count
    replay = FlagField()
    single = FlagField()  # goes out alone although its hook has `digest`
    created_at = pw.DoubleField()
    first_attempt_at = pw.DoubleField(null=True)
    next_attempt_at = pw.DoubleField(null=True)
    settled_at = pw.DoubleField(null=True)
    error = pw.TextField(null=True)


class Attempts(Table):
    """One try at a delivery, written before anything is sent. outcome is null while it is under way."""

    id = pw.BigAutoField()
    delivery = pw.ForeignKeyField(Deliveries, on_delete="CASCADE")
    hook = pw.TextField(null=True)
    number = pw.IntegerField()
    started_at = pw.DoubleField()
    took_s = pw.DoubleField(null=True)
    outcome = pw.TextField(null=True)
    code = pw.IntegerField(null=True)
    address = pw.TextField(null=True)
    snippet = pw.TextField(null=True)
    body_truncated = FlagField()  # not all of the answer was read
    error = pw.TextField(null=True)

"""How orders come in beside the commands: programs that print them, clients of the gateway."""

import peewee as pw

from tracker.db.models.base import MoneyField, Table


class Intakes(Table):
    """A command that prints new orders: how far it has come, when it runs next, how its last run went."""

    name = pw.TextField(primary_key=True)
    cursor = pw.TextField(null=True)  # its next run gets it
    next_run_at = pw.DoubleField(null=True)
    lease = pw.DoubleField(null=True)  # a run is under way until then
    started_at = pw.DoubleField(null=True)  # from here on: the last run
    finished_at = pw.DoubleField(null=True)
    outcome = pw.TextField(null=True)
    error = pw.TextField(null=True)
    added = pw.IntegerField(null=True)
    known = pw.IntegerField(null=True)
    refused = pw.IntegerField(null=True)
    failures = pw.IntegerField()  # in a row
    failing_since = pw.DoubleField(null=True)


class GatewayCalls(Table):
    """A change that a client of the gateway asked for. core.gateway.CallState explains the states."""

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
    ids = pw.TextField()  # of its orders, with a space between them
    reason = pw.TextField(null=True)


class GatewayStops(Table):
    """Has a row while the gateway passes on nothing that changes anything."""

    name = pw.TextField(primary_key=True)
    since = pw.DoubleField()
    comment = pw.TextField(null=True)

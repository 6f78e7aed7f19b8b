"""The reports' sums by day, which are derived from transitions and orders."""

import peewee as pw

from tracker.db.models.base import MoneyField, Table


class Folds(Table):
    """Up to which row of a source the daily figures contain it, and in which time zone."""

    source = pw.TextField(primary_key=True)
    upto = pw.BigIntegerField()
    zone = pw.TextField()


class Daily(Table):
    """What was counted on a day, in the time zone that `folds` names."""

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
    """How often something took so many seconds, over all days."""

    panel = pw.TextField()
    service = pw.TextField()
    what = pw.TextField()
    seconds = pw.BigIntegerField()  # floored to three digits
    n = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("panel", "service", "what", "seconds")

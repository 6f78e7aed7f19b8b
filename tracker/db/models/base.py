"""What all models share: the types of columns, and the class they are made of."""

from decimal import Decimal
from typing import Any

import peewee as pw


class MoneyField(pw.Field):
    """A Decimal, kept digit by digit: TEXT on SQLite, whose NUMERIC is a float, and NUMERIC on PostgreSQL.

    Only PostgreSQL can compare and add it; for SQLite, Python has to.
    """

    field_type = "NUMERIC"

    def db_value(self, value: Decimal | None) -> str | None:
        return None if value is None else format(value, "f")

    def python_value(self, value: Any) -> Decimal | None:
        return None if value is None else Decimal(value)


class FlagField(pw.IntegerField):
    """A truth value, kept as 1 or 0 on both engines."""

    def db_value(self, value: Any) -> int | None:
        return None if value is None else int(value)

    def python_value(self, value: Any) -> bool | None:
        return None if value is None else bool(value)


class Table(pw.Model):
    """A table, named like its class: `PollRuns` is poll_runs."""

    class Meta:
        legacy_table_names = False

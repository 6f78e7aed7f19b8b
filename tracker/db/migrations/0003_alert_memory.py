"""What people told an alert: that they know of it, or that it is to be silent for a time, and why."""

COLUMNS = """
ALTER TABLE alerts ADD COLUMN acked_at {TIME};
ALTER TABLE alerts ADD COLUMN silenced_until {TIME};
ALTER TABLE alerts ADD COLUMN comment TEXT
"""


def up(migrator, db):  # type: ignore[no-untyped-def]  # the signature is playhouse.migrations'
    time = "DOUBLE PRECISION" if db.for_update else "REAL"
    for statement in COLUMNS.format(TIME=time).split(";"):
        db.execute_sql(statement)

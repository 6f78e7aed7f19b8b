"""What a receiver asked for has a column of its own, so that nothing else shortens it; answers that were cut."""

COLUMNS = """
ALTER TABLE hooks ADD COLUMN asked_until {TIME};
ALTER TABLE attempts ADD COLUMN body_truncated INTEGER NOT NULL DEFAULT 0
"""


def up(migrator, db):  # type: ignore[no-untyped-def]  # the signature is playhouse.migrations'
    time = "DOUBLE PRECISION" if db.for_update else "REAL"
    for statement in COLUMNS.format(TIME=time).split(";"):
        db.execute_sql(statement)

"""When an order last got on, and whether it was told that it does not."""

TABLES = """
ALTER TABLE orders ADD COLUMN progressed_at {TIME};
ALTER TABLE orders ADD COLUMN stuck_told INTEGER NOT NULL DEFAULT 0
"""


def up(migrator, db):  # type: ignore[no-untyped-def]  # the signature is playhouse.migrations'
    time = "DOUBLE PRECISION" if db.for_update else "REAL"
    for statement in TABLES.format(TIME=time).split(";"):
        db.execute_sql(statement)

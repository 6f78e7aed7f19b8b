"""Commands that print new orders: how far each has come, when it runs next, how its last run went."""

TABLE = """
CREATE TABLE intakes (
  name TEXT PRIMARY KEY,
  cursor TEXT,
  next_run_at {TIME},
  lease {TIME},
  started_at {TIME},
  finished_at {TIME},
  outcome TEXT,
  error TEXT,
  added INTEGER,
  known INTEGER,
  refused INTEGER,
  failures INTEGER NOT NULL DEFAULT 0,
  failing_since {TIME}
)
"""


def up(migrator, db):  # type: ignore[no-untyped-def]  # the signature is playhouse.migrations'
    db.execute_sql(TABLE.format(TIME="DOUBLE PRECISION" if db.for_update else "REAL"))

"""The health of the hooks: the breaker, what a receiver asked us to wait, and who was switched off.

`attempts` learns its hook, so that the attempts of one hook in the last minute are counted by an index.
"""

TABLES = """
CREATE TABLE hooks (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  failing_since {TIME},
  fresh INTEGER NOT NULL,
  probes INTEGER NOT NULL,
  wait_until {TIME},
  reason TEXT NOT NULL,
  seq INTEGER NOT NULL
);
ALTER TABLE attempts ADD COLUMN hook TEXT;
UPDATE attempts SET hook = (SELECT hook FROM deliveries WHERE deliveries.id = attempts.delivery_id);
CREATE INDEX attempts_hook ON attempts (hook, started_at)
"""


def up(migrator, db):  # type: ignore[no-untyped-def]  # the signature is playhouse.migrations'
    time = "DOUBLE PRECISION" if db.for_update else "REAL"
    for statement in TABLES.format(TIME=time).split(";"):
        db.execute_sql(statement)

"""Orders that are edited, removed and forgotten, panels that leave and come back, children and their parents.

`away` is how a row was tracked before its panel left the configuration. `removed` keeps the ids a person removed,
so that a parent's next answer does not bring its child back.
"""

TABLES = """
ALTER TABLE panels ADD COLUMN left_at {TIME};
ALTER TABLE panels ADD COLUMN back_at {TIME};
ALTER TABLE orders ADD COLUMN away TEXT;
ALTER TABLE orders ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refills ADD COLUMN away TEXT;
CREATE TABLE removed (
  panel TEXT NOT NULL,
  remote_id TEXT NOT NULL,
  at {TIME} NOT NULL,
  PRIMARY KEY (panel, remote_id)
);
CREATE INDEX orders_away ON orders (panel) WHERE away IS NOT NULL;
CREATE INDEX orders_parent ON orders (panel, parent) WHERE parent IS NOT NULL
"""


def up(migrator, db):  # type: ignore[no-untyped-def]  # the signature is playhouse.migrations'
    time = "DOUBLE PRECISION" if db.for_update else "REAL"
    for statement in TABLES.format(TIME=time).split(";"):
        db.execute_sql(statement)

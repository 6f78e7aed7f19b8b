"""What the reports need: refunds as rows, sums by day, and the ways people search.

`daily`, `daily_money` and `durations` are sums over `transitions` and `orders` up to the rows that `folds`
names; whoever reads them adds what came since. They are derived: throwing them away costs time only.
"""

from decimal import Decimal

TYPES = {
    "sqlite": {"TIME": "REAL", "MONEY": "TEXT", "BIG": "INTEGER", "PACKED": " WITHOUT ROWID", "TEXT_OPS": ""},
    "postgres": {
        "TIME": "DOUBLE PRECISION",
        "MONEY": "NUMERIC",
        "BIG": "BIGINT",
        "PACKED": "",
        # Prefix search by an index, whatever the database's collation is.
        "TEXT_OPS": " text_pattern_ops",
    },
}

TABLES = """
ALTER TABLE transitions ADD COLUMN currency TEXT;
UPDATE transitions SET currency = (SELECT currency FROM orders WHERE orders.id = order_id) WHERE charge IS NOT NULL;
ALTER TABLE orders ADD COLUMN born_at {TIME};
UPDATE orders SET born_at = coalesce(placed_at, CASE WHEN EXISTS (SELECT 1 FROM transitions WHERE order_id = orders.id
  AND old IS NULL) THEN tracked_at END);
CREATE TABLE refunds (
  order_id {BIG} PRIMARY KEY REFERENCES orders (id) ON DELETE CASCADE,
  at {TIME} NOT NULL,
  expected {MONEY},
  observed {MONEY},
  basis TEXT
);
CREATE TABLE daily (
  day TEXT NOT NULL,
  panel TEXT NOT NULL,
  service TEXT NOT NULL,
  what TEXT NOT NULL,
  n {BIG} NOT NULL,
  PRIMARY KEY (day, panel, service, what)
){PACKED};
CREATE TABLE daily_money (
  day TEXT NOT NULL,
  panel TEXT NOT NULL,
  dim TEXT NOT NULL,
  name TEXT NOT NULL,
  currency TEXT NOT NULL,
  what TEXT NOT NULL,
  amount {MONEY} NOT NULL,
  PRIMARY KEY (day, panel, dim, name, currency, what)
){PACKED};
CREATE TABLE durations (
  panel TEXT NOT NULL,
  service TEXT NOT NULL,
  what TEXT NOT NULL,
  seconds {BIG} NOT NULL,
  n {BIG} NOT NULL,
  PRIMARY KEY (panel, service, what, seconds)
){PACKED};
CREATE TABLE folds (
  source TEXT PRIMARY KEY,
  upto {BIG} NOT NULL,
  zone TEXT NOT NULL
);
CREATE INDEX orders_status ON orders (panel, status);
CREATE INDEX orders_service ON orders (service) WHERE service IS NOT NULL;
CREATE INDEX orders_ref ON orders (ref{TEXT_OPS}) WHERE ref IS NOT NULL;
CREATE INDEX orders_link ON orders (link{TEXT_OPS}) WHERE link IS NOT NULL;
CREATE INDEX orders_remote_id ON orders (remote_id{TEXT_OPS})
"""

# The final statuses in which money may have to come back, as they were when this was written.
OWING = "'partial', 'canceled', 'refunded', 'failed'"
PLACES = Decimal("0.00001")


def up(migrator, db):  # type: ignore[no-untyped-def]  # the signature is playhouse.migrations'
    types = TYPES["postgres" if db.for_update else "sqlite"]
    for statement in TABLES.format(**types).split(";"):
        db.execute_sql(statement)
    mark = "%s" if db.for_update else "?"
    found = db.execute_sql(
        "SELECT id, coalesce(finished_at, tracked_at), charge_mark, charge, quantity, remains, kind FROM orders"
        f" WHERE known_status IN ({OWING}) AND EXISTS (SELECT 1 FROM transitions WHERE order_id = orders.id)"
    ).fetchall()
    for id_, at, high, charge, quantity, remains, _ in found:
        db.execute_sql(
            f"INSERT INTO refunds (order_id, at, expected, observed, basis) VALUES ({', '.join([mark] * 5)})",
            (id_, at, *_facts(high, charge, quantity, remains, as_text=not db.for_update)),  # type: ignore[no-untyped-call]
        )


def _facts(high, charge, quantity, remains, *, as_text):  # type: ignore[no-untyped-def]
    """(expected, observed, basis), as core.diff worked them out when this was written."""
    expected = observed = None
    if high is not None and quantity and remains is not None:
        expected = (Decimal(high) * min(max(remains, 0), quantity) / quantity).quantize(PLACES)
    if high is not None and charge is not None and Decimal(charge) < Decimal(high):
        observed = Decimal(high) - Decimal(charge)
    basis = "charge_drop" if observed is not None else "remains" if expected is not None else None
    shown = [None if value is None else format(value, "f") if as_text else value for value in (expected, observed)]
    return (*shown, basis)

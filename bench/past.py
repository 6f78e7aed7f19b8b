"""Makes the database of ninety days: orders, transitions, events, deliveries, calls and balances.

It is made with SQL and not by polling, so that a million orders take a minute. Every order was tracked when it was
placed and has three transitions. A tenth of them is still open; their last transition is a change of charge only.
"""

import time
from pathlib import Path

from tracker.db import migrate
from tracker.db.database import Database, connect
from tracker.store import Store

DAYS = 90
PANELS = ("main", "spare", "third")
SERVICES = 60

# i: the order's number, which decides when it was placed and how it ends.
_PAST = """
INSERT INTO orders (id, panel, remote_id, status, known_status, status_raw, kind, tracking, charge, highest_charge,
  charge_mark, currency, start_count, remains, quantity, quantity_source, service, link, ref, tags, baseline,
  refund_told, seq, moves, version, refusals, misses, progress_count, placed_at, tracked_at, last_polled_at,
  last_changed_at, finished_at, next_poll_at, born_at, progressed_at, entry)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :orders),
life AS (
  SELECT i, CASE i % 3 WHEN 0 THEN 'main' WHEN 1 THEN 'spare' ELSE 'third' END AS panel, (i * 7919) % 60 AS service,
    :now - :span * (1.0 - i * 1.0 / :orders) AS born, printf('%d.%05d', i % 3, (i * 31) % 100000) AS charge,
    CASE WHEN i >= :orders * 0.9 THEN 'in_progress' WHEN i % 25 = 0 THEN 'partial' WHEN i % 50 = 1 THEN 'canceled'
      WHEN i % 500 = 2 THEN 'failed' ELSE 'completed' END AS status
  FROM n
)
SELECT i + 1, panel, CAST(1000000 + i AS TEXT), status, status, status, 'default',
  CASE status WHEN 'in_progress' THEN 'active' ELSE 'finished' END, charge, charge, charge, 'USD', i % 5000,
  CASE status WHEN 'completed' THEN 0 ELSE (i * 13) % 1000 END, 1000, 'given', CAST(service AS TEXT),
  'https://pages.example/p/' || ((i * 104729) % 1000000), 'client-' || ((i * 7717) % 100000),
  CASE i % 10 WHEN 0 THEN '["vip"]' ELSE '[]' END, 0, 0, 3, 3, 3, 0, 0, 0, born, born, :now - i % 300,
  born + 3600, CASE status WHEN 'in_progress' THEN NULL ELSE born + 3600 + (i * 17) % 40000 END,
  CASE status WHEN 'in_progress' THEN :now + i % 300 END, born, born + 3600,
  '{"charge":"0.27819","start_count":"3572","status":"Completed","remains":"0","currency":"USD"}'
FROM life;

INSERT INTO transitions (order_id, seq, old, new, said, at, not_before, charge, old_charge, remains, regressed, skipped,
  currency)
SELECT id, step, CASE step WHEN 1 THEN NULL WHEN 2 THEN 'pending' ELSE 'in_progress' END,
  CASE step WHEN 1 THEN 'pending' WHEN 2 THEN 'in_progress' ELSE status END,
  CASE step WHEN 1 THEN 'Pending' WHEN 2 THEN 'In progress' ELSE 'Completed' END,
  CASE step WHEN 1 THEN born_at + 60 WHEN 2 THEN born_at + 600 + id % 3000
    ELSE coalesce(finished_at, born_at + 4000) END,
  CASE step WHEN 1 THEN NULL ELSE born_at + 300 + id % 3000 END, charge, CASE step WHEN 1 THEN NULL ELSE charge END,
  CASE step WHEN 3 THEN remains ELSE 1000 END, 0, '', currency
FROM orders, (SELECT 1 AS step UNION ALL SELECT 2 UNION ALL SELECT 3)
ORDER BY orders.id, step;

INSERT INTO refunds (order_id, at, expected, observed, basis)
SELECT id, finished_at, printf('0.%05d', id % 90000), CASE id % 2 WHEN 0 THEN printf('0.%05d', id % 90000) END,
  CASE id % 2 WHEN 0 THEN 'charge_drop' ELSE 'remains' END
FROM orders WHERE status IN ('partial', 'canceled', 'failed');

INSERT INTO events (event_id, type, panel, kind, remote_id, seq, at, body)
SELECT 'evt_' || id, 'order.' || status, panel, 'order', remote_id, 3, finished_at, '{}'
FROM orders WHERE id % 10 = 0 AND finished_at IS NOT NULL;

INSERT INTO deliveries (hook, event, stream, state, attempts, created_at, first_attempt_at, settled_at)
SELECT 'ops', id, panel || '/order/' || remote_id, CASE WHEN id % 1000 = 0 THEN 'dead' ELSE 'delivered' END, 1, at, at,
  at + 1
FROM events;

INSERT INTO attempts (delivery_id, number, started_at, took_s, outcome, code, address, hook)
SELECT id, 1, created_at, 0.05, CASE state WHEN 'dead' THEN 'failed' ELSE 'delivered' END, 200, '127.0.0.1', hook
FROM deliveries;

INSERT INTO poll_runs (panel, kind, started_at, finished_at, asked, answered, moved, refused, absent, outcome)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299999)
SELECT CASE i % 3 WHEN 0 THEN 'main' WHEN 1 THEN 'spare' ELSE 'third' END, 'status', :now - 1209600 + i * 4.03,
  :now - 1209600 + i * 4.03 + 0.2 + (i % 100) / 100.0, 100, 100, 3, 0, 0,
  CASE WHEN i % 200 = 0 THEN 'unavailable' ELSE 'ok' END
FROM n;

INSERT INTO balances (panel, at, amount, currency)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 38879)
SELECT CASE i % 3 WHEN 0 THEN 'main' WHEN 1 THEN 'spare' ELSE 'third' END, :now - 7776000 + i * 200,
  printf('%d.%05d', 500 - i % 400, i % 100000), 'USD'
FROM n
"""


def make(file: Path, orders: int, *, fold: bool = True) -> Database:
    """Makes the database in `file`. fold: fold its daily statistics too, as maintenance does."""
    database = connect(f"sqlite:///{file}")
    migrate.migrate(database)
    now = time.time()
    facts = {"orders": orders, "now": now, "span": DAYS * 86_400.0}
    with database.session():
        Store(database).panels.sync(dict.fromkeys(PANELS, ""), now)
        for sql in _PAST.split(";"):
            database.handle.execute_sql(sql, {name: facts[name] for name in facts if f":{name}" in sql})
        store = Store(database)
        store.hooks.sync(["ops"])
        while fold and store.daily_stats.fold("UTC"):
            pass
    database.checkpoint()
    return database

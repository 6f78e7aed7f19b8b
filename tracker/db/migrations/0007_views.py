"""Views that a person can read without the code: times as text in UTC, money as the panel printed it.

Nothing is worked out from money here: SQLite would make a float of it.
"""

_ENDED = "('completed', 'partial', 'canceled', 'refunded', 'failed', 'expired')"

VIEWS = """
CREATE VIEW v_orders AS SELECT o.panel, o.remote_id AS id, o.status, o.status_raw, o.kind, o.tracking, o.service,
  s.name AS service_name, o.quantity, o.start_count, o.remains,
  CASE WHEN o.quantity IS NOT NULL AND o.remains IS NOT NULL THEN o.quantity - o.remains END AS delivered,
  o.charge, o.highest_charge, o.currency, o.link, o.ref, o.tags, o.parent, {placed_at} AS placed_at,
  {tracked_at} AS tracked_at, {last_polled_at} AS last_polled_at, {last_changed_at} AS last_changed_at,
  {finished_at} AS finished_at, {next_poll_at} AS next_poll_at
FROM orders o LEFT JOIN services s ON s.panel = o.panel AND s.service = o.service;

CREATE VIEW v_transitions AS SELECT o.panel, o.remote_id AS order_id, o.service, t.seq, t.old AS previous,
  t.new AS status, t.said, {t_at} AS at, {t_not_before} AS not_before, t.old_charge, t.charge, t.currency, t.remains,
  t.regressed, t.skipped
FROM transitions t JOIN orders o ON o.id = t.order_id;

CREATE VIEW v_refunds AS SELECT o.panel, o.remote_id AS order_id, o.service, o.ref, o.status, {r_at} AS at, r.expected,
  r.observed, r.basis, o.charge, o.highest_charge, o.currency, o.quantity, o.remains
FROM refunds r JOIN orders o ON o.id = r.order_id;

CREATE VIEW v_service_stats AS SELECT o.panel, o.service, s.name AS service_name, s.rate, count(*) AS orders,
  sum(CASE WHEN o.tracking = 'active' THEN 1 ELSE 0 END) AS active,
  sum(CASE WHEN o.status IN {ENDED} THEN 1 ELSE 0 END) AS ended,
  sum(CASE WHEN o.status = 'completed' THEN 1 ELSE 0 END) AS completed,
  sum(CASE WHEN o.status = 'partial' THEN 1 ELSE 0 END) AS partial,
  sum(CASE WHEN o.status = 'canceled' THEN 1 ELSE 0 END) AS canceled,
  sum(CASE WHEN o.status = 'refunded' THEN 1 ELSE 0 END) AS refunded,
  sum(CASE WHEN o.status = 'failed' THEN 1 ELSE 0 END) AS failed,
  round(100.0 * sum(CASE WHEN o.status = 'partial' THEN 1 ELSE 0 END)
    / nullif(sum(CASE WHEN o.status IN {ENDED} THEN 1 ELSE 0 END), 0), 1) AS partial_percent
FROM orders o LEFT JOIN services s ON s.panel = o.panel AND s.service = o.service
GROUP BY o.panel, o.service, s.name, s.rate;

CREATE VIEW v_panel_stats AS SELECT p.name AS panel, p.paused, p.trouble, p.trouble_message,
  {p_trouble_since} AS trouble_since,
  (SELECT count(*) FROM orders o WHERE o.panel = p.name) AS orders,
  (SELECT count(*) FROM orders o WHERE o.panel = p.name AND o.tracking = 'active') AS active,
  (SELECT count(*) FROM poll_runs r WHERE r.panel = p.name AND r.started_at > {NOW} - 86400
    AND r.finished_at IS NOT NULL) AS requests_24h,
  (SELECT count(*) FROM poll_runs r WHERE r.panel = p.name AND r.started_at > {NOW} - 86400
    AND r.outcome = 'ok') AS answered_24h,
  (SELECT round(CAST(avg(r.finished_at - r.started_at) AS {NUMBER}), 3) FROM poll_runs r WHERE r.panel = p.name
    AND r.started_at > {NOW} - 86400 AND r.outcome = 'ok') AS seconds_an_answer
FROM panels p;

CREATE VIEW v_deliveries AS SELECT d.id, d.hook, e.event_id, e.type, e.panel, e.kind, e.remote_id AS about, d.state,
  d.attempts, d.replay, {d_created_at} AS created_at, {d_next_attempt_at} AS next_attempt_at,
  {d_settled_at} AS settled_at, d.error
FROM deliveries d JOIN events e ON e.id = d.event;

CREATE VIEW v_balance AS SELECT panel, {b_at} AS at, amount, currency FROM balances
"""

TIMES = {
    "o": ("placed_at", "tracked_at", "last_polled_at", "last_changed_at", "finished_at", "next_poll_at"),
    "t": ("at", "not_before"),
    "r": ("at",),
    "p": ("trouble_since",),
    "d": ("created_at", "next_attempt_at", "settled_at"),
    "b": ("at",),
}
SQLITE = "strftime('%Y-%m-%dT%H:%M:%SZ', {}, 'unixepoch')"
POSTGRES = "to_char(to_timestamp({}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"


def up(migrator, db):  # type: ignore[no-untyped-def]  # the signature is playhouse.migrations'
    text = POSTGRES if db.for_update else SQLITE
    words = {
        "ENDED": _ENDED,
        "NOW": "extract(epoch FROM now())" if db.for_update else "unixepoch()",
        "NUMBER": "NUMERIC" if db.for_update else "REAL",
    }
    for table, columns in TIMES.items():
        for column in columns:
            # floor, because to_char and strftime both drop the fraction, and to_timestamp would round it.
            name = column if table == "b" else f"{table}.{column}"
            moment = f"floor({name})" if db.for_update else f"CAST({name} AS INTEGER)"
            words[column if table == "o" else f"{table}_{column}"] = text.format(moment)
    for statement in VIEWS.format(**words).split(";"):
        db.execute_sql(statement.replace("%", "%%") if db.for_update else statement)

"""The gauges of /metrics: current values, read through `reports`. The expensive ones are kept for a while."""

from collections.abc import Iterator

from tracker import clock
from tracker.core.polling.trouble import KIND_WAITS
from tracker.metrics import Gauge
from tracker.reports import alerts, database_size, gateway_calls, money, outbox, panels, set_aside, stuck, summary
from tracker.web.context import RefreshedValue, WebContext

KEEP_S, STALE_S = 15.0, 30.0


class Gauges:
    """Reads the gauges when /metrics is requested."""

    def __init__(self, site: WebContext) -> None:
        self._site = site
        self._started_at = clock.now()
        self._kept = RefreshedValue(site.database, lambda: list(self._over_all()), KEEP_S, STALE_S)

    def now(self) -> Iterator[Gauge]:
        """Yields every gauge of metrics.DESCRIBED that has a value."""
        over_all, _ = self._kept.get()
        yield from over_all
        yield from self._of_panels()
        yield from self._of_hooks()
        yield "tracker_gateway_unclear", (), float(gateway_calls.unclear(self._site.database))
        yield "tracker_ready", (), float(not self._site.ready())
        yield "tracker_start_timestamp_seconds", (), self._started_at
        yield "tracker_database_bytes", (), float(database_size.stored_bytes(self._site.database))

    def _over_all(self) -> Iterator[Gauge]:
        """Yields the gauges that are counted over all orders."""
        site, scope = self._site, self._site.scope()
        for panel in site.rules:
            for status, n in summary.statuses(site.database, panel).items():
                yield "tracker_orders", (panel, status), float(n)
        stalled = stuck.count(site.database, scope)
        for panel in site.rules:
            yield "tracker_orders_stuck", (panel,), float(stalled.get(panel, 0))
        for row in money.held(site.database, scope):
            if row["panel"] not in site.rules:
                continue  # no longer configured, so its balance is not polled any more
            yield "tracker_balance", (row["panel"], row["currency"] or ""), float(row["amount"])
            if row["runway_h"] is not None:
                yield "tracker_balance_runway_seconds", (row["panel"],), row["runway_h"] * 3600.0

    def _of_panels(self) -> Iterator[Gauge]:
        site, now = self._site, clock.now()
        for name, rules in site.rules.items():
            row = panels.panel(site.database, name, rules, now)
            yield "tracker_panel_up", (name,), float(row["trouble"] is None)
            yield "tracker_panel_paused", (name,), float(row["state"] == "paused")
            yield "tracker_panel_budget_requests", (name,), float(row["budget"])
            yield "tracker_panel_budget_used_requests", (name,), float(row["budget_used"])
            yield "tracker_orders_overdue", (name,), float(row["orders_due"])
            aside = dict.fromkeys(KIND_WAITS, (False, 0))
            for call, (every, ids) in (aside | set_aside.counts(site.database, name)).items():
                yield "tracker_calls_set_aside", (name, call), float(every)
                yield "tracker_ids_set_aside", (name, call), float(ids)
            if row["last_answer_at"] is not None:
                yield "tracker_panel_last_answer_timestamp_seconds", (name,), row["last_answer_at"]
        for alert in alerts.alerts(site.database, now):
            if alert["state"] == "raised":
                yield "tracker_alerts", (alert["panel"], alert["name"]), 1.0

    def _of_hooks(self) -> Iterator[Gauge]:
        database, now = self._site.database, clock.now()
        configured = {row["hook"] for row in self._site.hooks}
        unwell = {hook for hook, _, _ in outbox.unwell(database, configured)}
        for hook, states in outbox.unsettled_by_hook(database).items():
            if hook in configured:
                yield "tracker_hook_up", (hook,), float(hook not in unwell)
            for state, n in states.items():
                yield "tracker_deliveries", (hook, state), float(n)
            oldest = outbox.oldest_waiting_at(database, hook)
            yield "tracker_delivery_oldest_seconds", (hook,), 0.0 if oldest is None else max(now - oldest, 0.0)

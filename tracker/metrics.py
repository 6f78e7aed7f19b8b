"""Counters and histograms of a running tracker, and their exposition as OpenMetrics, with gauges of this moment.

Names follow the conventions of Prometheus; labels are from bounded sets (no ids). The counters are plain numbers, so
that a tracker without a dashboard loads no client library; `exposition` makes OpenMetrics of them when it is asked for.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

# Seconds, from "at once" to longer than any receiver should take.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Described(Struct, frozen=True):
    """What a metric is.

    kind: counter (without _total), histogram, gauge or info.
    labels: their names, in order.
    """

    kind: str
    help: str
    labels: tuple[str, ...] = ()


DESCRIBED: Mapping[str, Described] = {
    "tracker_panel_requests": Described("counter", "Calls to a panel that are over.", ("panel", "kind", "outcome")),
    "tracker_panel_request_seconds": Described("histogram", "How long answered calls took.", ("panel",)),
    "tracker_orders_asked": Described("counter", "Orders and refills asked about.", ("panel",)),
    "tracker_orders_answered": Described("counter", "Those that were answered.", ("panel",)),
    "tracker_orders_refused": Described("counter", "Those that the panel refused.", ("panel",)),
    "tracker_orders_absent": Described("counter", "Those that an answer left out.", ("panel",)),
    "tracker_transitions": Described("counter", "Moves of orders and refills.", ("panel",)),
    "tracker_delivery_attempts": Described("counter", "Attempts at deliveries that are over.", ("hook", "outcome")),
    "tracker_delivery_seconds": Described("histogram", "How long attempts took.", ("hook",)),
    "tracker_delivery_delay_seconds": Described(
        "histogram", "From an event to its arrival, of deliveries that arrived.", ("hook",)
    ),
    "tracker_gateway_requests": Described(
        "counter", "Requests of the gateway's clients, by what came of them.", ("client", "action", "outcome")
    ),
    "tracker_reloads": Described("counter", "SIGHUPs, by what came of them.", ("outcome",)),
    "tracker_orders": Described("gauge", "Orders by status.", ("panel", "status")),
    "tracker_orders_overdue": Described("gauge", "Open orders whose turn has passed.", ("panel",)),
    "tracker_orders_stuck": Described("gauge", "Open orders that make no progress.", ("panel",)),
    "tracker_deliveries": Described("gauge", "Deliveries that have not arrived.", ("hook", "state")),
    "tracker_delivery_oldest_seconds": Described("gauge", "How long the oldest of them has waited.", ("hook",)),
    "tracker_hook_up": Described("gauge", "1 for a hook that is well, 0 while it fails or is disabled.", ("hook",)),
    "tracker_panel_up": Described("gauge", "1 for a panel that answers, 0 while it is in trouble.", ("panel",)),
    "tracker_calls_set_aside": Described(
        "gauge", "1 for a kind of call that fails while others are answered.", ("panel", "call")
    ),
    "tracker_ids_set_aside": Described("gauge", "Ids that break the calls that name them.", ("panel", "call")),
    "tracker_panel_paused": Described("gauge", "1 for a panel that is paused.", ("panel",)),
    "tracker_panel_budget_requests": Described("gauge", "Calls a minute that a panel may have.", ("panel",)),
    "tracker_panel_budget_used_requests": Described("gauge", "Calls that count against it right now.", ("panel",)),
    "tracker_panel_last_answer_timestamp_seconds": Described("gauge", "When a panel last answered.", ("panel",)),
    "tracker_balance": Described("gauge", "A panel's balance, as a float: not for books.", ("panel", "currency")),
    "tracker_balance_runway_seconds": Described("gauge", "How long it lasts at the rate of seven days.", ("panel",)),
    "tracker_gateway_unclear": Described("gauge", "Calls whose outcome is unknown and that a person has to settle."),
    "tracker_alerts": Described("gauge", "Alerts that are raised.", ("panel", "alert")),
    "tracker_database_bytes": Described("gauge", "The database on the disk, with its write-ahead log."),
    "tracker_ready": Described("gauge", "1 while the tracker does its work."),
    "tracker_start_timestamp_seconds": Described("gauge", "When this process started."),
    "tracker_build": Described("info", "Which version this is.", ("version",)),
}

Labels = tuple[str, ...]
Gauge = tuple[str, Labels, float]


class Numbers:
    """The counters and histograms of one process. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Labels], float] = {}
        self._spans: dict[tuple[str, Labels], list[float]] = {}  # one count a bucket, the sum last

    def add(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter. name: one of DESCRIBED. labels: their values, in order."""
        with self._lock:
            self._counts[name, labels] = self._counts.get((name, labels), 0) + by

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Note in a histogram how long something took. name: one of DESCRIBED. labels: their values, in order."""
        with self._lock:
            spans = self._spans.setdefault((name, labels), [0.0] * (len(BUCKETS) + 2))
            spans[next((n for n, bound in enumerate(BUCKETS) if seconds <= bound), len(BUCKETS))] += 1
            spans[-1] += seconds

    def taken(self) -> tuple[dict[tuple[str, Labels], float], dict[tuple[str, Labels], list[float]]]:
        """A copy of all counters and histograms at this moment."""
        with self._lock:
            return dict(self._counts), {key: list(spans) for key, spans in self._spans.items()}


NUMBERS = Numbers()  # of this process


def exposition(numbers: Numbers, gauges: Iterable[Gauge], accept: str) -> tuple[bytes, str]:
    """(body, content type) in the format that `accept` asks for: OpenMetrics, or Prometheus' older text."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(_MetricsCollector(numbers, list(gauges)))
    ProcessCollector(registry=registry)
    encoder, kind = choose_encoder(accept)
    return encoder(registry), kind


class _MetricsCollector:
    """A collector as prometheus-client wants it: yields one family for each name that has samples."""

    def __init__(self, numbers: Numbers, gauges: Sequence[Gauge]) -> None:
        self._counts, self._spans = numbers.taken()
        self._gauges = gauges

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        families: Mapping[str, Callable[..., Any]] = {
            "counter": CounterMetricFamily,
            "gauge": GaugeMetricFamily,
            "histogram": HistogramMetricFamily,
            "info": InfoMetricFamily,
        }
        for name, described in DESCRIBED.items():
            family = families[described.kind](name, described.help, labels=described.labels)
            self._fill(family, name, described)
            if family.samples:
                yield family

    def _fill(self, family: Any, name: str, described: Described) -> None:
        match described.kind:
            case "counter":
                for (of, labels), value in self._counts.items():
                    if of == name:
                        family.add_metric(labels, value)
            case "histogram":
                for (of, labels), spans in self._spans.items():
                    if of == name:
                        family.add_metric(labels, _cumulative(spans), spans[-1])
            case "info":
                from tracker import __version__

                family.add_metric((), {"version": __version__})
            case _:
                for of, labels, value in self._gauges:
                    if of == name:
                        family.add_metric(labels, value)


def _cumulative(spans: Sequence[float]) -> list[tuple[str, float]]:
    """Buckets as Prometheus counts them: each includes all below it."""
    found, total = [], 0.0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), spans[:-1], strict=True):
        total += count
        found.append((bound, total))
    return found

"""Collects what both sides have at the end: the panels' real state and audit, the tracker's rows, the requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tracker import clock
from tracker.core.money import money
from tracker.core.status import order_status
from tracker.demo.site import DemoSite
from tracker.reports import orders
from tracker.reports.rows import ReportRow, select, select_one
from tracker.simulator import Received
from tracker.simulator.audit import without_repeats

ComparedState = tuple[str | None, str | None, int | None]  # status, charge, remains


@dataclass(frozen=True)
class OrderComparison:
    """One order from both sides.

    truth: its state at the panel. believed: its state at the tracker. None: unknown there.
    answered: the panel's status words in the order in which it answered them. recorded: those of the transitions.
    """

    panel: str
    id: str
    truth: ComparedState | None
    believed: ComparedState | None
    answered: tuple[str, ...]
    recorded: tuple[str, ...]


@dataclass(frozen=True)
class CallsMade:
    """The calls at one panel. failed: those with a fault. wrong: those that break the panel's rules."""

    panel: str
    count: int
    failed: int
    most: int  # in any 60 s
    wrong: int


@dataclass(frozen=True)
class Evidence:
    """Everything that the checks look at.

    complete: the story came to its end.
    expected: how many orders the story has.
    events: id -> body, as the tracker stored it.
    waiting: deliveries that are still to be made.
    exit_code: the daemon's; None when it was not stopped.
    """

    complete: bool
    expected: int
    orders: tuple[OrderComparison, ...]
    events: Mapping[str, bytes]
    waiting: int
    received: tuple[Received, ...]
    calls: tuple[CallsMade, ...]
    exit_code: int | None

    def bodies(self, type_: str) -> list[dict[str, Any]]:
        """The events of this type, decoded, oldest first."""
        return [event for event in self._decoded() if event["type"] == type_]

    def types(self) -> set[str]:
        return {event["type"] for event in self._decoded()}

    def _decoded(self) -> Iterable[dict[str, Any]]:
        return map(msgspec.json.decode, self.events.values())


def gather(site: DemoSite, *, complete: bool) -> Evidence:
    """Collects the evidence. The daemon must have ended, so that nothing changes any more."""
    database = site.parts.database
    waiting = select_one(database, "SELECT count(*) FROM deliveries WHERE state = 'waiting'")
    return Evidence(
        complete=complete,
        expected=site.orders,
        orders=tuple(_orders(site)),
        events={id_: body.encode() for id_, body in select(database, "SELECT event_id, body FROM events ORDER BY id")},
        waiting=waiting[0] if waiting else 0,
        received=tuple(site.receiver.received),
        calls=tuple(_calls(site)),
        exit_code=site.exit_code,
    )


def _orders(site: DemoSite) -> Iterable[OrderComparison]:
    database = site.parts.database
    rules = {name: panel.rules for name, panel in site.config.panels.items()}
    rows = {(row["panel"], row["id"]): row for row in orders.orders(database, rules, orders.OrderFilter(), clock.now())}
    recorded = _recorded(site)
    for name, panel in site.panels.items():
        served = panel.audit.served()
        for life in site.scenarios[name].orders:
            words = without_repeats(answer.word for answer in served.get(life.id, ()))
            yield OrderComparison(
                panel=name,
                id=life.id,
                truth=_truth(panel.truth(life.id)),
                believed=_belief(rows.get((name, life.id))),
                # The first answer about an imported order is its baseline, not a transition.
                answered=words[1:] if life.placed_at == 0 else words,
                recorded=without_repeats(recorded.get((name, life.id), ())),
            )


def _truth(truth: dict[str, Any] | None) -> ComparedState | None:
    if truth is None:
        return None
    return order_status(truth["status"], {}).value, truth["charge"], truth["remains"]


def _belief(row: ReportRow | None) -> ComparedState | None:
    return None if row is None else (row["status"], money(row["charge"]), row["remains"])


def _recorded(site: DemoSite) -> dict[tuple[str, str], list[str]]:
    """(panel, order) -> the status words of its transitions, oldest first."""
    sql = "SELECT o.panel, o.remote_id, t.said FROM transitions t JOIN orders o ON o.id = t.order_id ORDER BY t.id"
    found: dict[tuple[str, str], list[str]] = {}
    for panel, id_, word in select(site.parts.database, sql):
        found.setdefault((panel, id_), []).append(word)
    return found


def _calls(site: DemoSite) -> Iterable[CallsMade]:
    for name, panel in site.panels.items():
        audit = panel.audit
        made = audit.calls
        failed = sum(call.fault is not None for call in made)
        yield CallsMade(name, len(made), failed, audit.max_in_any_60s(), len(audit.wrong_calls()))

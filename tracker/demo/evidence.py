"""What both sides know at the end: the panels' own truth and audit, the tracker's rows, the receiver's requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec

from tracker import clock
from tracker.core.events.events import money
from tracker.core.status import order_status
from tracker.demo.stage import Stage
from tracker.reports import orders
from tracker.reports.rows import ReportRow, select, select_one
from tracker.simulator import Received

Standing = tuple[str | None, str | None, int | None]  # status, charge, remains


@dataclass(frozen=True)
class OrderStory:
    """One order from both sides, in the panel's own words.

    told: what it answered in the course of time; recorded: the moves the tracker has.
    """

    panel: str
    id: str
    truth: Standing | None
    believed: Standing | None
    told: tuple[str, ...]
    recorded: tuple[str, ...]


@dataclass(frozen=True)
class Calls:
    panel: str
    count: int
    failed: int
    most: int  # in any 60 s
    wrong: int


@dataclass(frozen=True)
class Evidence:
    """whole: the story came to its end. events: id -> body, as the tracker wrote it down."""

    whole: bool
    expected: int
    orders: tuple[OrderStory, ...]
    events: Mapping[str, bytes]
    waiting: int
    received: tuple[Received, ...]
    calls: tuple[Calls, ...]
    exit_code: int | None

    def bodies(self, type_: str) -> list[dict[str, Any]]:
        """The events of this type, decoded, oldest first."""
        return [event for event in self._decoded() if event["type"] == type_]

    def kinds(self) -> set[str]:
        return {event["type"] for event in self._decoded()}

    def _decoded(self) -> Iterable[dict[str, Any]]:
        return map(msgspec.json.decode, self.events.values())


def gather(stage: Stage, *, whole: bool) -> Evidence:
    """Once the daemon has ended, so that nothing moves any more."""
    database = stage.parts.database
    waiting = select_one(database, "SELECT count(*) FROM deliveries WHERE state = 'waiting'")
    return Evidence(
        whole=whole,
        expected=stage.orders,
        orders=tuple(_orders(stage)),
        events={id_: body.encode() for id_, body in select(database, "SELECT event_id, body FROM events ORDER BY id")},
        waiting=waiting[0] if waiting else 0,
        received=tuple(stage.receiver.received),
        calls=tuple(_calls(stage)),
        exit_code=stage.exit_code,
    )


def _orders(stage: Stage) -> Iterable[OrderStory]:
    database = stage.parts.database
    rules = {name: panel.rules for name, panel in stage.config.panels.items()}
    rows = {(row["panel"], row["id"]): row for row in orders.orders(database, rules, orders.Wanted(), clock.now())}
    recorded = _recorded(stage)
    for name, panel in stage.panels.items():
        told = panel.audit.served()
        for life in stage.scenarios[name].orders:
            words = folded(served.word for served in told.get(life.id, ()))
            yield OrderStory(
                panel=name,
                id=life.id,
                truth=_truth(panel.truth(life.id)),
                believed=_belief(rows.get((name, life.id))),
                # An imported order's first answer is where its story begins, no move.
                told=words[1:] if life.placed_at == 0 else words,
                recorded=folded(recorded.get((name, life.id), ())),
            )


def _truth(truth: dict[str, Any] | None) -> Standing | None:
    if truth is None:
        return None
    return order_status(truth["status"], {}).value, truth["charge"], truth["remains"]


def _belief(row: ReportRow | None) -> Standing | None:
    return None if row is None else (row["status"], money(row["charge"]), row["remains"])


def _recorded(stage: Stage) -> dict[tuple[str, str], list[str]]:
    """(panel, order) -> the words of its moves, oldest first."""
    sql = "SELECT o.panel, o.remote_id, t.said FROM transitions t JOIN orders o ON o.id = t.order_id ORDER BY t.id"
    found: dict[tuple[str, str], list[str]] = {}
    for panel, id_, said in select(stage.parts.database, sql):
        found.setdefault((panel, id_), []).append(said)
    return found


def _calls(stage: Stage) -> Iterable[Calls]:
    for name, panel in stage.panels.items():
        audit = panel.audit
        made = audit.calls
        failed = sum(call.fault is not None for call in made)
        yield Calls(name, len(made), failed, audit.max_in_any_60s(), len(audit.wrong_calls()))


def folded(said: Iterable[str]) -> tuple[str, ...]:
    """Each word once for as long as it was repeated."""
    return tuple(word for word, _ in groupby(said))

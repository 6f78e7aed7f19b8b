"""Keeps the catalogues of the panels and emits what changed in them."""

from collections.abc import Sequence

from tracker.core import catalogue
from tracker.core.catalogue import Difference
from tracker.core.events.events import panel_event
from tracker.core.model import Event, Service
from tracker.core.rules import PollRules
from tracker.db.database import Cursor, Database, DbRow, amount
from tracker.store.event_log import EventLog
from tracker.store.panels import PanelStore
from tracker.store.sql import next_count
from tracker.store.values import Answered, Claim

_COLUMNS = "service, name, type, category, rate, min, max, refill, cancel"


class CatalogueStore:
    """The services that panels offer."""

    def __init__(self, database: Database, events: EventLog, panels: PanelStore) -> None:
        self._database = database
        self._events = events
        self._panels = panels

    def record(self, claim: Claim, services: Sequence[Service], rules: PollRules, now: float) -> Difference:
        """Brings the catalogue up to date and emits what changed; a panel's first one is no news."""
        panel = claim.panel.name
        with self._database.transaction() as cur:
            known = self._known_services(cur, panel)
            believed = [catalogue.believed(known.get(said.service), said) for said in services]
            difference = catalogue.compare(known, believed)
            touched = {*difference.added, *difference.changed}
            cur.many(_UPSERT, [self._service_row(panel, s, now) for s in believed if s.service in touched])
            cur.many(
                "UPDATE services SET gone_at = ? WHERE panel = ? AND service = ?",
                [(now, panel, service) for service in difference.removed],
            )
            cur.run("UPDATE panels SET next_services_at = ? WHERE name = ?", (now + rules.services_every_s, panel))
            events = [self._catalogue_event(cur, panel, difference, now)] if known and difference else []
            woken = self._events.write(cur, events)
            woken |= self._panels.answered(cur, claim, Answered(0, len(services)), 0, now)
        self._events.wake(woken)
        return difference

    def _known_services(self, cur: Cursor, panel: str) -> dict[str, Service]:
        rows = cur.run(f"SELECT {_COLUMNS} FROM services WHERE panel = ? AND gone_at IS NULL", (panel,)).rows()
        found: list[DbRow] = [(*row[:4], amount(row[4]), *row[5:7], bool(row[7]), bool(row[8])) for row in rows]
        return {values[0]: Service(*values) for values in found}

    def _catalogue_event(self, cur: Cursor, panel: str, difference: Difference, now: float) -> Event:
        seq = next_count(cur, panel, "catalogue", "services")
        return panel_event("catalogue.changed", panel, "services", seq, now, {"catalogue": difference.facts()})

    def _service_row(self, panel: str, s: Service, now: float) -> tuple[object, ...]:
        rate = self._database.money(s.rate)
        return (
            *(panel, s.service, s.name, s.type, s.category, rate, s.min, s.max),
            *(int(s.refill), int(s.cancel), now, now),
        )


_UPSERT = (
    "INSERT INTO services (panel, service, name, type, category, rate, min, max, refill, cancel,"
    " first_seen_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (panel, service) DO UPDATE SET name = excluded.name, type = excluded.type,"
    " category = excluded.category, rate = excluded.rate, min = excluded.min, max = excluded.max,"
    " refill = excluded.refill, cancel = excluded.cancel, changed_at = excluded.changed_at, gone_at = NULL"
)

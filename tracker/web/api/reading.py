"""The operations that read. Everything comes from `reports`."""

from typing import Any

from flask import request

from tracker import clock
from tracker.reports import order_story, outbox, panels, refills, transitions
from tracker.reports import orders as order_list
from tracker.reports.orders import OrderFilter
from tracker.reports.rows import ReportRow, plain
from tracker.web.api.event_wait import EventWait
from tracker.web.api.openapi import document
from tracker.web.api.params import LAST, next_cursor
from tracker.web.api.problems import Problem
from tracker.web.context import WebContext

JsonBody = dict[str, Any]


class ReadOperations:
    """The operations that read; each method and its parameters have the names of the operation."""

    def __init__(self, site: WebContext, news: EventWait) -> None:
        self._site = site
        self._news = news

    def orders(
        self,
        panel: str | None,
        status: str | None,
        tracking: str | None,
        service: str | None,
        ref: str | None,
        tag: str | None,
        since: float | None,
        limit: int,
        cursor: int | None,
    ) -> JsonBody:
        site = self._site
        wanted = OrderFilter(panel, _one(status), _one(tracking), _one(service), ref, tag, since)
        page = order_list.page(site.database, site.rules, wanted, clock.now(), after=cursor, size=limit)
        return _answer(page.rows, next_cursor("o", page.after))

    def order(self, panel: str, id: str) -> JsonBody:
        site = self._site
        found = order_story.story(site.database, site.rules, panel, id, clock.now())
        if found is None:
            raise Problem(404, f"order {id} of panel {panel} is not tracked")
        for event in found["events"]:
            event["deliveries"] = [self._masked(sent) for sent in event["deliveries"]]
        return plain(found)

    def transitions(
        self, panel: str | None, order: str | None, since: float | None, limit: int, cursor: int | None
    ) -> JsonBody:
        page = transitions.transitions(
            self._site.database, panel=panel, order=order, since=since, after=cursor, size=limit
        )
        return _answer(page.rows, next_cursor("t", page.after))

    def refills(self, panel: str | None, order: str | None, limit: int, cursor: int | None) -> JsonBody:
        page = refills.page(self._site.database, panel=panel, order=order, after=cursor, size=limit)
        return _answer(page.rows, next_cursor("r", page.after))

    def balances(self) -> JsonBody:
        found = [panels.balance(self._site.database, name, clock.now()) for name in sorted(self._site.rules)]
        return _answer([row for row in found if row is not None])

    def panels(self) -> JsonBody:
        site = self._site
        rows = [panels.panel(site.database, name, rules, clock.now()) for name, rules in sorted(site.rules.items())]
        return _answer([self._mask(row, "trouble_message") for row in rows])

    def events(self, after: int | str, wait: int, limit: int) -> JsonBody:
        """Returns the events after `after`. With `wait`, waits up to that many seconds until there is one."""
        number = outbox.last_number(self._site.database) if after == LAST else int(after)
        deadline = clock.monotonic() + wait
        gone = request.environ.get("waitress.client_disconnected", lambda: False)
        found = self._events(number, limit)
        while not found and (left_s := deadline - clock.monotonic()) > 0 and self._news.wait(number, left_s, gone):
            found = self._events(number, limit)
        return {
            "items": [{"seq": event["number"], "event": event["body"]} for event in found],
            "next": found[-1]["number"] if found else number,
        }

    def openapi(self) -> JsonBody:
        return document(sorted(self._site.rules))

    def _events(self, after: int, limit: int) -> list[ReportRow]:
        found = outbox.events_after(self._site.database, after, limit)
        if not found and after > (end := outbox.highest_number(self._site.database)):
            raise Problem(409, f"the log ends at {end}, and you have read up to {after}: it is not the log you read")
        return found

    def _masked(self, delivery: ReportRow) -> ReportRow:
        tries = [self._mask(self._mask(one, "snippet"), "error") for one in delivery["tries"]]
        return self._mask(delivery, "error") | {"tries": tries}

    def _mask(self, row: ReportRow, key: str) -> ReportRow:
        """Returns the row with secrets masked in a text from outside, in case an earlier step missed one."""
        return row | {key: row[key] and self._site.mask(row[key])}


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _answer(rows: list[ReportRow], following: str | None = None) -> JsonBody:
    return {"items": [plain(row) for row in rows], "next": following}

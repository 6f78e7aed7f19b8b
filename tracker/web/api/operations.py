"""The table of operations: address, parameters, answer and an example of each."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from tracker.core.ids import ID_MAX
from tracker.core.json_schema import COUNT, JsonSchema, record
from tracker.core.model import Tracking
from tracker.reports.orders import STATUSES
from tracker.web.api import params, shapes
from tracker.web.api.params import Param

BASE = "/api/v1"
LIMIT_MAX, LIMIT, WAIT_MAX_S = 500, 100, 60


class Operation(Struct, frozen=True):
    """One operation of the API.

    rule: the route below BASE, as Flask writes it.
    answers: the schema of a 200, or its name.
    refusals: the status codes of its problems, besides those of EVERYWHERE.
    """

    name: str
    method: str
    rule: str
    summary: str
    about: str
    answers: str | JsonSchema
    example: Any
    params: Sequence[Param] = ()
    refusals: Sequence[int] = ()


def _cursor(letter: str) -> Param:
    about = "`next` of the page before; without it the first page."
    return Param("cursor", params.cursor(letter), about, f"{letter}5b")


LIMIT_PARAM = Param("limit", params.whole(1, LIMIT_MAX), "How many rows at most.", LIMIT, LIMIT)
PANEL = Param("panel", params.text(ID_MAX), "Only of this panel.", "main")
ORDER_ID = Param("order", params.text(ID_MAX), "Only of the order with this id.", "23501")
SINCE = Param("since", params.MOMENT, "Only from this moment on.", "2026-11-23T00:00:00Z")
PATH_PANEL = Param("panel", params.text(ID_MAX), "Which panel.", "main", where="path")
PATH_ID = Param("id", params.text(ID_MAX), "The order's id at the panel.", "23501", where="path")

# Examples, with their keys in the order of the answers.
ORDER = {
    "panel": "main", "id": "23501", "status": "in_progress", "status_raw": "In progress", "kind": "default",
    "tracking": "active", "charge": "0.27819", "highest_charge": "0.27819", "currency": "USD", "start_count": 3572,
    "remains": 157, "quantity": 1000, "quantity_source": "given", "service": "12",
    "link": "https://pages.example/p/1", "ref": "client-A-118", "tags": ["vip"], "parent": None,
    "placed_at": "2026-11-23T01:02:11Z", "tracked_at": "2026-11-23T01:02:12Z",
    "last_polled_at": "2026-11-23T02:14:07Z", "last_changed_at": "2026-11-23T01:20:03Z", "finished_at": None,
    "next_poll_at": "2026-11-23T02:19:07Z", "next_poll_reason": "open", "eta": None,
}  # fmt: skip
MOVE = {
    "seq": 2, "old": "pending", "new": "in_progress", "said": "In progress", "at": "2026-11-23T01:20:03Z",
    "not_before": "2026-11-23T01:15:01Z", "charge": "0.27819", "old_charge": "0.27819", "remains": 1000,
    "regressed": False, "skipped": [],
}  # fmt: skip
REFILL = {
    "panel": "main", "id": "77", "order": "23501", "status": "pending", "status_raw": "Pending", "tracking": "active",
    "tracked_at": "2026-11-25T09:00:00Z", "last_polled_at": None, "last_changed_at": None, "finished_at": None,
    "next_poll_at": "2026-11-25T09:00:00Z",
}  # fmt: skip
EVENT = {
    "type": "order.completed", "id": "evt_4zq6m2hxk3c7w5ty2ndfj8rbva", "version": 1,
    "timestamp": "2026-11-23T03:40:00Z", "data": {"panel": "main", "order": {"id": "23501", "status": "completed"}},
}  # fmt: skip
BALANCE = {
    "panel": "main", "amount": "84.20", "currency": "USD", "at": "2026-11-23T02:10:00Z",
    "checked_at": "2026-11-23T02:10:00Z", "burn_per_day": "12.50000", "runway_h": 161.7,
}  # fmt: skip
PANEL_ROW = {
    "panel": "main", "state": "ok", "budget_used": 4, "budget": 30, "orders_active": 318, "orders_due": 0,
    "last_answer_at": "2026-11-23T02:14:07Z", "trouble": None, "trouble_since": None, "trouble_message": None,
    "wait_until": None, "calls_aside": [], "ids_aside": 0,
}  # fmt: skip
NEW_ORDER = {"panel": "main", "id": "23501", "service": "12", "quantity": 1000, "ref": "client-A-118", "tags": ["vip"]}
TAKEN = {"added": 1, "known": 0, "bad": []}

OPERATIONS = (
    Operation(
        "add_orders", "POST", "/orders", "Track orders",
        "One order, or a list of them. Adding one again fills in what was unknown and overwrites nothing. Of a list the"
        " good ones are taken and the bad ones named; a single bad one is a problem (422). They count as just placed,"
        " unless they say otherwise. Needs the write token.",
        "Taken", TAKEN, refusals=(403, 413, 415, 422, 503),
    ),
    Operation(
        "orders", "GET", "/orders", "List orders", "The one tracked last first. The last page has no `next`;"
        " each other one is full, or ended after 500,000 orders of which too few were wanted.",
        shapes.page_of("Order"), {"items": [ORDER], "next": "o5b"},
        (
            PANEL,
            Param("status", params.one_of(STATUSES), "Only in this status; `new`: never answered about.",
                  "partial"),
            Param("tracking", params.one_of(Tracking), "Only so tracked.", "active"),
            Param("service", params.text(), "Only of this service.", "12"),
            Param("ref", params.text(), "Only those you call this.", "client-A-118"),
            Param("tag", params.text(), "Only with this tag.", "vip"),
            Param("since", params.MOMENT, "Only those tracked from this moment on.", "2026-11-23T00:00:00Z"),
            LIMIT_PARAM, _cursor("o"),
        ),
        (422,),
    ),
    Operation(
        "order", "GET", "/orders/<panel>/<path:id>", "One order's whole story",
        "The order, its moves, samples of its progress, its refills, and each event with its deliveries and attempts.",
        "OrderStory", ORDER | {"transitions": [MOVE], "progress": [],
    "children": [], "refills": [], "events": []},
        (PATH_PANEL, PATH_ID), (404, 422),
    ),
    Operation(
        "transitions", "GET", "/transitions", "List moves of orders", "The last one first; `id` is the order's.",
        shapes.page_of("Transition"),
        {"items": [{"panel": "main", "id": "23501", "currency": "USD"} | MOVE], "next": None},
        (PANEL, ORDER_ID, SINCE, LIMIT_PARAM, _cursor("t")), (422,),
    ),
    Operation(
        "refills", "GET", "/refills", "List refills", "The one tracked last first.",
        shapes.page_of("Refill"), {"items": [REFILL], "next": None},
        (PANEL, ORDER_ID, LIMIT_PARAM, _cursor("r")), (422,),
    ),
    Operation(
        "balances", "GET", "/balances", "Balances as last seen",
        "One for each panel whose balance is known; the burn is the mean of seven days, deposits left out.",
        shapes.page_of("Balance"), {"items": [BALANCE], "next": None}, (), (422,),
    ),
    Operation(
        "panels", "GET", "/panels", "How the panels are", "Each configured panel: its state, its budget, its orders.",
        shapes.page_of("Panel"), {"items": [PANEL_ROW], "next": None}, (), (422,),
    ),
    Operation(
        "events", "GET", "/events", "Follow the events",
        "Events with a number above `after`, oldest first; none is ever skipped. With `wait` the answer comes when"
        " there is one, at the latest after so many seconds; sooner, and empty, when too many wait already. Ask again"
        " with `after` = `next`.",
        record({"items": shapes.rows_of("Told"), "next": COUNT}),
        {"items": [{"seq": 4711, "event": EVENT}], "next": 4711},
        (
            Param("after", params.AFTER, "The number to go on from: `next` of the answer before. 0: from the beginning;"
                  " `last`: only what comes.", 0, 0),
            Param("wait", params.whole(0, WAIT_MAX_S), "How many seconds to wait for news.", 0, 0),
            LIMIT_PARAM,
        ),
        (409, 422),
    ),
    Operation(
        "openapi", "GET", "/openapi.json", "This document", "OpenAPI 3.1.", {"type": "object"}, {"openapi": "3.1.0"},
        (), (422,),
    ),
)  # fmt: skip

EVERYWHERE = (400, 401, 421, 429, 500, 503)  # the status codes of problems that every operation may answer with

"""The pages of the dashboard: what each one shows, and which report it comes from."""

from typing import Any
from urllib.parse import urlencode

from flask import Flask, abort, request
from werkzeug.routing import BaseConverter

from tracker import clock
from tracker.core.delivery.routing import DeliveryState
from tracker.core.model import Tracking
from tracker.presentation import report_tables
from tracker.presentation.format import ago_from, cell, span, when_in
from tracker.reports import alerts, catalogue, money, order_story, outbox, panels, polling, services, set_aside
from tracker.reports import orders as order_list
from tracker.reports.orders import OWED, STATUSES, STUCK, OrderFilter
from tracker.reports.rows import ReportRow
from tracker.web import overview, render, story
from tracker.web.context import RefreshedValue, WebContext

PAGES = (
    ("/", "Overview"),
    ("/orders", "Orders"),
    ("/services", "Services"),
    ("/panels", "Panels"),
    ("/hooks", "Hooks"),
    ("/alerts", "Alerts"),
)
REFRESH_S = 10
_FIGURES_S = 60.0, 600.0  # (keep_s, stale_s) of RefreshedValue for figures over weeks
PAGE = 50  # deliveries on a page
LISTED_MAX = 500  # services on a page
_STATUSES = [(word, word.replace("_", " ")) for word in STATUSES]
_TRACKINGS = [(word, word.replace("_", " ")) for word in Tracking]
_ONLY = [(STUCK, "stuck"), (OWED, "refund owed")]
_URGENT = {"raised": 0, "pending": 1}  # these states of an alert come first
SERVICES_SHOWN = ("panel", "service", "name", "ended", "start_p50_s", "finish_p50_s", "finish_p90_s", *services.RATES,
                  "cost_per_1000")  # fmt: skip
_DIGITS_MAX = 18  # digits of a row's number that a database column holds


class AnyId(BaseConverter):
    """The rest of a path, unchanged: panels choose ids, also ones that begin with a slash."""

    regex = ".+"
    part_isolating = False


def shown(template: str, **facts: Any) -> str:
    """Returns a page that shows nothing from the database."""
    return str(render.environment().get_template(template).render(**_frame(), **facts))


def _frame(*, with_login: bool = False) -> dict[str, Any]:
    return {"pages": PAGES, "path": request.path, "with_login": with_login}


def add(app: Flask, site: WebContext, *, with_login: bool) -> "Pages":
    """Add the pages of the dashboard to `app` and return them."""
    pages = Pages(site, with_login=with_login)
    app.add_url_rule("/", view_func=pages.overview)
    app.add_url_rule("/orders", view_func=pages.orders)
    app.url_map.converters["id"] = AnyId
    app.add_url_rule("/orders/<panel>/<id:remote_id>", view_func=pages.order)
    app.add_url_rule("/services", view_func=pages.services)
    app.add_url_rule("/panels", view_func=pages.panels)
    app.add_url_rule("/hooks", view_func=pages.hooks)
    app.add_url_rule("/alerts", view_func=pages.alerts)
    return pages


class Pages:
    """The pages, one method each."""

    def __init__(self, site: WebContext, *, with_login: bool) -> None:
        self._site = site
        self._with_login = with_login
        self._front = RefreshedValue(site.database, lambda: overview.gathered(site))
        self._of_services = RefreshedValue(
            site.database, lambda: services.services(site.database, site.scope()), *_FIGURES_S
        )
        self._of_panels = RefreshedValue(site.database, self._figures_of_panels, *_FIGURES_S)

    def warm(self) -> None:
        self._front.warm()

    def _page(self, template: str, **facts: Any) -> str:
        now = clock.now()
        tools = {
            "now": now,
            "when": when_in(self._site.zone),
            "ago": ago_from(now),
            "cell": cell,
            "span": span,
            "zone": self._site.zone,
            "refresh_s": REFRESH_S,
        }
        found = render.environment().get_template(template)
        return str(found.render(**_frame(with_login=self._with_login), **tools, **facts))

    def overview(self) -> str:
        found, age_s = self._front.get()
        return self._page("overview.html", found=found, age=span(round(age_s)))

    def orders(self) -> str:
        keys = ("q", "panel", "status", "tracking", "only")
        chosen = {key: request.args.get(key, "").strip()[:4_000] for key in keys}
        known = chosen["status"] in {"", *dict(_STATUSES)} and chosen["tracking"] in {"", *Tracking}
        if not known or chosen["only"] not in {"", *dict(_ONLY)}:
            abort(404)
        after = _after()
        wanted = OrderFilter(
            panel=chosen["panel"] or None,
            statuses=(chosen["status"],) if chosen["status"] else (),
            trackings=(chosen["tracking"],) if chosen["tracking"] else (),
            text=chosen["q"],
            only=chosen["only"] or None,
        )
        # A person sees a full page or the end of the list, however far down that is.
        found = order_list.page(self._site.database, self._site.rules, wanted, clock.now(), after=after, look_max=None)
        more = {key: value for key, value in chosen.items() if value}
        facts: dict[str, Any] = {"panels": sorted(self._site.rules), "statuses": _STATUSES, "trackings": _TRACKINGS}
        facts["lines"] = render.order_lines(found.rows, when_in(self._site.zone), ago_from(clock.now()))
        facts["following"] = None if found.after is None else "/orders?" + urlencode({**more, "after": found.after})
        facts["newest"] = "/orders?" + urlencode(more) if more else "/orders"
        facts |= {"filtered": bool(more or after), "found_max": order_list.FOUND_MAX, "only": _ONLY, "after": after}
        return self._page("orders.html", found=found, chosen=chosen, **facts)

    def order(self, panel: str, remote_id: str) -> str:
        site, now = self._site, clock.now()
        found = order_story.story(site.database, site.rules, panel, remote_id, now)
        if found is None:
            abort(404, f"Order {remote_id} of panel {panel} is not tracked.")
        owed = order_story.refund(site.database, panel, remote_id)
        service = panels.rate(site.database, panel, found["service"]) if found["service"] else None
        facts = story.facts(found, owed, service[0] if service else "", when_in(site.zone), ago_from(now), now)
        here = render.order_path(panel, remote_id)
        return self._page("order.html", here=here, order=found, picture=story.progress(found, site.zone), facts=facts)

    def services(self) -> str:
        rows, age_s = self._of_services.get()
        text = request.args.get("q", "").strip()
        listed = [
            row
            for row in catalogue.services(self._site.database)
            if text.lower() in f"{row['service']} {row['name']}".lower()
        ]
        (sheet,) = report_tables.services_sheets(rows)
        left = max(len(listed) - LISTED_MAX, 0)
        listed = listed[:LISTED_MAX]
        facts = {"sheet": sheet, "fields": SERVICES_SHOWN, "listed": listed, "left": left, "q": text}
        return self._page("services.html", rows=rows, age=span(round(age_s)), **facts)

    def panels(self) -> str:
        site = self._site
        rows = panels.listed(site.database, dict(sorted(site.rules.items())), clock.now())
        (figures, held, pictures), age_s = self._of_panels.get()
        return self._page(
            "panels.html",
            rows=rows,
            figures=figures,
            held=held,
            pictures=pictures,
            age=span(round(age_s)),
            panel_fields=panels.LIST_FIELDS,
            aside=[row | {"words": self._site.mask(row["words"])} for row in set_aside.rows(self._site.database)],
            aside_fields=set_aside.SET_ASIDE_FIELDS,
            figure_fields=[key for key in report_tables.PANELS_SHOWN if key != "few"],
            held_fields=money.BALANCE_FIELDS,
        )

    def _figures_of_panels(self) -> tuple[list[ReportRow], list[ReportRow], list[str]]:
        database, scope = self._site.database, self._site.scope()
        held = money.balances(database, scope)
        return polling.scorecard(database, scope), held, report_tables.balances_over_time(database, scope, held)

    def hooks(self) -> str:
        site = self._site
        hook, state = request.args.get("hook", ""), request.args.get("state", "")
        if state not in {"", *DeliveryState}:
            abort(404)
        after = _after()
        states = (state,) if state else ()
        sent = list(outbox.deliveries(site.database, hook=hook or None, states=states, limit=PAGE + 1, before=after))
        chosen = {key: value for key, value in (("hook", hook), ("state", state)) if value}
        following = None
        if len(sent) > PAGE:
            sent = sent[:PAGE]
            following = "/hooks?" + urlencode({**chosen, "after": sent[-1]["id"]})
        return self._page(
            "hooks.html",
            rows=[_hook(site, row) for row in site.hooks],
            sent=[_sent(site, one) for one in sent],
            hook=hook,
            state=state,
            after=after,
            states=list(DeliveryState),
            following=following,
        )

    def alerts(self) -> str:
        rows = alerts.alerts(self._site.database, clock.now(), every=True)
        rows.sort(key=lambda row: _URGENT.get(row["state"], len(_URGENT)))
        return self._page("alerts.html", rows=rows, fields=alerts.ALERT_FIELDS)


def _after() -> int | None:
    """Returns the row number after which this page begins (the page before links it); None for the first page."""
    text = request.args.get("after", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX:
        abort(404)
    return int(text)


def _sent(site: WebContext, delivery: ReportRow) -> ReportRow:
    """Returns a delivery with its attempts; secrets in a receiver's answers are masked."""
    tries = [_masked(site, attempt) for attempt in outbox.attempts(site.database, delivery["id"])]
    panel, kind, remote_id = delivery["stream"].split("/", 2)
    about = render.order_path(panel, remote_id) if kind == "order" else None
    error = delivery["error"] and site.mask(delivery["error"])
    return delivery | {"tries": tries, "error": error, "about": about, "thing": f"{panel} {remote_id}".strip()}


def _hook(site: WebContext, row: ReportRow) -> ReportRow:
    """Returns a hook's configuration and its health."""
    health = outbox.health_of(site.database, row["hook"])
    last = health["last_error"] and site.mask(health["last_error"])
    return {**row, **health, "last_error": last, **outbox.unsettled(site.database, row["hook"])}


def _masked(site: WebContext, attempt: ReportRow) -> ReportRow:
    return attempt | {key: attempt[key] and site.mask(attempt[key]) for key in ("snippet", "error")}

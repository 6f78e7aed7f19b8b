"""The page of one order: its facts in few words, and a chart of what remained over time."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tracker.presentation import charts, report_tables
from tracker.presentation.charts import ChartLine
from tracker.presentation.format import When, cell
from tracker.reports.rows import ReportRow

PLAIN = ("ref", "tags", "parent", "placed_at", "tracked_at", "last_polled_at", "last_changed_at", "finished_at")


class Fact(NamedTuple):
    """A named fact about an order.

    css: "whole" for a long text that takes a line of its own.
    """

    name: str
    text: str
    note: str = ""
    css: str = ""


def facts(order: ReportRow, refund: ReportRow | None, service: str, when: When, ago: When, now: float) -> list[Fact]:
    """Returns the facts about one order.

    order: as reports.order_story.story gives it.
    service: its name in the catalogue, "" when it has none.
    """
    return [*_main(order, refund, service, when), *_rest(order, when), _next_poll(order, ago, now)]


def progress(order: ReportRow, zone: str) -> str:
    """Returns a chart of what remained at each sample and each move; "" when there are too few points."""
    points = [(sample["at"], sample["remains"]) for sample in order["progress"]]
    points += [(move["at"], move["remains"]) for move in order["transitions"] if move["remains"] is not None]
    if len(points) < 2:
        return ""
    return charts.lines("What remained", [ChartLine("remains", sorted(points))], report_tables.stamp_in(zone))


def _main(order: ReportRow, refund: ReportRow | None, service: str, when: When) -> Iterator[Fact]:
    if order["service"]:
        yield Fact("service", cell("service", order["service"], when), cell("name", service, when))
    if order["remains"] is not None:
        yield Fact("remains", str(order["remains"]), "" if order["quantity"] is None else f"of {order['quantity']}")
    elif order["quantity"] is not None:
        yield Fact("quantity", str(order["quantity"]))
    if order["start_count"] is not None:
        yield Fact("start count", str(order["start_count"]))
    currency = cell("currency", order["currency"] or "", when)
    if order["charge"] is not None:
        highest = order["highest_charge"]
        once = f"once {highest:f}" if highest is not None and highest != order["charge"] else ""
        yield Fact("charge", f"{order['charge']:f} {currency}".strip(), once)
    if refund is not None:
        yield Fact("refund expected", _money(refund["expected"], currency))
        yield Fact("refund seen", _money(refund["observed"], currency))


def _rest(order: ReportRow, when: When) -> Iterator[Fact]:
    if order["kind"] != "default":
        yield Fact("kind", order["kind"].replace("_", " "))
    yield Fact("tracking", order["tracking"].replace("_", " "))
    for key in PLAIN:
        if order[key] not in (None, []):
            text = cell(key, order[key], when)
            yield Fact(key.removesuffix("_at").replace("_", " "), text, css="whole" if len(text) > 60 else "")


def _next_poll(order: ReportRow, ago: When, now: float) -> Fact:
    at, why = order["next_poll_at"], order["next_poll_reason"].replace("_", " ")
    if at is None:
        return Fact("next poll", "never", why)
    return Fact("next poll", ago(at) if at > now else f"due since {ago(at).removesuffix(' ago')}", why)


def _money(amount: Any, currency: str) -> str:
    return "unknown" if amount is None else f"{amount:f} {currency}".strip()

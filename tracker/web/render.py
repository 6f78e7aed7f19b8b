"""Renders templates: one environment for the pages of the dashboard and for reports as files."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from tracker import __version__
from tracker.core.text import safe_text
from tracker.presentation import charts
from tracker.presentation.format import When, cell, interval, is_moment, is_number, title, when_in
from tracker.presentation.report_tables import Sheet
from tracker.reports.rows import ReportRow

TEMPLATES = Path(__file__).parent / "templates"
LONG = 32  # characters: longer text may be broken into lines
COUNTS = frozenset({"ended", "requests", "attempts"})  # columns with the totals that the shares beside them refer to


@cache
def environment() -> Environment:
    """Returns the environment. All values are escaped, and an unknown name in an expression is an error."""
    from jinja2 import StrictUndefined

    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"svg": Markup, "link": safe_link, "plain": safe_text}
    found.globals |= {"version": __version__, "order_path": order_path, "columns": columns, "cells": cells}
    return found


class Cell(NamedTuple):
    """A cell of a table.

    texts: one for each line.
    note: small text below.
    css: "n": a number; "long": may be broken into lines; "pill": a state.
    """

    texts: Sequence[str]
    note: str
    css: str


def columns(rows: Sequence[ReportRow], keys: Sequence[str]) -> list[tuple[str, str]]:
    """Returns (title, class) of each column."""
    return [(title(key), "n" if _of_numbers(rows, key) else "") for key in keys]


def cells(
    rows: Iterable[ReportRow], keys: Sequence[str], heads: Sequence[tuple[str, str]], when: When
) -> list[list[Cell]]:
    """Returns the cells of each row.

    heads: from `columns`.
    """
    kinds = [kind for _, kind in heads]
    return [[_cell(row, key, kind, keys, when) for key, kind in zip(keys, kinds, strict=True)] for row in rows]


def _of_numbers(rows: Sequence[ReportRow], key: str) -> bool:
    """Whether the column is aligned to the right: numbers and sums of money, but not moments."""
    values = [row[key] for row in rows if row[key] is not None]
    return bool(values) and not is_moment(key) and all(is_number(value) or _is_money(value) for value in values)


def _is_money(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(amount, Decimal) for amount in value.values())


def _cell(row: ReportRow, key: str, kind: str, keys: Sequence[str], when: When) -> Cell:
    value = row[key]
    texts = [cell(key, value, when)]
    if _is_money(value) and value:
        texts = [f"{amount:f} {safe_text(currency)}".strip() for currency, amount in sorted(value.items())]
    if not kind and isinstance(value, str | Mapping) and len(texts[0]) > LONG:
        kind = "long"
    return Cell(texts, _note(row, key, keys), "pill" if key == "state" else kind)


def _note(row: ReportRow, key: str, keys: Sequence[str]) -> str:
    """Returns the confidence interval of a share, or "few" for a count too small to say much.

    "" where another column says it.
    """
    few = key in COUNTS and row.get("few") and "few" not in keys
    return "few" if few else interval(row, key, keys)


class OrderLine(NamedTuple):
    """An order in a list, as finished texts: a template with a call for each cell takes five times as long."""

    href: str
    name: str
    css: str
    status: str
    tracking: str
    service: str
    remains: str
    of: str
    charge: str
    currency: str
    ref: str
    link: str
    link_href: str | None
    changed: str
    changed_at: str
    tracked: str
    tracked_at: str


def order_lines(rows: Iterable[ReportRow], when: When, ago: When) -> list[OrderLine]:
    """Returns the lines of the order list.

    rows: with reports.orders.ORDER_FIELDS.
    """
    return [
        OrderLine(
            order_path(row["panel"], row["id"]),
            f"{row['panel']} {safe_text(row['id'])}",
            status_class(row["status"]),
            (row["status"] or "new").replace("_", " "),
            row["tracking"].replace("_", " ") if row["tracking"] in ("paused", "not_found") else "",
            safe_text(row["service"] or ""),
            "" if row["remains"] is None else str(row["remains"]),
            str(row["quantity"] or ""),
            "" if row["charge"] is None else format(row["charge"], "f"),
            safe_text(row["currency"] or ""),
            safe_text(row["ref"] or ""),
            safe_text(row["link"] or ""),
            safe_link(row["link"]),
            "" if row["last_changed_at"] is None else ago(row["last_changed_at"]),
            "" if row["last_changed_at"] is None else when(row["last_changed_at"]),
            ago(row["tracked_at"]),
            when(row["tracked_at"]),
        )
        for row in rows
    ]


def status_class(status: str | None) -> str:
    return "s-" + (status or "new").replace("_", "-")


def order_path(panel: str, remote_id: str) -> str:
    """Returns the address of an order's page. Quoted, because an id may look like a path, a query or an escape."""
    return f"/orders/{quote(panel, safe='')}/{quote(remote_id, safe='')}"


def safe_link(url: str | None) -> str | None:
    """Returns the address if it is safe to click; None when it must be shown as text."""
    if not url or safe_text(url) != url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme.lower() in ("http", "https") and parts.netloc else None


def report_page(name: str, about: str, sheets: Sequence[Sheet], zone: str, now: float, facts: Mapping[str, str]) -> str:
    """Returns a report as one HTML file that needs nothing else: no script, nothing from another host."""
    when = when_in(zone)
    return str(
        environment()
        .get_template("report.html")
        .render(
            name=name,
            about=about,
            sheets=[(sheet, list(sheet.rows)) for sheet in sheets],
            when=when,
            made=when(now),
            zone=zone,
            facts=facts,
            palette=charts.PALETTE,
        )
    )

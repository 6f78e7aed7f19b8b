"""Templates: one environment for the pages of the dashboard and for reports as files."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from tracker import __version__, charts
from tracker.core.text import safe_text
from tracker.reports.rows import Row
from tracker.sheets import Sheet
from tracker.shown import When, cell, is_number, title, when_in

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """Everything that is put into a template is escaped; what an expression does not find is an error."""
    from jinja2 import StrictUndefined

    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"title": title, "svg": Markup, "link": safe_link, "plain": safe_text}
    found.tests["number"] = is_number
    found.globals |= {"version": __version__, "order_path": order_path}
    return found


def cells(rows: Iterable[Row], keys: Sequence[str], when: When) -> list[list[tuple[str, str, Any]]]:
    """Of each row (key, text, value) for each key."""
    return [[(key, cell(key, row[key], when), row[key]) for key in keys] for row in rows]


def order_path(panel: str, remote_id: str) -> str:
    """The page of an order: a panel may choose an id that is a path, a query or an escape."""
    return f"/orders/{quote(panel, safe='')}/{quote(remote_id, safe='')}"


def safe_link(url: str | None) -> str | None:
    """The address, if a click on it can do no harm; None: show it as text."""
    if not url or safe_text(url) != url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme.lower() in ("http", "https") and parts.netloc else None


def report_page(name: str, about: str, sheets: Sequence[Sheet], zone: str, now: float, facts: Mapping[str, str]) -> str:
    """A whole report as one file that needs nothing else: no script, nothing from elsewhere."""
    when = when_in(zone)
    return str(
        environment()
        .get_template("report.html")
        .render(
            name=name,
            about=about,
            sheets=[(sheet, list(sheet.rows)) for sheet in sheets],
            cells=cells,
            when=when,
            made=when(now),
            zone=zone,
            facts=facts,
            palette=charts.PALETTE,
        )
    )

"""`tracker report`: print a report, or write it to a file."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from datetime import date
from pathlib import Path
from typing import TypeVar

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, json_text
from tracker.config.parsers import seconds
from tracker.core.dates import day_in, later
from tracker.errors import Exit, UserError
from tracker.presentation.report_tables import REPORTS, Report, Sheet
from tracker.reports.period import ReportScope

C = TypeVar("C", bound=Callable[..., object])

NICE = 10
FORMATS = ("table", "json", "csv", "html")
EPILOG = (
    "\b\nReports:\n"
    + "\n".join(f"  {name:<9} {report.about}" for name, report in REPORTS.items())
    + """

\b
Examples:
  tracker report summary
  tracker report services --since 30d --panel main
  tracker report refunds --format csv > refunds.csv
  tracker report balance --format html --output balance.html
"""
)


class DayParam(click.ParamType["str | int"]):
    """A day: `2026-11-01`, `today`, or `7d` for today and the six days before it, in the configured time zone."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> "str | int":
        text = str(value)
        if text == "today":
            return 1
        found = seconds(text) if text.endswith("d") else None
        if found is not None and found >= 86_400 and found % 86_400 == 0:
            return int(found // 86_400)
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            self.fail(
                f"{text!r} is not a day; write 2026-11-01, today, or 7d (today and the six days before it)", param, ctx
            )


@click.command(epilog=EPILOG)
@click.argument("name", required=False, metavar="NAME")
@click.option(
    "--since", type=DayParam(), metavar="DAY", help="From this day on: 2026-11-01, today, or 7d (with today)."
)
@click.option("--until", type=DayParam(), metavar="DAY", help="To this day, inclusive.")
@click.option("--panel", help="Only of this panel.")
@click.option("--service", help="Only of this service, by its id.")
@click.option("--format", "shape", type=click.Choice(FORMATS), default="table", help="How to print (default: table).")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--section", help="Only this table of the report; without it CSV has the first table.")
@click.option("--output", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@pass_app
def report(
    app: App,
    /,
    name: str | None,
    shape: str,
    as_json: bool,
    section: str | None,
    file: Path | None,
    **chosen: "str | int | None",
) -> None:
    """Print a report: services, refunds, spending and more."""
    if name is None:
        for each, told in REPORTS.items():
            click.echo(f"{each:<9} {told.about}")
        return
    if name not in REPORTS:
        raise UserError(f"there is no report {name!r}", [f"there are: {', '.join(REPORTS)}"], Exit.USAGE)
    scope = _ask(app, name, REPORTS[name], **chosen)
    with giving_way():
        sheets = _section(REPORTS[name].build(app.database, scope), section)
        if file is None:
            _print(name, scope, sheets, "json" if as_json else shape)
            return
        with file.open("w", encoding="utf-8") as out, redirect_stdout(out):
            _print(name, scope, sheets, "json" if as_json else shape)


@contextmanager
def giving_way() -> Iterator[None]:
    """Lower the priority of this process: on a busy machine the report takes longer, and polling is not late."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(before, NICE))
    try:
        yield
    finally:
        with suppress(PermissionError):  # only root may raise the priority again
            os.setpriority(os.PRIO_PROCESS, 0, before)


def _ask(
    app: App,
    name: str,
    report: Report,
    since: "str | int | None" = None,
    until: "str | int | None" = None,
    panel: "str | int | None" = None,
    service: "str | int | None" = None,
) -> ReportScope:
    zone, now = app.config.timezone, clock.now()
    if panel is not None:
        app.panel(str(panel))
    if service is not None and not report.by_service:
        can = ", ".join(each for each, one in REPORTS.items() if one.by_service)
        raise UserError(f"the report {name} cannot be limited to a service", [f"these can: {can}"], Exit.USAGE)
    today = day_in(zone)(now)
    first, last = (_day(day, today) for day in (since, until))
    if first is not None and last is not None and first > last:
        raise UserError(f"--since {first} is later than --until {last}", ["exchange them"], Exit.USAGE)
    chosen = [None if value is None else str(value) for value in (panel, service)]
    return ReportScope(zone, now, app.rules, first, last, *chosen)


def _day(day: "str | int | None", today: str) -> str | None:
    return later(today, 1 - day) if isinstance(day, int) else day


def _section(sheets: list[Sheet], wanted: str | None) -> list[Sheet]:
    if wanted is None:
        return sheets
    found = [sheet for sheet in sheets if sheet.key == wanted]
    if not found:
        remedy = f"there are: {', '.join(sheet.key for sheet in sheets)}"
        raise UserError(f"this report has no section {wanted!r}", [remedy], Exit.USAGE)
    return found


def _print(name: str, scope: ReportScope, sheets: Sequence[Sheet], shape: str) -> None:
    output = Output(shape, lambda: scope.zone)
    if shape == "html":
        from tracker.web import render

        facts = {"since": scope.since, "until": scope.until, "panel": scope.panel, "service": scope.service}
        said = {key: value for key, value in facts.items() if value is not None}
        click.echo(render.report_page(name, REPORTS[name].about, sheets, scope.zone, scope.now, said))
    elif shape == "json" and len(sheets) > 1:
        click.echo(json_text({sheet.key: list(sheet.rows) for sheet in sheets}, indent=2))
    elif shape in ("json", "csv"):
        output.rows(sheets[0].rows, sheets[0].fields, sheets[0].shown, sheets[0].empty)
        if len(sheets) > 1:
            more = ", ".join(sheet.key for sheet in sheets[1:])
            click.echo(f"This is {sheets[0].key}; --section prints the others: {more}", err=True)
    else:
        _tables(output, sheets)


def _tables(output: Output, sheets: Sequence[Sheet]) -> None:
    for n, sheet in enumerate(sheets):
        if len(sheets) > 1:
            click.echo(("\n" if n else "") + sheet.title)
            sys.stdout.flush()
        output.rows(sheet.rows, sheet.fields, sheet.shown, sheet.empty)
        if sheet.note:
            click.echo(f"\n{sheet.note}", err=True)

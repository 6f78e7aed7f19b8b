"""Formats rows as a table, JSON or CSV. Data goes to stdout, hints to stderr.

Rule 1: JSON is one document, a list if there can be several rows; rows are written as they come.
Rule 2: text from outside cannot control a terminal or a spreadsheet.
"""

import csv
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import wraps
from itertools import chain
from typing import Any, Literal, TypeVar

import click
import msgspec

from tracker import clock
from tracker.cli.app import App
from tracker.core.text import quiet_text, safe_text
from tracker.presentation.format import When, ago_from, cell, interval, is_moment, title, when_in
from tracker.reports.rows import ReportRow, plain

T = TypeVar("T")

SHAPES = ("table", "json", "csv")

# Columns that fold when a table gets too wide; the others stay on one line.
FREE_TEXT = frozenset({"answer", "error", "last_error", "name", "note", "reason", "target", "trouble_message", "what"})
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# JSON escapes the C0 controls itself; these control a terminal too.
_LOUD = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class Output:
    """The output of one command. format: table, json or csv."""

    def __init__(self, format: str, zone: Callable[[], str]) -> None:
        """zone: returns the name of the time zone in which people see times."""
        self.format = format
        self._zone = zone

    def rows(
        self, rows: Iterable[ReportRow], fields: Sequence[str], shown: Sequence[str], empty: str, *, ago: bool = False
    ) -> None:
        """Print many rows.

        fields: every key, for CSV.
        shown: the keys that a table has room for.
        empty: a hint for stderr when there is no row.
        ago: a table says `4m ago` instead of a date and time.
        """
        first = next(iterator := iter(rows), None)
        if first is None:
            click.echo(empty, err=True)
        every = iterator if first is None else chain([first], iterator)
        if self.format == "json":
            _json_list(every)
        elif self.format == "csv":
            _csv(every, fields)
        elif first is not None:
            table(list(every), shown, ago_from(clock.now()) if ago else self.when)

    def one(self, row: ReportRow, show: Callable[[ReportRow], None] | None = None) -> None:
        """Print one row. show: prints it for people; without it, its keys and values are listed."""
        if self.format == "json":
            click.echo(json_text(row, indent=2))
        elif self.format == "csv":
            _csv([row], list(row))
        elif show is not None:
            show(row)
        else:
            width = max(map(len, row), default=0)
            for key, value in row.items():
                click.echo(f"{title(key):<{width}}  {self.text(key, value)}")

    def line(self, row: ReportRow, show: Callable[[ReportRow], str]) -> None:
        """Print one row of an endless stream: as a line of JSON, of CSV, or of text for people."""
        if self.format == "json":
            click.echo(json_text(row))
        elif self.format == "csv":
            csv.writer(_UnixLines()).writerow(map(_csv_cell, plain(row).values()))
            sys.stdout.flush()
        else:
            click.echo(safe_text(show(row)))

    def text(self, key: str, value: Any) -> str:
        """Returns a value as people see it."""
        return cell(key, value, self.when)

    def when(self, at: float) -> str:
        """Returns a moment as `2026-11-23 02:14:07Z`, or with the offset of the user's time zone."""
        return when_in(self._zone())(at)


def reads(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command --format and --json, and an argument `output`."""

    @click.option(
        "--format", "shape", type=click.Choice(SHAPES), default="table", help="How to print (default: table)."
    )
    @click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
    @wraps(command)
    def with_output(*args: Any, shape: str, as_json: bool, **options: Any) -> T:
        app = click.get_current_context().find_object(App)
        assert app is not None
        output = Output("json" if as_json else shape, lambda: app.config.timezone)
        return command(*args, output=output, **options)

    return with_output


def json_text(row: Mapping[str, Any], indent: int = 0) -> str:
    """Returns a row as JSON that cannot control a terminal."""
    document = msgspec.json.encode(plain(row))
    if indent:
        document = msgspec.json.format(document, indent=indent)
    return _quiet_json(document)


def _quiet_json(document: bytes) -> str:
    return _LOUD.sub(lambda found: f"\\u{ord(found[0]):04x}", document.decode())


def table(rows: Sequence[ReportRow], shown: Sequence[str], when: When) -> None:
    """Print a table: as wide as the terminal, or in a pipe as wide as it needs to be."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for key in shown:
        free = key in FREE_TEXT
        numbers = all(isinstance(row[key], int | float | Decimal | None) for row in rows) and not is_moment(key)
        justify: Literal["left", "right"] = "right" if numbers else "left"
        grid.add_column(title(key), justify=justify, no_wrap=not free, overflow="fold" if free else "ellipsis")
    for row in rows:
        grid.add_row(*(Text(_shown(row, key, shown, when)) for key in shown))
    fits = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(file=sys.stdout, width=None if fits else 10_000, highlight=False).print(grid)


def _shown(row: ReportRow, key: str, shown: Sequence[str], when: When) -> str:
    """Returns a cell; a share has its interval beside it."""
    chance = interval(row, key, shown)
    return cell(key, row[key], when) + (f" ({chance})" if chance else "")


def _json_list(rows: Iterable[ReportRow]) -> None:
    write = sys.stdout.write
    write("[")
    between = "\n"
    for row in rows:
        write(between + json_text(row))
        between = ",\n"
    write("\n]\n" if between == ",\n" else "]\n")


class _UnixLines:
    """Stdout for csv.writer, which quotes a CR in a cell only when its own lines end in CR LF."""

    def write(self, line: str) -> None:
        sys.stdout.write(line.removesuffix("\r\n") + "\n")


def _csv(rows: Iterable[ReportRow], fields: Sequence[str]) -> None:
    writer = csv.writer(_UnixLines())
    writer.writerow(fields)
    for row in rows:
        shown = plain(row)
        numbers = {key for key, value in row.items() if isinstance(value, Decimal)}
        writer.writerow([shown[key] if key in numbers else _csv_cell(shown[key]) for key in fields])


def _csv_cell(value: Any) -> Any:
    """Returns a cell of CSV. Numbers stay numbers; text that a spreadsheet would take for a formula is marked as text.

    Characters that control a terminal or turn the reading direction are escaped in a pipe too: it may end in a
    terminal (`| head`) or in a spreadsheet. Line breaks stay, because CSV quotes them; on a terminal they are escaped.
    JSON has every text as it is.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case str():
            text = value
        case list() if all(isinstance(item, str) for item in value):
            text = ";".join(value)
        case _:
            text = _quiet_json(msgspec.json.encode(value))
    text = safe_text(text) if sys.stdout.isatty() else quiet_text(text)
    return "'" + text if text.startswith(_FORMULA) else text

"""Reads files of rows: CSV with a header, NDJSON, or bare ids."""

import csv
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TextIO

from tracker.core.orders.new_orders import FIELDS, BadRow
from tracker.errors import Exit, UserError
from tracker.intake.lines import LineReader

_STAMPS = frozenset({"at", "call"})
NumberedRow = tuple[int, Mapping[str, Any] | BadRow]  # the number of a line, and the row in it


def read_rows(stream: TextIO) -> Iterator[NumberedRow]:
    """Returns the rows of a stream: CSV with a header, NDJSON, or bare ids. The first line decides which.

    stream: opened with newline="" and errors="surrogateescape".
    """
    lines, blank = LineReader(stream), 0
    first = next(lines, "").removeprefix("\ufeff")
    while first and not first.strip() and not lines.wrong:
        first, blank = next(lines, ""), blank + 1
    wrong = lines.take_wrong()
    _refuse_shape(first, wrong, blank + 1)
    lines.put_back(first, wrong)
    if first.lstrip().startswith("{"):
        rows = read_ndjson(lines)
    elif separator := _separator(first):
        rows = _csv(lines, separator)
    else:
        rows = ((n, line if isinstance(line, BadRow) else {"id": line}) for n, line in _numbered(lines))
    return ((blank + n, row) for n, row in rows)


def _refuse_shape(first: str, wrong: str, number: int) -> None:
    """Raise UserError when the first line shows that the stream has none of the three formats."""
    if wrong and not first.lstrip().startswith("{"):
        raise UserError(f"line {number} is {wrong}", ["save it as UTF-8, with a row on each line"])
    if first.lstrip().startswith("["):
        raise UserError("a JSON list", ["write an object on each line: jq -c '.[]' FILE"])


def _separator(header: str) -> str:
    """Returns what separates the cells of a CSV header: comma, semicolon or tab; "" when the line is not a header."""
    for separator in ",;\t":
        if "id" in {cell.strip().strip('"').lower() for cell in header.split(separator)}:
            return separator
    return ""


def _numbered(lines: LineReader) -> Iterator[tuple[int, str | BadRow]]:
    """Yields the lines that are not blank, stripped, and a BadRow for each line that cannot be read."""
    for number, line in enumerate(lines, 1):
        if why := lines.take_wrong():
            yield number, BadRow(why)
        elif text := line.strip():
            yield number, text


def read_ndjson(lines: LineReader) -> Iterator[NumberedRow]:
    """Yields the rows of a stream with a JSON object on each line."""
    for number, line in _numbered(lines):
        if isinstance(line, BadRow):
            yield number, line
            continue
        try:
            row = json.loads(line, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError) as error:
            yield number, BadRow(f"not JSON: {error}")
            continue
        yield number, facts_of(row) if isinstance(row, dict) else BadRow("not an object")


def facts_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a row without the stamps of the journal (when, by which call), which are not fields of an order."""
    return {key: value for key, value in row.items() if key not in _STAMPS}


def _csv(lines: LineReader, separator: str) -> Iterator[NumberedRow]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    header = _header(reader)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            # An open quote swallows all rows to the end of the file, so it is an error and not one long cell.
            lines.take_wrong()
            yield reader.line_num, BadRow(f"not CSV: {error}; is a quote left open in or before this line?")
            continue
        if why := lines.take_wrong():
            yield reader.line_num, BadRow(why)
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        if len(cells) != len(header):
            yield reader.line_num, BadRow(f"{len(cells)} cells where the header has {len(header)}")
            continue
        yield reader.line_num, {k: v for k, v in zip(header, cells, strict=True) if k and v != ""}


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = [cell.strip().lower() for cell in next(reader)]
    except csv.Error as error:
        raise UserError(f"the header is no line of CSV: {error}", ["look for a quote too many"], Exit.USAGE) from None
    known = f"known: {', '.join(FIELDS)}"
    if unknown := sorted(set(header) - set(FIELDS) - {""}):
        raise UserError(f"unknown column {unknown[0]!r} in the header", [known], Exit.USAGE)
    if twice := [name for name in header if name and header.count(name) > 1]:
        raise UserError(f"the header has {twice[0]!r} twice", ["name each column once"], Exit.USAGE)
    return header

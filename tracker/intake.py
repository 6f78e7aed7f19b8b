"""How ids come in: read the rows, write them down in the journal, track them.

The API cannot list orders, so an id that is lost is lost for good: every accepted one stands in
`intake.ndjson` (0600, fsynced) before it is in the database and before the caller is answered. A
restored backup replays it.
"""

import csv
import errno
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from msgspec import Struct

from tracker.core.events import money
from tracker.core.newcomers import FIELDS, JUST_PLACED_MAX, BadRow, NewOrder, read_row
from tracker.core.status import OrderStatus
from tracker.core.times import rfc3339
from tracker.errors import Exit, UserError
from tracker.store import Store

BATCH = 1_000  # rows a transaction takes: constant memory, and nobody waits long for the writer


class Taken(Struct):
    """How an intake went. bad: (line, reason). fields: line -> which field is to blame, where it is one."""

    added: int = 0
    known: int = 0
    bad: list[tuple[int, str]] = []
    fields: dict[int, str] = {}


class Unsaid(UserError):
    """So many orders at once, and nothing says whether they are new or old."""


class Journal:
    """The append-only file of accepted ids."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, orders: Sequence[NewOrder], now: float) -> None:
        """On the disk when this returns. One write, so that lines of two processes never mix.

        Raises OSError when the disk does not take all of it.
        """
        lines = "".join(json.dumps(_entry(order, now), ensure_ascii=False) + "\n" for order in orders)
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(file).st_size
            # A disk that filled up in the middle of a line must not spoil the line after it.
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            data = ("\n" * torn + lines).encode()
            if os.write(file, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(file)
            if size == 0:
                _fsync_folder(self._path.parent)
        finally:
            os.close(file)


def _fsync_folder(folder: Path) -> None:
    """A new file is on the disk only when its name is."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def _entry(order: NewOrder, now: float) -> dict[str, Any]:
    facts = {
        "panel": order.panel,
        "id": order.remote_id,
        "service": order.service,
        "quantity": order.quantity,
        "charge": money(order.charge),
        "currency": order.currency,
        "link": order.link,
        "ref": order.ref,
        "tags": list(order.tags),
        "placed_at": order.placed_at,
        "status": order.status,
        "baseline": order.baseline,
        "just_placed": order.just_placed,
        "parent": order.parent,
    }
    return {"at": rfc3339(now)} | {key: value for key, value in facts.items() if value not in (None, [])}


class Intake:
    """words: for each configured panel its own words for a status."""

    def __init__(self, store: Store, journal: Journal, words: Mapping[str, Mapping[str, OrderStatus]]) -> None:
        self._store = store
        self._journal = journal
        self._words = words

    def take(
        self,
        rows: Iterable[tuple[int, Mapping[str, Any] | BadRow]],
        now: float,
        *,
        panel: str | None = None,
        baseline: bool | None = None,
        imported: bool = False,
        dry_run: bool = False,
    ) -> Iterator[Taken]:
        """Track the good rows and name the bad ones; yields the running total after each batch."""
        taken, assumed = Taken(bad=[], fields={}), 0
        source = iter(rows)
        while batch := list(itertools.islice(source, BATCH)):
            orders: dict[tuple[str, str], NewOrder] = {}
            for line, row in batch:
                try:
                    if isinstance(row, BadRow):
                        raise row
                    order = read_row(
                        row, panel=panel, panels=self._words, baseline=baseline, imported=imported, now=now
                    )
                    orders[order.panel, order.remote_id] = order
                except BadRow as reason:
                    taken.bad.append((line, str(reason)))
                    taken.fields[line] = reason.field
            assumed += sum(order.assumed for order in orders.values())
            _refuse_assumed(assumed)
            self._track(list(orders.values()), taken, now, dry_run=dry_run)
            yield taken

    def _track(self, orders: Sequence[NewOrder], taken: Taken, now: float, *, dry_run: bool) -> None:
        if dry_run:
            taken.added += len(orders)
        elif orders:
            self._journal.append(orders, now)
            added = self._store.add_orders(orders, now)
            taken.added += sum(added)
            taken.known += len(added) - sum(added)


def _refuse_assumed(assumed: int) -> None:
    if assumed > JUST_PLACED_MAX:
        raise Unsaid(
            f"{assumed} orders at once, and nothing says whether they are new or old",
            [
                "--baseline: they are old; their first answer fires nothing",
                "--just-placed: they are new; whatever has happened to them already fires",
                "or give each its placed_at or status",
            ],
            Exit.USAGE,
        )


def read_rows(stream: TextIO) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    """Line by line: CSV with a header, NDJSON, or bare ids, whichever the first line looks like."""
    blank = 0
    first = stream.readline().removeprefix("\ufeff")
    while first and not first.strip():
        first, blank = stream.readline(), blank + 1
    lines = itertools.chain([first], stream)
    if first.lstrip().startswith("{"):
        rows = _ndjson(lines)
    elif separator := _separator(first):
        rows = _csv(lines, separator)
    else:
        rows = ((n, {"id": line.strip()}) for n, line in enumerate(lines, 1) if line.strip())
    return ((blank + n, row) for n, row in rows)


def _separator(header: str) -> str:
    """What separates the cells of a header, whichever way a spreadsheet wrote it; "" when it is none."""
    for separator in ",;\t":
        if "id" in {cell.strip().strip('"').lower() for cell in header.split(separator)}:
            return separator
    return ""


def _ndjson(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=str)
        except (ValueError, RecursionError) as error:
            yield number, BadRow(f"not JSON: {error}")
            continue
        # A journal's own lines carry when they were written; that is no field of an order.
        yield number, {k: v for k, v in row.items() if k != "at"} if isinstance(row, dict) else BadRow("not an object")


def _csv(lines: Iterable[str], separator: str) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    reader = csv.reader((line.replace("\x00", "") for line in lines), delimiter=separator, strict=True)
    header = [cell.strip().lower() for cell in next(reader)]
    unknown = sorted(set(header) - set(FIELDS) - {""})
    if unknown:
        raise UserError(f"unknown column {unknown[0]!r} in the header", [f"known: {', '.join(FIELDS)}"], Exit.USAGE)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            # An open quote swallows all rows to the end of the file: better said than taken for one cell.
            yield reader.line_num, BadRow(f"not CSV: {error}; is a quote left open in or before this line?")
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        if len(cells) != len(header):
            yield reader.line_num, BadRow(f"{len(cells)} cells where the header has {len(header)}")
            continue
        yield reader.line_num, {k: v for k, v in zip(header, cells, strict=True) if k and v != ""}

"""How ids come in: read the rows, write them down in the journal, track them.

The API cannot list orders, so an id that is lost is lost for good: every accepted one stands in
`intake.ndjson` (0600, fsynced) before it is in the database and before the caller is answered. A
restored backup replays it.
"""

import contextlib
import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from msgspec import Struct

from tracker.core.gateway import CallState
from tracker.core.newcomers import FIELDS, JUST_PLACED_MAX, BadRow, NewOrder, read_row
from tracker.core.status import OrderStatus
from tracker.errors import Exit, UserError
from tracker.journal import Journal
from tracker.store import Call, Claim, Store

_STAMPS = frozenset({"at", "call"})
BATCH = 1_000  # rows a transaction takes: constant memory, and nobody waits long for the writer


Numbered = tuple[int, Mapping[str, Any] | BadRow]  # a line, and the row in it


class Taken(Struct):
    """How an intake went. bad: (line, reason). fields: line -> which field is to blame, where it is one."""

    added: int = 0
    known: int = 0
    bad: list[tuple[int, str]] = []
    fields: dict[int, str] = {}


class Unsaid(UserError):
    """So many orders at once, and nothing says whether they are new or old."""


class Intake:
    """words: for each configured panel its own words for a status."""

    def __init__(self, store: Store, journal: Journal, words: Mapping[str, Mapping[str, OrderStatus]]) -> None:
        self._store = store
        self._journal = journal
        self._words = words

    def take(
        self,
        rows: Iterable[Numbered],
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

    def place(self, call: str, facts: Mapping[str, Any], state: CallState, now: float) -> bool:
        """Track the order that a call of the gateway placed, and settle the call; False when that was settled already.

        facts: a row. What cannot be kept of it (a link of 5,000 characters) is left out: the order exists.
        """
        try:
            order = self._placed(facts, now)
        except BadRow:
            order = self._placed({"panel": facts["panel"], "id": facts["id"]}, now)
        self._journal.append([order], now, call)
        return self._store.call_placed(call, order, state, now)

    def _placed(self, facts: Mapping[str, Any], now: float) -> NewOrder:
        return read_row(facts, panel=None, panels=self._words, baseline=False, imported=False, now=now)

    def adopt(self, claim: Claim, ids: Sequence[str], now: float) -> Claim:
        """Track ids that a call found at the panel, as baselines; the claim with their rows in it."""
        if claim.kind == "status":
            ids = self._store.not_removed(claim.panel.name, ids)
            found = [NewOrder(claim.panel.name, one, baseline=True, just_placed=False) for one in ids]
            self._journal.append(found, now)
        return self._store.adopt(claim, ids, now)

    def recover(self, now: float) -> list[Call]:
        """After a crash: settle the calls whose order stands in the journal; the others are unclear, and returned."""
        names = {call.name for call in self._store.open_calls()}
        for name, row in self._journal.of_calls(names).items() if names else ():
            with contextlib.suppress(BadRow):  # its panel is configured no more: left unclear, and in the journal
                self._store.call_placed(name, self._placed(_facts(row), now), CallState.DONE, now)
        return self._store.lose_calls(now, now)

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


def read_rows(stream: TextIO) -> Iterator[Numbered]:
    """Line by line: CSV with a header, NDJSON, or bare ids, whichever the first line looks like."""
    blank = 0
    first = stream.readline().removeprefix("\ufeff")
    while first and not first.strip():
        first, blank = stream.readline(), blank + 1
    lines = itertools.chain([first], stream)
    rows: Iterator[Numbered]
    if first.lstrip().startswith("{"):
        rows = map(_without_stamps, _ndjson(lines))
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


def _ndjson(lines: Iterable[str]) -> Iterator[Numbered]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=str)
        except (ValueError, RecursionError) as error:
            yield number, BadRow(f"not JSON: {error}")
            continue
        yield number, row if isinstance(row, dict) else BadRow("not an object")


def _without_stamps(numbered: Numbered) -> Numbered:
    """A journal's own lines carry when and by which call they were written; those are no fields of an order."""
    number, row = numbered
    return number, row if isinstance(row, BadRow) else _facts(row)


def _facts(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in row.items() if key not in _STAMPS}


def _csv(lines: Iterable[str], separator: str) -> Iterator[Numbered]:
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

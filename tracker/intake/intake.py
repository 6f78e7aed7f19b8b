"""How ids come in: read the rows, write them down in the journal, track them.

The API cannot list orders, so an id that is lost is lost for good: every accepted one stands in
`intake.ndjson` (0600, fsynced) before it is in the database and before the caller is answered. A
restored backup replays it.
"""

import contextlib
import csv
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TextIO

from msgspec import Struct

from tracker.core.gateway.requests import CallState
from tracker.core.ids import is_respelled
from tracker.core.orders.new_orders import FIELDS, JUST_PLACED_MAX, BadRow, NewOrder, read_row
from tracker.core.polling.schedule import FirstLooks
from tracker.core.rules import BATCH_MAX, PollRules
from tracker.errors import Exit, UserError
from tracker.intake.journal import Journal
from tracker.intake.lines import LineReader
from tracker.reports.dry_run import DryRun
from tracker.store import Claim, GatewayCall, Store

_STAMPS = frozenset({"at", "call"})
# Rows a transaction takes: 4 ms of the writer's time. With 1,000 of them a poll beside an import waited five times as
# long for its turn (26 ms in the mean, 1.3 s at worst on a busy machine), and the import was no faster for it.
BATCH = 250


NumberedRow = tuple[int, Mapping[str, Any] | BadRow]  # a line, and the row in it


class Taken(Struct):
    """How an intake went so far. refused: how many rows were bad; bad: (line, reason) of those nobody took out yet.
    fields: line -> which field is to blame, where it is one.

    last_look_at: when the last of the new ones is asked about for the first time, None: all of them at once.
    """

    added: int = 0
    known: int = 0
    refused: int = 0
    bad: list[tuple[int, str]] = []
    fields: dict[int, str] = {}
    last_look_at: float | None = None

    def take_bad(self) -> list[tuple[int, str]]:
        """The bad rows since the last time: who asks after each batch never has more of them than a batch."""
        bad, self.bad, self.fields = self.bad, [], {}
        return bad


class AgeUnsaid(UserError):
    """So many orders at once, and nothing says whether they are new or old."""


class Intake:
    """rules: of each configured panel."""

    def __init__(self, store: Store, journal: Journal, rules: Mapping[str, PollRules]) -> None:
        self._store = store
        self._journal = journal
        self._rules = rules
        self._words = {name: panel.status_map for name, panel in rules.items()}

    def take(
        self,
        rows: Iterable[NumberedRow],
        now: float,
        *,
        panel: str | None = None,
        baseline: bool | None = None,
        imported: bool = False,
        dry_run: bool = False,
    ) -> Iterator[Taken]:
        """Track the good rows and name the bad ones; yields the running total after each batch.

        dry_run: write nothing, and say what would be new.
        """
        taken, assumed = Taken(bad=[], fields={}), 0
        looks: dict[str, FirstLooks] = {}
        rehearsal = DryRun(self._store.database) if dry_run else None
        source = iter(rows)
        while batch := list(itertools.islice(source, BATCH)):
            orders: list[NewOrder] = []
            for line, row in batch:
                try:
                    if isinstance(row, BadRow):
                        raise row
                    orders.append(
                        read_row(row, panel=panel, panels=self._words, baseline=baseline, imported=imported, now=now)
                    )
                except BadRow as reason:
                    taken.refused += 1
                    taken.bad.append((line, str(reason)))
                    taken.fields[line] = reason.field
            assumed += sum(order.assumed for order in orders)
            _refuse_assumed(assumed)
            self._queue(orders, looks, now)
            added = rehearsal.add(orders) if rehearsal else self._track(orders, looks, now)
            taken.added += sum(added)
            taken.known += len(added) - sum(added)
            taken.last_look_at = max((each.last_at for each in looks.values()), default=None)
            yield taken

    def place(self, call: GatewayCall, remote_id: str, state: CallState, now: float) -> bool:
        """Track the order that a call of the gateway placed, and settle the call; False if that was settled already."""
        facts = {"panel": call.panel, "id": remote_id, "service": call.service, "quantity": call.quantity}
        order = self._placed(facts | {"link": call.link, "placed_at": str(call.at)}, now)
        self._journal.append([order], now, call.name)
        return self._store.gateway.call_placed(call.name, order, state, now)

    def _placed(self, facts: Mapping[str, Any], now: float) -> NewOrder:
        """As much of a row as can be kept (a link of 5,000 characters cannot): the order exists.

        Raises BadRow for a panel that is not configured any more.
        """
        kept = dict(facts)
        while True:
            try:
                return read_row(kept, panel=None, panels=self._words, baseline=False, imported=False, now=now)
            except BadRow as reason:
                if reason.field in ("panel", "id"):
                    raise
                del kept[reason.field]

    def track_found(self, claim: Claim, ids: Sequence[str], now: float) -> Claim:
        """Track ids that a call found at the panel, as baselines; the claim with their rows in it."""
        ids = [one for one in ids if not is_respelled(one)]
        if claim.kind == "status":
            ids = self._store.new_orders.not_removed(claim.panel.name, ids)
            found = [NewOrder(claim.panel.name, one, baseline=True, just_placed=False) for one in ids]
            self._journal.append(found, now)
        return self._store.new_orders.track_found(claim, ids, now)

    def recover(self, now: float) -> list[GatewayCall]:
        """After a crash: settle the calls whose order stands in the journal; the others are unclear, and returned."""
        names = {call.name for call in self._store.gateway.open_calls()}
        for name, row in self._journal.of_calls(names).items() if names else ():
            with contextlib.suppress(BadRow):  # its panel is configured no more: left unclear, and in the journal
                self._store.gateway.call_placed(name, self._placed(_facts(row), now), CallState.DONE, now)
        return self._store.gateway.lose_calls(
            math.inf, now
        )  # whatever the clock was when they began: nobody is at work

    def _queue(self, orders: Sequence[NewOrder], looks: dict[str, FirstLooks], now: float) -> None:
        """A call's worth of orders is asked about at once; more get places behind what is due anyway."""
        if looks or len(orders) > BATCH_MAX:
            for name in {order.panel for order in orders} - looks.keys():
                looks[name] = self._store.new_orders.first_looks(name, self._rules[name], now)

    def _track(self, orders: Sequence[NewOrder], looks: Mapping[str, FirstLooks], now: float) -> list[bool]:
        if not orders:
            return []
        self._journal.append(orders, now)
        return self._store.new_orders.add(orders, now, looks)


def _refuse_assumed(assumed: int) -> None:
    if assumed > JUST_PLACED_MAX:
        raise AgeUnsaid(
            f"{assumed} orders at once, and nothing says whether they are new or old",
            [
                "--baseline: they are old; their first answer fires nothing",
                "--just-placed: they are new; whatever has happened to them already fires",
                "or give each its placed_at or status",
            ],
            Exit.USAGE,
        )


def read_rows(stream: TextIO) -> Iterator[NumberedRow]:
    """Line by line: CSV with a header, NDJSON, or bare ids, whichever the first line looks like.

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
    """What is none of the three from its first line on."""
    if wrong and not first.lstrip().startswith("{"):
        raise UserError(f"line {number} is {wrong}", ["save it as UTF-8, with a row on each line"])
    if first.lstrip().startswith("["):
        raise UserError("a JSON list", ["write an object on each line: jq -c '.[]' FILE"])


def _separator(header: str) -> str:
    """What separates the cells of a header, whichever way a spreadsheet wrote it; "" when it is none."""
    for separator in ",;\t":
        if "id" in {cell.strip().strip('"').lower() for cell in header.split(separator)}:
            return separator
    return ""


def _numbered(lines: LineReader) -> Iterator[tuple[int, str | BadRow]]:
    """Lines with something on them, stripped, and those that cannot be taken."""
    for number, line in enumerate(lines, 1):
        if why := lines.take_wrong():
            yield number, BadRow(why)
        elif text := line.strip():
            yield number, text


def read_ndjson(lines: LineReader) -> Iterator[NumberedRow]:
    """An object on each line."""
    for number, line in _numbered(lines):
        if isinstance(line, BadRow):
            yield number, line
            continue
        try:
            row = json.loads(line, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError) as error:
            yield number, BadRow(f"not JSON: {error}")
            continue
        yield number, _facts(row) if isinstance(row, dict) else BadRow("not an object")


def _facts(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A journal's own lines carry when and by which call they were written; those are no fields of an order."""
    return {key: value for key, value in row.items() if key not in _STAMPS}


def _csv(lines: LineReader, separator: str) -> Iterator[NumberedRow]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    header = _header(reader)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            # An open quote swallows all rows to the end of the file: better said than taken for one cell.
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

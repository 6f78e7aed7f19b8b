"""What people may do with orders: add, import, edit, pause, resume, remove, forget."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tracker.actions.context import ActionContext
from tracker.core.orders.new_orders import BadRow
from tracker.core.orders.order_edits import Edit, read_edit
from tracker.db.sql import portions
from tracker.errors import Exit, UserError
from tracker.intake import erasure
from tracker.intake.erasure import ErasureResult
from tracker.intake.intake import BATCH, Intake, Taken
from tracker.intake.journal import Journal
from tracker.intake.row_files import NumberedRow
from tracker.reports import orders as report

NOT_TRACKED = Edit({}, "not tracked")


class RefusedRow(Struct, frozen=True):
    """A row that was not taken, by its number.

    field: the field that is to blame, "" if it is the row as a whole.
    """

    number: int
    reason: str
    field: str


class AddedOrders(Struct, frozen=True):
    """How many of the given orders are new, how many were tracked before, and the rows that were refused."""

    added: int
    known: int
    refused: tuple[RefusedRow, ...]


class ChangedOrders(Struct, frozen=True):
    """How many orders an action changed, and those of the given ids that are not tracked, sorted."""

    count: int
    untracked: tuple[str, ...]


class OrderActions:
    """Everything that people may do with orders."""

    def __init__(self, context: ActionContext, intake: Intake, journal: Journal) -> None:
        self._context = context
        self._store = context.store
        self._intake = intake
        self._journal = journal

    def add(
        self, rows: Sequence[NumberedRow], *, panel: str | None = None, baseline: bool | None = None
    ) -> AddedOrders:
        """Track the good rows and name the bad ones.

        Raises UserError (AgeUnsaid), and then tracks none of them, when there are many and nothing says whether they
        are new or old. Raises OSError when the journal cannot be written.

        panel: for rows that name none.
        baseline: for rows that do not say it themselves; None means just placed.
        """
        if panel is not None:
            self._context.panel(panel)
        now = self._context.now()
        if baseline is None and len(rows) > BATCH:
            # A later batch could be refused after the first ones are in: check all of them before any is tracked.
            _total(self._intake.take(rows, now, panel=panel, dry_run=True))
        taken = _total(self._intake.take(rows, now, panel=panel, baseline=baseline))
        refused = tuple(RefusedRow(number, reason, taken.fields[number]) for number, reason in taken.bad)
        return AddedOrders(taken.added, taken.known, refused)

    def import_rows(
        self,
        rows: Iterable[NumberedRow],
        now: float,
        *,
        panel: str | None = None,
        baseline: bool | None = None,
        dry_run: bool = False,
    ) -> Iterator[Taken]:
        """Track the orders of a file of any length, as a baseline unless a row says otherwise.

        Yields the running total after each batch. Raises UserError as `add` does, but batches before that are in.

        dry_run: write nothing, and count what would be new.
        """
        if panel is not None:
            self._context.panel(panel)
        return self._intake.take(rows, now, panel=panel, baseline=baseline, imported=True, dry_run=dry_run)

    def edit(
        self, panel: str, ids: Sequence[str], facts: Mapping[str, Any], clear: Collection[str] = ()
    ) -> Iterator[tuple[str, Edit]]:
        """Correct what people said about orders. Yields each id, once, with what changed or why nothing did.

        Raises UserError (2), before anything is changed, for a value that its field cannot take.

        facts: field -> the new value, as text; `tags` is a list.
        clear: fields to empty.
        """
        self._context.panel_ever_known(panel)
        now = self._context.now()
        try:
            wanted = read_edit(facts, clear, now)
        except BadRow as reason:
            raise UserError(str(reason), [], Exit.USAGE) from reason
        edit = self._store.order_edits.edit
        return ((id_, edit(panel, id_, wanted, now) or NOT_TRACKED) for id_ in dict.fromkeys(ids))

    def pause(self, panel: str, ids: Sequence[str]) -> ChangedOrders:
        """Stop asking about these orders until they are resumed."""
        return self._switch(panel, ids, self._store.order_edits.pause)

    def resume(self, panel: str, ids: Sequence[str]) -> ChangedOrders:
        """Ask about paused orders again, at once."""
        now = self._context.now()
        return self._switch(panel, ids, lambda name, some: self._store.order_edits.resume(name, some, now))

    def remove(self, panel: str, ids: Sequence[str]) -> ChangedOrders:
        """Stop tracking these orders and delete what was recorded of them, in the journal too."""
        self._context.panel_ever_known(panel)
        every = list(dict.fromkeys(ids))
        gone = erasure.remove(self._store, self._journal, panel, every, self._context.now())
        return ChangedOrders(len(gone), tuple(sorted(set(every) - set(gone))))

    def forget(self, panel: str, ids: Sequence[str]) -> ErasureResult:
        """Erase link, ref and tags of these orders and of their children: in the database, its file and the journal."""
        self._context.panel_ever_known(panel)
        return erasure.forget(self._store, self._journal, panel, list(dict.fromkeys(ids)))

    def check_panel(self, panel: str) -> None:
        """Raises UserError (2) where edit, remove and forget would: for a panel that is not configured and never was.

        For callers that ask a person first.
        """
        self._context.panel_ever_known(panel)

    def _switch(self, panel: str, ids: Sequence[str], change: Callable[[str, Sequence[str]], int]) -> ChangedOrders:
        self._context.panel(panel)
        every = list(dict.fromkeys(ids))
        count = sum(change(panel, some) for some in portions(every))
        untracked = set(every) - report.tracked(self._store.database, panel, every)
        return ChangedOrders(count, tuple(sorted(untracked)))


def _total(running: Iterator[Taken]) -> Taken:
    """The total after the last batch."""
    taken = Taken()
    for taken in running:  # noqa: B007  the last one counts
        pass
    return taken

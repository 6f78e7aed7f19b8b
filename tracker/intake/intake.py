"""Takes ids in: writes them to the journal and tracks them.

The panel API cannot list orders, so an id that is lost is lost for good. Every accepted id is in
`intake.ndjson` (0600, fsynced) before it is in the database and before the caller gets an answer. After a backup is
restored, the journal is replayed.
"""

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tracker.core.gateway.requests import CallState
from tracker.core.ids import is_respelled
from tracker.core.orders.new_orders import JUST_PLACED_MAX, BadRow, NewOrder, read_row
from tracker.core.polling.schedule import FirstLooks
from tracker.core.rules import BATCH_MAX, PollRules
from tracker.errors import Exit, UserError
from tracker.intake.journal import Journal
from tracker.intake.row_files import NumberedRow, facts_of
from tracker.reports.dry_run import DryRun
from tracker.store import Claim, GatewayCall, Store

# Rows in one transaction: 4 ms of the writer's time. With 1,000 rows a poll during an import waited five times as long
# for its turn (26 ms in the mean, 1.3 s at worst on a busy machine), and the import was no faster.
BATCH = 250


class Taken(Struct):
    """The running total of an intake.

    refused: how many rows were bad.
    bad: (line, reason) of the bad rows that `take_bad` has not returned yet.
    fields: line -> the field that is wrong, where it is one field.
    last_look_at: when the last new order is polled for the first time; None when all are polled at once.
    """

    added: int = 0
    known: int = 0
    refused: int = 0
    bad: list[tuple[int, str]] = []
    fields: dict[int, str] = {}
    last_look_at: float | None = None

    def take_bad(self) -> list[tuple[int, str]]:
        """Returns the bad rows since the last call. Called after each batch, it never returns more than a batch."""
        bad, self.bad, self.fields = self.bad, [], {}
        return bad


class AgeUnsaid(UserError):
    """Too many orders at once of which nothing says whether they are new or old."""


class Intake:
    """Takes in orders from people, files, the API and the gateway.

    rules: of each configured panel.
    """

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
        """Track the good rows and report the bad ones; yields the running total after each batch.

        dry_run: write nothing, only count what would be new.
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
        """Track the order that a gateway call placed, and settle the call. Returns False if it was settled already."""
        facts = {"panel": call.panel, "id": remote_id, "service": call.service, "quantity": call.quantity}
        order = self._placed(facts | {"link": call.link, "placed_at": str(call.at)}, now)
        self._journal.append([order], now, call.name)
        return self._store.gateway.call_placed(call.name, order, state, now)

    def _placed(self, facts: Mapping[str, Any], now: float) -> NewOrder:
        """Returns the order with as many of its facts as can be stored.

        The order exists at the panel, so a bad fact (a link of 5,000 characters) is left out instead of refusing it.
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
        """Track ids that a call found at the panel, as baselines. Returns the claim with their rows added."""
        ids = [one for one in ids if not is_respelled(one)]
        if claim.kind == "status":
            ids = self._store.new_orders.not_removed(claim.panel.name, ids)
            found = [NewOrder(claim.panel.name, one, baseline=True, just_placed=False) for one in ids]
            self._journal.append(found, now)
        return self._store.new_orders.track_found(claim, ids, now)

    def recover(self, now: float) -> list[GatewayCall]:
        """After a crash, settle the gateway calls whose order is in the journal. Returns the others, now unclear."""
        names = {call.name for call in self._store.gateway.open_calls()}
        for name, row in self._journal.of_calls(names).items() if names else ():
            with contextlib.suppress(BadRow):  # its panel is not configured any more: it stays unclear
                self._store.gateway.call_placed(name, self._placed(facts_of(row), now), CallState.DONE, now)
        # math.inf: every open call, whatever the clock was when it began; none can still be under way.
        return self._store.gateway.lose_calls(math.inf, now)

    def _queue(self, orders: Sequence[NewOrder], looks: dict[str, FirstLooks], now: float) -> None:
        """Plan the first polls of new orders: at once for up to one call's worth, more behind what is due anyway."""
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

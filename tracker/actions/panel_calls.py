"""The seven actions of a panel's API, called by a person. Each call counts against the budget before it is made."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from tracker.actions.context import ActionContext, require_ids
from tracker.config import PanelConfig
from tracker.core.model import Balance, OrderSnapshot, RefillSnapshot, Refusal, Service
from tracker.core.polling.request_budget import BUDGET_WINDOW_S
from tracker.core.wire import Receipt
from tracker.db.errors import persist
from tracker.errors import PASSING_TROUBLES, Exit, PanelError, TrackerError, UserError
from tracker.intake.intake import Intake, Taken
from tracker.net.panel import PanelClient
from tracker.store import NewRefill

P = ParamSpec("P")
T = TypeVar("T")


class PanelCalls:
    """The actions of one panel. Each of them raises UserError: 75 when it may work later, else 1; 2 for a wrong id."""

    def __init__(self, context: ActionContext, config: PanelConfig, intake: Intake) -> None:
        self.panel = config.name
        self._context = context
        self._rules = context.panel_with_row(config.name)
        self._client = PanelClient(config)  # one that never repeats a call: what a person typed happens once
        self._store = context.store
        self._intake = intake

    def close(self) -> None:
        self._client.close()

    def services(self) -> list[Service]:
        """Returns the catalogue."""
        return self._call("services", PanelClient.services)

    def balance(self) -> Balance:
        """Returns the money that is left."""
        return self._call("balance", PanelClient.balance)

    def status(self, ids: Sequence[str]) -> dict[str, OrderSnapshot | Refusal | None]:
        """Returns what the panel says about each order, tracked or not; None where it says nothing. Records nothing."""
        said: dict[str, OrderSnapshot | Refusal | None] = {}
        for some in self._batches(ids):
            reading = self._call("status", PanelClient.status, some)
            said |= {one: reading.snapshots.get(one) or reading.refusals.get(one) for one in some}
        return said

    def refill_status(self, ids: Sequence[str]) -> dict[str, RefillSnapshot | Refusal | None]:
        """Returns what the panel says about each refill; None where it says nothing. Records nothing."""
        said: dict[str, RefillSnapshot | Refusal | None] = {}
        for some in self._batches(ids):
            reading = self._call("refill_status", PanelClient.refill_status, some)
            said |= {one: reading.snapshots.get(one) or reading.refusals.get(one) for one in some}
        return said

    def add(self, params: Mapping[str, str], facts: Mapping[str, str], placed: Callable[[str], None]) -> None:
        """Place an order, which spends money, and track it.

        params: of the call, from one of the forms in `net.panel`.
        facts: what is known about the order, as the fields of a row.
        placed: called with the order's id as soon as the panel has answered, before the order is tracked.
        """
        order_id = self._call("add", PanelClient.add, params)
        try:
            placed(order_id)
        finally:  # the order exists, even if its id could not be printed
            self._track(order_id, facts)

    def refill(self, ids: Sequence[str]) -> dict[str, Receipt]:
        """Ask for the refill of orders, and track the refills. Returns for each id the receipt that speaks of it."""
        receipts: dict[str, Receipt] = {}
        for some in self._batches(ids):
            receipt = self._call("refill", PanelClient.refill, some)
            new = [NewRefill(self.panel, made, False, order) for order, made in receipt.created.items()]
            persist(lambda new=new: self._store.new_orders.add_refills(new, self._context.now()))  # type: ignore[misc]
            receipts |= dict.fromkeys(some, receipt)
        return receipts

    def cancel(self, ids: Sequence[str]) -> dict[str, Receipt]:
        """Ask for the cancellation of orders. Returns for each id the receipt that speaks of it."""
        receipts: dict[str, Receipt] = {}
        for some in self._batches(ids):
            receipts |= dict.fromkeys(some, self._call("cancel", PanelClient.cancel, some))
        return receipts

    def _call(
        self, action: str, act: Callable[Concatenate[PanelClient, P], T], *args: P.args, **options: P.kwargs
    ) -> T:
        claims, name = self._store.claims, self.panel
        run_id = claims.open_run(name, f"api.{action}", self._rules, self._context.now())
        if run_id is None:
            problem = f"{self._rules.max_requests_per_minute} requests in any {BUDGET_WINDOW_S:.0f} s; wait a minute"
            raise UserError(f"the budget of panel {name} is used up", [problem], Exit.TRY_LATER)
        outcome = "ok"
        try:
            return act(self._client, *args, **options)
        except PanelError as error:
            outcome = error.kind.value
            raise self._failure(action, error) from error
        finally:
            claims.close_run(run_id, outcome, self._context.now())

    def _batches(self, ids: Sequence[str]) -> Iterator[list[str]]:
        """The ids, each once, in groups as large as one call of this panel takes."""
        require_ids(ids)
        every, size = list(dict.fromkeys(ids)), self._rules.batch_size
        return (every[start : start + size] for start in range(0, len(every), size))

    def _failure(self, action: str, error: PanelError) -> UserError:
        doubt = ["no answer that could be read: it may have acted all the same, so look before you repeat it"]
        code = Exit.TRY_LATER if error.kind in PASSING_TROUBLES and not error.uncertain else Exit.PROBLEM
        return UserError(f"{self.panel}: {action}: {error}", doubt if error.uncertain else [], code)

    def _track(self, order_id: str, facts: Mapping[str, str]) -> None:
        """Track an order that exists now: with its facts, or by its id alone if a fact cannot be kept."""
        now = self._context.now()

        def take(row: Mapping[str, str]) -> list[Taken]:
            return list(self._intake.take([(1, {"id": order_id, **row})], now, panel=self.panel, baseline=False))

        try:
            if any(taken.bad for taken in persist(lambda: take(facts))):
                persist(lambda: take({}))
        except (TrackerError, OSError) as error:
            remedy = f"tracker orders add {self.panel} {order_id}"
            raise UserError(f"order {order_id} is placed, but could not be tracked: {error}", [remedy]) from error

"""Calls to one panel by hand, each counted against its budget before it is made."""

from collections.abc import Callable, Iterator, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from tracker import clock
from tracker.cli.app import PASSING, App
from tracker.core.polling.call_timeouts import BUDGET_WINDOW_S
from tracker.errors import Exit, PanelError, UserError
from tracker.net.panel import PanelClient
from tracker.store.panels import reading_of

P = ParamSpec("P")
T = TypeVar("T")


class PanelCall:
    """Raises UserError (2) when there is no such panel."""

    def __init__(self, app: App, name: str) -> None:
        self.app = app
        self.name = name
        self.rules = app.panel(name).rules
        self.panel = PanelClient(app.panel(name))  # one that never asks twice: what a person typed happens once
        self.store = app.components.store
        self.store.panels.sync({name: reading_of(self.rules)}, clock.now())

    def call(self, action: str, act: Callable[Concatenate[PanelClient, P], T], *args: P.args, **options: P.kwargs) -> T:
        """`act` on the panel. Raises UserError: 75 when it may work later, else 1."""
        run_id = self.store.claims.open_run(self.name, f"api.{action}", self.rules, clock.now())
        if run_id is None:
            problem = f"{self.rules.max_requests_per_minute} requests in any {BUDGET_WINDOW_S:.0f} s; wait a minute"
            raise UserError(f"the budget of panel {self.name} is used up", [problem], Exit.TRY_LATER)
        outcome = "ok"
        try:
            return act(self.panel, *args, **options)
        except PanelError as error:
            outcome = error.kind.value
            raise self._failure(action, error) from error
        finally:
            self.store.claims.close_run(run_id, outcome, clock.now())

    def batches(self, ids: Sequence[str]) -> Iterator[list[str]]:
        """As many ids as one call of this panel takes, each once."""
        every, size = list(dict.fromkeys(ids)), self.rules.batch_size
        return (every[start : start + size] for start in range(0, len(every), size))

    def _failure(self, action: str, error: PanelError) -> UserError:
        doubt = ["no answer that could be read: it may have acted all the same, so look before you repeat it"]
        code = Exit.TRY_LATER if error.kind in PASSING and not error.uncertain else Exit.PROBLEM
        return UserError(f"{self.name}: {action}: {error}", doubt if error.uncertain else [], code)

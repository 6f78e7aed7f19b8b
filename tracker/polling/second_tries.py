"""Counts second tries of a call to a panel against the request budget, like any other call."""

from types import TracebackType

from tracker.clock import Clock
from tracker.core.rules import PollRules
from tracker.store.claims import ClaimStore


class SecondTries:
    """The second tries of one call. Used as a context manager: leaving it closes the runs that they opened."""

    def __init__(self, claims: ClaimStore, panel: str, rules: PollRules, clock: Clock) -> None:
        self._claims = claims
        self._panel = panel
        self._rules = rules
        self._clock = clock
        self._runs: list[int] = []

    def allowed(self) -> bool:
        """Whether the budget has room for one more request now. If it has, the request counts from here on."""
        run_id = self._claims.open_run(self._panel, "retry", self._rules, self._clock.now())
        if run_id is not None:
            self._runs.append(run_id)
        return run_id is not None

    def __enter__(self) -> "SecondTries":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for run_id in self._runs:
            self._claims.close_run(run_id, "retry", self._clock.now())

"""The balance as a function of simulated time."""

from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal
from itertools import accumulate

_FRESH_MAX = 500  # with more unsorted movements than this, asking for a balance gets slow


class Ledger:
    """Movements of money, posted in any order; the balance at a minute is the sum of all up to that minute.

    Nothing is removed: the movements of an order that changes are posted again with the opposite sign.
    Not thread-safe: the Book that owns it holds the lock.
    """

    def __init__(self, opening: Decimal) -> None:
        self._opening = opening
        self._minutes: list[float] = []
        self._sums: list[Decimal] = []
        self._fresh: list[tuple[float, Decimal]] = []
        self._all: list[tuple[float, Decimal]] = []

    def post(self, movements: Iterable[tuple[float, Decimal]], sign: int = 1) -> None:
        self._fresh.extend((minute, sign * amount) for minute, amount in movements)

    def balance(self, minute: float) -> Decimal:
        if len(self._fresh) > _FRESH_MAX:
            self._settle()
        fresh = sum((amount for at, amount in self._fresh if at <= minute), Decimal(0))
        index = bisect_right(self._minutes, minute)
        return self._opening + fresh + (self._sums[index - 1] if index else Decimal(0))

    def _settle(self) -> None:
        self._all = sorted([*self._all, *self._fresh])
        self._fresh.clear()
        self._minutes = [minute for minute, _ in self._all]
        self._sums = list(accumulate(amount for _, amount in self._all))

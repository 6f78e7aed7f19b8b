"""Statistics: percentiles of a histogram, a rate with its confidence interval, and sums of money by currency."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import ceil, sqrt

from msgspec import Struct

FEW = 30  # fewer cases than this say little
_Z = 1.959964  # 95 % of a normal distribution lie within this many standard deviations


class Rate(Struct, frozen=True):
    """The share k of n, and the ends of its 95 % interval (Wilson's); None where n is zero."""

    k: int
    n: int
    share: float | None
    low: float | None
    high: float | None

    @property
    def few(self) -> bool:
        return self.n < FEW


def rate(k: int, n: int) -> Rate:
    """Returns the share k of n with its 95 % interval, to four digits.

    Wilson's score interval (E. B. Wilson, 1927) stays between 0 and 1 and is sound for small n too.
    """
    if n <= 0:
        return Rate(k, 0, None, None, None)
    share = k / n
    middle = share + _Z * _Z / (2 * n)
    reach = _Z * sqrt(max(share * (1 - share) / n + _Z * _Z / (4 * n * n), 0.0))
    scale = 1 + _Z * _Z / n
    low, high = (middle - reach) / scale, (middle + reach) / scale
    return Rate(k, n, round(share, 4), round(max(low, 0.0), 4), round(min(high, 1.0), 4))


def percentiles(counts: Mapping[int, int], quantiles: Iterable[float] = (0.5, 0.9, 0.99)) -> tuple[int | None, ...]:
    """Returns nearest-rank percentiles of a histogram {value: how often}; None for an empty one.

    A percentile is the smallest value that is at least as large as that share of all values.
    """
    total = sum(counts.values())
    ordered = sorted(value for value, n in counts.items() if n > 0)
    return tuple(_ranked(counts, ordered, max(1, ceil(quantile * total))) for quantile in quantiles)


def _ranked(counts: Mapping[int, int], ordered: list[int], rank: int) -> int | None:
    seen = 0
    for value in ordered:
        seen += counts[value]
        if seen >= rank:
            return value
    return None


Money = dict[str, Decimal]  # currency -> amount; "" where it is not known


def add_money(into: Money, currency: str | None, amount: Decimal | None) -> None:
    """Add an amount to the sum of its currency; exact to the last digit."""
    if amount is not None:
        into[currency or ""] = into.get(currency or "", Decimal(0)) + amount


def money_text(sums: Mapping[str, Decimal]) -> str:
    """Returns `3 EUR + 1.20 USD`, the currencies in alphabetical order; a dash for no sums."""
    texts = [f"{amount:f} {currency}".strip() for currency, amount in sorted(sums.items())]
    return " + ".join(texts) or "-"

"""The balances that say how fast a panel's money goes.

One query for the store, which judges alerts, and for the reports.
"""

from decimal import Decimal

from tracker.core import alerts
from tracker.db.database import Cursor, amount


def burn_samples(cur: Cursor, panel: str, currency: str | None, now: float) -> list[tuple[float, Decimal]]:
    """(when, how much) of the balances of the burn window and of the last one before it, oldest first."""
    same = "currency IS NULL" if currency is None else "currency = ?"
    params = (panel, *(() if currency is None else (currency,)), now - alerts.BURN_WINDOW_S)
    columns = f"SELECT at, amount FROM balances WHERE panel = ? AND {same}"
    before = cur.run(f"{columns} AND at < ? ORDER BY at DESC LIMIT 1", params).rows()
    inside = cur.run(f"{columns} AND at >= ? ORDER BY at, id", params).rows()
    return [(at, amount(held) or Decimal(0)) for at, held in before + inside]

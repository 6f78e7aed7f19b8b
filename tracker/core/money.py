"""Amounts of money as text."""

from decimal import Decimal


def money(amount: Decimal | None) -> str | None:
    """Returns the digits as they are, never in scientific notation; None stays None."""
    return None if amount is None else format(amount, "f")

"""Amounts of money: as text, and the part of a charge that is not delivered."""

from decimal import Decimal

PLACES = Decimal("0.00001")  # panels print charges with five places


def undelivered(charge: Decimal, remains: int, quantity: int) -> Decimal:
    """Returns the part of a charge that was paid for what remains. quantity: more than 0."""
    return charge * min(max(remains, 0), quantity) / quantity


def money(amount: Decimal | None) -> str | None:
    """Returns the digits as they are, never in scientific notation; None stays None."""
    return None if amount is None else format(amount, "f")

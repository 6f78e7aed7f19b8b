"""Money as text."""

from decimal import Decimal

import pytest

from tracker.core.money import money


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1E-7", "0.0000001"),
        ("1E+3", "1000"),
        ("0.10", "0.10"),
        ("-0", "-0"),
        ("123456789012345678901.5", "123456789012345678901.5"),
    ],
)
def test_money_is_written_digit_by_digit(amount, text):
    assert money(Decimal(amount)) == text
    assert money(None) is None

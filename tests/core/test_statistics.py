"""Percentiles, and rates with their intervals."""

from decimal import Decimal
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from tracker.core import statistics


@given(st.lists(st.integers(0, 50), min_size=1), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_the_nearest_rank_of_the_sorted_values(values, quantile):
    counts = {value: values.count(value) for value in values}

    (found,) = statistics.percentiles(counts, [quantile])
    assert found == sorted(values)[max(1, ceil(quantile * len(values))) - 1]


def test_of_nothing_there_is_no_percentile():
    assert statistics.percentiles({}) == (None, None, None)
    assert statistics.percentiles({5: 0}) == (None, None, None)


def test_an_interval_is_wilsons():
    # Values from the worked examples of Newcombe (1998), Statistics in Medicine 17: 857-872, table I, method 3.
    rate = statistics.rate(81, 263)
    assert (rate.share, rate.low, rate.high) == (0.308, 0.2553, 0.3662)
    assert (statistics.rate(0, 20).low, statistics.rate(0, 20).high) == (0.0, 0.1611)
    assert (statistics.rate(1, 29).low, statistics.rate(1, 29).high) == (0.0061, 0.1718)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_an_interval_holds_its_share_and_stays_between_nothing_and_all(k, more):
    rate = statistics.rate(k, k + more)
    if rate.n == 0:
        assert (rate.share, rate.low, rate.high) == (None, None, None)
    else:
        assert 0.0 <= rate.low <= rate.share <= rate.high <= 1.0
    assert rate.few == (k + more < 30)


def test_money_is_added_by_currency_to_the_last_digit():
    sums = {}
    for currency, amount in (
        ("USD", "0.1"),
        (None, "1"),
        ("USD", "0.20000000000000000001"),
        ("EUR", "3"),
        ("USD", None),
    ):
        statistics.add_money(sums, currency, None if amount is None else Decimal(amount))

    assert sums == {"USD": Decimal("0.30000000000000000001"), "": 1, "EUR": 3}
    assert statistics.money_text(sums) == "1 + 3 EUR + 0.30000000000000000001 USD"
    assert statistics.money_text({}) == "-"

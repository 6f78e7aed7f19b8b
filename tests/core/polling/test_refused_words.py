"""When the same words refuse everything, it is the panel that refuses."""

import pytest

from tracker.core.polling import refused_words
from tracker.core.polling.refused_words import RefusedCall

NO, OTHER = "API bu kullanici icin kapali", "Something else"


def one(*ids, words=NO):
    return RefusedCall(words, ids)


def batch(*ids):
    return RefusedCall(NO, ids, batch=True)


BALANCE = RefusedCall(NO, balance=True)
ANSWERED = RefusedCall(None)

# calls in a row -> is it the panel?
CASES = [
    ([one("1"), one("1"), one("1")], False),
    ([one("1"), one("2"), one("1"), one("2")], False),
    ([one("1", "2", "3")], False),
    ([one("1"), one("2"), one("3")], True),
    ([one("1", "2"), one("3")], True),
    ([one("1", "2", "3"), one("4", "5", "6")], True),
    ([one("1", "2", "3"), ANSWERED, one("4", "5", "6")], False),
    ([one("1", "2"), ANSWERED, one("3")], False),
    ([one("1", "2", "3"), one("4", "5", "6", words=OTHER)], False),
    ([one("1", "2", "3"), one(), one("1")], True),
    ([one(), one(), one()], False),
    ([BALANCE], False),
    ([BALANCE, one("1")], True),
    ([one("1"), BALANCE], True),
    ([one("1", words=OTHER), BALANCE], False),
    ([batch("1", "2", "3"), batch("1", "2", "3")], False),
    ([batch("1", "2", "3"), batch("1", "2", "3"), one("1")], True),
    ([batch("1", "2"), one("1"), one("2")], False),
    ([one("1", words="Order 1 is blocked"), one("2", "3", words="Order 2 is blocked")], True),
    ([one("1", words=NO.upper()), one("2", "3", words=f" {NO} ")], True),
]


@pytest.mark.parametrize(("calls", "everything"), CASES)
def test_three_open_orders_in_two_calls_or_one_and_the_balance(calls, everything):
    found = None
    for call in calls:
        found = refused_words.after(found, call)
    assert (found is not None and found.everything) is everything


# texts of one answer -> the words they have in common
TEXTS = [
    ([], None),
    ([NO], NO),
    ([NO, NO.upper()], NO),
    ([NO, OTHER], None),
    (["id 1 gone", "id 23 gone"], "id 1 gone"),
]


@pytest.mark.parametrize(("texts", "words"), TEXTS)
def test_words_are_compared_without_case_and_numbers(texts, words):
    assert refused_words.one_text(texts) == words

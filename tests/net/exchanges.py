"""Helpers of the tests: they make exchanges, and look at what went wrong."""

import pytest

from tracker.net.http import ExchangeError

KEY = "0123456789abcdef-the-key"
SOON_S = 0.3
SLACK_S = 1.0  # how late a busy machine may notice


def post(exchanger, server, **options):
    options = {"data": {"key": KEY}, "timeout_s": 5.0, "max_bytes": 1_000_000} | options
    return exchanger.exchange("POST", getattr(server, "url", server), **options)


def failure(exchanger, server, **options):
    with pytest.raises(ExchangeError) as caught:
        post(exchanger, server, **options)
    return caught.value


def chain(error):
    """Returns an error and all errors chained to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

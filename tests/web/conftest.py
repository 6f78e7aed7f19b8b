import time

import pytest
import requests

from tests.web import Served, made


@pytest.fixture(scope="session")
def history(tmp_path_factory):
    """One database for all tests of the dashboard: it is only read."""
    return made(tmp_path_factory.mktemp("web"))


@pytest.fixture
def served(history):
    """Makes dashboards and waits for each to answer."""
    running = []

    def make(**options):
        one = Served(options.pop("database", history), **options)
        running.append(one.__enter__())
        until(one.url)
        return one

    yield make
    for one in running:
        one.__exit__(None, None, None)


def until(url, limit_s=10.0):
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return requests.get(f"{url}/healthz", timeout=5)
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.02)

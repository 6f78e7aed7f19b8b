import pytest

from tests.core.beliefs import DAY, NOW
from tests.store import OPS, SHOP
from tracker.store import Store


@pytest.fixture
def woken():
    """The hooks that were told that there is something for them."""
    return []


@pytest.fixture
def store(database, woken):
    """A store with the panel `main` and two hooks; balance and services are due in a year."""
    made = Store(database, [OPS, SHOP], woken.extend)
    made.panels.sync({"main": "1"}, NOW + 365 * DAY)
    return made

"""An intake over a database and a journal of the test's own."""

import pytest

from tests.core.beliefs import DAY, NOW
from tests.intake.rows import RULES
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.store import Store


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "intake.ndjson"


@pytest.fixture
def intake(database, journal):
    store = Store(database)
    store.panels.sync({"main": "1"}, NOW + DAY)
    return Intake(store, Journal(journal), {"main": RULES})

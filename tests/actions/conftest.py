"""A store with the panels `main` (which has been polled) and `spare` (which has not), and a clock that stands still."""

import json

import pytest

from tests.core.beliefs import NOW
from tests.defaults import poll_rules
from tests.store import OPS
from tracker.actions.context import ActionContext
from tracker.actions.orders import OrderActions
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.store import Store

RULES = {"main": poll_rules(), "spare": poll_rules()}


class WrittenJournal(Journal):
    """A journal whose lines a test can read."""

    @property
    def ids(self):
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [json.loads(line)["id"] for line in lines]


@pytest.fixture
def store(database):
    made = Store(database, [OPS])
    made.panels.sync({"main": "1"}, NOW)
    made.hooks.sync(["ops"])
    return made


@pytest.fixture
def context(store):
    return ActionContext(RULES, store, lambda: NOW)


@pytest.fixture
def journal(tmp_path):
    return WrittenJournal(tmp_path / "intake.ndjson")


@pytest.fixture
def intake(store, journal):
    return Intake(store, journal, RULES)


@pytest.fixture
def orders(context, intake, journal):
    return OrderActions(context, intake, journal)

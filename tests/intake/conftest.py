"""Fixtures: an intake command that runs a shell script, over a database of its own; no process may remain."""

import textwrap

import pytest

from tests.defaults import intake_config, poll_rules
from tests.delivery.channels.test_command import nothing_stays  # noqa: F401  a fixture
from tracker.clock import SYSTEM
from tracker.intake.commands import IntakeCommand
from tracker.intake.intake import Intake, Journal
from tracker.store import Store


@pytest.fixture
def store(database):
    made = Store(database)
    made.panels.sync({"main": "1"}, 0.0)
    made.intake_runs.sync({"shop": 60.0}, 0.0)
    return made


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "intake.ndjson"


@pytest.fixture
def collector(store, journal):
    """collector(script, **keys of the section): the script is what the command's shell runs."""

    def make(script, argv=None, mask=lambda text: text.replace("s3cret", "***"), **keys):
        argv = argv or ("/bin/sh", "-c", textwrap.dedent(script))
        intake = Intake(store, Journal(journal), {"main": poll_rules()})
        return IntakeCommand(intake_config("shop", argv, **keys), store, intake, mask, SYSTEM)

    return make

"""What people do with hooks: tests, retries, replays, and what is refused to them."""

import sys

import pytest

from tests.core.beliefs import HOUR, NOW
from tests.databases import rows
from tests.store import OPS, track
from tracker.actions.hooks import HookActions, PastEvents, RetriedDeliveries
from tracker.config import CommandConfig
from tracker.delivery.channels.command import CommandChannel
from tracker.errors import Exit, UserError
from tracker.reports.outbox import last_number

ECHO = "import json, sys; event = json.load(sys.stdin); print(event['type'], event['data'].get('panel')); sys.exit(%d)"


@pytest.fixture
def hooks(context):
    return hooks_of(context)


def hooks_of(context, exits=0):
    channel = CommandChannel(CommandConfig((sys.executable, "-c", ECHO % exits)), OPS)
    return HookActions(context, {"ops": OPS}, {"ops": channel})


def settled(database, state):
    """All deliveries, as if they had come to that."""
    with database.transaction() as cur:
        cur.run("UPDATE deliveries SET state = ?, settled_at = ?, next_attempt_at = NULL", (state, NOW))
    return [id_ for (id_,) in rows(database, "SELECT id FROM deliveries ORDER BY id")]


def test_a_test_is_sent_about_the_first_panel_unless_another_is_named_and_leaves_nothing(hooks, database):
    done = hooks.test("ops", "order.partial")
    assert (done.outcome, done.code, done.error) == ("delivered", 0, None)
    assert done.snippet == "order.partial main\n"
    assert hooks.test("ops", "order.partial", "spare").snippet == "order.partial spare\n"
    assert rows(database, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM attempts)") == [(0,)]


def test_a_test_that_fails_is_returned_and_not_raised(context):
    done = hooks_of(context, exits=3).test("ops", "order.partial")
    assert (done.outcome, done.code, done.took_s) == ("failed", 3, None)
    assert done.error


def test_only_dead_deliveries_are_retried_and_the_others_returned_with_their_state(hooks, store, database):
    track(store, "1", "2", just_placed=True)
    first, second = settled(database, "dead")
    assert hooks.retry([first, 999, first]) == RetriedDeliveries(1, {999: None})
    assert hooks.retry([first, second]) == RetriedDeliveries(1, {first: "waiting"})
    assert hooks.retry_dead() == 0
    settled(database, "dead")
    assert hooks.retry_dead() == 2
    assert rows(database, "SELECT DISTINCT state, next_attempt_at FROM deliveries") == [("waiting", NOW)]


def test_a_replay_queues_what_was_chosen_and_nothing_twice(hooks, store, database):
    track(store, "1", "2", just_placed=True, now=NOW - 2 * HOUR)
    track(store, "3", just_placed=True)
    settled(database, "delivered")
    assert hooks.replay("ops", PastEvents(0.0, types=("refill.*",))) == 0
    assert hooks.replay("ops", PastEvents(NOW - HOUR)) == 1
    everything = PastEvents(0.0, types=("order.*",))
    assert hooks.replay("ops", everything) == 2, "the third is on its way"
    assert hooks.replay("ops", everything) == 0


def test_a_replay_ends_at_the_event_that_was_last_when_it_was_chosen(hooks, store, database):
    track(store, "1", just_placed=True)
    past = PastEvents(0.0, last=last_number(database))
    track(store, "2", just_placed=True)
    settled(database, "delivered")
    assert hooks.replay("ops", past) == 1


def test_enabling_says_how_many_were_held_back(hooks, store, database):
    track(store, "1", "2", just_placed=True)
    settled(database, "held")
    assert hooks.enable("ops", deliver=False) == 2
    assert rows(database, "SELECT DISTINCT state, error FROM deliveries") == [("dead", "skipped by hand")]
    assert hooks.enable("ops", deliver=True) == 0


@pytest.mark.parametrize(
    "act",
    [
        lambda hooks: hooks.test("opps", "order.partial"),
        lambda hooks: hooks.enable("opps", deliver=True),
        lambda hooks: hooks.replay("opps", PastEvents(0.0)),
    ],
)
def test_an_unknown_hook_is_refused(hooks, store, database, act):
    track(store, "1", just_placed=True)
    before = rows(database, "SELECT * FROM deliveries")
    with pytest.raises(UserError, match="there is no hook 'opps'") as refused:
        act(hooks)
    assert (refused.value.exit_code, refused.value.problems) == (
        Exit.USAGE,
        ['configured: ops (did you mean "ops"?)'],
    )
    assert rows(database, "SELECT * FROM deliveries") == before


def test_a_test_about_an_unknown_panel_sends_nothing(hooks):
    with pytest.raises(UserError, match="there is no panel 'mian'"):
        hooks.test("ops", "order.partial", "mian")

"""Explains why a hook does not hear an event, in agreement with routing; also for events that lost their body."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.beliefs import NOW, believed, observed
from tests.defaults import hook_rules
from tracker.actions.sample_event import specimen
from tracker.core.delivery import past_events, routing
from tracker.core.events import events
from tracker.core.model import Event
from tracker.core.rules import HookRules, Where

ORDER = observed(believed("Pending", charge="1.50", service="12", tags=("vip", "eu")), "Completed").events[0]
BALANCE = events.panel_event("balance.low", "main", "balance.low", 1, NOW, {})
HOOK_FAILING = events.panel_event("hook.failing", "", "ops", 1, NOW, {})


def hook(**rules):
    return hook_rules(**{"name": "ops", "events": ("*",)} | rules)


EXPLAINED = [
    (hook(), ORDER, []),
    (
        hook(events=("order.partial", "balance.*")),
        ORDER,
        ["events does not match order.completed: order.partial, balance.*"],
    ),
    (hook(events=()), ORDER, ["events does not match order.completed: none"]),
    (hook(panels=frozenset({"b", "a"})), ORDER, ["panels does not list main: a, b"]),
    (hook(where=Where(service=frozenset({"13"}))), ORDER, ["where.service is 13, here it is 12"]),
    (hook(where=Where(service=frozenset({"13"}))), BALANCE, ["where.service is 13, here it is not known"]),
    (hook(where=Where(tag=frozenset({"us", "asia"}))), ORDER, ["where.tag is asia, us, here it is vip, eu"]),
    (hook(where=Where(tag=frozenset({"us"}))), BALANCE, ["where.tag is us, here it is none"]),
    (
        hook(where=Where(min_charge=Decimal("1.51"))),
        ORDER,
        ["where.min_charge is 1.51, here the charge is 1.50"],
    ),
    (hook(), HOOK_FAILING, ["a hook never hears its own"]),
    (
        hook(events=("refill.*",), where=Where(service=frozenset({"13"}))),
        ORDER,
        ["events does not match order.completed: refill.*", "where.service is 13, here it is 12"],
    ),
]


@pytest.mark.parametrize(("rules", "event", "reasons"), EXPLAINED)
def test_every_reason_is_given_in_words(rules, event, reasons):
    assert routing.explain(rules, event) == reasons


WORDS = st.sampled_from(["12", "13", "vip", "eu"])
SETS = st.frozensets(WORDS, max_size=2)
CHARGES = st.none() | st.sampled_from([Decimal(0), Decimal("1.50"), Decimal("1.51")])
RULES = st.builds(
    HookRules,
    name=st.sampled_from(["ops", "shop"]),
    events=st.lists(st.sampled_from(["*", "order.*", "order.completed", "balance.*", "hook.?ailing"])).map(tuple),
    panels=st.none() | st.frozensets(st.sampled_from(["main", "spare"])),
    where=st.builds(Where, service=SETS, tag=SETS, min_charge=CHARGES),
)
EVENTS = st.builds(
    Event,
    id=st.just("evt_x"),
    type=st.sampled_from(["order.completed", "orders.stuck", "balance.low", "hook.failing"]),
    panel=st.sampled_from(["main", "spare", ""]),
    kind=st.sampled_from(["order", "balance", "hook"]),
    remote_id=st.sampled_from(["ops", "1"]),
    seq=st.just(1),
    at=st.just(NOW),
    body=st.just(b"{}"),
    service=st.none() | WORDS,
    tags=st.lists(WORDS, max_size=2).map(tuple),
    charge=CHARGES,
)


@given(RULES, EVENTS)
def test_there_are_no_reasons_exactly_when_it_is_heard(rules, event):
    assert (routing.explain(rules, event) == []) is routing.hears(rules, event)


def kept(event, body=True):
    """Returns the event as read back from the log."""
    stored = event.body.decode() if body else None
    return past_events.recalled(
        event.id, event.type, event.panel, event.kind, event.remote_id, event.seq, event.at, stored
    )


WORD = events.unknown_word_event(believed("Pending"), "Vanished", NOW)
PLAIN = observed(believed("Pending"), "Completed").events[0]


MANY, STALLED = specimen("orders.stuck", "main", NOW), specimen("service.stalled", "main", NOW)


@pytest.mark.parametrize(
    "event", [ORDER, PLAIN, BALANCE, HOOK_FAILING, WORD, MANY, STALLED], ids=lambda event: event.type
)
def test_the_log_gives_an_event_back_with_all_that_routing_goes_by(event):
    assert kept(event) == event


@pytest.mark.parametrize("event", [ORDER, BALANCE], ids=lambda event: event.type)
def test_of_an_event_without_its_body_the_conditions_are_left_out(event):
    bare = kept(event, body=False)
    assert past_events.is_bare(bare)
    assert past_events.explain(hook(where=Where(service=frozenset({"13"}))), bare) == []
    assert past_events.explain(hook(panels=frozenset()), bare) == ["panels does not list main: none"]

"""Which hooks hear an event, and what follows from an attempt."""

from decimal import Decimal
from fnmatch import fnmatchcase

import pytest

from tests.core.beliefs import DAY, NOW, believed, observed
from tests.defaults import hook_rules
from tracker.core.delivery import past_events, routing
from tracker.core.delivery.routing import DeliveryState
from tracker.core.events import events
from tracker.core.events.event_types import EVENT_TYPES, PEOPLE_EVENTS, PROGRAM_EVENTS, SEVERITIES
from tracker.core.events.events import alert_facts, panel_event
from tracker.core.model import Severity
from tracker.core.rules import Where

ORDER = observed(believed("Pending", charge="1.50", service="12", tags=("vip", "eu")), "Completed").events[0]
BALANCE = events.panel_event("balance.low", "main", "balance.low", 1, NOW, {})
HOOK_FAILING = events.panel_event("hook.failing", "", "ops", 1, NOW, {})
DEFAULT_EVENTS, RETRY_SCHEDULE_S = hook_rules("ops").events, hook_rules("ops").retry_schedule_s


def hook(**rules):
    return hook_rules(**{"name": "ops", "events": ("*",)} | rules)


HEARD = [
    (hook(), ORDER, True),
    (hook(events=DEFAULT_EVENTS), ORDER, True),
    (hook(events=DEFAULT_EVENTS), BALANCE, True),
    (hook(events=DEFAULT_EVENTS), HOOK_FAILING, False),
    (hook(events=("order.*",)), BALANCE, False),
    (hook(events=("order.completed",)), ORDER, True),
    (hook(events=("ORDER.*",)), ORDER, False),
    (hook(events=()), ORDER, False),
    (hook(panels=frozenset({"main"})), ORDER, True),
    (hook(panels=frozenset({"other"})), ORDER, False),
    (hook(where=Where(service=frozenset({"12"}))), ORDER, True),
    (hook(where=Where(service=frozenset({"13"}))), ORDER, False),
    (hook(where=Where(tag=frozenset({"eu", "us"}))), ORDER, True),
    (hook(where=Where(tag=frozenset({"us"}))), ORDER, False),
    (hook(where=Where(min_charge=Decimal("1.50"))), ORDER, True),
    (hook(where=Where(min_charge=Decimal("1.51"))), ORDER, False),
    (hook(where=Where(service=frozenset({"12"}), tag=frozenset({"us"}))), ORDER, False),
    (hook(where=Where(service=frozenset({"12"}))), BALANCE, False),
    (hook(where=Where(min_charge=Decimal(0))), BALANCE, False),
    (hook(), HOOK_FAILING, False),
    (hook(name="other"), HOOK_FAILING, True),
]


@pytest.mark.parametrize(("rules", "event", "heard"), HEARD)
def test_a_hook_hears_what_its_rules_say_and_never_its_own_trouble(rules, event, heard):
    assert routing.hears(rules, event) is heard


def test_listeners_are_named_in_the_order_of_the_configuration():
    hooks = [hook(name="b"), hook(name="deaf", events=()), hook(name="a")]
    assert routing.listeners(hooks, ORDER) == ["b", "a"]


def after(attempt, jitter=0.0, permanent=False, retry_after_s=None, **rules):
    return routing.after_failure(hook(**rules), attempt, NOW, jitter, permanent=permanent, retry_after_s=retry_after_s)


def test_the_default_curve_is_walked_to_its_end_and_then_the_delivery_is_dead():
    waits = [after(attempt).next_attempt_at - NOW for attempt in range(1, len(RETRY_SCHEDULE_S))]
    assert waits == list(RETRY_SCHEDULE_S[1:])
    assert after(len(RETRY_SCHEDULE_S)) == routing.DeliveryVerdict(DeliveryState.DEAD)
    assert sum(waits) > 3 * DAY


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_jitter_only_adds_and_a_fifth_at_most(jitter):
    wait_s = after(4, jitter).next_attempt_at - NOW
    assert wait_s == pytest.approx(1_800.0 * (1 + 0.2 * jitter))


# attempt, what the receiver asks for, seconds to wait
HINTS = [(1, None, 5), (1, 2.0, 5), (1, 60.0, 60), (1, 10 * DAY, DAY), (1, -3.0, 5), (10, 60.0, DAY)]


@pytest.mark.parametrize(("attempt", "hint_s", "wait_s"), HINTS)
def test_a_retry_after_only_ever_delays_and_a_day_at_most(attempt, hint_s, wait_s):
    assert after(attempt, retry_after_s=hint_s).next_attempt_at == NOW + wait_s


def test_a_permanent_failure_is_dead_at_once():
    assert after(1, permanent=True).state is DeliveryState.DEAD


def test_one_attempt_only_where_the_schedule_has_one_step():
    assert after(1, retry_schedule_s=(0.0,)).state is DeliveryState.DEAD


def test_a_lease_outlasts_the_deadline_of_the_attempt():
    assert routing.lease_s(hook(timeout_s=15.0)) > 15.0


DOWN, LOW, ENDED = (
    panel_event(name, "main", about, 1, 0.0, {"alert": alert_facts("main", about, None, "", 0)})
    for name, about in (("panel.down", "panel.down"), ("balance.low", "balance.low"), ("panel.recovered", "panel.down"))
)
ENDED_SOFTLY = panel_event(
    "panel.recovered", "main", "panel.behind", 2, 0.0, {"alert": alert_facts("main", "panel.behind", None, "", 0)}
)


@pytest.mark.parametrize(
    ("least", "heard"),
    [
        (Severity.INFO, {"panel.down", "balance.low", "panel.recovered", "behind", "order"}),
        (Severity.WARNING, {"panel.down", "balance.low", "panel.recovered", "behind"}),
        (Severity.CRITICAL, {"panel.down", "panel.recovered"}),
    ],
)
def test_who_hears_the_beginning_of_an_alert_hears_its_end(least, heard):
    rules = hook(min_severity=least)
    offered = {"panel.down": DOWN, "balance.low": LOW, "panel.recovered": ENDED, "behind": ENDED_SOFTLY, "order": ORDER}
    assert {name for name, event in offered.items() if routing.hears(rules, event)} == heard
    for name, event in offered.items():
        assert bool(routing.explain(rules, event)) is (name not in heard)
        row = event.id, event.type, event.panel, event.kind, event.remote_id, event.seq, event.at
        if name != "order":
            assert past_events.recalled(*row, event.body.decode()).severity is event.severity


def test_every_event_that_has_a_severity_exists_and_the_lists_of_defaults_hold_no_other():
    assert SEVERITIES.keys() <= set(EVENT_TYPES)
    for name in PROGRAM_EVENTS:
        assert any(fnmatchcase(known, name) for known in EVENT_TYPES), name
    assert set(PROGRAM_EVENTS) - set(PEOPLE_EVENTS) == {"order.completed", "order.canceled", "refill.rejected"}

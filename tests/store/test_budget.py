"""The budget: never more calls than the limit in any 60 seconds at the panel's side, whoever asks."""

import heapq
import random
from decimal import Decimal

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.defaults import poll_rules
from tests.store import decided, record, track
from tracker import reports
from tracker.core.model import Balance
from tracker.core.polling import call_timeouts
from tracker.errors import Cause, PanelError, Trouble
from tracker.store import Claim

LIMIT = 5
RULES = poll_rules(max_requests_per_minute=LIMIT, timeout_s=20.0, add_timeout_s=240.0, poll_every_s=1.0, batch_size=10)


def most_in_a_minute(calls):
    """Each call (start, end) reaches the panel at the worst moment in between: the fullest 60 seconds."""
    return max(sum(1 for start, end in calls if start < at + 60 and end >= at) for at in (end for _, end in calls))


class Life:
    """A panel that answers after random times, fails at random, and a tracker that dies now and then."""

    def __init__(self, store, seed):
        self.store = store
        self.chance = random.Random(seed)
        self.calls = []  # (start, end)
        self._ends = []  # heap of (moment, number, what to do then)

    def run(self, until):
        now = NOW
        while now < until:
            now += self.chance.choice((0.0, 0.2, 1.0, 3.0))
            while self._ends and self._ends[0][0] <= now:
                at, _, finish = heapq.heappop(self._ends)
                finish(at)
            self.ask(now)

    def ask(self, now):
        store = self.store
        match self.chance.random():
            case luck if luck < 0.1:
                run = store.claims.open_run("main", "retry", RULES, now)
                if run is not None:
                    self.under_way(now, "retry", lambda at: store.claims.close_run(run, "retry", at))
            case luck if luck < 0.13:
                run = store.claims.open_run("main", "gateway.add", RULES, now)
                if run is not None:
                    self.under_way(now, "gateway.add", lambda at: store.claims.close_run(run, "ok", at))
            case luck if luck < 0.2:
                self.claimed(store.claims.claim_named("main", ["1", "2"], RULES, now), now)
            case _:
                self.claimed(store.claims.claim("main", RULES, now), now)

    def claimed(self, claim, now):
        if isinstance(claim, Claim):
            self.under_way(now, claim.kind, lambda at: self.answer(claim, at))

    def answer(self, claim, at):
        if self.chance.random() < 0.1:
            self.store.panels.failed(
                claim, PanelError(Trouble.UNAVAILABLE, "no", cause=Cause.CONNECTION), 0.0, RULES, at
            )
        elif claim.kind == "balance":
            self.store.panels.record_balance(claim, Balance(Decimal(5), "USD"), RULES, None, at)
        elif claim.kind == "services":
            self.store.catalogue.record(claim, [], RULES, at)
        else:
            record(self.store, claim, decided(self.store, claim, {}, at), at, 1.0)

    def under_way(self, now, kind, finish):
        deadline_s = call_timeouts.timeout_s(kind, RULES)
        took_s = self.chance.choice((0.1, 1.0, self.chance.uniform(0, deadline_s), deadline_s))
        self.calls.append((now, now + took_s))
        if self.chance.random() < 0.95:  # else: killed in the middle, nobody ever hears of it
            heapq.heappush(self._ends, (now + took_s, len(self.calls), finish))


@pytest.mark.parametrize("seed", [1, 2])
def test_no_sixty_seconds_ever_hold_more_calls_than_the_limit_wherever_they_are_cut(store, seed):
    store.panels.sync({"main": "1"}, NOW)
    with store.database.transaction() as cur:
        cur.run("UPDATE panels SET next_services_at = ?, next_balance_at = ?", (NOW, NOW))
    track(store, *map(str, range(30)))
    life = Life(store, seed)
    life.run(NOW + 1_800)
    assert most_in_a_minute(life.calls) == LIMIT  # and it is made use of
    assert len(life.calls) > 60


def test_a_catalogue_that_took_its_ninety_seconds_counts_for_a_minute_after_its_end(store):
    rules = poll_rules(max_requests_per_minute=1, timeout_s=5.0)
    with store.database.transaction() as cur:
        cur.run("UPDATE panels SET next_services_at = ?", (NOW,))
    claim = store.claims.claim("main", rules, NOW)
    assert claim.kind == "services"
    store.catalogue.record(claim, [], rules, NOW + 89)
    assert store.claims.open_run("main", "retry", rules, NOW + 148.9) is None
    assert store.claims.open_run("main", "retry", rules, NOW + 149) is not None


@pytest.mark.parametrize(("ended", "asked"), [(None, 400), (None, 599), (500, 510), (500, 559.9)])
def test_an_order_of_the_gateway_that_takes_its_ten_minutes_counts_until_a_minute_after_its_end(store, ended, asked):
    rules = poll_rules(max_requests_per_minute=1, add_timeout_s=600.0)
    run = store.claims.open_run("main", "gateway.add", rules, NOW)
    if ended is not None:
        store.claims.close_run(run, "ok", NOW + ended)
    assert store.claims.open_run("main", "retry", rules, NOW + asked) is None
    assert reports.panels.panel(store.database, "main", rules, NOW + asked)["budget_used"] == 1


def test_an_order_of_the_gateway_counts_no_longer_than_a_minute_after_its_end(store):
    rules = poll_rules(max_requests_per_minute=1, add_timeout_s=600.0)
    store.claims.close_run(store.claims.open_run("main", "gateway.add", rules, NOW), "ok", NOW + 500)
    assert reports.panels.panel(store.database, "main", rules, NOW + 560)["budget_used"] == 0
    assert store.claims.open_run("main", "retry", rules, NOW + 560) is not None


def test_the_report_counts_the_calls_that_the_store_counts(store):
    """A catalogue may take longer than the panel's timeout."""
    rules = poll_rules(max_requests_per_minute=1, timeout_s=5.0)
    store.claims.open_run("main", "services", rules, NOW)
    assert store.claims.open_run("main", "retry", rules, NOW + 100) is None
    assert reports.panels.panel(store.database, "main", rules, NOW + 100)["budget_used"] == 1


def test_a_spent_call_stands_in_the_log_of_calls(store):
    run = store.claims.open_run("main", "retry", RULES, NOW)
    store.claims.close_run(run, "retry", NOW + 2)
    told = rows(store.database, "SELECT kind, started_at, finished_at, outcome, asked FROM poll_runs")
    assert told == [("retry", NOW, NOW + 2, "retry", 0)]


def test_the_budget_of_one_panel_is_no_other_panels_business(store):
    store.panels.sync({"main": "1", "other": "1"}, NOW + DAY)
    rules = poll_rules(max_requests_per_minute=1)
    assert store.claims.open_run("main", "retry", rules, NOW) is not None
    assert store.claims.open_run("main", "retry", rules, NOW) is None
    assert store.claims.open_run("other", "retry", rules, NOW) is not None

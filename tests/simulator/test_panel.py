"""The panel's clock, its truth, and the switches of the world around it."""

import time
from decimal import Decimal

import pytest

from tests.simulator import answer, ask, order, small_world
from tracker.simulator import RefillLife, Scenario, SimulatedPanel, random_scenario


@pytest.fixture
def panel():
    with SimulatedPanel(small_world(), speed=0) as panel:
        yield panel


def test_time_runs_as_fast_as_it_was_told():
    with SimulatedPanel(small_world(), speed=300) as panel:
        before, real = panel.sim_now(), time.monotonic()
        while time.monotonic() - real < 0.2:
            answer(panel, action="status", order="1")
        ratio = (panel.sim_now() - before) / (time.monotonic() - real)
    assert ratio == pytest.approx(300, rel=0.05)


def test_what_is_served_is_the_truth_of_that_moment():
    with SimulatedPanel(random_scenario(5, orders=40, all_at_start=True), speed=30_000) as panel:
        ids = ",".join(life.id for life in panel.book.orders.values() if life.kind == "default")
        while panel.sim_now() < 10_000:
            answer(panel, action="status", orders=ids)
        calls = panel.audit.calls
    assert len(calls) > 3
    for call in calls:
        truths = panel.at(call.sim_s)
        assert {i: truths[i]["status"] for i in call.statuses} == {i: word for i, (word, _) in call.statuses.items()}


def test_a_clock_that_stands_still_is_moved_by_hand(panel):
    assert [panel.sim_now(), panel.forward(600), panel.sim_now()] == [0, 600, 600]
    assert answer(panel, action="status", order="1")["status"] == "In progress"


def test_the_truth_can_be_asked_for_any_moment(panel):
    assert panel.truth("1", at_s=15 * 60) == {
        "id": "1", "status": "In progress", "remains": 500, "charge": "0.90000", "currency": "USD",
        "start_count": 3572, "quantity": 1000, "service": "1", "kind": "default", "children": [], "placed_at_s": 0.0,
    }  # fmt: skip
    assert panel.truth("10") is None
    assert panel.truth("999") is None
    assert set(panel.truths()) == {"1", "2", "3", "20", "30"}
    assert panel.at(1800)["20"]["children"] == ["1", "10"]
    assert panel.refill_truth("1", at_s=600) == "Completed"


def test_orders_and_refills_are_added_while_it_runs(panel):
    panel.add(order("ord_01HG", timeline=((0.0, "Processing", 5),)))
    panel.add_refill(RefillLife("8", "3", ((0.0, "Rejected"),)))
    assert answer(panel, action="status", order="ord_01HG")["status"] == "Processing"
    assert answer(panel, action="refill_status", refill="8") == {"status": "Rejected"}


def test_advance_moves_exactly_the_share_asked_for_at_once():
    with SimulatedPanel(Scenario.static(1000), speed=0) as panel:
        moved = panel.advance(0.01, "Partial", remains=200)
        words = [truth["status"] for truth in panel.truths().values()]
        assert (len(moved), words.count("Partial")) == (10, 10)
        panel.advance()
        assert {truth["status"] for truth in panel.truths().values()} == {"Completed"}


def test_advance_can_leave_remains_as_it_stands():
    with SimulatedPanel(Scenario.static(3), speed=0) as panel:
        panel.advance(status="Canceled", remains=None)
        assert {truth["remains"] for truth in panel.truths().values()} == {500}


def test_the_balance_is_set_from_outside(panel):
    panel.set_balance("3.50")
    assert answer(panel, action="balance")["balance"] == "3.50"
    assert panel.balance() == Decimal("3.50")


def test_the_rate_limit_answers_429_and_holds_it_against_the_client():
    with SimulatedPanel(small_world(), rate_limit=3) as panel:
        codes = [ask(panel, action="balance")[0] for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        assert [call.wrong for call in panel.audit.wrong_calls()] == [["rate limit"], ["rate limit"]]


def test_a_stopped_panel_leaves_its_port_to_the_next():
    with SimulatedPanel(small_world()) as first:
        port = first.port
        answer(first, action="balance")
    with SimulatedPanel(small_world(), port=port) as second:
        assert answer(second, action="balance")["balance"] == "100.00"
        assert second.url == f"http://127.0.0.1:{port}/api/v2"

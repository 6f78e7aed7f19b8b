"""Scenarios: from files, by chance, and the static one of the benches."""

import gzip
import json
from decimal import Decimal
from itertools import pairwise

import pytest

from tracker.errors import UserError
from tracker.simulator import Scenario, SimulatedPanel, load_scenario, random_scenario
from tracker.simulator.lifecycle import state_at

TOML = """
seed = 7
[[services]]
service = 1
name = "Newsletter inserts"
rate = "0.90"
gives_back = "unchanged"
life = [[0, "Pending", 1.0], [30, "Completed", 0]]

[[orders]]
id = "501"
service = 1
quantity = 1000
start_count = 120
charge = "0.90"
timeline = [[0, "Pending", 1000], [5, "In progress", 1000], [15, "In progress", 0], [16, "Partial", 40]]

[[orders]]
id = "600"
kind = "drip_feed"
children = ["501"]
timeline = [[0, "In progress"]]

[[refills]]
id = "9"
order = "501"
timeline = [[20, "Pending"], [30, "Rejected"]]

[[deposits]]
minute = 3
amount = "50"
"""
LINE = {
    "id": "100001",
    "service": "17",
    "quantity": 50,
    "placed_at": 0.01,
    "start_count": 17291,
    "charge": "0.03635",
    "timeline": [[0.01, "Pending", 50], [0.4, "In progress", 50], [1.83, "In progress", 40], [8.97, "Completed", 0]],
}


def test_a_toml_scenario_says_all_there_is(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(TOML)
    scenario = load_scenario(path)
    order, family = scenario.orders
    assert (order.id, order.start_count, order.gives_back) == ("501", 120, "unchanged")
    assert state_at(order, 10).remains == 500
    assert (family.kind, family.children) == ("drip_feed", ((0.0, "501"),))
    assert scenario.refills[0].timeline == ((20.0, "Pending"), (30.0, "Rejected"))
    assert scenario.deposits == ((3.0, Decimal(50)),)
    assert (scenario.seed, scenario.services[0].life[1]) == (7, (30.0, "Completed", 0.0))


@pytest.mark.parametrize("name", ["w.jsonl", "w.jsonl.gz"])
def test_a_workload_file_is_a_scenario_too(tmp_path, name):
    path = tmp_path / name
    data = (json.dumps(LINE) + "\n").encode()
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    scenario = load_scenario(path)
    assert scenario.orders[0].timeline[2] == (1.83, "In progress", 40)
    assert [service.service for service in scenario.services] == ["17"]


BAD = """
sed = 1
[[services]]
service = 1
name = "Flyer rounds"
gives_back = "some"
[[orders]]
id = "1"
timline = []
[[orders]]
id = "2"
charge = 0.9
timeline = [[5, "Pending", 10], [1, "Completed", 0]]
[[orders]]
id = "3"
kind = "drip_feed"
children = ["44"]
timeline = [[0, "In progress"]]
"""


def test_every_problem_of_a_scenario_is_told_at_once(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    with pytest.raises(UserError) as caught:
        load_scenario(path)
    told = caught.value.problems
    for words in (
        "sed: unknown key",
        "gives_back: 'some'",
        "orders[0].timline: unknown key",
        "orders[0].timeline: is missing",
        "minutes must not go backwards",
        "its child 44 is not an order",
    ):
        assert any(words in problem for problem in told), words


@pytest.mark.parametrize(("name", "text"), [("a.toml", "orders = ["), ("a.jsonl", "{]\n"), ("gone.toml", None)])
def test_a_file_that_cannot_be_read_is_a_user_error(tmp_path, name, text):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError):
        load_scenario(path)


def test_the_same_seed_invents_the_same_lives():
    assert random_scenario(7, orders=60) == random_scenario(7, orders=60)
    assert random_scenario(7, orders=60) != random_scenario(8, orders=60)


def test_invented_lives_are_varied_complete_and_within_their_time():
    scenario = random_scenario(3, orders=400, over_minutes=240)
    words = {status for life in scenario.orders for _, status, _ in life.timeline}
    assert words >= {"Pending", "Processing", "In progress", "Completed", "Partial", "Canceled", "Refunded"}
    assert {life.kind for life in scenario.orders} == {"default", "drip_feed", "subscription"}
    ends = [life.timeline[-1] for life in scenario.orders]
    assert {status for _, status, _ in ends} == {"Completed", "Partial", "Canceled", "Refunded"}
    assert max(minute for minute, _, _ in ends) <= 300
    assert any(("Completed", "In progress") in pairwise(w) for w in map(_words, scenario.orders))
    assert scenario.refills
    assert len({life.id for life in scenario.orders}) == len(scenario.orders)


def _words(life):
    return [status for _, status, _ in life.timeline]


def test_the_invented_account_never_runs_dry():
    panel = SimulatedPanel(random_scenario(3, orders=300, over_minutes=240), speed=0)
    try:
        balances = [panel.balance(minute * 60) for minute in range(300)]
    finally:
        panel.stop()
    assert min(balances) >= 0
    assert len(set(balances)) > 20


def test_all_orders_can_be_there_from_the_start():
    scenario = random_scenario(1, orders=20, all_at_start=True)
    assert {life.placed_at for life in scenario.orders} == {0.0}


def test_a_static_scenario_stands_still():
    scenario = Scenario.static(1000)
    assert len(scenario.orders) == 1000
    assert state_at(scenario.orders[7], 0) == state_at(scenario.orders[7], 1e9)


def test_a_scenario_may_bring_its_faults(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('[faults]\nrate = 0.1\nbroken = { refill_status = "http_500" }\npoison = { 23502 = "html_200" }\n')
    panel = SimulatedPanel(load_scenario(file))
    assert panel.faults.broken == {"refill_status": "http_500"}
    assert panel.faults.poison == {"23502": "html_200"}
    assert panel.faults.rate == 0.1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('broken = { status = "http_5000" }', "no such fault: http_5000"),
        ('poisen = { 1 = "http_500" }', "faults.poisen: unknown key"),
        ('hang_all = "yes"', "hang_all"),
        ("broken = 5", "faults:"),
    ],
)
def test_faults_of_a_scenario_that_there_are_not_are_refused(tmp_path, text, words):
    file = tmp_path / "a.toml"
    file.write_text(f"[faults]\n{text}\n")
    with pytest.raises(UserError) as caught:
        load_scenario(file)
    assert any(words in problem for problem in caught.value.problems), caught.value.problems

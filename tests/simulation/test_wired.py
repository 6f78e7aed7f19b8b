"""Each kind of partial trouble, in every shape it comes in, over real sockets."""

import json
from collections import Counter, defaultdict

import pytest

from tests.simulation.life import HOUR, MINUTE, START
from tests.simulation.wired import FIRST, wired

# Ways in which an answer can be none: by the status code, by the body, and by the bytes.
BROKEN = [
    "http_502", "error_500", "answer_in_500", "empty_404", "html_200", "empty_body", "null", "php_warning",
    "database_200", "truncated", "not_packed", "bad_chunk", "many_headers", "reset", "garbage",
]  # fmt: skip
SOME = ["http_500", "empty_404", "null", "database_200", "truncated"]
POISON = str(FIRST + 77)
# "API is disabled for this user", in words that are on no list.
REFUSALS = [
    "API bu kullanici icin kapali",
    "API отключено для этого пользователя",
    "您的账户已被关闭",
    "Kontakt z administratorem wymagany (kod 4711)",
]


def told(lived, name):
    """The events of this type that the receiver took, each once."""
    bodies = {request.id: json.loads(request.body) for request in lived.receiver.received}
    return [body for body in bodies.values() if body["type"] == name]


@pytest.mark.parametrize("fault", BROKEN)
def test_one_poison_id_among_250_orders_delays_only_itself(tmp_path, fault):
    with wired(tmp_path / "a") as lived:
        lived.simulated.faults.poison = {POISON: fault}
        lived.run(12 * MINUTE)
        others = [FIRST + n for n in range(250) if str(FIRST + n) != POISON]
        assert max(lived.panel.asked(str(one))[0] for one in others) - START < 10 * MINUTE
        settled = lived.now
        lived.run(12 * MINUTE)
        assert lived.longest_gap(others, settled) < 5 * MINUTE + 30
        assert lived.rows("SELECT remote_id FROM set_aside") == [(POISON,)]
        assert told(lived, "panel.down") == []


@pytest.mark.parametrize("fault", SOME)
def test_a_broken_refill_status_delays_no_status(tmp_path, fault):
    with wired(tmp_path / "a", orders=150, refills=30) as lived:
        lived.simulated.faults.broken = {"refill_status": fault}
        lived.run(35 * MINUTE)
        assert lived.longest_gap(range(FIRST, FIRST + 150), START + 5 * MINUTE) < 5 * MINUTE + 60
        assert lived.rows("SELECT call FROM set_aside WHERE remote_id = ''") == [("refill_status",)]
        assert [body["data"]["alert"]["name"] for body in told(lived, "panel.degraded")] == ["panel.degraded"]
        assert told(lived, "panel.down") == []


def test_what_was_set_aside_is_taken_up_again_when_it_is_mended(tmp_path):
    with wired(tmp_path / "a", orders=150, refills=30) as lived:
        lived.run(10 * MINUTE)
        lived.simulated.faults.broken = {"refill_status": "http_500"}
        lived.simulated.faults.poison = {POISON: "html_200"}
        lived.run(40 * MINUTE)
        assert {("refill_status", ""), ("status", POISON)} <= set(lived.rows("SELECT call, remote_id FROM set_aside"))
        lived.simulated.faults.clear()
        mended = lived.now
        lived.run(3 * HOUR)
        assert lived.rows("SELECT count(*) FROM set_aside") == [(0,)]
        assert lived.panel.asked(POISON, mended)
        assert lived.panel.asked("9000", mended)
        assert len(told(lived, "panel.recovered")) == 1


@pytest.mark.parametrize("fault", SOME)
def test_a_balance_that_nobody_can_read_is_told_once_and_delays_no_order(tmp_path, fault):
    alert = 'poll_every = "5m"\nbalance_every = "5m"\nbalance_alert = { below = "5.00" }'
    with wired(tmp_path / "a", orders=150, panel=alert) as lived:
        lived.run(10 * MINUTE)
        lived.simulated.faults.broken = {"balance": fault}
        began = lived.now
        lived.run(40 * MINUTE)
        asked = [call for call in lived.panel.calls_between(began, lived.now) if call.action == "balance"]
        assert len(asked) <= 2 * 12, "at its usual interval; a broken connection is tried twice"
        assert lived.longest_gap(range(FIRST, FIRST + 150), began) < 5 * MINUTE + 60
        assert [body["data"]["alert"]["name"] for body in told(lived, "balance.unreadable")] == ["balance.unreadable"]
        lived.simulated.faults.clear()
        lived.run(20 * MINUTE)
        assert len(told(lived, "balance.recovered")) == 1
        assert told(lived, "panel.down") == []


@pytest.mark.parametrize("words", REFUSALS)
def test_a_panel_that_refuses_everything_in_any_language_is_in_trouble(tmp_path, words):
    with wired(tmp_path / "a") as lived:
        lived.run(10 * MINUTE)
        lived.simulated.faults.refusal = words
        began = lived.now
        lived.run(30 * MINUTE)
        (down,) = told(lived, "panel.down")
        assert words in down["data"]["alert"]["reason"]
        assert len(lived.panel.calls_between(began, lived.now)) < 25
        lived.simulated.faults.clear()
        lived.run(20 * MINUTE)
        assert len(told(lived, "panel.recovered")) == 1


def test_with_error_map_the_same_words_are_known_at_once(tmp_path):
    section = 'poll_every = "5m"\nerror_map = { "kullanici icin kapali" = "account" }'
    with wired(tmp_path / "a", panel=section) as lived:
        lived.run(10 * MINUTE)
        lived.simulated.faults.refusal = "API bu kullan\u0131c\u0131 icin kapal\u0131"
        lived.run(10 * MINUTE)
        assert len(told(lived, "panel.auth_failed")) == 1
        assert told(lived, "panel.down") == []


# --- receivers


def test_a_receiver_that_refuses_the_first_attempt_of_every_event_has_400_events_within_two_minutes(tmp_path):
    with wired(tmp_path / "a", orders=400, events='["*"]') as lived:
        lived.receiver.refuse_first = True
        lived.run(2 * MINUTE)
        assert lived.rows("SELECT count(*) FROM deliveries WHERE state <> 'delivered'") == [(0,)]
        took = [json.loads(one.body) for one in lived.receiver.received if one.behaviour == "ok"]
        orders = [body["data"]["order"] for body in took if body["type"].startswith("order.")]
        assert len({order["id"] for order in orders}) == 400
        seqs = defaultdict(list)
        for order in orders:
            seqs[order["id"]].append(order["seq"])
        assert all(of == sorted(of) for of in seqs.values()), "in order per order"
        assert lived.rows("SELECT state FROM hooks") == [("ok",)]
        assert set(Counter(one.id for one in lived.receiver.received).values()) == {2}


def test_a_type_of_event_that_a_receiver_never_takes_costs_the_others_nothing(tmp_path):
    with wired(tmp_path / "a", orders=200, events='["*"]') as lived:
        lived.receiver.refuse_types = frozenset({"order.started"})
        lived.run(2 * MINUTE)
        tracked = {
            json.loads(one.body)["data"]["order"]["id"] for one in lived.receiver.received if one.behaviour == "ok"
        }
        assert len(tracked) == 200


def test_a_receiver_that_is_really_down_is_left_alone(tmp_path):
    with wired(tmp_path / "a", orders=200, events='["*"]') as lived:
        lived.receiver.always("fail")
        lived.run(2 * HOUR)
        assert len(lived.receiver.received) < 5 + 1 + 2 + 8 + 2 * 4 + 6, "five first attempts, then probes"
        lived.receiver.always("ok")
        lived.run(20 * MINUTE)
        assert lived.rows("SELECT count(*) FROM deliveries WHERE state = 'waiting'") == [(0,)]


@pytest.mark.parametrize("behaviour", ["interim", "not_packed", "truncated", "endless"])
def test_a_receiver_that_answers_200_oddly_gets_every_event_once(tmp_path, behaviour):
    with wired(tmp_path / "a", orders=5, events='["*"]') as lived:
        lived.receiver.max_hang_s = 0.1
        lived.receiver.always(behaviour)
        lived.run(MINUTE)
        assert set(Counter(one.id for one in lived.receiver.received).values()) == {1}
        assert lived.rows("SELECT count(*) FROM deliveries WHERE state <> 'delivered'") == [(0,)]

"""Partial trouble of a panel, through hours of its life: what is broken delays only itself."""

import pytest

from tests.simulation.life import HOUR, MINUTE, START, WAYS, life

POISON = "77"


def types(lived):
    """What was told, whoever hears it."""
    return {name for (name,) in lived.rows("SELECT DISTINCT type FROM events")}


@pytest.mark.parametrize("way", WAYS)
def test_one_id_that_breaks_every_call_delays_the_other_249_by_no_more_than_the_halving(tmp_path, way):
    with life(tmp_path / "a") as lived:
        lived.add(range(1, 251))
        lived.panel.poison = {POISON: way}
        lived.run(HOUR)
        others = [n for n in range(1, 251) if str(n) != POISON]
        assert max(lived.panel.asked(str(n))[0] for n in others) - START < 10 * MINUTE
        settled = lived.now
        lived.run(HOUR)
        assert lived.longest_gap(others, settled) < 5 * MINUTE + 10
        assert lived.rows("SELECT remote_id FROM set_aside") == [(POISON,)]
        assert "panel.down" not in types(lived)


def test_calls_per_minute_are_as_without_the_broken_id_once_it_is_found(tmp_path):
    counts = []
    for name, poison in (("with", {POISON: "500"}), ("without", {})):
        with life(tmp_path / name) as lived:
            lived.add(range(1, 251))
            lived.panel.poison = poison
            lived.run(3 * HOUR)
            calls = lived.panel.calls_between(START + 2 * HOUR, START + 3 * HOUR)
            counts.append(sum(call.ids != [POISON] for call in calls))
    assert counts[0] == pytest.approx(counts[1], rel=0.05)


@pytest.mark.parametrize("way", sorted(WAYS.keys() - {"silence"}))  # each silence takes half a minute of the one thread
def test_a_broken_kind_of_call_waits_and_statuses_go_on(tmp_path, way):
    with life(tmp_path / "a") as lived:
        lived.panel.kinds = {"refill_status": way}
        lived.add(range(1, 151), refills=range(9001, 9031))
        lived.run(2 * HOUR)
        assert lived.longest_gap(range(1, 151), START + 5 * MINUTE) < 5 * MINUTE + 40
        ((kind,),) = lived.rows("SELECT call FROM set_aside WHERE remote_id = ''")
        assert kind == "refill_status"
        assert [body["data"]["alert"]["name"] for _, body in lived.heard("panel.degraded")] == ["panel.degraded"]
        lived.panel.kinds = {}
        lived.run(3 * HOUR)
        assert lived.rows("SELECT count(*) FROM set_aside") == [(0,)]
        assert lived.panel.asked("9001")
        assert len(lived.heard("panel.recovered")) == 1


@pytest.mark.parametrize("way", ["500", "page", "silence", "reset"])
def test_a_panel_that_is_down_is_told_once_and_asked_no_more_than_its_backoff_allows(tmp_path, way):
    with life(tmp_path / "a") as lived:
        lived.add(range(1, 251))
        lived.run(HOUR)
        lived.panel.down = way
        began = lived.now
        lived.run(2 * HOUR)
        calls = len(lived.panel.calls_between(began, lived.now))
        assert calls <= 2 * (2 + 7 + 2 * HOUR / 300), "a broken connection is tried twice"
        assert len(lived.heard("panel.down")) == 1
        lived.panel.down = None
        back = lived.now
        lived.run(HOUR)
        assert max(lived.panel.asked(str(n), back)[0] for n in range(1, 251)) - back < 15 * MINUTE
        assert len(lived.heard("panel.recovered")) == 1


def test_an_outage_of_minutes_is_told_to_nobody_and_sets_nothing_aside(tmp_path):
    with life(tmp_path / "a") as lived:
        lived.add(range(1, 251))
        lived.run(HOUR)
        lived.panel.down = "500"
        lived.run(4 * MINUTE)
        lived.panel.down = None
        lived.run(HOUR)
        assert types(lived) <= {"order.tracked", "order.started"}
        assert lived.rows("SELECT count(*) FROM set_aside") == [(0,)]


def test_what_is_set_aside_survives_a_restart(tmp_path):
    with life(tmp_path / "a") as lived:
        lived.add(range(1, 51))
        lived.panel.poison = {"7": "500"}
        lived.run(HOUR)
        before = lived.rows("SELECT * FROM set_aside")
        wait_until = lived.rows("SELECT wait_until FROM set_aside")[0][0]
        lived.parts.store.claims.release_claims(lived.now)
        lived.parts.prepare()
        assert lived.rows("SELECT * FROM set_aside") == before
        since = lived.now
        lived.run(HOUR)
        named = [call for call in lived.panel.calls if "7" in call.ids and call.at > since]
        assert all(call.at >= wait_until for call in named)
        assert all(call.ids == ["7"] for call in named)


def test_words_that_refuse_everything_are_trouble_of_the_panel(tmp_path):
    with life(tmp_path / "a") as lived:
        lived.add(range(1, 251))
        lived.run(HOUR)
        lived.panel.words = {"*": "API bu kullanici icin kapali"}
        began = lived.now
        lived.run(HOUR)
        (told,) = lived.heard("panel.down")
        assert "API bu kullanici icin kapali" in told[1]["data"]["alert"]["reason"]
        assert len(lived.panel.calls_between(began, lived.now)) < 20
        lived.panel.words = {}
        lived.run(HOUR)
        assert len(lived.heard("panel.recovered")) == 1


def test_words_that_refuse_two_orders_are_their_matter_and_nobody_elses(tmp_path):
    with life(tmp_path / "a") as lived:
        lived.add(range(1, 251))
        lived.panel.words = {"5": "Bu siparis kapali", "6": "Bu siparis kapali"}
        lived.run(3 * HOUR)
        assert lived.longest_gap(range(7, 251), START + 5 * MINUTE) < 5 * MINUTE + 10
        assert types(lived) <= {"order.tracked", "order.started"}


def test_an_order_that_no_answer_mentions_is_told_as_unanswered_once(tmp_path):
    panel = "poll_every = '5m'\nnot_found = { polls = 5, after = '2h' }"
    with life(tmp_path / "a", panel=panel) as lived:
        lived.add(range(1, 11))
        lived.panel.absent = {"3"}
        lived.run(6 * HOUR)
        (told,) = lived.heard("order.unanswered")
        assert told[1]["data"]["order"]["id"] == "3"
        assert told[0] - START >= 2 * HOUR
        lived.panel.absent = set()
        lived.run(HOUR)
        assert lived.panel.asked("3", lived.now - HOUR)
        assert lived.rows("SELECT unanswered_told, misses FROM orders WHERE remote_id = '3'") == [(0, 0)]


def test_an_order_that_is_set_aside_for_long_is_told_as_unanswered_once(tmp_path):
    panel = "poll_every = '5m'\nnot_found = { polls = 5, after = '2h' }"
    with life(tmp_path / "a", panel=panel) as lived:
        lived.add(range(1, 11))
        lived.panel.poison = {"3": "page"}
        lived.run(6 * HOUR)
        (told,) = lived.heard("order.unanswered")
        assert told[1]["data"]["order"]["id"] == "3"


def test_a_balance_that_nobody_can_read_is_told_once_and_asked_at_its_usual_interval(tmp_path):
    panel = "poll_every = '5m'\nbalance_every = '10m'\nbalance_alert = { below = '5' }"
    with life(tmp_path / "a", panel=panel) as lived:
        lived.add(range(1, 11))
        lived.panel.balance = {"balance": "soon", "currency": "USD"}
        lived.run(6 * HOUR)
        assert len(lived.heard("balance.unreadable")) == 1
        assert sum(call.action == "balance" for call in lived.panel.calls) <= 6 * 6 + 1
        lived.panel.balance = {"balance": "100", "currency": "USD"}
        lived.run(HOUR)
        assert len(lived.heard("balance.recovered")) == 1


def test_a_panel_that_lost_all_its_orders_is_told_as_one_event_and_not_as_250(tmp_path):
    section = 'poll_every = "5m"\nnot_found = { polls = 5, after = "1h" }'
    with life(tmp_path / "a", panel=section) as lived:
        lived.add(range(1, 251))
        lived.run(20 * MINUTE)
        lived.panel.words = {str(n): "Incorrect order ID" for n in range(1, 251)}
        lived.run(3 * HOUR)
        many = lived.heard("orders.not_found")
        assert sum(body["data"]["orders"]["count"] for _, body in many) == 250
        assert len(many) <= 2, "the second one an hour later, for those that were asked about too late for the first"
        assert lived.rows("SELECT count(*) FROM events WHERE type = 'order.not_found'") == [(0,)]
        assert lived.rows("SELECT count(*) FROM waiting_together") == [(0,)]

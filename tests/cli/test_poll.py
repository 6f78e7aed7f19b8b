"""One pass and exit: what it asks, what it tells, and what its exit code says."""

import pytest


def passed(site, *options):
    """(exit code, row of the only panel)."""
    said = site.run("poll", *options, "--json")
    (row,) = said.json
    return said.code, row


def test_a_pass_asks_what_is_due_and_tells_what_is_new(told, receiver):
    told.ok("orders", "add", "main", "1", "2", "3")
    code, row = passed(told)
    assert (code, row["calls"], row["asked"], row["moved"]) == (0, 3, 3, 3)  # status, balance, services
    assert [request.problem for request in receiver.received] == [""] * 6  # tracked, and what has become of it
    assert passed(told)[1]["calls"] == 0, "nothing is due any more"


def test_a_pass_says_in_a_line_what_it_did(site):
    site.ok("orders", "add", "main", "1", "77")
    said = site.ok("poll")
    assert said.lines == ["main: 3 calls, 2 orders asked about, 1 moved; 1 refused", "0 deliveries attempted"]


def test_named_orders_are_asked_due_or_not_and_nothing_else(site, panel):
    site.ok("orders", "add", "main", "1", "2")
    site.ok("poll")
    before = len(panel.audit.calls)
    code, row = passed(site, "--panel", "main", "--order", "1")
    assert (code, row["calls"], row["asked"]) == (0, 1, 1)
    assert [call.ids for call in panel.audit.calls[before:]] == [("1",)]


def test_named_orders_go_in_batches_the_panel_takes(site, panel):
    site.configure(panel.url, batch_size=2)
    site.ok("orders", "add", "main", "1", "2", "3")
    assert passed(site, *[part for id_ in "123" for part in ("--order", id_)])[1]["calls"] == 2


def test_an_order_that_is_not_tracked_is_a_problem(site, panel):
    said = site.run("poll", "--order", "77")
    assert said.code == 1
    assert "tracker orders add main 77" in said.err
    assert panel.audit.calls == []


@pytest.mark.parametrize("fault", ["http_500", "http_429", "html_200", "reset"])
def test_passing_trouble_exits_75(site, panel, fault):
    panel.faults.queue(fault, fault)  # a broken connection is tried once more at once
    code, row = passed(site)
    assert code == 75
    assert row["error"]
    assert passed(site)[0] == 75, "the panel is left alone for a while"


def test_a_refused_key_exits_1_also_while_it_is_left_alone(site, panel):
    panel.faults.auth_broken = True
    assert passed(site)[0] == 1
    code, row = passed(site)
    assert (code, row["calls"], row["left"]) == (1, 0, "left alone after trouble (auth)")


def test_a_budget_that_is_used_up_exits_75_and_says_so(site, panel):
    site.configure(panel.url, max_requests_per_minute=2)
    site.ok("orders", "add", "main", "1")
    code, row = passed(site)
    assert (code, row["calls"], row["left"]) == (75, 2, "budget spent")


def test_no_time_means_nothing_is_started(site, panel):
    code, row = passed(site, "--max-time", "0s")
    assert (code, row["left"]) == (75, "time is up")
    assert panel.audit.calls == []


def test_a_paused_panel_is_not_asked_and_that_is_fine(site, panel):
    site.ok("panels", "pause", "main")
    assert passed(site)[0] == 0
    assert panel.audit.calls == []


def test_a_pass_makes_one_attempt_at_each_delivery_even_when_a_retry_is_due_at_once(told, receiver):
    receiver.always("fail")
    told.ok("orders", "add", "main", "1", "2", "3")
    told.run("poll", "--max-time", "0s")
    assert receiver.received == []
    told.run("poll", "--order", "1", "--order", "2", "--order", "3")
    deliveries = told.json("hooks", "deliveries")
    assert sum(delivery["attempts"] for delivery in deliveries) <= len(deliveries)
    assert len(receiver.received) <= len(deliveries)


def test_a_pass_goes_beside_a_running_daemon(told, panel, receiver, daemon):
    daemon(told)
    told.ok("orders", "add", "main", "1")
    assert passed(told, "--order", "1")[0] == 0
    panel.forward(600)
    assert passed(told, "--order", "1")[0] == 0
    story = told.json("orders", "show", "main", "1")
    assert [event["type"] for event in story["events"]][-1] == "order.completed"
    assert len({event["id"] for event in story["events"]}) == len(story["events"])

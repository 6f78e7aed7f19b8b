"""Who is told: tried out, listed, and given another chance."""

import sys

import pytest

from tracker.core.events.event_types import EVENT_TYPES


def test_a_hook_is_tried_out_with_an_event_that_looks_real(told, receiver):
    sent = told.json("hooks", "test", "ops", "--event", "order.partial")
    assert (sent["outcome"], sent["code"], sent["event"]) == ("delivered", 200, "order.partial")
    (request,) = receiver.received
    assert request.problem == "", "the signature holds"
    assert request.id == sent["event_id"] == request.event["id"]
    data = request.event["data"]
    assert data["order"]["id"].startswith("test-")
    assert (data["order"]["status"], data["order"]["delivered"]) == ("partial", 843)
    assert told.json("hooks", "deliveries") == told.json("events", "list") == [], "nothing is recorded"


@pytest.mark.parametrize("type_", EVENT_TYPES)
def test_every_type_of_event_can_be_tried(told, receiver, type_):
    told.ok("hooks", "test", "ops", "--event", type_)
    (request,) = receiver.received
    assert request.event["type"] == type_
    assert {"type", "id", "version", "timestamp", "data"} == set(request.event)
    # An event of a hook or of the tracker itself belongs to no panel.
    about = None if type_.partition(".")[0] in ("hook", "tracker") else "main"
    assert request.event["data"].get("panel") == about


def test_a_failed_try_is_a_problem_and_shows_what_came_back(told, receiver):
    receiver.next("fail")
    said = told.run("hooks", "test", "ops", "--json")
    assert said.code == 1
    assert (said.json["outcome"], said.json["code"]) == ("failed", 500)
    assert "answered 500" in said.json["error"]


def test_a_command_hook_is_tried_too(told):
    script = told.folder / "hook.py"
    script.write_text("import json, sys; print(json.load(sys.stdin)['type'])")
    lines = ["", "[hooks.script]", 'type = "command"', f'command = ["{sys.executable}", "{script}"]']
    told.file.write_text(told.file.read_text() + "\n".join(lines))
    sent = told.json("hooks", "test", "script")
    assert (sent["outcome"], sent["code"], sent["answer"]) == ("delivered", 0, "order.completed\n")


def test_an_unknown_hook_names_the_known_ones(told):
    said = told.run("hooks", "test", "opps")
    assert said.code == 2
    assert 'did you mean "ops"?' in said.err


def test_hooks_are_listed_with_what_came_of_them_and_without_their_path(told, receiver):
    told.ok("orders", "add", "main", "1")
    told.ok("poll")
    (hook,) = told.json("hooks", "list")
    assert (hook["hook"], hook["type"], hook["events"]) == ("ops", "webhook", ["*"])
    assert hook["target"] == f"http://127.0.0.1:{receiver.port}"
    assert (hook["delivered"], hook["waiting"], hook["dead"]) == (2, 0, 0)


def test_without_hooks_the_list_says_what_to_do(site):
    assert "[hooks.NAME]" in site.ok("hooks", "list").err


@pytest.fixture
def dead(told, receiver):
    """A site with two dead deliveries, whose receiver is well again."""
    told.file.write_text(told.file.read_text().replace('["0s", "0s", "0s", "0s"]', '["0s"]'))
    receiver.next("fail", "fail")
    told.ok("orders", "add", "main", "1", "2")
    told.ok("panels", "pause", "main")
    told.ok("poll")
    assert {delivery["state"] for delivery in told.json("hooks", "deliveries")} == {"dead"}
    return told


def test_dead_deliveries_are_found_and_retried_under_the_same_ids(dead, receiver):
    before = {delivery["event_id"] for delivery in dead.json("hooks", "deliveries", "--hook", "ops", "--state", "dead")}
    assert dead.ok("hooks", "retry", "--dead").out == "2 to be delivered again\n"
    dead.ok("poll")
    assert {request.id for request in receiver.received[2:]} == before
    assert {delivery["state"] for delivery in dead.json("hooks", "deliveries")} == {"delivered"}


def test_one_dead_delivery_is_retried_and_what_is_not_dead_is_named(dead):
    number = dead.json("hooks", "deliveries")[0]["id"]
    said = dead.run("hooks", "retry", number, 99)
    assert (said.code, said.out, said.err) == (1, "1 to be delivered again\n", "99: no such delivery, not retried\n")
    said = dead.run("hooks", "retry", number)
    assert (said.code, said.err) == (1, f"{number}: is waiting, not retried\n")


def test_retry_wants_either_numbers_or_all(dead):
    assert dead.run("hooks", "retry").code == 2
    assert dead.run("hooks", "retry", "1", "--dead").code == 2


def test_dead_deliveries_make_the_tracker_unhealthy(dead):
    said = dead.run("health", "--json")
    checks = {check["check"]: check for check in said.json["checks"]}
    assert said.code == 1
    assert checks["deliveries"]["state"] == "problem"
    assert "2 to ops" in checks["deliveries"]["detail"]


@pytest.fixture
def gone(told, receiver):
    """A site whose only hook is disabled: its receiver said 410."""
    receiver.next("gone")
    told.ok("orders", "add", "main", "1")
    told.ok("poll")
    (hook,) = told.json("hooks", "list")
    assert (hook["state"], hook["dead"]) == ("disabled", 0)
    return told


def checks(site):
    return {check["check"]: check for check in site.run("health", "--json").json["checks"]}


def test_a_disabled_hook_makes_the_tracker_unhealthy_until_it_is_enabled(gone):
    assert checks(gone)["hook ops"]["state"] == "problem"
    assert "tracker hooks enable ops" in checks(gone)["hook ops"]["detail"]
    gone.ok("hooks", "enable", "ops", "--deliver")
    assert "hook ops" not in checks(gone)


def test_a_disabled_hook_that_was_taken_out_of_the_configuration_is_no_matter_for_health(gone):
    gone.file.write_text(gone.file.read_text().replace("[hooks.ops]", "[hooks.other]"))
    assert "hook ops" not in checks(gone)
    gone.file.write_text(gone.file.read_text().replace("[hooks.other]", "[hooks.ops]"))
    assert checks(gone)["hook ops"]["state"] == "problem", "it is as it was when it comes back"


@pytest.mark.parametrize(("answer", "then"), [("y\n", "delivered"), ("n\n", "dead")])
def test_enabling_asks_what_is_to_become_of_what_was_held(gone, receiver, answer, then):
    said = gone.ok("hooks", "enable", "ops", stdin=answer)
    assert "2 deliveries were held back. Send them?" in said.out + said.err
    gone.ok("poll")
    assert {delivery["state"] for delivery in gone.json("hooks", "deliveries")} == {then}


def test_a_hook_is_paused_and_resumed(told, receiver):
    told.ok("orders", "add", "main", "1")
    assert told.ok("hooks", "pause", "ops").out == "ops is paused; its deliveries wait\n"
    assert told.ok("hooks", "pause", "ops").out == "ops is paused already\n"
    told.ok("poll")
    assert receiver.received == []
    (hook,) = told.json("hooks", "list")
    assert (hook["state"], hook["paused"], hook["waiting"] > 0) == ("ok", True, True)
    assert told.ok("hooks", "resume", "ops").out == "ops is sent to again\n"
    assert told.ok("hooks", "resume", "ops").out == "ops is not paused\n"
    told.ok("poll")
    assert receiver.received


def test_dropping_counts_and_asks_and_what_was_dropped_can_be_had_after_all(told, receiver):
    told.ok("hooks", "pause", "ops")
    told.ok("orders", "add", "main", "1")
    told.ok("poll")
    kept = told.run("hooks", "drop", "ops", stdin="n\n")
    assert "deliveries to ops wait (" in kept.err
    assert (kept.code, {one["state"] for one in told.json("hooks", "deliveries")}) == (1, {"waiting"})
    assert "given up" in told.ok("hooks", "drop", "ops", "--type", "order.*", stdin="y\n").out
    assert told.ok("hooks", "drop", "ops", "--type", "order.*").out == "nothing of this kind waits for ops\n"
    assert {one["error"] for one in told.json("hooks", "deliveries", "--state", "dead")} == {"dropped by hand"}
    told.ok("hooks", "resume", "ops")
    told.ok("hooks", "retry", "--dead")
    told.ok("poll")
    assert receiver.received


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("pause", "opps"), 'did you mean "ops"?'),
        (("resume", "opps"), 'did you mean "ops"?'),
        (("drop", "opps"), 'did you mean "ops"?'),
        (("drop", "ops", "--type", "ordr.*"), "no event has a type like 'ordr.*'"),
        (("drop", "ops", "--older-than", "soon"), "is not a duration"),
    ],
    ids=str,
)
def test_pausing_and_dropping_say_what_is_wrong(told, args, says):
    said = told.run("hooks", *args)
    assert (said.code, says in said.err) == (2, True), said.err

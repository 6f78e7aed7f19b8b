"""Why an event does or does not reach each hook; and all that was tried for one delivery."""

import pytest

from tracker import clock
from tracker.core.dates import rfc3339
from tracker.db.database import connect

MORE = """
[hooks.money]
type = "command"
command = ["true"]
events = ["balance.*"]

[hooks.vip]
type = "command"
command = ["true"]
events = ["*"]
panels = ["main"]
where = { tag = ["vip"] }
"""


@pytest.fixture
def failed(told, receiver):
    """A site with three hooks whose first, `ops`, failed at the event order.tracked and waits an hour."""
    told.file.write_text(told.file.read_text().replace('["0s", "0s", "0s", "0s"]', '["0s", "1h"]') + MORE)
    receiver.next("fail")
    told.ok("panels", "pause", "main")
    told.ok("orders", "add", "main", "1", "--just-placed")
    told.ok("poll")
    return told


def changed(site, sql):
    with connect(f"sqlite:///{site.folder}/data/tracker.db").transaction() as cur:
        cur.run(sql)


def explained(site, event):
    return {row["hook"]: row for row in site.json("hooks", "explain", event)}


def test_each_hook_has_a_verdict_and_the_reasons(failed):
    (event,) = failed.json("events", "list")
    hooks = explained(failed, event["id"])
    assert list(hooks) == ["ops", "money", "vip"]
    assert (hooks["ops"]["verdict"], hooks["ops"]["attempts"]) == ("waiting", 1)
    assert "attempt 1 failed" in hooks["ops"]["reasons"][0]
    assert hooks["ops"]["reasons"][-1].startswith("next attempt at 20")
    assert (hooks["money"]["verdict"], hooks["money"]["delivery"]) == ("not heard", None)
    assert hooks["money"]["reasons"] == ["events does not match order.tracked: balance.*"]
    assert hooks["vip"]["reasons"] == ["where.tag is vip, here it is none"]
    assert explained(failed, event["number"]) == hooks, "by its number too"


def test_for_eyes_the_event_comes_first(failed):
    (event,) = failed.json("events", "list")
    first, _, *lines = failed.ok("hooks", "explain", event["id"]).lines
    assert first.startswith(f"{event['id']}  order.tracked  main/1  ")
    assert [line.split()[0] for line in lines] == ["ops", "money", "vip"]


def test_what_is_held_back_names_the_delivery_that_goes_first(failed, panel):
    failed.ok("panels", "resume", "main")
    failed.ok("poll")
    later = failed.json("events", "list")[1]
    row = explained(failed, later["id"])["ops"]
    assert (row["verdict"], row["attempts"]) == ("waiting", 0)
    assert row["reasons"][0] == "held back by delivery 1, an earlier one of main/order/1"


@pytest.mark.parametrize(
    ("sql", "verdict", "words"),
    [
        ("UPDATE deliveries SET state = 'dead', error = 'answered 500'", "dead", "answered 500: tracker hooks retry 1"),
        ("UPDATE deliveries SET state = 'held'", "held", "tracker hooks enable ops"),
        ("UPDATE deliveries SET state = 'delivered', settled_at = 0", "delivered", "delivered at 1970-01-01T00:00:00Z"),
        ("UPDATE deliveries SET next_attempt_at = 0", "waiting", "due now"),
        (
            "UPDATE hooks SET state = 'failing', reason = 'answered 500'",
            "waiting",
            "the hook is failing (answered 500)",
        ),
        ("UPDATE hooks SET wait_until = 4e9", "waiting", "nothing goes out to it before 2096-10-02T07:06:40Z"),
        ("UPDATE deliveries SET hook = 'gone', state = 'orphaned'", "orphaned", "not in the configuration"),
        ("DELETE FROM attempts; DELETE FROM deliveries", "not queued", "would hear it now"),
    ],
)
def test_the_state_of_a_delivery_is_explained(failed, sql, verdict, words):
    for statement in sql.split(";"):
        changed(failed, statement)
    rows = failed.json("hooks", "explain", 1)
    (row,) = [row for row in rows if row["verdict"] == verdict]
    assert words in "; ".join(row["reasons"])


def test_a_minute_that_is_full_is_said_and_until_when(failed):
    text = failed.file.read_text()
    failed.file.write_text(text.replace("[hooks.ops]", "[hooks.ops]\nmax_per_minute = 2", 1))
    changed(failed, "UPDATE deliveries SET next_attempt_at = 0")
    assert "max_per_minute" not in str(explained(failed, 1)["ops"]["reasons"]), "one of two"
    now = int(clock.now())
    for number, started_at in ((2, now - 50), (3, now - 20), (4, now - 10)):
        changed(
            failed,
            "INSERT INTO attempts (delivery_id, hook, number, started_at, outcome)"
            f" VALUES (1, 'ops', {number}, {started_at}, 'failed')",
        )
    changed(failed, f"UPDATE attempts SET started_at = {now - 70} WHERE number = 1")
    full = f"2 deliveries a minute reached (max_per_minute): nothing goes out to it before {rfc3339(now + 40)}"
    reasons = explained(failed, 1)["ops"]["reasons"]
    assert (reasons[0], reasons[-1]) == (full, "due now")


def test_of_an_event_without_its_body_no_condition_is_judged(failed):
    changed(failed, "UPDATE events SET body = NULL")
    assert explained(failed, 1)["vip"]["reasons"] == ["its body is gone, so where cannot be judged"]


def test_rules_that_have_changed_since_are_said(failed):
    failed.file.write_text(failed.file.read_text().replace('events = ["*"]', 'events = ["order.failed"]'))
    assert (
        "its rules would not hear it now: events does not match order.tracked: order.failed"
        in (explained(failed, 1)["ops"]["reasons"])
    )


@pytest.mark.parametrize("event", ["evt_nothing", "99", "9" * 40])
def test_an_event_there_is_not_is_a_problem(failed, event):
    said = failed.run("hooks", "explain", event)
    assert (said.code, said.out) == (1, "")
    assert "there is no event" in said.err


def test_a_delivery_is_shown_with_every_attempt(failed, receiver):
    changed(failed, "UPDATE deliveries SET next_attempt_at = 0")
    failed.ok("poll")
    shown = failed.json("hooks", "show", 1)
    assert (shown["id"], shown["hook"], shown["state"], shown["attempts"]) == (1, "ops", "delivered", 2)
    first, second = shown["tries"]
    assert (first["number"], first["outcome"], first["code"]) == (1, "failed", 500)
    assert "answered 500" in first["error"]
    assert (second["number"], second["outcome"], second["code"], second["error"]) == (2, "delivered", 200, None)
    assert all(attempt["took_s"] >= 0 and "127.0.0.1" in attempt["address"] for attempt in (first, second))
    lines = failed.ok("hooks", "show", "1").lines
    assert lines[-2].split()[0] == "1"
    assert "failed" in lines[-2]


def test_a_secret_in_an_answer_is_masked_even_if_it_was_written_before_it_was_one(failed):
    words = "'key MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'"
    changed(failed, f"UPDATE attempts SET snippet = {words}, error = {words}")
    assert "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" not in failed.ok("hooks", "show", "1").out


def test_a_delivery_there_is_not_is_a_problem(failed):
    said = failed.run("hooks", "show", 77)
    assert (said.code, said.out) == (1, "")
    assert "there is no delivery 77" in said.err

"""Past events once more, from the command to the receiver; and what another configuration would have made of them."""

import pytest

from tracker.db.database import connect


@pytest.fixture
def sent(told, panel, receiver):
    """A site that has told `ops` everything of three orders, one of which has moved on."""
    told.ok("orders", "add", "main", "1", "2", "3", "--just-placed")
    told.ok("poll")
    panel.forward(600)
    told.ok("poll", "--order", "1")
    assert {delivery["state"] for delivery in told.json("hooks", "deliveries")} == {"delivered"}
    assert receiver.received
    return told


def changed(site, sql):
    with connect(f"sqlite:///{site.folder}/data/tracker.db").transaction() as cur:
        cur.run(sql)


def what(requests):
    return [(request.id, request.body) for request in requests]


def test_a_replay_reaches_the_receiver_under_the_same_ids_in_the_same_bytes_and_says_what_it_is(sent, receiver):
    first = list(receiver.received)
    said = sent.ok("hooks", "replay", "--hook", "ops", "--since", "1h", "--yes")
    assert said.out == f"{len(first)} to be delivered again\n"
    sent.ok("poll")
    again = receiver.received[len(first) :]
    assert sorted(what(again)) == sorted(what(first))
    for order in "123":
        of = [[r.id for r in requests if r.event["data"]["order"]["id"] == order] for requests in (first, again)]
        assert of[0] == of[1], "in order per order"
    assert {"tracker-replay" in request.headers for request in first} == {False}
    assert {"tracker-replay" in request.headers for request in again} == {True}
    assert {request.problem for request in again} == {""}, "the signature holds"


def test_a_replay_says_how_many_and_asks_and_a_no_changes_nothing(sent):
    count = len(sent.json("events", "list"))
    said = sent.run("hooks", "replay", "--hook", "ops", "--since", "1h", stdin="n\n")
    assert (said.code, said.out) == (1, "")
    assert f"Send {count} past events to ops again?" in said.err
    assert len(sent.json("hooks", "deliveries")) == count
    assert sent.ok("hooks", "replay", "--hook", "ops", "--since", "1h", stdin="y\n").out.startswith(f"{count} to be")


def test_a_replay_that_is_typed_twice_queues_nothing_twice(sent):
    count = len(sent.json("events", "list"))
    replay = ("hooks", "replay", "--hook", "ops", "--since", "1h", "--yes", "--json")
    assert sent.ok(*replay).json == {"hook": "ops", "queued": count, "on_their_way": 0, "pruned": 0}
    assert sent.ok(*replay).json == {"hook": "ops", "queued": 0, "on_their_way": count, "pruned": 0}


def test_a_replay_is_narrowed_by_type_and_time(sent):
    types = [event["type"] for event in sent.json("events", "list")]
    narrowed = ("hooks", "replay", "--hook", "ops", "--since", "1h", "--dry-run", "--type", "order.c*")
    (row,) = sent.json(*narrowed)
    assert row == {"hook": "ops", "type": "order.completed", "events": types.count("order.completed"), "pruned": 0}
    assert [row["events"] for row in sent.json(*narrowed, "--until", "30m")] == [0]
    assert len(sent.json("hooks", "deliveries")) == len(types), "nothing is queued"


def test_events_that_lost_their_body_are_counted_and_said(sent):
    changed(sent, "UPDATE events SET body = NULL WHERE type = 'order.tracked'")
    said = sent.ok("hooks", "replay", "--hook", "ops", "--since", "1h", "--type", "order.tracked", "--yes")
    assert said.out == "0 to be delivered again\n"
    assert "3 more cannot be sent: retention.event_bodies has taken their bodies" in said.err


def test_another_configuration_is_tried_on_the_past_and_nothing_is_sent(sent, receiver):
    types = [event["type"] for event in sent.json("events", "list")]
    other = sent.folder / "other.toml"
    hooks = sent.file.read_text().replace("[hooks.ops]", "[hooks.new]").replace('["*"]', '["order.tracked"]')
    quiet = '[hooks.quiet]\ntype = "command"\ncommand = ["true"]\nevents = ["gateway.*"]\n'
    other.write_text(f"{hooks}\n{quiet}")
    calls = len(receiver.received)
    rows = sent.json("hooks", "replay", "--with", other, "--since", "1h")
    assert rows == [
        {"hook": "new", "type": "order.tracked", "events": types.count("order.tracked"), "pruned": 0},
        {"hook": "quiet", "type": None, "events": 0, "pruned": 0},
    ]
    assert [row["hook"] for row in sent.json("hooks", "replay", "--with", other, "--since", "1h", "--hook", "new")] == [
        "new"
    ]
    assert sent.run("hooks", "replay", "--with", other, "--since", "1h", "--hook", "ops").code == 2
    sent.ok("poll")
    assert len(receiver.received) == calls
    assert len(sent.json("hooks", "deliveries")) == len(types)


@pytest.mark.parametrize(
    "args",
    [
        ("--since", "1h"),
        ("--hook", "ops"),
        ("--hook", "opps", "--since", "1h"),
        ("--hook", "ops", "--since", "1h", "--type", "ordres.*"),
        ("--since", "1h", "--with", "nowhere.toml"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(told, args):
    assert told.run("hooks", "replay", *args, "--yes").code == 2

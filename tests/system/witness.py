"""What must be true of a site afterwards, checked against the simulator's own witnesses."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

from standardwebhooks.webhooks import Webhook

from tests.system.site import SECRET
from tracker import clock
from tracker.core.status import order_status

LIBRARY_WINDOW_S = 240  # it refuses what is older than five minutes, as a receiver should


def assert_final_truth(site, panel):
    """Every order that was handed over stands as the panel itself has it."""
    believed = dict(site.rows("SELECT remote_id, status FROM orders WHERE panel = 'main'"))
    truth = {id_: order_status(panel.truth(id_)["status"], {}).value for id_ in believed}
    wrong = {id_: (believed[id_], status) for id_, status in truth.items() if believed[id_] != status}
    assert believed
    assert not wrong, f"{len(wrong)} orders are not what they are: {dict(list(wrong.items())[:5])}"


def recorded(site):
    """remote id -> the statuses it was recorded to have, in order, from the transitions."""
    told = defaultdict(list)
    for remote_id, old, new, said in site.rows(
        "SELECT o.remote_id, t.old, t.new, t.said FROM transitions t JOIN orders o ON o.id = t.order_id ORDER BY t.id"
    ):
        if old != new or new == "unknown":
            told[remote_id].append(said if new == "unknown" else new)
    return told


def assert_every_served_status_recorded(site, panel):
    """What a good answer said about an order is recorded, once, in the order it was said."""
    told = recorded(site)
    for remote_id, served in panel.audit.served().items():
        expected = []
        for answer in served:
            status = order_status(answer.word, {}).value
            word = answer.word if status == "unknown" else status
            if not expected or expected[-1] != word:
                expected.append(word)
        assert told[remote_id] == expected, f"order {remote_id}: recorded {told[remote_id]}, said {expected}"


def assert_chained(site):
    """Each transition starts where the one before it ended, and was told by exactly one status event."""
    moves = defaultdict(list)
    for order_id, seq, old, new in site.rows("SELECT order_id, seq, old, new FROM transitions ORDER BY id"):
        moves[order_id].append((seq, old, new))
    for order_id, chain in moves.items():
        for (_, _, ended), (_, begins, _) in pairwise(chain):
            assert begins == ended, f"order row {order_id}: {chain}"
        assert len({seq for seq, _, _ in chain}) == len(chain), f"order row {order_id}: {chain}"
    events = defaultdict(list)
    for remote_id, seq in site.rows("SELECT remote_id, seq FROM events WHERE kind = 'order' ORDER BY id"):
        events[remote_id].append(seq)
    for remote_id, seqs in events.items():
        assert seqs == list(range(1, len(seqs) + 1)), f"order {remote_id}: events {seqs}"
    told = dict(site.rows("SELECT remote_id, seq FROM orders"))
    assert {id_: len(seqs) for id_, seqs in events.items()} == {id_: n for id_, n in told.items() if n}


def assert_every_event_arrived(site, receiver, hook="ops"):
    """Each event in the log reached the receiver, under its id and in its bytes, in order per order."""
    log = dict(site.rows("SELECT event_id, body FROM events"))
    # A hook never hears its own: everything else it does.
    own = {id_ for (id_,) in site.rows("SELECT event_id FROM events WHERE kind = 'hook' AND remote_id = ?", hook)}
    accepted = [r for r in receiver.received if r.behaviour == "ok"]
    missing = set(log) - own - {r.id for r in accepted}
    assert not missing, f"{len(missing)} of {len(log)} events never arrived: {sorted(missing)[:3]}"
    for request in receiver.received:
        assert request.body.decode() == log[request.id], "one id, one body"
    seen = defaultdict(list)
    known = set()
    for request in accepted:
        subject = json.loads(request.body)["data"].get("order")
        if request.id not in known and subject and "seq" in subject:
            known.add(request.id)
            seen[subject["id"]].append(subject["seq"])
    for remote_id, seqs in seen.items():
        assert seqs == sorted(seqs), f"order {remote_id} arrived as {seqs}"
    waiting = site.rows("SELECT count(*) FROM deliveries WHERE hook = ? AND state <> 'delivered'", hook)
    assert waiting == [(0,)]


def assert_signed(receiver):
    """Each request carries the signature the reference library makes, and what is young it accepts."""
    library = Webhook(SECRET)
    assert receiver.bad_signatures == 0
    assert receiver.received
    for request in receiver.received:
        sent = int(request.headers["webhook-timestamp"])
        expected = library.sign(request.id, datetime.fromtimestamp(sent, UTC), request.body.decode())
        assert expected in request.headers["webhook-signature"].split(" ")
        if clock.now() - sent < LIBRARY_WINDOW_S:
            library.verify(request.body, dict(request.headers))

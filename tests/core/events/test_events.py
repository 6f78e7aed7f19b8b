"""Events: the contract with every receiver, byte for byte."""

import base64
import hashlib
import re
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from tests.core.beliefs import NOW, believed, observed
from tests.defaults import poll_rules
from tracker.core.events import events
from tracker.core.events.event_types import EVENT_TYPES
from tracker.core.model import Refill, RefillSnapshot
from tracker.core.orders import diff, notices
from tracker.core.orders.refill_diff import observe as observe_refill
from tracker.core.status import RefillStatus

ORDER = believed(
    "In progress",
    charge="0.33000",
    service="1",
    ref="client-A-118",
    tags=("vip",),
    quantity=1_000,
    quantity_source="given",
    start_count=3572,
    remains=400,
    seq=6,
    moves=5,
    notices=1,
)


def partial():
    return observed(ORDER, "Partial", "0.27819", remains=157, start_count=3572, currency="USD")


def test_the_body_of_a_partial_order_is_the_one_of_the_documentation():
    told, refunded = partial().events
    assert told.body == (
        b'{"type":"order.partial","id":"evt_5xndna3o5gdfz53zejncidy2vr","version":1,"timestamp":"2026-11-23T02:14:07Z",'
        b'"data":{"panel":"main",'
        b'"order":{"id":"23501","seq":7,"status":"partial","status_raw":"Partial","service":"1","ref":"client-A-118",'
        b'"tags":["vip"],"quantity":1000,"quantity_source":"given","start_count":3572,"remains":157,"delivered":843,'
        b'"charge":"0.27819","currency":"USD"},'
        b'"previous":{"status":"in_progress","remains":400,"charge":"0.33000"},'
        b'"observed":{"at":"2026-11-23T02:14:07Z","not_before":"2026-11-23T02:09:02Z"},'
        b'"refund":{"expected":"0.05181","observed":"0.05181","basis":"charge_drop"},'
        b'"regressed":false,"skipped":[]}}'
    )
    assert (refunded.type, refunded.seq) == ("order.refunded", 8)
    assert refunded.id == events.event_id(
        "main", "order", "23501", "move", 6, "order.refunded", "in_progress", "partial"
    ), "two events of one move share its number and differ by type"
    assert msgspec.json.decode(refunded.body)["data"]["refund"] == msgspec.json.decode(told.body)["data"]["refund"]


def test_the_same_move_seen_again_has_the_same_id_and_bytes():
    assert partial().events == partial().events


def test_an_id_depends_on_what_happened_and_not_on_when():
    told = partial().events[0]
    later = observed(ORDER, "Partial", "0.27819", remains=157, at=NOW + 3_600).events[0]
    assert later.id == told.id
    assert later.body != told.body


def test_what_is_no_move_shifts_no_id():
    """An order that was told as stuck, lost and found: the ids of its moves are those of one that was not."""
    told_more = replace(ORDER, seq=ORDER.seq + 3, notices=ORDER.notices + 3)
    plain, late = partial().events, observed(told_more, "Partial", "0.27819", remains=157).events
    assert [event.id for event in plain] == [event.id for event in late]
    assert [event.seq for event in late] == [event.seq + 3 for event in plain]

    stuck_later = poll_rules(stuck_after_s=60.0)
    idle = replace(ORDER, progressed_at=NOW - 600)
    moved_more = replace(idle, seq=idle.seq + 1, moves=idle.moves + 1)
    assert [notices.stuck(order, NOW, stuck_later).events[0].id for order in (idle, moved_more)] == [
        events.event_id("main", "order", "23501", "notice", 2, "order.stuck", "in_progress", "in_progress")
    ] * 2


# An id is for ever: after a restored backup the same move must have the id it had.
GOLDEN = {
    ("main", "order", "23501", "move", 6, "order.partial", "in_progress", "partial"): "evt_5xndna3o5gdfz53zejncidy2vr",
    ("main", "order", "23501", "move", 0, "order.tracked", "", ""): "evt_p6dbivz33uvc63rxjxprhpfqs5",
    ("main", "order", "23501", "notice", 1, "order.stuck", "paused", "paused"): "evt_ix2dtrkuw3qxgzpoouv2jc3mwy",
    ("main", "refill", "1", "move", 2, "refill.completed", "pending", "completed"): "evt_2id53ipd5vtl5otl2vhep76upv",
    ("main", "word", "Hm", "event", 1, "order.unknown_status", "", "Hm"): "evt_xa6bydihckjcqwtqrfrausnpbl",
    ("main", "catalogue", "services", "event", 3, "catalogue.changed", "", ""): "evt_tj4vxqhbz6yrq5hd7gyglu7ffn",
}


@pytest.mark.parametrize(("parts", "id_"), GOLDEN.items())
def test_ids_stay_what_they_are(parts, id_):
    assert events.event_id(*parts) == id_
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    assert id_ == "evt_" + base64.b32encode(digest).decode()[:26].lower()


def test_every_part_of_an_id_matters_and_none_runs_into_the_next():
    parts = ["main", "order", "1", "move", 12, "order.changed", "pending", "paused"]
    ids = {events.event_id(*parts)}
    for n, part in enumerate(parts):
        ids.add(events.event_id(*parts[:n], part + 1 if isinstance(part, int) else part + "x", *parts[n + 1 :]))
    assert len(ids) == len(parts) + 1
    assert events.event_id("a", "b", "1", "", 1, "", "", "") != events.event_id("a", "b1", "", "", 1, "", "", "")
    assert all(re.fullmatch("evt_[a-z2-7]{26}", id_) for id_ in ids)


def test_what_is_unknown_is_null_and_only_a_final_order_speaks_of_refunds():
    data = msgspec.json.decode(observed(believed(), "Pending").events[0].body)["data"]
    assert data["order"] == {
        "id": "23501", "seq": 1, "status": "pending", "status_raw": "Pending", "service": None, "ref": None, "tags": [],
        "quantity": None, "quantity_source": None, "start_count": None, "remains": None, "delivered": None,
        "charge": None, "currency": None,
    }  # fmt: skip
    assert data["previous"] == {"status": None, "remains": None, "charge": None}
    assert data["observed"]["not_before"] is None
    assert "refund" not in data


def test_a_regression_and_what_was_skipped_stand_in_the_body():
    assert msgspec.json.decode(observed(believed("Canceled"), "Completed").events[0].body)["data"]["regressed"] is True
    skipped = observed(believed("Pending"), "Completed").events[0]
    assert msgspec.json.decode(skipped.body)["data"]["skipped"] == ["in_progress"]


def test_the_facts_a_hook_is_chosen_by_travel_with_the_event():
    told = partial().events[0]
    assert (told.service, told.tags, told.charge) == ("1", ("vip",), Decimal("0.27819"))
    assert told.stream == "main/order/23501"


def test_a_refill_has_a_frame_of_its_own():
    refill = Refill(
        1, "main", "9", order_remote_id="23501", status=RefillStatus.PENDING, known_status=RefillStatus.PENDING
    )
    told = observe_refill(refill, RefillSnapshot("9", RefillStatus.REJECTED, "Rejected"), NOW).events[0]
    assert msgspec.json.decode(told.body) == {
        "type": "refill.rejected",
        "id": told.id,
        "version": 1,
        "timestamp": "2026-11-23T02:14:07Z",
        "data": {
            "panel": "main",
            "refill": {"id": "9", "order": "23501", "seq": 1, "status": "rejected", "status_raw": "Rejected"},
            "previous": {"status": "pending"},
            "observed": {"at": "2026-11-23T02:14:07Z", "not_before": None},
        },
    }


def test_a_strange_word_of_any_length_fits_and_its_id_is_that_of_the_whole_word():
    long, longer = "x" * 300, "x" * 301
    first = events.unknown_word_event(believed(), long, NOW)
    assert len(first.remote_id) == len(msgspec.json.decode(first.body)["data"]["word"]) == 200
    assert first.id != events.unknown_word_event(believed(), longer, NOW).id


def test_every_event_that_is_made_here_has_a_name_in_the_list():
    made = {
        *diff.EVENT_OF.values(),
        "order.tracked",
        "order.started",
        "order.reopened",
        "order.not_found",
        "order.found",
    }
    assert made <= set(EVENT_TYPES)
    assert len(set(EVENT_TYPES)) == len(EVENT_TYPES)

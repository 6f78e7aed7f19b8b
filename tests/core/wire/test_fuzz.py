"""Any bytes from a panel give a reading of the ids asked for or a PanelError, and both JSON readers agree."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.core.wire.wire_answers import READERS
from tracker.core import wire
from tracker.core.wire import PanelAnswer
from tracker.errors import PanelError

TABLE = (Path(__file__).parents[2] / "data/wire-cases.jsonl").read_text(encoding="utf-8")
BODIES = [json.loads(line)["body"].encode() for line in TABLE.splitlines()]
ASKED = ["1", "2", "10"]
IDS = set(ASKED)
CODES = st.sampled_from([200, 400, 401, 429, 500])

NAMES = st.sampled_from(
    [
        "1", "2", "10", "9", "order", "orders", "refill", "status", "Status", "error", "errors", "message", "success",
        "charge", "remains", "start_count", "balance", "service", "rate", "runs", "cancel", "canceled",
    ]
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | NAMES
    | st.sampled_from(["Completed", "Success", "Order not found", "Invalid API key", "1,234.5", "\ud800", "\0"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
)
DAMAGE = st.binary(max_size=3) | st.sampled_from([b'"', b"}", b",", b"{", b"\\", b"1"])


@st.composite
def mutated(draw):
    """A body of the table with a few bytes replaced, removed or inserted."""
    body = bytearray(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(DAMAGE)
    return bytes(body)


def check(action, a):
    """Reads the answer and checks that it has only ids that were asked for, each at most once."""
    if action == "status":
        reading = wire.read_status(a, ASKED)
        told = [*reading.snapshots, *reading.refusals, *reading.unchanged, *reading.absent]
        assert sorted(told) == sorted(ASKED)
    elif action == "refill_status":
        refills = wire.read_refill_status(a, ASKED)
        assert sorted([*refills.snapshots, *refills.refusals, *refills.absent]) == sorted(ASKED)
    elif action in ("refill", "cancel"):
        receipt = (wire.read_refill if action == "refill" else wire.read_cancel)(a, ASKED)
        told = [*receipt.created, *receipt.accepted, *receipt.refused]
        assert set(told) <= IDS
        assert len(set(told)) == len(told)
    else:
        READERS[action](a, ASKED)


def trouble(action, a):
    try:
        check(action, a)
    except PanelError as error:
        return error
    return None


def check_all(body, http):
    errors = filter(None, (trouble(action, PanelAnswer(http, body, 7.0)) for action in READERS))
    for error in errors:
        assert error.retry_after_s == 7.0
        assert error.message.isprintable()
        assert len(error.message) < 250


@given(st.binary(max_size=60), CODES)
def test_random_bytes_do_no_harm(body, http):
    check_all(body, http)


@settings(max_examples=300)
@given(mutated(), CODES)
def test_a_damaged_answer_does_no_harm(body, http):
    check_all(body, http)


@settings(max_examples=300)
@given(VALUES, CODES)
def test_json_of_any_shape_does_no_harm(value, http):
    check_all(json.dumps(value).encode(), http)


# --- the fast road and the exact one -----------------------------------------------------------------

SPACES = st.text(" \t\r\n", max_size=2)
FUZZY_IDS = ["1", "2", ":", '"', "\\", "a:b", "é"]
ENTRIES = st.dictionaries(NAMES, SCALARS, max_size=4).map(json.dumps) | SCALARS.map(json.dumps)


@st.composite
def printed_maps(draw):
    """The text of a map by id in any layout; ids may come twice, plain or escaped."""
    members = []
    for name in draw(st.lists(st.sampled_from(FUZZY_IDS), max_size=6)):
        key = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if draw(st.booleans()):
            key = '"' + "".join(f"\\u{ord(c):04x}" for c in name) + '"'
        gaps = [draw(SPACES) for _ in range(4)]
        members.append(f"{gaps[0]}{key}{gaps[1]}:{gaps[2]}{draw(ENTRIES)}{gaps[3]}")
    return members


def read(members, known):
    try:
        return wire.read_status(PanelAnswer(200, f"{{{','.join(members)}}}".encode()), FUZZY_IDS, known=known)
    except PanelError as error:
        return error.kind


@settings(max_examples=300)
@given(printed_maps(), st.dictionaries(st.sampled_from(FUZZY_IDS), ENTRIES))
def test_both_roads_read_the_same(members, known):
    """A NaN among the strangers makes msgspec refuse the document: it is cut by the exact reader."""
    members = members or ['"1":{"status":"Pending"}']
    fast, exact = read(members, known), read([*members, '"stranger":NaN'], known)
    assert exact == structs.replace(fast, strangers=fast.strangers + 1)

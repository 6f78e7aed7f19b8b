"""The JSON Schemas of the events: complete, strict, and fulfilled by every event that core makes.

tests/conftest.py checks them against every event in the database of every other test.
"""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.core.beliefs import NOW, believed, observed
from tests.core.orders.test_diff_properties import starts, walk, walks
from tests.defaults import poll_rules
from tests.event_checks import check_database, faults
from tracker import event_schemas
from tracker.actions.sample_event import specimen
from tracker.core.events import events
from tracker.core.events.event_types import EVENT_TYPES
from tracker.core.model import Refill, RefillSnapshot
from tracker.core.orders import notices, refill_diff
from tracker.core.status import refill_status

ROOT = Path(__file__).parents[1]
ALERT = {"since": "2026-11-23T02:14:07Z", "reason": "unavailable: HTTP 503", "reminders": 0}
CHANGES = [
    {"service": "1", "what": "name", "old": "Old", "new": ""},
    {"service": "1", "what": "rate", "old": "0.90", "new": None},
    {"service": "1", "what": "max", "old": None, "new": 10_000},
    {"service": "1", "what": "refill", "old": True, "new": False},
    {"service": "2", "what": "added", "old": None, "new": "New"},
    {"service": "3", "what": "removed", "old": "Gone", "new": None},
]


def example(name):
    """A whole event of this type, as the program makes it."""
    match name:
        case "order.stuck":
            change = notices.stuck(believed("Pending", progressed_at=NOW - 9e5), NOW, poll_rules())
            return json.loads(change.events[0].body)
        case "catalogue.changed":
            data = {"catalogue": {"added": 1, "removed": 1, "changed": 1, "changes": CHANGES}}
            return json.loads(events.panel_event(name, "main", "services", 1, NOW, data).body)
        case "panel.behind":
            data = {"alert": events.alert_facts("main", name, *ALERT.values())}
            return json.loads(events.panel_event(name, "main", name, 1, NOW, data).body)
        case "hook.failing" | "hook.disabled" | "hook.recovered":
            return json.loads(events.hook_event(name, "ops", 1, NOW, NOW - 60, 3, 0, "answered 500").body)
        case "tracker.degraded" | "tracker.recovered":
            data = {"tracker": events.tracker_facts(NOW, "database or disk is full")}
            return json.loads(events.panel_event(name, "", "database", 1, NOW, data).body)
    event = json.loads(specimen(name, "main", NOW).body)
    alert = event["data"].get("alert", {})
    if "name" in alert and not name.endswith(".recovered"):
        event["data"]["alert"] = events.alert_facts("main", name, *ALERT.values())
    return event


def places(value, at=()):
    """The path of every object and every value in an event, the whole of it first."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*at, key))


def found(value, path):
    for key in path:
        value = value[key]
    return value


def test_every_type_that_is_told_has_a_schema_and_no_other():
    assert set(event_schemas.types()) == set(EVENT_TYPES)
    assert len(set(event_schemas.types())) == len(event_schemas.types())


@pytest.mark.parametrize("name", event_schemas.types())
def test_the_file_that_ships_is_a_schema_and_the_one_of_the_tables(name):
    shipped = (event_schemas.DIRECTORY / f"{name}.json").read_text()
    assert shipped == event_schemas.text(name), "run: python -m tracker.event_schemas"
    Draft202012Validator.check_schema(event_schemas.schema(name))
    assert "$ref" not in shipped, "one file can be copied without the others"


def test_no_file_is_left_over_and_writing_makes_them_all(tmp_path):
    event_schemas.write(tmp_path / "schemas")
    written = {path.name: path.read_text() for path in (tmp_path / "schemas").iterdir()}
    assert written == {path.name: path.read_text() for path in event_schemas.DIRECTORY.iterdir()}
    assert written.keys() == {f"{name}.json" for name in event_schemas.types()}


def test_a_type_without_a_schema_is_a_key_error():
    for name in ("order.lost", "../schema", ""):
        with pytest.raises(KeyError):
            event_schemas.schema(name)


@pytest.mark.parametrize("name", event_schemas.types())
def test_an_event_has_to_have_all_its_fields_and_may_have_no_other(name):
    event = example(name)
    assert faults(name, event) == []
    for path in places(event):
        value = found(event, path)
        if isinstance(value, dict):
            changed = copy.deepcopy(event)
            found(changed, path)["link"] = "https://shop.example/"
            assert faults(name, changed), f"a further field at {path} is not noticed"
        if path and isinstance(path[-1], str):
            changed = copy.deepcopy(event)
            del found(changed, path[:-1])[path[-1]]
            assert faults(name, changed), f"that {path} is missing is not noticed"


@pytest.mark.parametrize("name", event_schemas.types())
@pytest.mark.parametrize("wrong", [1.5, [1.5], {}], ids=repr)
def test_no_field_takes_what_is_neither_text_nor_a_whole_number(name, wrong):
    event = example(name)
    for path in places(event):
        if path and path[-1] != "runway_h":  # the one measured number
            changed = copy.deepcopy(event)
            found(changed, path[:-1])[path[-1]] = wrong
            assert faults(name, changed), f"{wrong} at {path} is not noticed"


PARTIAL = observed(
    believed("In progress", charge="0.33", quantity=1_000, remains=400), "Partial", "0.27", remains=157
).events[0]
WRONG = [
    (("id",), "evt_MBLCQBVY6HU6PIKEO6AT2PVABK"),
    (("id",), "evt_mblcqbvy6hu6pikeo6at2pvab"),
    (("version",), 2),
    (("timestamp",), "2026-11-23T02:14:07+00:00"),
    (("timestamp",), "2026-11-23T02:14:07.5Z"),
    (("data", "panel"), "Main"),
    (("data", "order", "id"), 23501),
    (("data", "order", "id"), "1,2"),
    (("data", "order", "seq"), 0),
    (("data", "order", "status"), "completed"),
    (("data", "order", "status"), None),
    (("data", "order", "tags"), None),
    (("data", "order", "quantity"), "1000"),
    (("data", "order", "quantity_source"), "guessed"),
    (("data", "order", "charge"), "2.7E-1"),
    (("data", "order", "charge"), "0,27"),
    (("data", "order", "charge"), ".27"),
    (("data", "order", "charge"), ""),
    (("data", "previous", "status"), "In progress"),
    (("data", "observed", "at"), None),
    (("data", "refund", "basis"), "guess"),
    (("data", "regressed"), None),
    (("data", "skipped"), ["unknown"]),
]


@pytest.mark.parametrize(("path", "wrong"), WRONG, ids=[f"{'.'.join(path)}={wrong}" for path, wrong in WRONG])
def test_a_wrong_value_is_noticed(path, wrong):
    event = json.loads(PARTIAL.body)
    found(event, path[:-1])[path[-1]] = wrong
    (fault,) = faults("order.partial", event)
    assert ".".join(path) in fault


@pytest.mark.parametrize(
    ("name", "status", "refund", "fits"),
    [
        ("order.changed", "expired", None, True),
        ("order.changed", "processing", None, True),  # told beside order.refunded
        ("order.tracked", "completed", None, True),
        ("order.tracked", "pending", None, False),
        ("order.tracked", "completed", {"expected": None, "observed": None, "basis": None}, False),
        ("order.reopened", "pending", None, False),
        ("order.refunded", "pending", {"expected": None, "observed": "1.00", "basis": "charge_drop"}, True),
        ("order.refunded", "refunded", None, False),
    ],
)
def test_only_an_event_about_the_end_or_about_money_speaks_of_a_refund(name, status, refund, fits):
    event = example(name)
    event["data"]["order"]["status"] = status
    event["data"]["refund"] = refund
    assert (faults(name, event) == []) is fits


def test_an_event_in_a_final_status_without_refund_is_noticed():
    event = example("order.changed")
    assert "refund" not in event["data"]
    event["data"]["order"]["status"] = "expired"
    assert faults("order.changed", event)


def test_a_catalogue_has_at_most_fifty_changes():
    event = example("catalogue.changed")
    event["data"]["catalogue"]["changes"] = CHANGES[:1] * 51
    assert faults("catalogue.changed", event)


@given(starts, walks)
@settings(max_examples=150, deadline=None)
def test_whatever_a_panel_says_of_an_order_its_events_are_as_described(order, answers):
    for _, _, change, _ in walk(order, answers):
        for event in change.events if change else ():
            assert faults(event.type, json.loads(event.body)) == []


words = st.sampled_from(["Pending", "In progress", "Completed", "Rejected", "Canceled", "Failed", "Checking", ""])


@given(st.lists(words, max_size=20))
def test_whatever_a_panel_says_of_a_refill_its_events_are_as_described(said):
    refill = Refill(id=1, panel="main", remote_id="9")
    for n, word in enumerate(said):
        change = refill_diff.observe(refill, RefillSnapshot("9", refill_status(word), word), NOW + n)
        for event in change.events if change else ():
            assert faults(event.type, json.loads(event.body)) == []
        refill = change.after if change else refill


def put(database, event, **columns):
    row = {"event_id": event["id"], "type": event["type"], "body": json.dumps(event)} | columns
    with database.transaction() as cur:
        cur.run(
            "INSERT INTO events (event_id, type, panel, kind, remote_id, seq, at, body)"
            " VALUES (?, ?, 'main', 'order', '1', 1, 0, ?)",
            (row["event_id"], row["type"], row["body"]),
        )


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"type": "order.partial"}, r"order.partial at \$.type: 'order.partial' was expected"),
        ({"type": "order.lost"}, "order.lost has no schema"),
        ({"event_id": "evt_x"}, "its row has the id evt_x"),
        ({"body": '{"type": "order.failed"}'}, r"order.failed at \$: 'data' is a required property"),
    ],
)
def test_one_bad_row_among_good_ones_is_found(database, fresh_url, columns, complaint):
    put(database, example("order.completed"))
    put(database, example("order.failed"), **columns)
    with pytest.raises(AssertionError, match=complaint):
        check_database(fresh_url)
    with database.transaction() as cur:
        cur.run("DELETE FROM events")


BAD = """
from peewee import sqlite3

def write(path):
    with sqlite3.connect(path) as database:
        database.execute(
            "INSERT INTO events (id, type, event_id, panel, kind, remote_id, seq, at, body)"
            " VALUES (1, 'order.odd', 'evt_x', 'main', 'order', '1', 1, 0, '{}')"
        )
    database.close()

def test_with_a_database_of_its_own(fresh_url):
    write(fresh_url.removeprefix("sqlite:///"))

def test_with_a_tracker_in_its_folder(sqlite_files, tmp_path):
    (tmp_path / "data").mkdir()
    copy = tmp_path / "data" / "tracker.db"
    copy.write_bytes(open(sqlite_files.fresh().removeprefix("sqlite:///"), "rb").read())
    write(copy)

def test_without_any():
    pass
"""


def test_a_test_that_leaves_a_bad_event_behind_fails(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")  # not in tmp_path: this test would fail as well
    (folder / "test_bad.py").write_text(BAD)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", folder]
    command = [sys.executable, "-m", "pytest", *options, "--basetemp", folder / "base", "-k", "not postgres", folder]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert re.search(r"\b3 passed, .*\b2 errors\b", done.stdout), done.stdout + done.stderr
    assert done.returncode == 1
    assert done.stdout.count("E           order.odd has no schema") == 2

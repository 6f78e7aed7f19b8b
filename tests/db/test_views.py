"""docs/sql.md: every query answers its question, on both engines, and the file can be read while it is written."""

import json
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from peewee import sqlite3

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.rules import documents
from tests.store import OPS, claimed, decided, deliver, fail, record, says, track
from tracker.store import Store

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "sql.md"
HOUR = 3_600


def questions():
    """heading -> its query."""
    pieces = re.split(r"^### (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return {
        heading: re.search(r"```sql\n(.*?)```", text, re.DOTALL)[1].strip()
        for heading, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }


def ask(store, panel, now, **answers):
    claim = claimed(store, now, panel=panel)
    said = {
        id_.removeprefix("o"): says(
            id_.removeprefix("o"), word, charge=Decimal(charge), remains=remains, currency=currency
        )
        for id_, (word, charge, remains, currency) in answers.items()
    }
    record(store, claim, decided(store, claim, said, now + 1), now + 1)


@pytest.fixture
def told(like):
    """A small history whose answers a person can work out."""
    return like("a small history", live)


def live(database):
    store = Store(database, [OPS])
    store.hooks.sync(["ops"])
    store.panels.sync({"main": "", "spare": ""}, NOW + 365 * DAY)
    link = "https://pages.example/p/7"
    track(store, "23501", service="1", quantity=1000, ref="client-A-118", tags=("vip",), link=link)
    track(store, "23502", service="1", quantity=500)
    track(store, "23503", service="2", quantity=100, ref="client-B-7")
    track(store, "23504", service="2")
    track(store, "900", panel="spare", service="9", quantity=10)
    ask(store, "spare", NOW, o900=("In progress", "5.00", 10, "EUR"))
    ask(store, "main", NOW, o23501=("In progress", "0.90", 1000, "USD"), o23502=("In progress", "0.45", 500, "USD"),
        o23503=("In progress", "0.12", 100, "USD"), o23504=("Awaiting approval", "0.24", 0, "USD"))  # fmt: skip
    ask(store, "main", NOW + HOUR, o23501=("Partial", "0.90", 157, "USD"), o23502=("Completed", "0.45", 0, "USD"),
        o23503=("Canceled", "0.12", 100, "USD"), o23504=("Awaiting approval", "0.24", 0, "USD"))  # fmt: skip
    ask(store, "main", NOW + DAY, o23501=("Partial", "0.75870", 157, "USD"), o23502=("In progress", "0.45", 10, "USD"),
        o23503=("Canceled", "0.12", 100, "USD"), o23504=("Awaiting approval", "0.24", 0, "USD"))  # fmt: skip
    with database.transaction() as cur:
        for service, name in (("1", "Newsletter inserts"), ("2", "Flyer rounds")):
            cur.run(
                "INSERT INTO services (panel, service, name, type, category, rate, min, max, refill, cancel,"
                " first_seen_at, changed_at) VALUES ('main', ?, ?, 'Default', 'Print', '0.90', 1, 9, 1, 1, 0, 0)",
                (service, name),
            )
        for at, amount in ((NOW, "20.00"), (NOW + DAY, "18.50")):
            cur.run("INSERT INTO balances (panel, at, amount, currency) VALUES ('main', ?, ?, 'USD')", (at, amount))
        cur.run(
            "INSERT INTO alerts (panel, name, state, since, reminders, reason, seq) VALUES ('main', 'balance.low',"
            " 'raised', 1, 0, '18.50 is below 20.00', 1)"
        )
    while store.daily_stats.fold("UTC"):
        pass
    fail(store, store.outbox.claim(OPS, NOW + 2 * DAY), NOW + 2 * DAY, permanent=True)
    for _ in range(3):
        deliver(store, NOW + 2 * DAY)


LATER, NEXT_DAY = "2026-11-23T03:14:08Z", "2026-11-24T02:14:08Z"
FIRST = "2026-11-23T02:14:08Z"
# What each query has to find; a set where its order is left open.
ANSWERS = {
    "Which orders are open, the oldest first?": [
        ("main", "23502", "in_progress", 10, 500, "2026-11-23T02:14:07Z"),
        ("main", "23504", "unknown", 0, None, "2026-11-23T02:14:07Z"),
        ("spare", "900", "in_progress", 10, 10, "2026-11-23T02:14:07Z"),
    ],
    "How many orders are in each status?": [
        ("main", "canceled", 1), ("main", "in_progress", 1), ("main", "partial", 1), ("main", "unknown", 1),
        ("spare", "in_progress", 1),
    ],
    "Which order has the reference client-A-118?": [("main", "23501", "partial", 843, 1000)],
    "What was ordered for this link?": [("main", "23501", "Newsletter inserts", "partial")],
    "Which orders have a tag?": [("main", "23501", "partial")],
    "Which open orders have not changed for a day?": [
        ("main", "23504", "unknown", FIRST), ("spare", "900", "in_progress", FIRST),
    ],
    "Which orders ended on a day?": [("main", "23501", "partial", LATER), ("main", "23503", "canceled", LATER)],
    "Which orders delivered less than half?": [("main", "23503", 0, 100)],
    "When is an order polled next?": [("23504", "active", LATER, "2026-11-23T03:19:08Z")],
    "What happened to order 23501?": [
        (FIRST, None, "in_progress", None, "0.90", 1000),
        (LATER, "in_progress", "partial", "0.90", "0.90", 157),
        (NEXT_DAY, "partial", "partial", "0.90", "0.75870", 157),
    ],
    "What happened on a day?": {
        (NEXT_DAY, "main", "23501", "partial", "partial"), (NEXT_DAY, "main", "23502", "completed", "in_progress"),
    },
    "Which orders left a final status unexpectedly?": [
        ("main", "23502", "completed", "in_progress", NEXT_DAY)
    ],
    "Which unknown status words did a panel use?": [("main", "Awaiting approval")],
    "How late were changes seen, at most?": [("main", 82_800.0)],
    "What should come back, and what did?": [
        ("main", "23501", "0.14130", "0.14130", "USD"), ("main", "23503", "0.12000", None, "USD"),
    ],
    "Where has nothing come back yet?": [("main", "23503", "client-B-7", "0.12000", "USD", LATER)],
    "About how much did each day cost?": [
        ("2026-11-23", "main", "USD", "1.35"), ("2026-11-23", "main", "USD", "0.36"),
        ("2026-11-23", "spare", "EUR", "5.00"), ("2026-11-24", "main", "USD", "-0.14130"),
    ],
    "What does each tag cost?": [("vip", "USD", "0.90"), ("vip", "USD", "-0.14130")],
    "Which orders cost most?": [("spare", "900", "5.00", "EUR"), ("main", "23501", "0.90", "USD")],
    "How did a balance change?": [("2026-11-23T02:14:07Z", "20.00", "USD"), ("2026-11-24T02:14:07Z", "18.50", "USD")],
    "Which service ends partial most often?": [
        ("main", "1", "Newsletter inserts", 1, 1, 100.0), ("main", "2", "Flyer rounds", 1, 0, 0.0),
    ],
    "Which services have I ordered that are no longer offered?": [("spare", "9")],
    "What is the state of each panel?": [("main", 4, 2, None), ("spare", 1, 1, None)],
    "How many calls did each panel get, and how did they end?": [("main", "ok", 3), ("spare", "ok", 1)],
    "Which hooks got the events of my client's order?": {
        ("ops", "order.started", "delivered", 1), ("ops", "order.partial", "waiting", 0),
        ("ops", "order.refunded", "waiting", 0),
    },
    "Which events have not arrived, and why?": None,  # below
    "What does the receiver of a hook answer?": [("ops", "delivered", 200, 3), ("ops", "refused", 500, 1)],
    "Which alerts are raised now?": [("main", "balance.low", "18.50 is below 20.00")],
}  # fmt: skip


def plain(found):
    """Numbers of whatever kind, and money as it was printed."""
    return [tuple(format(v, "f") if isinstance(v, Decimal) else v for v in row) for row in found]


@pytest.mark.parametrize("question", questions())
def test_the_query_answers_the_question(told, question):
    query = questions()[question].rstrip(";")
    found = plain(rows(told, query.replace("%", "%%") if told.postgres else query))  # the driver's own placeholders
    expected = ANSWERS[question]
    if expected is None:
        expected = rows(told, "SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'dead')")[0][0]
        assert len(found) == expected > 1
        assert ("ops", "dead") in {(row[0], row[3]) for row in found}
        assert {row[4] for row in found if row[3] == "dead"} == {"no"}
        return
    numbers = [tuple(float(v) if isinstance(v, float | int) else v for v in row) for row in expected]
    same = [tuple(float(v) if isinstance(v, float | int) else _number(v, question) for v in row) for row in found]
    assert same == numbers if isinstance(expected, list) else set(same) == set(numbers)


def _number(value, question):
    """PostgreSQL rounds a percentage as NUMERIC."""
    return float(value) if question == "Which service ends partial most often?" and value in ("100.0", "0.0") else value


def test_there_are_questions_enough_and_each_has_an_answer():
    assert questions().keys() == ANSWERS.keys()
    assert len(ANSWERS) >= 20


def test_one_order_is_looked_up_by_an_index(told):
    if told.postgres:
        pytest.skip("a planner of its own, which takes no index for five rows")
    for view, column in (("v_orders", "id"), ("v_transitions", "order_id"), ("v_refunds", "order_id")):
        plan = rows(told, f"EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE panel = 'main' AND {column} = '23501'")
        assert not [row for row in plan if re.match(r"SCAN (o|orders)\b", row[3])], plan


def test_a_shell_and_a_driver_read_the_file_while_it_is_written(told):
    if told.postgres:
        pytest.skip("for a file")
    with told.transaction() as cur:
        cur.run("UPDATE orders SET ref = 'not to be seen' WHERE remote_id = '23501'")
        address = f"file:{told.path}?mode=ro"
        with sqlite3.connect(address, uri=True, timeout=1) as reader:
            assert reader.execute("SELECT ref FROM v_orders WHERE id = '23501'").fetchone() == ("client-A-118",)
        reader.close()
        if shutil.which("sqlite3"):
            said = subprocess.run(
                ["sqlite3", address, "SELECT ref FROM v_orders WHERE id = '23501'"],
                capture_output=True, text=True, timeout=10,
            )  # fmt: skip
            assert said.stdout == "client-A-118\n"
        cur.run("UPDATE orders SET ref = 'client-A-118' WHERE remote_id = '23501'")


def test_datasette_gets_the_same_queries_and_names():
    metadata = json.loads((ROOT / "contrib/datasette/metadata.json").read_text())
    queries = metadata["databases"]["tracker"]["queries"]
    assert {query["title"]: query["sql"] for query in queries.values()} == {
        title: sql.rstrip(";") for title, sql in questions().items()
    }
    listed = documents.parts(ROOT / "docs/database.md").keys()
    assert metadata["databases"]["tracker"]["tables"].keys() <= listed

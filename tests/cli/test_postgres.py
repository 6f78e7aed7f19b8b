"""The same commands on PostgreSQL, where a server is there to try them on."""

import os
import uuid

import pytest

SERVER = os.environ.get("TRACKER_TEST_DATABASE_URL")
pytestmark = pytest.mark.skipif(not SERVER, reason="no TRACKER_TEST_DATABASE_URL")


@pytest.fixture
def stored(told):
    """The site `told`, its rows in a fresh PostgreSQL database."""
    import psycopg

    name = f"tracker_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    url = f"{SERVER.rpartition('/')[0]}/{name}"
    told.file.write_text(f'[database]\nurl = "{url}"\n' + told.file.read_text())
    yield told
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_orders_are_imported_polled_told_and_found(stored, panel, receiver):
    stored.ok("orders", "import", "--panel", "main", "--just-placed", "-", stdin="id,tags\n1,vip\n2,\n")
    stored.ok("poll")
    panel.forward(600)
    stored.ok("poll", "--order", "1")
    assert [order["id"] for order in stored.json("orders", "list")] == ["2", "1"]
    (order,) = stored.json("orders", "list", "--tag", "vip", "--status", "completed", "--limit", "3")
    assert (order["id"], order["charge"]) == ("1", "0.90000")
    story = stored.json("orders", "show", "main", "1")
    assert [event["type"] for event in story["events"]] == ["order.tracked", "order.started", "order.completed"]
    assert {delivery["state"] for event in story["events"] for delivery in event["deliveries"]} == {"delivered"}
    stored.ok("orders", "show", "main", "1")


def test_every_read_reads(stored):
    stored.ok("orders", "add", "main", "1", "77")
    stored.ok("refills", "add", "main", "1")
    stored.ok("poll")
    assert stored.json("panels", "list")[0]["state"] == "ok"
    assert stored.json("balance")[0]["currency"] == "USD"
    assert len(stored.json("balance", "--history", "--since", "1h")) == 1
    assert stored.json("refills", "list")[0]["id"] == "1"
    assert stored.json("events", "list", "--type", "order.tracked", "--limit", "1")[0]["remote_id"] == "77"
    assert stored.json("hooks", "list")[0]["delivered"] == len(stored.json("hooks", "deliveries"))
    status = stored.json("db", "status")
    assert status["engine"].startswith("PostgreSQL ")
    assert status["rows"]["orders"] == 2
    assert stored.run("health", "--json").json["checks"][1]["detail"] == "answers"
    assert stored.json("api", "main", "status", "1")[0]["status"] == "in_progress"


def test_dead_deliveries_are_retried_and_orders_paused(stored, receiver):
    stored.file.write_text(stored.file.read_text().replace('["0s", "0s", "0s", "0s"]', '["0s"]'))
    receiver.next("fail")
    stored.ok("panels", "pause", "main")
    stored.ok("orders", "add", "main", "1")
    stored.ok("poll")
    assert stored.ok("hooks", "retry", "--dead").out == "1 to be delivered again\n"
    stored.ok("poll")
    assert stored.json("hooks", "deliveries")[0]["state"] == "delivered"
    assert stored.ok("orders", "pause", "main", "1").out == "1 paused\n"
    assert stored.ok("orders", "resume", "main", "1").out == "1 resumed\n"


def test_one_daemon_a_database_also_here(stored, daemon):
    process = daemon(stored)
    said = stored.run("db", "migrate")
    assert said.code == 75
    assert f"pid {process.pid}" in said.err

"""Panels, balances, events, database, configuration, health: how it all is."""

import json
import threading
import time

from peewee import sqlite3

from tests.cli.conftest import KEY, wait_for


def test_a_panel_that_was_never_asked_is_listed_as_new(site):
    (panel,) = site.json("panels", "list")
    assert (panel["panel"], panel["state"], panel["budget"], panel["budget_used"]) == ("main", "new", 30, 0)


def test_a_panel_in_trouble_is_listed_with_it(site, panel):
    panel.faults.auth_broken = True
    site.run("poll")
    (row,) = site.json("panels", "list")
    assert (row["state"], row["trouble"]) == ("trouble", "auth")
    assert row["trouble_message"]
    assert row["wait_until"] > row["trouble_since"]
    assert row["budget_used"] == 1


def test_panels_are_paused_and_resumed(site):
    site.ok("panels", "pause", "main")
    assert site.json("panels", "list")[0]["state"] == "paused"
    site.ok("panels", "resume", "main")
    assert site.json("panels", "list")[0]["state"] == "new"


def test_orders_that_are_due_are_counted(site):
    site.ok("orders", "add", "main", "1", "2")
    (row,) = site.json("panels", "list")
    assert (row["orders_active"], row["orders_due"]) == (2, 2)


def test_the_balance_is_the_panels(site, panel):
    assert "tracker poll" in site.ok("balance").err
    site.ok("poll")
    (row,) = site.json("balance")
    assert (row["amount"], row["currency"]) == (str(panel.balance()), "USD")
    assert (row["burn_per_day"], row["runway_h"]) == (None, None), "silent until there is a day of history"


def test_the_runway_comes_from_the_burn_of_the_last_days(site):
    site.ok("poll")
    now = time.time()
    with sqlite3.connect(site.folder / "data" / "tracker.db") as database:
        database.execute("DELETE FROM balances")
        rows = [(now - 2 * 86_400, "30.00"), (now - 86_400, "40.00"), (now - 3600, "20.00")]
        database.executemany("INSERT INTO balances (panel, at, amount, currency) VALUES ('main', ?, ?, 'USD')", rows)
    (row,) = site.json("balance")
    assert (row["amount"], row["burn_per_day"], row["runway_h"]) == ("20.00", "10.00000", 48.0)
    assert [each["amount"] for each in site.json("balance", "--history")] == ["30.00", "40.00", "20.00"]
    assert [each["amount"] for each in site.json("balance", "--since", "2h")] == ["20.00"]


def test_events_are_listed_oldest_first_and_narrowed_down(told):
    told.ok("orders", "add", "main", "1", "2")
    told.ok("poll")
    every = told.json("events", "list")
    assert [event["number"] for event in every] == [1, 2, 3, 4]
    assert told.json("events", "list", "--limit", "2") == every[-2:]
    assert told.json("events", "list", "--type", "order.partial") == [e for e in every if e["type"] == "order.partial"]
    assert told.json("events", "list", "--since", "2999-01-01") == []
    assert "new -> in_progress, 500 left" in told.ok("events", "list").out


def test_an_event_is_listed_with_the_very_body_its_receivers_got(told, receiver):
    told.ok("orders", "add", "main", "1")
    told.ok("poll", "--order", "1")
    listed = {event["id"]: event["body"] for event in told.json("events", "list")}
    assert listed == {request.id: request.event for request in receiver.received}


def test_tail_follows_the_log_as_json_lines(site):
    with site.process("events", "tail", "--json") as process:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)
        reader.start()
        numbers = iter(range(1000))
        wait_for(lambda: site.ok("orders", "add", "main", next(numbers)) and lines, "the tail to speak")
        process.kill()
        reader.join(10)
    event = json.loads(lines[0])
    assert (event["type"], event["panel"]) == ("order.tracked", "main")
    assert event["body"]["data"]["order"]["id"] == event["remote_id"]


def test_the_configuration_is_checked_and_shown_without_its_secrets(told):
    assert "fine (1 panel, 1 hook)" in told.ok("config", "check").out
    shown = told.ok("config", "show").out
    assert 'key_file = "main.key"' in shown
    assert "***" in shown


def test_a_key_that_others_can_read_is_warned_about(site):
    (site.folder / "main.key").chmod(0o644)
    said = site.ok("config", "check")
    assert said.err.startswith("warning: ")
    assert "chmod 600" in said.err


def test_the_database_tells_what_is_in_it(site):
    assert "not created yet" in site.ok("db", "status").out
    site.ok("orders", "add", "main", "1", "2")
    status = site.json("db", "status")
    assert status["engine"].startswith("SQLite 3.")
    assert status["database"].endswith("data/tracker.db")
    assert (status["rows"]["orders"], status["rows"]["events"], status["missing"]) == (2, 2, [])
    assert status["bytes"] > 0


def test_a_database_of_another_shape_is_refused_with_what_helps(site):
    site.ok("orders", "list")
    with sqlite3.connect(site.folder / "data" / "tracker.db") as database:
        database.execute("UPDATE schema_migration SET name = '0001_first_tables'")
    database.close()
    words = ("it has 0001_first_tables, this version wants 0001_", "tracker orders import --baseline intake.ndjson")
    for command in (("orders", "list"), ("db", "migrate"), ("run",), ("db", "status")):
        said = site.run(*command)
        assert (said.code, [word in said.err + said.out for word in words]) == (78, [True, True]), said


def test_a_newer_database_is_refused(site):
    site.ok("orders", "list")
    with sqlite3.connect(site.folder / "data" / "tracker.db") as database:
        database.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_next', '2026-11-23')")
    database.close()
    for command in (("orders", "list"), ("db", "migrate"), ("db", "status")):
        said = site.run(*command)
        assert (said.code, "written by a newer tracker (it has 9999_next)" in said.err + said.out) == (78, True), said


def test_migrate_is_refused_while_a_tracker_runs(site, daemon):
    daemon(site)
    said = site.run("db", "migrate")
    assert said.code == 75
    assert "already runs" in said.err


def test_migrate_makes_a_new_database_and_is_idempotent(site):
    assert site.ok("db", "migrate").out.startswith("applied 0001")
    assert site.ok("db", "migrate").out == "up to date\n"


def test_health_is_fine_while_a_daemon_runs_and_not_after(site, panel, daemon):
    process = daemon(site)
    wait_for(lambda: site.json("panels", "list")[0]["state"] == "ok", "the first answer")
    found = site.json("health")
    assert found["healthy"]
    assert f"pid {process.pid}" in found["checks"][0]["detail"]
    process.terminate()
    process.wait(20)
    said = site.run("health")
    assert said.code == 1
    assert said.lines[0] == "problem  tracker: not running: tracker run"


def test_health_tells_lasting_trouble_from_passing(site, panel):
    panel.faults.queue(*["http_500"] * 3)
    site.run("poll")
    checks = {check["check"]: check for check in site.run("health", "--json").json["checks"]}
    assert checks["panel main"]["state"] == "note"
    site.configure(panel.url, down_after="0s")
    checks = {check["check"]: check for check in site.run("health", "--json").json["checks"]}
    assert checks["panel main"]["state"] == "problem"


def test_a_refused_key_is_a_problem_at_once_and_its_alert_is_listed(site, panel):
    panel.faults.auth_broken = True
    site.run("poll")
    checks = {check["check"]: check for check in site.run("health", "--json").json["checks"]}
    assert checks["panel main"]["state"] == "problem"


def test_what_is_set_aside_is_a_note_and_listed_with_its_panel(site, panel):
    site.ok("orders", "add", "main", "1")
    site.ok("poll")
    with sqlite3.connect(site.folder / "data" / "tracker.db") as database:
        database.execute("UPDATE orders SET next_poll_at = 0")
    panel.faults.queue("http_500")
    site.run("poll")
    checks = {check["check"]: check for check in site.run("health", "--json").json["checks"]}
    assert checks["panel main"]["state"] == "ok"
    assert checks["panel main: ids"]["state"] == "note"
    assert "1 id of a failed call" in checks["panel main: ids"]["detail"]
    (row,) = site.run("panels", "aside", "--json").json
    assert (row["panel"], row["call"], row["failures"], row["trouble"]) == ("main", "status", 1, "unavailable")
    shown = site.ok("orders", "show", "main", "1")
    assert "a call that named it failed" in shown.out
    (next_poll,) = [line for line in shown.out.splitlines() if line.startswith("next poll")]
    assert "(set aside)" in next_poll
    assert "now (new" not in next_poll
    (panel_row,) = site.run("panels", "list", "--json").json
    assert (panel_row["state"], panel_row["ids_aside"], panel_row["calls_aside"]) == ("ok", 1, [])


def test_the_key_is_found_nowhere_even_when_the_panel_echoes_it(told, panel):
    panel.faults.queue("key_echo", "key_echo")
    told.ok("orders", "add", "main", "1")
    told.run("-vv", "poll")
    for command in (["panels", "list"], ["health"], ["orders", "show", "main", "1"], ["api", "main", "balance"]):
        told.run(*command)  # Said looks for every secret
    for path in (told.folder / "data").iterdir():
        assert KEY.encode() not in path.read_bytes(), path

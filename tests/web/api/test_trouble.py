"""When the database or the journal fails: the answer says so, and nothing is half done."""

import pytest
import requests

from tests.defaults import poll_rules
from tests.web import Served
from tests.web.api import WRITE, problem
from tests.web.conftest import until
from tracker.actions.context import ActionContext
from tracker.actions.orders import OrderActions
from tracker.db.database import connect
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.store import Store
from tracker.web.api import Api
from tracker.web.api.event_wait import EventWait

ONE = {"panel": "main", "id": "1"}


def test_a_journal_that_cannot_be_written_takes_nothing(api):
    api.journal.mkdir()
    answer = api.post(ONE)
    assert problem(answer, 503)["detail"] == "the journal cannot be written: Is a directory"
    assert int(answer.headers["Retry-After"]) > 0
    assert api.rows("SELECT count(*) FROM orders") == [(0,)]
    api.journal.rmdir()
    assert api.post(ONE).status_code == 201


def test_orders_are_in_the_journal_before_the_database_has_them(api):
    with api.database.transaction() as cur:
        cur.run("ALTER TABLE orders RENAME TO elsewhere")
    told = problem(api.post(ONE), 500)
    assert "elsewhere" not in str(told)
    assert '"id": "1"' in api.journal.read_text()
    assert problem(api.get("/orders"), 500)


def test_a_database_that_gives_no_connection_is_told_and_the_process_is_well(tmp_path):
    pytest.importorskip("psycopg")
    nowhere = connect("postgresql://nobody@127.0.0.1:9/nothing?connect_timeout=2")
    store, rules, journal = Store(nowhere), {"main": poll_rules()}, Journal(tmp_path / "intake.ndjson")
    orders = OrderActions(ActionContext(rules, store), Intake(store, journal, rules), journal)
    with Served(nowhere, api=Api(orders, EventWait(nowhere), WRITE)) as one:
        until(one.url)
        assert requests.get(f"{one.url}/healthz", timeout=10).text == "ok\n"
        page = requests.get(f"{one.url}/orders", timeout=10)
        assert (page.status_code, "The database does not answer" in page.text) == (503, True)
        headers = {"Authorization": f"Bearer {WRITE}"}
        for answer in (
            requests.get(f"{one.url}/api/v1/events?wait=30", timeout=40),
            requests.post(f"{one.url}/api/v1/orders", json=ONE, headers=headers, timeout=10),
        ):
            assert problem(answer, 503)["title"] == "Not now"
            assert int(answer.headers["Retry-After"]) > 0

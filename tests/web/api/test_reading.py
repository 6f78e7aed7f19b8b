"""Reading over the API: as documented, page by page, and with senseless requests refused."""

import json
import re
from decimal import Decimal

import pytest
import requests

from tests.store.lives import ask
from tests.web.api import TOKEN, problem
from tracker import clock
from tracker.client import ApiError
from tracker.reports.orders import ORDER_FIELDS
from tracker.reports.panels import BALANCE_FIELDS, PANEL_FIELDS
from tracker.reports.refills import REFILL_FIELDS
from tracker.reports.transitions import TRANSITION_FIELDS
from tracker.store import NewRefill
from tracker.web.api import openapi, shapes
from tracker.web.api.operations import OPERATIONS

STORY = ("transitions", "progress", "children", "refills", "events")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def lived(api):
    """Makes an order with a history and a refill, and a balance."""
    api.track("23501", service="12", quantity=1000, tags=("vip",), ref="client-A-118")
    now = clock.now()
    with api.database.session():
        ask(api.store, "main", {"23501": "Pending"}, now + 1)
        ask(api.store, "main", {"23501": "In progress"}, now + 400)
        api.store.new_orders.add_refills([NewRefill("main", "77", False, "23501")], now)
        with api.database.transaction() as cur:
            held = api.database.money(Decimal("9.10"))
            cur.run("INSERT INTO balances (panel, at, amount, currency) VALUES ('main', ?, ?, 'USD')", (now, held))
    return api


def test_an_order_has_exactly_the_keys_of_the_commands_and_of_the_document(lived):
    (order,) = lived.client().orders()
    assert tuple(order) == ORDER_FIELDS == tuple(shapes.ORDER)
    assert (order["status"], order["status_raw"], order["tags"]) == ("in_progress", "In progress", ["vip"])
    assert all(MOMENT.fullmatch(order[key]) for key in ("tracked_at", "last_polled_at", "next_poll_at"))


def test_one_order_is_its_whole_story(lived):
    story = lived.client().order("main", "23501")
    assert tuple(story) == (*ORDER_FIELDS, *STORY)
    assert [move["new"] for move in story["transitions"]] == ["pending", "in_progress"]
    assert [refill["id"] for refill in story["refills"]] == ["77"]
    assert [event["type"] for event in story["events"]] == ["order.tracked", "order.changed", "order.started"]
    assert {sent["state"] for event in story["events"] for sent in event["deliveries"]} == {"waiting"}
    body = story["events"][-1]["body"]
    assert (body["type"], body["data"]["previous"]["status"]) == ("order.started", "pending")


def test_the_story_is_what_orders_show_prints(lived):
    """The same rows in the same form: nothing of it is made for the API alone."""
    from tests.web import site_of
    from tracker.cli.output import json_text
    from tracker.reports.order_story import story

    with lived.database.session():
        shown = story(lived.database, site_of(lived.database).rules, "main", "23501", clock.now())
    assert lived.get("/orders/main/23501").json() == json.loads(json_text(shown))


def test_moves_refills_balances_and_panels_are_listed_as_documented(lived):
    with lived.client() as client:
        moves, refills, balances, panels = (
            list(client.transitions()), list(client.refills()), client.balances(), client.panels(),
        )  # fmt: skip
    assert [(move["id"], move["old"], move["new"]) for move in moves] == [
        ("23501", "pending", "in_progress"), ("23501", None, "pending"),
    ]  # fmt: skip
    assert tuple(moves[0]) == TRANSITION_FIELDS
    assert [tuple(row) for row in refills] == [REFILL_FIELDS]
    assert [(tuple(row), row["amount"], row["panel"]) for row in balances] == [(BALANCE_FIELDS, "9.10", "main")]
    assert [(tuple(row), row["panel"]) for row in panels] == [(PANEL_FIELDS, "main"), (PANEL_FIELDS, "spare")]
    keys = {"Transition": TRANSITION_FIELDS, "Refill": REFILL_FIELDS, "Balance": BALANCE_FIELDS, "Panel": PANEL_FIELDS}
    for name, fields in keys.items():
        assert set(shapes.named(["main"])[name]["properties"]) == set(fields)


def test_moves_and_refills_of_one_order_or_panel(lived):
    lived.track("1", panel="spare")
    with lived.client() as client:
        assert len(list(client.transitions(order="23501"))) == 2
        assert list(client.transitions(order="1")) == list(client.transitions(panel="spare")) == []
        assert list(client.transitions(order="nobody")) == []
        assert list(client.transitions(since="2099-01-01T00:00:00Z")) == []
        assert len(list(client.refills(order="23501", panel="main"))) == 1
        assert list(client.refills(order="23501", panel="spare")) == []


ROWS = 1_234


def test_pages_have_every_order_once_and_new_ones_do_not_disturb_them(api):
    api.track(*map(str, range(ROWS)))
    page = api.get("/orders?limit=500").json()
    api.track("late")
    found = [row["id"] for row in page["items"]]
    while page["next"]:
        page = api.get("/orders", params={"limit": 500, "cursor": page["next"]}).json()
        found += [row["id"] for row in page["items"]]
    assert found == [str(n) for n in reversed(range(ROWS))]
    assert len(list(api.client().orders())) == ROWS + 1
    assert len(api.get("/orders").json()["items"]) == 100


def test_filters_are_taken_together(api):
    api.track("1", "2", service="12", tags=("vip", "é"))
    api.track("3", service="12", ref="a&b=c")
    api.track("4", panel="spare", tags=("VIP",))
    with api.database.session():
        ask(api.store, "main", {"1": "Completed", "2": "In progress"}, clock.now() + 1)
    with api.client() as client:

        def ids(**filters):
            return [row["id"] for row in client.orders(**filters)]

        assert ids(panel="main") == ["3", "2", "1"]
        assert ids(status="completed") == ids(tracking="finished") == ["1"]
        assert ids(status="new") == ["4", "3"]
        assert ids(service="12", tracking="active") == ["3", "2"]
        assert ids(tag="é", status="in_progress") == ["2"]
        assert (ids(tag="VIP"), ids(tag="vip")) == (["4"], ["2", "1"])
        assert ids(ref="a&b=c") == ["3"]
        assert ids(since="2099-01-01T00:00:00Z") == ids(panel="nowhere") == []
        assert ids(since="2020-01-01T00:00:00.5+02:00", panel="spare") == ["4"]


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("stauts=partial", "stauts", 'did you mean "status"'),
        ("status=parcial", "status", 'did you mean "partial"'),
        ("limit=0", "limit", "from 1 to 500"),
        ("limit=501", "limit", "from 1 to 500"),
        ("limit=ten", "limit", "whole number"),
        ("limit=%C2%B2", "limit", "whole number"),
        ("limit=1&limit=2", "limit", "once"),
        ("cursor=t1", "cursor", "page before"),
        ("cursor=o", "cursor", "page before"),
        ("cursor=offffffffffffffff", "cursor", "page before"),
        ("since=yesterday", "since", "2026-11-23T02:14:07Z"),
        ("since=2026-13-23T02:14:07Z", "since", "2026-11-23T02:14:07Z"),
        ("ref=%00", "ref", "NUL"),
        ("ref=", "ref", "1 to 4000"),
        ("panel=" + "x" * 101, "panel", "1 to 100"),
        ("tracking=lost", "tracking", "active"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(api, query, field, reason):
    (error,) = problem(api.get(f"/orders?{query}"), 422)["errors"]
    assert error["field"] == field
    assert reason in error["reason"]


def test_all_that_is_wrong_is_told_at_once(api):
    told = problem(api.get("/events?after=-1&wait=61&limit=x&colour=red"), 422)
    assert [error["field"] for error in told["errors"]] == ["colour", "after", "wait", "limit"]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "", 404), ("GET", "/", 404), ("GET", "/nope", 404), ("GET", "/orders/main/nope", 404),
        ("GET", "/orders/main", 404), ("GET", "/orders//1", 404), ("GET", "/orders/main/a//b", 404),
        ("GET", "/orders/main/%00", 422), ("PUT", "/orders", 405), ("DELETE", "/orders/main/1", 405),
        ("POST", "/events", 405), ("PATCH", "/panels", 405), ("TRACE", "/orders", 405),
    ],
)  # fmt: skip
def test_every_refusal_is_a_problem_document(api, method, path, code):
    answer = api.ask(method, path)
    assert problem(answer, code)["title"]
    assert ("Allow" in answer.headers) == (code == 405)


def test_beside_the_api_pages_are_pages(api):
    assert requests.get(f"{api.url}/apiary", timeout=10).headers["Content-Type"].startswith("text/html")
    assert problem(requests.get(f"{api.url}/api", timeout=10), 404)


def test_another_host_is_a_problem_too(api):
    assert problem(api.get("/orders", headers={"Host": "evil.example"}), 421)["title"] == "Another host"


def test_ids_with_anything_in_them_are_found(api):
    ids = ["a/b", "a//b", "%2e%2e", "é", "<i>", "?x=1", "#", "a+b", "..."]
    api.track(*ids)
    with api.client() as client:
        assert [client.order("main", id_)["id"] for id_ in ids] == ids
        with pytest.raises(ApiError) as refused:
            client.order("spare", "a/b")
    assert (refused.value.status, refused.value.title) == (404, "Not found")
    assert "order a/b of panel spare is not tracked" in str(refused.value)


def test_no_secret_of_ours_is_in_what_others_said(lived):
    with lived.database.transaction() as cur:
        cur.run("UPDATE deliveries SET error = 'they said no such secret'")
        cur.run("UPDATE panels SET trouble_message = 'no such secret', trouble = 'auth'")
    text = lived.get("/orders/main/23501").text + lived.get("/panels").text
    assert "no such secret" not in text
    assert "they said ***" in text


def test_the_document_says_where_everything_is(serve):
    api = serve(read=TOKEN)
    assert problem(api.get("/openapi.json"), 401)
    told = api.get("/openapi.json", TOKEN).json()
    assert told == json.loads(json.dumps(openapi.document(["main", "spare"])))
    there = {(method, path) for path, methods in told["paths"].items() for method in methods}
    assert len(there) == len(OPERATIONS)
    assert ("post", "/api/v1/orders") in there
    assert ("get", "/api/v1/orders/{panel}/{id}") in there
    for methods in told["paths"].values():
        for operation in methods.values():
            content = operation["responses"]["200"]["content"]["application/json"]
            assert content["example"]
            assert all("example" in parameter for parameter in operation["parameters"])
    assert told["components"]["schemas"]["NewOrder"]["properties"]["panel"] == {"enum": ["main", "spare"]}

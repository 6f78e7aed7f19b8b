"""Orders sent to the API: added once, on the disk before the answer, the bad ones listed."""

import json

import pytest

from tests.web.api import TOKEN, WRITE, problem
from tracker.core.orders.new_orders import JUST_PLACED_MAX
from tracker.intake.intake import BATCH
from tracker.web.api.orders_in import BODY_MAX
from tracker.web.api.shapes import ORDERS_MAX
from tracker.web.security import WRONG_MAX

ONE = {"panel": "main", "id": "23501", "service": "12", "quantity": 1000, "charge": "0.27819", "ref": "client-A-118"}


def ids(api):
    return [row[0] for row in api.rows("SELECT remote_id FROM orders ORDER BY id")]


def written(api):
    return [json.loads(line) for line in api.journal.read_text().splitlines()] if api.journal.exists() else []


def test_one_order_is_tracked_told_and_in_the_journal(api):
    answer = api.post(ONE | {"tags": ["vip"], "link": "https://pages.example/p/1"})
    assert (answer.status_code, answer.json()) == (201, {"added": 1, "known": 0, "bad": []})
    (order,) = api.client().orders()
    assert {key: order[key] for key in ("panel", "id", "charge", "tags", "status", "tracking", "next_poll_reason")} == {
        "panel": "main", "id": "23501", "charge": "0.27819", "tags": ["vip"], "status": None, "tracking": "active",
        "next_poll_reason": "new",
    }  # fmt: skip
    assert [line["id"] for line in written(api)] == ["23501"]
    assert api.rows("SELECT type, remote_id FROM events") == [("order.tracked", "23501")]
    assert api.rows("SELECT hook, state FROM deliveries") == [("ops", "waiting")]


def test_adding_again_fills_what_was_unknown_and_overwrites_nothing(api):
    api.post(ONE)
    again = api.post(ONE | {"quantity": 5, "ref": "another", "link": "https://pages.example/p/1"})
    assert (again.status_code, again.json()) == (200, {"added": 0, "known": 1, "bad": []})
    facts = api.rows("SELECT quantity, ref, link FROM orders")
    assert facts == [(1000, "client-A-118", "https://pages.example/p/1")]
    assert api.rows("SELECT count(*) FROM events") == [(1,)]


def test_a_list_is_taken_and_what_is_bad_in_it_is_named(api):
    answer = api.post([
        {"panel": "main", "id": "1"},
        {"panel": "nowhere", "id": "2"},
        {"panel": "main", "id": "a b"},
        {"panel": "main", "id": "4", "quantity": 1.5},
        "5",
        {"panel": "main", "id": "6", "colour": "red"},
        {"id": "7"},
        {"panel": "main", "id": 8, "tags": ["a", "b"]},
    ])  # fmt: skip
    assert answer.status_code == 201
    told = answer.json()
    assert (told["added"], told["known"]) == (2, 0)
    assert [(bad["index"], bad["field"]) for bad in told["bad"]] == [
        (1, "panel"), (2, "id"), (3, "quantity"), (4, ""), (5, "colour"), (6, "panel"),
    ]  # fmt: skip
    assert told["bad"][2]["reason"] == "quantity '1.5' is not a whole number above 0"
    assert ids(api) == ["1", "8"]


def test_a_charge_keeps_its_digits_as_text_or_number(api):
    api.post('[{"panel": "main", "id": "1", "charge": 0.10}, {"panel": "main", "id": "2", "charge": "1.50"}]')
    assert [order["charge"] for order in api.client().orders()] == ["1.50", "0.10"]


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"id": "1"}, "panel"),
        ({"panel": "main"}, "id"),
        ({"panel": "main", "id": "1", "placed_at": "yesterday"}, "placed_at"),
        ({"panel": "main", "id": "1", "placed_at": "9999-12-31T23:59:59-23:59"}, "placed_at"),
        ({"panel": "main", "id": "1", "tags": [["a"]]}, "tags"),
        ({"panel": "main", "id": "1", "baseline": "perhaps"}, "baseline"),
        ({"panel": "main", "id": "1", "status": "Odd"}, "status"),
        ({"panel": "main", "id": "1", "ref": "nul\0"}, "ref"),
        ({"panel": "main", "id": "1", "charge": "-1"}, "charge"),
        ({}, "panel"),
    ],
)
def test_a_single_bad_order_is_a_problem_that_names_the_field(api, order, field):
    told = problem(api.post(order), 422)
    assert [error["field"] for error in told["errors"]] == [field]
    assert told["errors"][0]["reason"] == told["detail"]
    assert ids(api) == written(api) == []


def test_more_than_a_hundred_that_say_nothing_are_refused_as_a_whole_with_what_to_say(api):
    many = [{"panel": "main", "id": str(n)} for n in range(JUST_PLACED_MAX + 1)]
    told = problem(api.post(many), 422)
    assert told["detail"].startswith("101 orders at once")
    assert {error["field"] for error in told["errors"]} == {"baseline", "placed_at", "status"}
    assert "--" not in json.dumps(told)
    late = [{"panel": "main", "id": f"s{n}", "baseline": True} for n in range(BATCH)] + many
    assert api.post(late).status_code == 422
    assert ids(api) == written(api) == []
    assert api.post([row | {"baseline": True} for row in many]).json()["added"] == len(many)
    assert api.rows("SELECT count(*) FROM events") == [(0,)]
    assert api.post([{"panel": "spare", "id": str(n)} for n in range(JUST_PLACED_MAX)]).json()["added"] == 100
    assert api.rows("SELECT count(*) FROM events") == [(JUST_PLACED_MAX,)]


def test_ten_thousand_are_one_call_and_one_more_is_too_many(api):
    rows = [{"panel": "main", "id": str(n), "baseline": True} for n in range(ORDERS_MAX + 1)]
    assert problem(api.post(rows), 422)["detail"] == "10001 orders in one call; send 10000 at most"
    assert ids(api) == []
    assert api.post(rows[:-1]).json() == {"added": ORDERS_MAX, "known": 0, "bad": []}
    assert api.post(rows[:-1]).json() == {"added": 0, "known": ORDERS_MAX, "bad": []}


def test_eight_megabytes_are_taken_and_more_is_a_problem_whoever_refuses_it(api):
    def body(size):
        row = json.dumps([ONE])
        return row[:-1] + " " * (size - len(row)) + "]"

    assert api.post(body(BODY_MAX)).status_code == 201
    for size in (BODY_MAX + 1, BODY_MAX + 65_535, BODY_MAX + 1_000_000):
        assert problem(api.post(body(size)), 413)["title"] == "Too large"
    assert ids(api) == ["23501"]


@pytest.mark.parametrize(
    "body",
    ["", "{", "nope", "[NaN]", '{"id": Infinity}', "[" * 100_000, b'{"id": "\xff"}', '{"id": "\\ud800"}',
     '{"id": ' + "9" * 5_000 + "}", b"\x80", "[1] [2]"],
    ids=lambda body: repr(body)[:20],
)  # fmt: skip
def test_what_is_no_json_is_a_problem(api, body):
    assert problem(api.post(body), 400)["detail"].startswith("the body is not JSON")
    assert ids(api) == []


@pytest.mark.parametrize("body", ["null", "1", '"x"', "true"])
def test_json_that_is_no_order_is_a_problem(api, body):
    assert problem(api.post(body), 422)["errors"][0]["field"] == ""


def test_an_empty_list_is_taken(api):
    assert (api.post([]).status_code, api.post([]).json()) == (200, {"added": 0, "known": 0, "bad": []})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_what_a_form_elsewhere_could_send_is_not_taken(api, kind):
    told = problem(api.post(ONE, headers={"Content-Type": kind}), 415)
    assert told["title"] == "Not JSON"
    assert ids(api) == []


def test_a_page_from_elsewhere_is_refused_even_with_the_token(api):
    assert problem(api.post(ONE, headers={"Origin": "https://evil.example"}), 403)
    assert ids(api) == []


HOSTILE = "=1+1<script>alert(1)</script>\u202egnp.\x1b[31m'); DROP TABLE orders; --"


def test_hostile_text_is_kept_and_comes_back_as_it_was(api):
    order = ONE | {
        "id": "<b>'\"%00&;".replace(";", ""),
        "ref": HOSTILE,
        "tags": [HOSTILE],
        "link": "javascript:alert(3)",
    }
    assert api.post(order).status_code == 201
    with api.client() as client:
        (found,) = client.orders(ref=HOSTILE)
        assert (found["ref"], found["tags"], found["link"]) == (HOSTILE, [HOSTILE], "javascript:alert(3)")
        assert client.order("main", order["id"])["ref"] == HOSTILE
        assert [row["id"] for row in client.orders(tag=HOSTILE)] == [order["id"]]


# --- who may


def test_without_a_write_token_nothing_is_taken_and_the_answer_says_how_to_have_one(serve):
    api = serve(write=None)
    for token in (None, WRITE, "x" * 20):
        assert "write_token_file" in problem(api.post(ONE, token), 403)["detail"]
    assert ids(api) == written(api) == []


@pytest.mark.parametrize("given", [None, "", WRITE[:-1], WRITE + "x", "ü"])
def test_only_the_write_token_writes(api, given):
    headers = {} if given is None else {"Authorization": f"Bearer {given}".encode()}
    answer = api.post(ONE, None, headers=headers)
    assert problem(answer, 401)["title"] == "A token is needed"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tracker"'
    assert ids(api) == written(api) == []


def test_the_read_token_reads_and_the_write_token_does_both(serve):
    api = serve(read=TOKEN)
    assert problem(api.get("/orders"), 401)
    assert problem(api.get("/orders", headers={"Accept": "text/html"}), 401)
    assert problem(api.post(ONE, None), 401)
    assert problem(api.post(ONE, TOKEN), 403)["detail"].startswith("This token may only read")
    assert api.post(ONE, WRITE).status_code == 201
    assert api.get("/orders", TOKEN).json() == api.get("/orders", WRITE).json()
    assert len(api.get("/orders", TOKEN).json()["items"]) == 1


def test_a_login_reads_and_does_not_write(serve):
    import requests

    api = serve(read=TOKEN)
    with requests.Session() as browser:
        browser.post(f"{api.url}/login", data={"token": TOKEN}, timeout=10)
        assert browser.get(f"{api.url}/api/v1/orders", timeout=10).status_code == 200
        assert problem(browser.post(f"{api.url}/api/v1/orders", json=ONE, timeout=10), 401)
    assert ids(api) == []


@pytest.mark.parametrize("read", [None, TOKEN])
def test_who_guesses_has_to_wait_even_with_the_right_one(serve, read):
    api = serve(read=read)
    codes = [api.post(ONE, f"guess-{n}").status_code for n in range(WRONG_MAX + 1)]
    assert codes == [401] * WRONG_MAX + [429]
    answer = api.post(ONE, WRITE)
    assert problem(answer, 429)["title"] == "Too many wrong tokens"
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert ids(api) == []


def test_a_token_in_an_address_is_refused(api):
    assert problem(api.ask("POST", f"/orders?token={WRITE}", json=ONE), 400)

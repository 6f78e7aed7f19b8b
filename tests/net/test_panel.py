"""The client for a panel: what it sends, and what it reads from the answers."""

import json

import pytest

from tests.net.panels import ENTRY, KEY, ORDER, failure, panel
from tests.net.servers import (
    Server,
    answer,
)
from tracker.core.status import OrderStatus
from tracker.errors import UserError
from tracker.net.panel import comment_likes, custom_comments, default_order


@pytest.mark.parametrize(
    ("action", "argument", "body", "sent"),
    [
        ("status", ["1"], ORDER, {"action": "status", "order": "1"}),
        ("status", ["1", "10"], json.dumps({"1": ENTRY}), {"action": "status", "orders": "1,10"}),
        ("refill_status", ["1"], '{"status": "Completed"}', {"action": "refill_status", "refill": "1"}),
        (
            "refill_status",
            ["1", "2"],
            '[{"refill": 1, "status": "Completed"}]',
            {"action": "refill_status", "refills": "1,2"},
        ),
        ("refill", ["1"], '{"refill": "1"}', {"action": "refill", "order": "1"}),
        ("refill", ["1", "2"], '[{"order": 1, "refill": 7}]', {"action": "refill", "orders": "1,2"}),
        ("cancel", ["1"], '[{"order": 1, "cancel": 1}]', {"action": "cancel", "orders": "1"}),
        ("cancel", ["9", "2"], '[{"order": 2, "cancel": 1}]', {"action": "cancel", "orders": "9,2"}),
        ("balance", None, '{"balance": "1.5", "currency": "USD"}', {"action": "balance"}),
        ("services", None, '[{"service": 1, "name": "F", "rate": "0.90"}]', {"action": "services"}),
        (
            "add",
            {"service": "1", "link": "https://a.example/?b=c&d", "quantity": "10"},
            '{"order": 23501}',
            {"action": "add", "service": "1", "link": "https://a.example/?b=c&d", "quantity": "10"},
        ),
    ],
)
@pytest.mark.parametrize("request_as", ["form", "json", "get"])
def test_each_action_is_asked_in_the_three_ways(action, argument, body, sent, request_as):
    with Server(answer(body)) as server:
        asked = panel(server, request=request_as, user_agent="shop/2")
        getattr(asked, action)(*([] if argument is None else [argument]))
        (request,) = server.requests
    fields = json.loads(request.body) if request_as == "json" else request.form
    assert fields == {"key": KEY} | sent
    assert request.method == ("GET" if request_as == "get" else "POST")
    assert request.headers["user-agent"] == "shop/2"
    kinds = {"form": "application/x-www-form-urlencoded", "json": "application/json", "get": None}
    assert request.headers.get("content-type") == kinds[request_as]


def test_answers_are_read_with_the_panels_own_words_and_what_is_known():
    body = json.dumps({"1": ENTRY | {"status": "Waiting"}, "2": ENTRY, "3": {"error": "Incorrect order ID"}})
    with Server(answer(body)) as server:
        asked = panel(server)
        first = asked.status(["1", "2", "3", "4"])
        again = asked.status(["1", "2", "3", "4"], {"2": first.snapshots["2"].entry})
    assert first.snapshots["1"].status is OrderStatus.PENDING
    assert first.refusals["3"].not_found
    assert first.absent == ["4"]
    assert again.unchanged == ["2"]


def test_the_results_of_the_other_actions():
    bodies = ['{"order": 23501}', '{"refill": "7"}', '[{"order": 1, "cancel": 1}]', '{"balance": "1.50"}']
    with Server(*map(answer, bodies)) as server:
        asked = panel(server)
        assert asked.add({"service": "1"}) == "23501"
        assert asked.refill(["1"]).created == {"1": "7"}
        assert asked.cancel(["1"]).accepted == ("1",)
        assert str(asked.balance().amount) == "1.50"
        asked.close()


@pytest.mark.parametrize(
    "ids", [[], ["1", "1"], [str(n) for n in range(101)], ["1,2"], ["1\n"], ["a b"], [""], ["\x00"], ["1", "2\u0085"]]
)
@pytest.mark.parametrize("action", ["status", "refill_status", "refill", "cancel"])
def test_ids_that_must_not_be_sent_are_not(action, ids):
    with Server(answer()) as server:
        with pytest.raises(ValueError, match="id"):
            getattr(panel(server), action)(ids)
        assert server.connections == 0


def test_a_hundred_ids_fit_into_one_call():
    ids = [f"ord_{n}" for n in range(100)]
    with Server(answer(json.dumps(dict.fromkeys(ids, ENTRY)))) as server:
        assert list(panel(server).status(ids).snapshots) == ids


@pytest.mark.parametrize("name", ["key", "action"])
def test_an_order_cannot_bring_its_own_key_or_action(name):
    with Server(answer()) as server:
        with pytest.raises(ValueError, match=name):
            panel(server).add({"service": "1", name: "x"})
        assert server.connections == 0


def test_the_three_documented_forms_of_an_order():
    where = {"service": "1", "link": "https://a.example/"}
    assert default_order(**where, quantity=10) == where | {"quantity": "10"}
    drip = default_order(**where, quantity=10, runs=3, interval=60)
    assert drip == where | {"quantity": "10", "runs": "3", "interval": "60"}
    assert custom_comments(**where, comments=["nice", "very"]) == where | {"comments": "nice\nvery"}
    likes = comment_likes(**where, quantity=5, username="ann")
    assert likes == where | {"quantity": "5", "username": "ann"}


@pytest.mark.parametrize(
    ("make", "problems"),
    [
        (
            lambda: default_order("", " ", 0, runs=0),
            ["service: must", "link: must", "quantity: must", "runs: must", "runs and interval: a drip-feed needs"],
        ),
        (lambda: custom_comments("1", "x", []), ["comments: at least one"]),
        (lambda: custom_comments("1", "x", ["a\nb", ""]), ["comments: each must be one line"]),
        (lambda: comment_likes("1", "x", -1, ""), ["quantity: must", "username: must"]),
    ],
)
def test_all_that_is_wrong_with_an_order_is_said_at_once(make, problems):
    with pytest.raises(UserError) as caught:
        make()
    assert len(caught.value.problems) == len(problems)
    for problem, start in zip(caught.value.problems, problems, strict=True):
        assert problem.startswith(start)


def test_a_catalogue_may_be_long_and_other_answers_not():
    rows = [{"service": n, "name": "x" * 1_000, "rate": "1"} for n in range(6_000)]
    with Server(answer(json.dumps(rows))) as server:
        assert len(panel(server).services()) == 6_000
        assert failure(panel(server), "balance", None).message == "the answer is too long"


def test_a_catalogue_may_take_longer_than_the_panels_timeout():
    def slowly(connection, request):
        connection.server.stopping.wait(0.4)
        return answer(b"[]")(connection, request)

    with Server(slowly) as server:
        assert panel(server, timeout_s=0.2).services() == []
        assert failure(panel(server, timeout_s=0.2), "balance", None).message == "no complete answer in time"

"""`tracker gateway` and the calls that wait for a person."""

import pytest

from tests.cli.conftest import KEY
from tests.defaults import client_rules, poll_rules
from tracker import clock
from tracker.core.polling.request_budget import Caller
from tracker.store import GatewayCall

CLIENT = """
[gateway.clients.shop]
key = "shop-key-0123456789abcdef"
panels = ["main"]
actions = ["status", "add"]
max_spend_per_day = "50.00"
"""
SHOP = client_rules("shop", frozenset({"main"}), frozenset({"add"}))
LINK = "https://pages.example/p/1"


@pytest.fixture
def site(site):
    """With a client, and the gateway switched on so far as commands see it."""
    text = site.file.read_text().replace('listen = ""', 'listen = "127.0.0.1:8787"')
    site.file.write_text(text + CLIENT)
    site.ok("orders", "list")  # makes the database
    return site


def lose(site, name="G-kx3v7qa2mn", action="refill", **facts):
    """A call that was written down and whose answer got lost."""
    from tracker.config import load
    from tracker.daemon.build import build

    parts = build(load(site.file, {}, cwd=site.folder))
    call = GatewayCall(name, "shop", "main", action, at=clock.now(), **facts)
    assert isinstance(parts.store.gateway.open_call(call, SHOP, Caller("shop", 0.5, False), poll_rules(), {}), int)
    with parts.database.transaction() as cur:
        cur.run("UPDATE gateway_calls SET action = 'add' WHERE service IS NOT NULL")
    parts.store.gateway.call_unclear(name, "no complete answer in time", clock.now())


def test_clients_are_shown_with_what_they_spent_and_never_their_keys(site):
    said = site.ok("gateway", "status")
    assert "shop" in said.out
    assert "shop-key" not in said.out + said.err
    (row,) = site.json("gateway", "status")
    assert (row["client"], row["max_spend_per_day"], row["actions"]) == ("shop", "50.00", ["add", "status"])


def test_the_switch_says_what_it_did_and_why_it_is_off(site):
    assert "stopped" in site.ok("gateway", "stop", "--comment", "prices changed").out
    assert "already" in site.ok("gateway", "stop").out
    (row,) = site.json("gateway", "status")
    assert row["comment"] == "prices changed"
    assert row["stopped_since"]
    assert "started" in site.ok("gateway", "start").out
    assert "not stopped" in site.ok("gateway", "start").out


def test_an_unclear_order_is_listed_and_settled_by_its_id(site):
    assert "Nothing is unclear" in site.ok("orders", "list", "--unclear").err
    lose(site, service="1", quantity=1000, link=LINK)
    (row,) = site.json("orders", "list", "--unclear")
    assert (row["call"], row["service"], row["quantity"], row["link"]) == ("G-kx3v7qa2mn", "1", 1000, LINK)
    assert "order 23501 of main is tracked" in site.ok("orders", "resolve", "G-kx3v7qa2mn", "--order", "23501").out
    order = site.json("orders", "show", "main", "23501")
    assert (order["service"], order["quantity"], order["link"]) == ("1", 1000, LINK)
    assert [event["type"] for event in order["events"]] == ["order.tracked"]
    assert site.json("orders", "list", "--unclear") == []
    (row,) = site.json("gateway", "calls")
    assert (row["state"], row["orders"]) == ("placed", ["23501"])


def test_health_is_red_while_a_call_waits_for_a_person(site):
    lose(site, service="1", quantity=1000)
    site.ok("gateway", "stop", "--comment", "prices changed")
    said = site.run("health")
    assert said.code == 1
    assert "problem  gateway: 1 calls are unclear: tracker orders list --unclear" in said.out
    assert "note     gateway: stopped (prices changed): tracker gateway start" in said.out
    site.ok("orders", "resolve", "G-kx3v7qa2mn", "--not-placed")
    assert "unclear" not in site.run("health").out


def test_one_that_was_not_placed_is_settled_by_saying_so(site):
    lose(site, service="1", quantity=1000)
    assert "nothing came of it" in site.ok("orders", "resolve", "G-kx3v7qa2mn", "--not-placed").out
    assert site.json("gateway", "calls", "--state", "not_placed")[0]["call"] == "G-kx3v7qa2mn"
    assert site.json("orders", "list") == []
    again = site.run("orders", "resolve", "G-kx3v7qa2mn", "--order", "1")
    assert (again.code, "not unclear but not placed" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["G-kx3v7qa2mn"], 2, "either --order ID or --not-placed"),
        (["G-kx3v7qa2mn", "--order", "1", "--not-placed"], 2, "either --order ID or --not-placed"),
        (["G-nowhere234", "--not-placed"], 2, "there is no call G-nowhere234"),
        (["G-kx3v7qa2mn", "--order", "1"], 1, "is a refill, which has no order to track"),
    ],
)
def test_what_cannot_be_settled_so_is_said(site, args, code, words):
    lose(site, ids=("1", "2"))
    said = site.run("orders", "resolve", *args)
    assert (said.code, words in said.err) == (code, True), said.err
    assert KEY not in said.err


def test_an_id_that_is_none_settles_nothing(site):
    lose(site, service="1", quantity=1000)
    said = site.run("orders", "resolve", "G-kx3v7qa2mn", "--order", "a b")
    assert said.code == 2
    assert len(site.json("orders", "list", "--unclear")) == 1

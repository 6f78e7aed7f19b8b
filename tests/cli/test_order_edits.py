"""Orders corrected, removed and forgotten by hand; panels that are gone; children beside their parent."""

import json

import pytest

from tests.cli.test_orders import ORDER_KEYS

LINK = "https://example.com/p/zoë-4711"


@pytest.fixture
def known(site):
    facts = ["--service", "12", "--ref", "client-A-118", "--tag", "vip", "--tag", "late", "--link", LINK]
    site.ok("orders", "add", "main", "1", "2", *facts)
    return site


def test_an_edit_says_what_it_changed(known):
    edits = ["--service", "13", "--quantity", "500", "--tag", "new", "--clear", "link", "--placed-at", "2026-11-23"]
    said = known.ok("orders", "edit", "main", "1", "1", *edits)
    assert said.out.splitlines() == [
        "1: service 12 -> 13; quantity - -> 500; tags vip, late -> new; placed_at - -> 2026-11-23T00:00:00Z;"
        f" link {LINK} -> -",
        "1 changed",
    ]  # fmt: skip
    order = known.json("orders", "show", "main", "1")
    assert list(order)[: len(ORDER_KEYS)] == ORDER_KEYS
    facts = ("service", "quantity", "quantity_source", "tags", "link", "ref")
    assert [order[key] for key in facts] == ["13", 500, "given", ["new"], None, "client-A-118"]


def test_an_edit_that_changes_nothing_says_so_and_one_that_cannot_be_is_a_problem(known):
    assert known.ok("orders", "edit", "main", "1", "2", "--service", "12").out == "0 changed, 2 as before\n"
    said = known.run("orders", "edit", "main", "1", "404", "--charge", "0.80")
    assert (said.code, said.out, said.err) == (1, "1: charge - -> 0.80\n1 changed\n", "404: not tracked\n")
    known.ok("poll")
    said = known.run("orders", "edit", "main", "1", "--charge", "0.70", "--ref", "B")
    assert (said.code, said.out) == (1, "0 changed\n")
    assert "as the panel says it" in said.err
    assert known.json("orders", "show", "main", "1")["ref"] == "client-A-118"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "nothing to change"),
        (["--quantity", "many"], "not a whole number"),
        (["--ref", ""], "--clear ref takes it away"),
        (["--ref", "A", "--clear", "ref"], "to be set and to be cleared"),
        (["--clear", "status"], "Invalid value"),
    ],
)
def test_an_edit_that_cannot_be_meant_is_wrong_usage(known, options, why):
    said = known.run("orders", "edit", "main", "1", *options)
    assert said.code == 2
    assert why in said.err


def test_a_removed_order_is_gone_after_a_yes_and_what_was_told_stays(known):
    no = known.run("orders", "remove", "main", "1", stdin="n\n")
    assert (no.code, len(known.json("orders", "list"))) == (1, 2)
    assert known.ok("orders", "remove", "main", "1", stdin="y\n").out == "1 removed\n"
    assert [order["id"] for order in known.json("orders", "list")] == ["2"]
    assert [event["remote_id"] for event in known.json("events", "list")] == ["1", "2"]
    said = known.run("orders", "remove", "main", "1", "2", "--yes")
    assert (said.code, said.out, said.err) == (1, "1 removed\n", "1: not tracked\n")
    assert (known.folder / "data" / "intake.ndjson").read_text() == ""


def test_a_forgotten_order_lives_on_without_what_is_personal(known):
    no = known.run("orders", "forget", "main", "1", stdin="n\n")
    assert (no.code, known.json("orders", "show", "main", "1")["ref"]) == (1, "client-A-118")
    said = known.ok("orders", "forget", "main", "1", "--yes")
    assert said.out == "1 forgotten: 1 event, 1 line of the journal\n"
    order = known.json("orders", "show", "main", "1")
    assert (order["link"], order["ref"], order["tags"], order["service"]) == (None, None, [], "12")
    (event, other) = known.json("events", "list")
    assert (event["body"]["data"]["order"]["ref"], event["body"]["data"]["order"]["tags"]) == (None, [])
    assert other["body"]["data"]["order"]["ref"] == "client-A-118"
    lines = [json.loads(line) for line in (known.folder / "data" / "intake.ndjson").read_text().splitlines()]
    assert [set(line) & {"link", "ref", "tags"} for line in lines] == [set(), {"link", "ref", "tags"}]


def test_an_order_that_was_removed_can_still_be_forgotten_and_a_stranger_cannot(known):
    known.ok("orders", "remove", "main", "1", "--yes")
    said = known.run("orders", "forget", "main", "1", "404", "--yes")
    assert (said.code, said.err) == (1, "404: nothing is known of it\n")
    assert said.out == "1 forgotten: 1 event, 0 lines of the journal\n"


@pytest.mark.parametrize("command", ["edit", "remove", "forget"])
def test_a_panel_that_never_was_is_wrong_usage(known, command):
    options = ["--clear", "ref"] if command == "edit" else ["--yes"]
    said = known.run("orders", command, "mian", "1", *options)
    assert said.code == 2
    assert 'did you mean "main"' in said.err


@pytest.fixture
def left(known, panel):
    """`main` has left the configuration; `spare` has come."""
    known.ok("poll")
    text = known.file.read_text()
    known.file.write_text(text.replace("[panels.main]", "[panels.spare]"))
    known.ok("poll")
    return known, text


def test_a_panel_that_left_is_listed_as_gone_with_its_orders_and_they_are_paused(left):
    site, _ = left
    rows = {row["panel"]: row for row in site.json("panels", "list")}
    assert [(row["state"], row["orders"], row["orders_active"]) for row in rows.values()] == [
        ("ok", 0, 0),
        ("gone", 2, 0),
    ]
    assert rows["main"]["budget"] is None
    assert "gone" in site.ok("panels", "list").out
    orders = site.json("orders", "list", "--tracking", "paused")
    assert [(order["id"], order["next_poll_at"], order["next_poll_reason"]) for order in orders] == [
        ("2", None, "not_configured"),
        ("1", None, "not_configured"),
    ]
    assert "its panel is not configured" in site.ok("orders", "show", "main", "1").out


def test_its_orders_can_be_corrected_and_forgotten_and_it_comes_back_as_it_was(left):
    site, before = left
    assert site.ok("orders", "edit", "main", "1", "--service", "14").out == "1: service 12 -> 14\n1 changed\n"
    assert site.ok("orders", "forget", "main", "2", "--yes").out.startswith("1 forgotten")
    site.file.write_text(before)
    said = site.ok("poll")
    assert "2 orders asked about" in said.out
    assert [order["tracking"] for order in site.json("orders", "list")] == ["finished", "active"]
    assert [(row["panel"], row["state"]) for row in site.json("panels", "list")] == [("main", "ok")]


def test_a_parent_is_shown_with_its_children_and_a_child_with_its_parent(site, panel):
    site.ok("orders", "add", "main", "20", "--service", "1")
    site.ok("poll")
    parent = site.json("orders", "show", "main", "20")
    assert [(child["id"], child["status"], child["remains"]) for child in parent["children"]] == [
        ("1", "in_progress", 500)
    ]
    assert (parent["kind"], parent["parent"]) == ("drip_feed", None)
    assert "\nChildren\n" in site.ok("orders", "show", "main", "20").out
    child = site.json("orders", "show", "main", "1")
    assert (child["parent"], child["service"], child["children"]) == ("20", "1", [])
    past = site.json("orders", "show", "main", "20", "--as-of", "0s")
    assert [(one["id"], one["status"]) for one in past["children"]] == [("1", None)]


def test_the_examples_of_the_help_are_there(site):
    for command in ("edit", "remove", "forget"):
        assert f"tracker orders {command} main 23501" in site.ok("orders", command, "--help").out

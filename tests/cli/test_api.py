"""The raw API by hand: counted, asked about when it costs, and what it creates is tracked."""

import pytest


def calls(panel, action):
    return [call for call in panel.audit.calls if call.action == action]


def budget_used(site):
    (row,) = site.json("panels", "list")
    return row["budget_used"]


def test_reads_answer_and_are_counted(site, panel):
    assert site.json("api", "main", "balance") == {"amount": str(panel.balance()), "currency": "USD"}
    assert [service["service"] for service in site.json("api", "main", "services")] == ["1", "2", "3", "4"]
    assert budget_used(site) == 2


def test_statuses_in_one_call_each_with_its_answer(site, panel):
    said = site.run("api", "main", "status", "1", "2", "77", "1", "--json")
    rows = {row["id"]: row for row in said.json}
    assert said.code == 1, "one of them was refused"
    assert (rows["1"]["status"], rows["2"]["status"], rows["2"]["remains"]) == ("in_progress", "partial", 157)
    assert (rows["77"]["status"], rows["77"]["error"]) == (None, "Incorrect order ID")
    assert [call.ids for call in calls(panel, "status")] == [("1", "2", "77")]
    assert site.json("orders", "list") == [], "looking records nothing"


def test_refill_statuses(site):
    (row,) = site.json("api", "main", "refill-status", "1")
    assert (row["id"], row["status"], row["error"]) == ("1", "completed", None)


def test_ids_are_asked_in_batches_the_panel_takes(site, panel):
    site.configure(panel.url, batch_size=2)
    site.run("api", "main", "status", "1", "2", "3")
    assert [len(call.ids) for call in calls(panel, "status")] == [2, 1]


def test_an_order_is_placed_after_a_yes_and_tracked_as_just_placed(site, panel):
    said = site.ok("api", "main", "add", "1", "https://x.example/a", "100", "--json", stdin="y\n")
    order_id = said.json["id"]
    assert panel.truth(order_id)["status"] == "Pending"
    (order,) = site.json("orders", "list")
    assert (order["id"], order["service"], order["quantity"]) == (order_id, "1", 100)
    assert order["link"] == "https://x.example/a"
    assert [event["type"] for event in site.json("events", "list")] == ["order.tracked"]
    assert order_id in (site.folder / "data" / "intake.ndjson").read_text()


@pytest.mark.parametrize(
    "command", [["add", "1", "https://x.example/a", "100"], ["refill", "3"], ["cancel", "1"]], ids=lambda c: c[0]
)
def test_without_a_yes_nothing_is_sent(site, panel, command):
    for stdin in ("n\n", ""):
        said = site.run("api", "main", *command, stdin=stdin)
        assert said.code == 1
        assert "Nothing done" in said.err
    assert panel.audit.calls == []


def test_the_price_is_in_the_question_once_the_catalogue_is_known(site):
    site.ok("poll")
    said = site.run("api", "main", "add", "1", "https://x.example/a", "100", stdin="n\n")
    assert "Newsletter inserts" in said.err
    assert "about 0.09000" in said.err


def test_comments_are_read_from_a_file(site, panel):
    comments = site.folder / "comments.txt"
    comments.write_text("First\nSecond\n")
    site.ok("api", "main", "add", "2", "https://x.example/a", "--comments", comments, "--yes")
    (order,) = site.json("orders", "list")
    assert order["quantity"] == 2


def test_the_panels_no_is_told_in_its_own_words(site):
    said = site.run("api", "main", "add", "77", "https://x.example/a", "100", "--yes")
    assert said.code == 1
    assert said.err.startswith("main: add: refused: ")
    assert site.json("orders", "list") == []


def test_a_quantity_is_needed(site, panel):
    assert site.run("api", "main", "add", "1", "https://x.example/a", "--yes").code == 2
    assert panel.audit.calls == []


def test_a_refill_is_asked_for_and_tracked(site, panel):
    (row,) = site.json("api", "main", "refill", "3", "--yes")
    assert row["accepted"]
    (refill,) = site.json("refills", "list")
    assert (refill["id"], refill["order"]) == (row["refill"], "3")
    assert panel.refill_truth(row["refill"]) is not None


def test_a_cancellation_says_which_were_accepted(site, panel):
    said = site.run("api", "main", "cancel", "1", "3", "--yes", "--json")
    rows = {row["id"]: row for row in said.json}
    assert rows["1"]["accepted"]
    assert not rows["3"]["accepted"]
    assert rows["3"]["error"]
    assert said.code == 1


def test_a_used_up_budget_sends_nothing_and_says_when_to_come_back(site, panel):
    site.configure(panel.url, max_requests_per_minute=2)
    site.ok("api", "main", "balance")
    site.ok("api", "main", "balance")
    said = site.run("api", "main", "balance")
    assert said.code == 75
    assert "budget" in said.err
    assert len(panel.audit.calls) == 2


@pytest.mark.parametrize(("fault", "code"), [("http_500", 75), ("http_429", 75), ("html_200", 75), ("bad_key", 1)])
def test_trouble_exits_75_when_it_passes_and_1_when_it_lasts(site, panel, fault, code):
    if fault == "bad_key":
        panel.key = "another"
    else:
        panel.faults.queue(fault)
    said = site.run("api", "main", "balance")
    assert said.code == code, said.err
    assert said.err.startswith("main: balance: ")


def test_an_order_whose_answer_got_lost_is_told_as_that(site, panel):
    panel.faults.queue("reset")
    said = site.run("api", "main", "add", "1", "https://x.example/a", "100", "--yes")
    assert said.code == 1
    assert "look before you repeat it" in said.err
    assert len(calls(panel, "add")) == 1, "an add is never sent twice"

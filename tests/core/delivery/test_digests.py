"""A message about many events: its title, its totals, and how it is kept short."""

from tracker.core.delivery import digests


def event(type_, order=None, **refund):
    data = {"panel": "main"}
    if order:
        data["order"] = {"id": order, "currency": refund.pop("currency", "USD")}
        data["refund"] = {"expected": None, "observed": None, "basis": "none"} | refund
    return {"type": type_, "id": "evt_x", "timestamp": "2026-11-18T12:00:00Z", "data": data}


def test_events_of_one_type_are_named_by_it():
    assert digests.title([event("order.completed", "1"), event("order.completed", "2")]) == "2 x order.completed"
    assert digests.title([event("order.completed", "1"), event("balance.low")]) == "2 events"


def test_totals_count_each_type_the_most_first():
    told = [event("order.partial", "1"), event("order.completed", "2"), event("order.completed", "3")]

    assert digests.totals(told) == "2 order.completed, 1 order.partial"
    assert digests.totals(told[1:]) == "", "the title says it already"


def test_money_back_is_added_exactly_per_currency_and_once_per_order():
    told = [
        event("order.partial", "1", expected="0.10", observed=None),
        event("order.refunded", "1", expected="0.10", observed="0.10"),  # the same order: its last word counts
        event("order.partial", "2", expected="0.2000000000000000001", observed=None),
        event("order.canceled", "3", expected="5", observed="4.50", currency="EUR"),
    ]

    assert digests.totals(told).partition("; ")[2] == (
        "refunds: 5 EUR + 0.3000000000000000001 USD expected, 4.5 EUR + 0.1 USD seen"
    )


def test_an_order_of_the_same_id_at_another_panel_is_another_order():
    other = event("order.partial", "1", expected="0.2")
    other["data"]["panel"] = "spare"

    assert digests.totals([event("order.partial", "1", expected="0.1"), other]) == "refunds: 0.3 USD expected"


def test_what_does_not_fit_is_counted():
    lines = [f"line {n}" for n in range(10)]

    assert digests.fitted("head", lines, 1000).count("\n") == 10
    text = digests.fitted("head", lines, 60)
    assert len(text.encode()) <= 60
    assert text.startswith("head\nline 0\n")
    kept = text.count("\nline ")
    assert text.endswith(f"\n… and {10 - kept} more")


def test_a_head_that_is_too_long_by_itself_is_cut():
    assert digests.fitted("é" * 50, ["x"], 21) == "é" * 10

"""What is wrong, seen and answered by a person."""

import pytest

from tests.cli.conftest import Site
from tracker.db.database import connect

BELOW = '[panels.main.balance_alert]\nbelow = "5000.00"\nrepeat_every = "1m"\n'


@pytest.fixture
def low(tmp_path, panel):
    """A site whose balance is below its threshold, and which has noticed."""
    site = Site(tmp_path).configure(panel.url)
    site.file.write_text(site.file.read_text() + BELOW)
    site.ok("poll")
    return site


def test_what_is_wrong_is_listed_with_its_reason_and_what_is_well_only_with_all(low):
    (alert,) = low.json("alerts", "list")
    assert (alert["panel"], alert["name"], alert["state"]) == ("main", "balance.low", "raised")
    assert "threshold 5000.00" in alert["reason"]
    assert (alert["acked_at"], alert["silenced_until"], alert["comment"]) == (None, None, None)
    low.file.write_text(low.file.read_text().replace("5000.00", "1.00"))
    again(low)
    assert low.json("alerts", "list") == []
    assert [alert["state"] for alert in low.json("alerts", "list", "--all")] == ["ok"]
    assert low.ok("alerts", "list").err == "Nothing is wrong.\n"


def again(site):
    """Look at the balance once more, as if its turn and a reminder's had come."""
    with connect(f"sqlite:///{site.folder}/data/tracker.db").transaction() as cur:
        cur.run("UPDATE panels SET next_balance_at = 0")
        cur.run("UPDATE alerts SET reminded_at = reminded_at - 60")
    site.ok("poll")


def told(site):
    return [event["type"] for event in site.json("events", "list")]


def test_an_ack_ends_the_reminders_and_is_shown(low):
    again(low)
    assert told(low) == ["balance.low"] * 2
    assert low.ok("alerts", "ack", "main", "balance.low").out == "balance.low at main: no reminders until it is over\n"
    again(low)
    assert told(low) == ["balance.low"] * 2
    (alert,) = low.json("alerts", "list")
    assert alert["acked_at"] is not None


def test_an_ack_of_what_is_not_raised_is_a_problem(low):
    said = low.run("alerts", "ack", "main", "panel.down")
    assert (said.code, said.out) == (1, "")
    assert "panel.down is not raised at main" in said.err


def test_a_silence_has_a_time_and_a_comment_and_can_be_ended(low):
    low.ok("alerts", "silence", "main", "balance.low", "--for", "2h", "--comment", "paid, arrives by noon")
    again(low)
    assert told(low) == ["balance.low"]
    (alert,) = low.json("alerts", "list")
    assert alert["comment"] == "paid, arrives by noon"
    assert alert["silenced_until"] is not None
    assert "in 2h" in low.ok("alerts", "list").out.replace("in 120m", "in 2h")
    low.ok("alerts", "silence", "main", "balance.low", "--for", "0s")
    assert low.json("alerts", "list")[0]["silenced_until"] is None
    again(low)
    assert told(low) == ["balance.low"] * 2


def test_what_never_went_wrong_can_be_silenced_before_the_first_poll_and_is_listed(site):
    site.ok("alerts", "silence", "main", "panel.down", "--for", "15m", "--comment", "announced")
    (alert,) = site.json("alerts", "list")
    assert (alert["name"], alert["state"], alert["comment"]) == ("panel.down", "ok", "announced")


@pytest.mark.parametrize(
    "args",
    [
        ("ack", "mian", "balance.low"),
        ("ack", "main", "balance.lo"),
        ("silence", "main", "balance.low"),
        ("silence", "main", "balance.low", "--for", "soon"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(low, args):
    said = low.run("alerts", *args)
    assert (said.code, said.out) == (2, "")

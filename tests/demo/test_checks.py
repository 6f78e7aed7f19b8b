"""The check at the end finds what is wrong, and says so."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from tracker.demo import checks, report, story
from tracker.demo.evidence import CallsMade, Evidence, OrderComparison
from tracker.simulator import Received
from tracker.simulator.audit import without_repeats

STOOD = ("completed", "0.90000", 0)
WORDS = ("Pending", "In progress", "Completed")


def body(type_):
    refund = {"expected": "0.75520", "observed": "0.75520"}
    order = {"id": "23515", "delivered": 1264, "quantity": 1500, "currency": "USD"}
    balance = {"amount": "15.00", "currency": "USD"}
    data = {"order": order, "refund": refund, "balance": balance}
    return json.dumps({"type": type_, "timestamp": "2026-11-23T02:14:07Z", "data": data}).encode()


def request(id_, bytes_, **changed):
    values = {
        "number": 1, "arrival": 0.0, "method": "POST", "path": "/hook", "headers": {"webhook-id": id_},
        "body": bytes_, "behaviour": "ok", "problem": "",
    }  # fmt: skip
    return Received(**values | changed)


@pytest.fixture
def good():
    """A story that came true."""
    events = {f"evt_{type_}": body(type_) for type_ in story.PROMISED}
    return Evidence(
        complete=True,
        expected=1,
        orders=(OrderComparison("main", "501", STOOD, STOOD, WORDS, WORDS),),
        events=events,
        waiting=0,
        received=(
            request("evt_order.started", events["evt_order.started"], behaviour="fail"),
            *(request(id_, bytes_) for id_, bytes_ in events.items()),
        ),
        calls=(CallsMade("main", 100, 2, 90, 0),),
        exit_code=0,
    )


def problems(evidence):
    return [problem for check in checks.checks(evidence) for problem in check.problems]


def test_a_story_that_came_true_has_no_problems(good):
    assert problems(good) == []
    expected = "1 orders, 3 status changes seen, 14 hooks delivered, 0 lost, signatures good"
    assert checks.verdict(good) == expected


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"orders": (OrderComparison("main", "501", STOOD, ("pending", "0.90000", 9), WORDS, WORDS),)},
            "main 501: recorded",
        ),
        ({"orders": (OrderComparison("main", "501", STOOD, None, WORDS, WORDS),)}, "main 501: recorded as None"),
        (
            {"orders": (OrderComparison("main", "501", STOOD, STOOD, WORDS, WORDS[1:]),)},
            "main 501: answered Pending > In",
        ),
        ({"received": ()}, "lost: evt_order.tracked"),
        ({"waiting": 1}, "1 still wait"),
        ({"calls": (CallsMade("main", 900, 0, story.LIMIT + 1, 0),)}, "main: 241 calls in 60 s"),
        ({"calls": (CallsMade("main", 100, 0, 90, 1),)}, "main: 1 calls that break the rules"),
        ({"exit_code": -9}, "it ended with code -9"),
    ],
)
def test_what_is_wrong_is_named(good, changed, problem):
    assert any(problem in found for found in problems(replace(good, **changed)))


def test_a_forged_hook_and_one_with_other_bytes_are_found(good):
    forged = request("evt_order.started", body("order.started"), problem="no signature by a known secret")
    bad = replace(good, received=(*good.received, forged))
    assert problems(bad) == ["evt_order.started: no signature by a known secret"]
    assert checks.verdict(bad).endswith("signatures bad")
    other = replace(good, received=(*good.received, request("evt_order.started", b"{}")))
    assert problems(other) == ["evt_order.started arrived with other bytes than were stored"]


@pytest.mark.parametrize("type_", story.PROMISED)
def test_every_promise_that_was_not_kept_is_named(good, type_):
    kept = {id_: bytes_ for id_, bytes_ in good.events.items() if id_ != f"evt_{type_}"}
    received = tuple(seen for seen in good.received if seen.id in kept)
    assert f"no {type_}" in problems(replace(good, events=kept, received=received))


def test_a_story_cut_short_is_only_asked_what_can_be_told(good):
    early = replace(good, complete=False, waiting=len(good.events), received=())
    assert problems(early) == []
    assert problems(replace(early, waiting=0)) != []


def test_the_report_fits_a_small_terminal_and_says_what_failed(good):
    for evidence in (good, replace(good, exit_code=-9)):
        found, verdict = checks.checks(evidence), checks.verdict(evidence)
        out = Console(width=80, record=True, file=io.StringIO())
        out.print(report.page(found, verdict, complete=True))
        text = out.export_text()
        assert max(map(len, text.splitlines())) <= 80
        lines = report.lines(found, verdict, complete=True)
        assert all(line.isascii() for line in lines)
        for report_text in (text, "\n".join(lines)):
            assert verdict in report_text
            assert "tracker init" in report_text
            assert ("it ended with code -9" in report_text) is report.failed(found) is (evidence is not good)


def test_repetitions_are_no_changes():
    assert without_repeats(["Pending", "Pending", "Completed", "Pending"]) == ("Pending", "Completed", "Pending")

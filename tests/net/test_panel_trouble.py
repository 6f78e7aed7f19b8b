"""The client for a panel: how it reports trouble, and that its key is never revealed."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, quote_plus

import pytest

from tests.net.certificates import certificate
from tests.net.panels import ENTRY, KEY, ORDER, failure, panel
from tests.net.servers import (
    BROKEN_BODIES,
    Server,
    answer,
    close,
    drip_body,
    drip_headers,
    endless_body,
    garbage,
    gzip_bomb,
    hang,
    interim,
    raw,
    redirect,
    reset,
    short_body,
    unused_port,
)
from tracker.core import wire
from tracker.errors import PanelError, Trouble

READS = [("status", ["1"]), ("refill_status", ["1"]), ("balance", None), ("services", None)]
ACTS = [("add", {"service": "1"}), ("refill", ["1"]), ("cancel", ["1"])]


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        (reset(), Trouble.UNAVAILABLE, "Connection reset by peer"),
        (close(), Trouble.UNAVAILABLE, "closed without an answer"),
        (short_body(), Trouble.UNREADABLE, "the answer broke off"),
        (garbage(), Trouble.UNAVAILABLE, "what came is not HTTP"),
        (hang(), Trouble.UNAVAILABLE, "no complete answer in time"),
        (drip_headers(), Trouble.UNAVAILABLE, "no complete answer in time"),
        (drip_body(), Trouble.UNAVAILABLE, "no complete answer in time"),
        (answer(b"down", 502), Trouble.UNAVAILABLE, "down"),
        (endless_body(), Trouble.UNREADABLE, "the answer is too long"),
        (gzip_bomb(20), Trouble.UNREADABLE, "the answer is too long"),
        (answer(b"<html>checking your browser"), Trouble.UNREADABLE, "checking your browser"),
        (answer(b'{"error": "Invalid API key"}', 401), Trouble.AUTH, "Invalid API key"),
        (answer(b'{"error": "Too many requests"}'), Trouble.RATE_LIMITED, "Too many requests"),
        (redirect("https://other.example/?key=x"), Trouble.UNREADABLE, "redirects to other.example, not followed"),
        (redirect("/login"), Trouble.UNREADABLE, "redirects to its own host, not followed"),
    ],
)
def test_each_trouble_has_its_kind_and_its_words(behaviour, kind, words):
    with Server(behaviour) as server:
        error = failure(panel(server, timeout_s=0.5))
    assert error.kind is kind
    assert words in error.message
    assert not error.uncertain


def test_nobody_there_no_such_name_and_no_trust_are_unavailable(tmp_path):
    error = failure(panel(f"http://127.0.0.1:{unused_port()}/"))
    assert (error.kind, error.message) == (Trouble.UNAVAILABLE, "no connection: Connection refused")
    error = failure(panel("http://no-such-host.invalid/"))
    assert (error.kind, error.message[:5]) == (Trouble.UNAVAILABLE, "DNS: ")
    with Server(answer(ORDER), tls=certificate(tmp_path)) as server:
        error = failure(panel(server))
        assert (error.kind, error.message) == (Trouble.UNAVAILABLE, "TLS: self-signed certificate")


def test_a_panel_may_have_a_certificate_of_its_own(tmp_path):
    cert, key = certificate(tmp_path)
    with Server(answer(ORDER), tls=(cert, key)) as server:
        assert panel(server, ca_file=cert).status(["1"]).snapshots


@pytest.mark.parametrize(
    ("code", "said", "seconds"), [(429, "30", 30.0), (503, "junk", None), (200, "5", 5.0), (429, "9" * 12, 86_400.0)]
)
def test_a_panel_may_ask_for_time(code, said, seconds):
    body = b'{"error": "Too many requests"}'
    with Server(answer(body, code, Retry_After=said)) as server:
        assert failure(panel(server)).retry_after_s == seconds


@pytest.mark.parametrize("behaviour", [reset(), close(), garbage(), short_body()])
@pytest.mark.parametrize(("action", "argument"), READS)
def test_a_broken_read_is_asked_once_more_on_a_new_connection(behaviour, action, argument):
    with Server(behaviour) as server:
        asked = []
        failure(panel(server), action, argument, may_retry=lambda: not asked.append("may I"))
        assert (len(server.requests), server.connections, len(asked)) == (2, 2, 1)


def test_the_second_try_does_not_fall_into_another_kept_connection():
    with Server(answer(ORDER), reset(), answer(ORDER)) as server:
        asked = panel(server)
        asked.status(["1"], may_retry=lambda: True)
        assert asked.status(["1"], may_retry=lambda: True).snapshots
        assert [request.connection for request in server.requests] == [1, 1, 2]


def test_without_budget_there_is_no_second_try():
    with Server(reset()) as server:
        failure(panel(server), may_retry=lambda: False)
        assert len(server.requests) == 1


@pytest.mark.parametrize("behaviour", [hang(), answer(b"", 502), endless_body(), redirect("http://a.example/")])
def test_only_a_broken_connection_is_worth_a_second_try(behaviour):
    with Server(behaviour) as server:
        failure(panel(server, timeout_s=0.3), may_retry=lambda: True)
        assert len(server.requests) == 1


def test_both_tries_share_one_deadline():
    def break_off_late(connection, request):
        connection.server.stopping.wait(0.3)
        return False

    with Server(break_off_late, hang()) as server:
        started = time.monotonic()
        failure(panel(server, timeout_s=0.5), may_retry=lambda: True)
        assert time.monotonic() - started < 1.5
        assert len(server.requests) == 2


def forwarded(tried, action, argument):
    """Passes a gateway client's call on, with room in the budget for a second try."""
    fields = argument if action == "add" else {"orders": ",".join(argument)}
    readers = {
        "add": wire.read_add,
        "refill": lambda answer: wire.read_refill(answer, argument),
        "cancel": lambda answer: wire.read_cancel(answer, argument),
    }
    with pytest.raises(PanelError) as caught:
        tried.forward(action, fields, readers[action], 0.3, lambda: True)
    return caught.value


@pytest.mark.parametrize(
    "behaviour",
    [
        reset(),
        close(),
        garbage(),
        short_body(),
        hang(),
        answer(b"", 502),
        endless_body(),
        redirect("http://a.example/"),
    ],
)
@pytest.mark.parametrize("acted", [failure, forwarded])
@pytest.mark.parametrize(("action", "argument"), ACTS)
def test_what_changes_something_is_never_tried_twice_and_stays_uncertain(behaviour, action, argument, acted):
    with Server(behaviour) as server:
        error = acted(panel(server, timeout_s=0.3), action, argument)
        assert len(server.requests) == 1
    assert error.uncertain


@pytest.mark.parametrize(("action", "argument"), ACTS)
def test_what_was_never_sent_is_certain(action, argument):
    assert not failure(panel(f"http://127.0.0.1:{unused_port()}/"), action, argument).uncertain


def test_a_panels_no_is_certain():
    with Server(answer(b'{"error": "Not enough funds on balance"}')) as server:
        error = failure(panel(server), "add", {"service": "1"})
    assert (error.kind, error.uncertain) == (Trouble.REFUSED, False)


def test_what_changes_something_goes_over_a_new_connection():
    with Server(answer(ORDER), answer(b'{"order": 1}')) as server:
        asked = panel(server)
        asked.status(["1"])
        asked.add({"service": "1"})
        assert server.connections == 2


def echoes():
    """Yields answers that echo the key, in every spelling a panel might use."""
    spelled = KEY, quote(KEY), quote(KEY, safe=""), quote_plus(KEY), json.dumps(KEY)[1:-1].replace("/", "\\/")
    for text in spelled:
        yield answer(f"<html>no access with {text}", 403)
        yield answer(json.dumps({"error": f"Invalid API key {text}"}))
        yield answer(f"{'x' * 180}{text}", 502)
        yield answer(f'{{"error": "Invalid API key {json.dumps(text)[1:-1]}"}}')
    yield raw(b"HTTP/1.1 key " + KEY.encode() + b"\r\n\r\n")
    yield raw(KEY.encode() * 3)
    yield redirect(f"https://{quote(KEY, safe='')}.example/{quote(KEY)}")
    yield reset()


@pytest.mark.parametrize("behaviour", list(echoes()))
@pytest.mark.parametrize("request_as", ["form", "json", "get"])
def test_the_key_is_in_no_error_nor_in_anything_an_error_carries(behaviour, request_as):
    with Server(behaviour) as server:
        error = failure(panel(server, request=request_as))
    while error is not None:
        told = f"{error} {error!r} {vars(error)}".lower()
        for fragment in ("0123456789abcdef", quote_plus(KEY).lower(), "\u00e4"):
            assert fragment not in told
        assert not hasattr(error, "request")
        error = error.__cause__ or error.__context__


def test_the_key_is_in_nothing_that_is_read_from_an_answer():
    bodies = [
        json.dumps({"1": ENTRY | {"status": f"Stuck {KEY}", "note": KEY}, "2": {"error": f"Bad id {KEY}"}}),
        json.dumps([{"service": 1, "name": f"F {KEY}", "type": KEY, "category": KEY}]),
    ]
    with Server(*map(answer, bodies)) as server:
        asked = panel(server)
        reading, services = asked.status(["1", "2"]), asked.services()
    assert reading.snapshots["1"].said == "Stuck ***"
    assert reading.refusals["2"].message == "Bad id ***"
    assert "0123456789" not in f"{reading} {services}"


def test_a_key_too_short_to_be_one_does_not_tear_answers_apart():
    with Server(answer(json.dumps(ENTRY | {"charge": "0.2781"}))) as server:
        assert str(panel(server, key="2781").status(["1"]).snapshots["1"].charge) == "0.2781"


def test_one_hanging_panel_delays_only_itself():
    with Server(hang()) as stuck, Server(answer(ORDER)) as well:
        started = time.monotonic()
        slow, fast = panel(stuck, timeout_s=0.5), panel(well)
        with ThreadPoolExecutor(2) as threads:
            waiting = threads.submit(failure, slow)
            assert fast.status(["1"]).snapshots
            assert time.monotonic() - started < 0.5
            assert waiting.result(5).kind is Trouble.UNAVAILABLE


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_a_success_whose_body_is_broken_cannot_be_read(name):
    with Server(BROKEN_BODIES[name]) as server:
        assert failure(panel(server)).kind is Trouble.UNREADABLE


@pytest.mark.parametrize(("action", "argument"), READS)
def test_interim_answers_of_a_panel_are_skipped(action, argument):
    with Server(interim(100, 103, then=answer(b'{"error": "Too many requests"}'))) as server:
        assert failure(panel(server), action, argument).kind is Trouble.RATE_LIMITED

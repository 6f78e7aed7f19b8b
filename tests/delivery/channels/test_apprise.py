"""Deliveries with apprise: a real child process, a real service on loopback, and the URL never revealed."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.defaults import hook_rules
from tests.net.servers import Server, answer, drip_body, hang, redirect, unused_port
from tracker.config.values import AppriseConfig, Secret
from tracker.delivery.channels import Delivery
from tracker.delivery.channels.apprise import AppriseChannel
from tracker.delivery.channels.apprise_child import BODY_MAX, body
from tracker.errors import ChannelError

TOKEN = "token-0123456789-abcdef"
EVENT = {
    "type": "order.partial",
    "id": "evt_abc",
    "version": 1,
    "timestamp": "2026-11-18T12:00:00Z",
    "data": {"panel": "main", "order": {"id": "23501", "status": "partial", "remains": 157, "ref": None}},
}


def delivery(*more):
    first, *others = (json.dumps(event).encode() for event in (EVENT, *more))
    return Delivery(
        id=7,
        hook="phone",
        event_id="evt_abc",
        event_type=EVENT["type"],
        panel="main",
        attempt=1,
        body=first,
        more=tuple(others),
    )


def channel(address, template="", timeout_s=20.0, *, private=False):
    """address: host:port, or a whole URL."""
    url = address if "://" in address else f"json://{address}/{TOKEN}"
    config = AppriseConfig(Secret(url), "json://***", template, private)
    return AppriseChannel(config, hook_rules(name="phone", timeout_s=timeout_s))


def failure(address, **options):
    with pytest.raises(ChannelError) as caught:
        channel(address, **options).send(delivery(), 1.0)
    error = caught.value
    assert TOKEN not in f"{error.message}{error.snippet}{error.address}"
    return error


def test_a_message_has_the_events_type_for_a_title_and_the_template_for_a_text():
    with Server(answer(b"thanks")) as server:
        result = channel(server.address, "{{ panel }} order {{ order.id }}: {{ order.remains }} left").send(
            delivery(), 1.0
        )
        (request,) = server.requests

    assert (result.code, result.address) == (200, "json://***")
    sent = json.loads(request.body)
    assert (sent["title"], sent["message"]) == ("order.partial", "main order 23501: 157 left")
    assert not sent.get("attachments")
    assert TOKEN in request.target


def test_a_digest_is_one_message_with_totals_and_a_line_for_each_event():
    done = EVENT | {"type": "order.completed", "data": {"panel": "main", "order": {"id": "8", "status": "completed"}}}
    with Server(answer(b"thanks")) as server:
        channel(server.address, "{{ order.id }}\n{{ order.status }}").send(delivery(done, done), 1.0)
        (request,) = server.requests

    sent = json.loads(request.body)
    assert sent["title"] == "3 events"
    assert sent["message"].splitlines() == [
        "2 order.completed, 1 order.partial", "23501 partial", "8 completed", "8 completed",
    ]  # fmt: skip


def test_a_long_digest_is_cut_at_4_kb_and_says_what_it_left_out():
    with Server(answer(b"thanks")) as server:
        channel(server.address, "{{ order.id }}" + "x" * 300).send(delivery(*[EVENT] * 49), 1.0)
        (request,) = server.requests

    sent = json.loads(request.body)
    assert sent["title"] == "50 x order.partial"
    assert len(sent["message"].encode()) <= BODY_MAX
    kept = sent["message"].count("23501x")
    assert sent["message"].endswith(f"… and {50 - kept} more")


def test_a_name_that_leads_inside_needs_consent():
    with Server(answer(), answer()) as server:
        port = server.address.rpartition(":")[2]
        url = f"json://localhost:{port}/{TOKEN}"
        error = failure(url)
        assert server.requests == []
        channel(url, private=True).send(delivery(), 1.0)
        assert len(server.requests) == 1

    assert not error.permanent
    assert "a loopback address; write the plain address in the URL, or say allow_private = true" in error.message


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1"])
def test_a_spelling_that_hides_where_it_leads_is_no_consent(host):
    with Server(answer()) as server:
        failure(f"json://{host}:{server.address.rpartition(':')[2]}/{TOKEN}")
        assert server.requests == []


@pytest.fixture
def datagrams():
    """A receiver of datagrams on loopback, as a syslog server is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        yield sock


def test_a_scheme_that_hands_the_name_to_a_socket_is_vetted_too(datagrams):
    port = datagrams.getsockname()[1]
    error = failure(f"rsyslog://localhost:{port}")
    assert "a loopback address; write the plain address in the URL" in error.message
    datagrams.settimeout(0.2)
    with pytest.raises(TimeoutError):
        datagrams.recv(100)
    datagrams.settimeout(5)
    for url, private in ((f"rsyslog://127.0.0.1:{port}", False), (f"rsyslog://localhost:{port}", True)):
        channel(url, private=private).send(delivery(), 1.0)
        assert b"order" in datagrams.recv(4_096)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0.0.0.0", "169.254.169.254"])
def test_a_datagram_goes_nowhere_that_a_request_would_not(host):
    assert "address" in failure(f"rsyslog://{host}:514").message


@pytest.mark.parametrize("url", ["syslog://", "SYSLOG://local5", "dbus://", "kde://"])
def test_what_goes_to_this_machine_needs_consent(url):
    error = failure(url)
    assert "the message would go to this machine" in error.message


def test_a_chat_that_asks_to_wait_in_json_is_heard():
    with Server(answer(b'{"message": "slow down", "retry_after": 7.5}', 429)) as server:
        error = failure(server.address)
    assert (error.code, error.retry_after_s, error.permanent) == (429, 7.5, False)

    with Server(answer(b'{"ok": false, "parameters": {"retry_after": 31}}', 429)) as server:
        assert failure(server.address).retry_after_s == 31


def test_a_chat_that_asks_to_wait_in_a_header_is_heard():
    with Server(answer(b"slow down", 429, Retry_After="12")) as server:
        error = failure(server.address)

    assert (error.code, error.retry_after_s, error.permanent) == (429, 12, False)


@pytest.mark.parametrize(
    ("code", "permanent"), [(400, True), (401, False), (403, False), (404, False), (410, False), (500, False)]
)
def test_what_is_refused_for_good_is_dead_at_once_and_the_rest_is_tried_again(code, permanent):
    """A revoked token or a deleted chat concerns the whole hook: it becomes failing, and other hooks hear of it."""
    with Server(answer(f"no such thing as /{TOKEN}".encode(), code)) as server:
        error = failure(server.address)
        assert len(server.requests) == 1

    assert (error.code, error.permanent) == (code, permanent)
    assert error.message == f"json://***: answered {code}"
    assert error.snippet.startswith("no such thing as ")


def test_of_two_places_the_one_that_failed_tells_why():
    with Server(answer(b"", 503), answer()) as server:
        error = failure(f"json://{server.address}/{TOKEN}, json://{server.address}/{TOKEN}")
        assert len(server.requests) == 2

    assert error.code == 503


def test_a_redirect_is_not_followed():
    with Server(answer()) as elsewhere, Server(redirect(elsewhere.url)) as server:
        error = failure(f"json://{server.address}/{TOKEN}?redirect=yes")
        assert elsewhere.requests == []

    assert (error.code, error.permanent) == (302, False)


@pytest.mark.parametrize("behaviour", [hang, drip_body])
def test_a_service_that_never_ends_is_given_up_at_the_deadline_and_leaves_no_process(behaviour):
    with Server(behaviour()) as server:
        before, started = children(), time.monotonic()
        error = failure(server.address, timeout_s=2.0)

    assert time.monotonic() - started < 4.0
    assert (error.message, error.permanent) == ("json://***: took longer than 2 s", False)
    assert children() == before


def test_a_template_that_never_ends_is_given_up_at_the_deadline_too():
    forever = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"

    with Server(answer()) as server:
        error = failure(server.address, template=forever, timeout_s=1.5)
        assert server.requests == []

    assert error.message == "json://***: took longer than 1.5 s"


def test_the_url_is_in_no_argument_and_no_environment_of_the_process_that_sends():
    with Server(hang()) as server:
        sender = channel(server.address)
        thread = threading.Thread(target=attempt, args=[sender])
        before = children()
        thread.start()
        until(lambda: server.requests)
        (child,) = children() - before
        seen = b"".join(Path(f"/proc/{child}/{name}").read_bytes() for name in ("cmdline", "environ"))
        sender.close()
        thread.join(10)

    assert b"apprise_child" in seen
    assert TOKEN.encode() not in seen
    assert server.address.encode() not in seen
    assert not thread.is_alive()
    assert children() == before


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"json://127.0.0.1:PORT/{TOKEN}", "no answer: ConnectionError"),
        (f"nosuch://127.0.0.1:PORT/{TOKEN}", "apprise cannot read the URL, or does not know its scheme"),
    ],
)
def test_what_can_be_put_right_is_tried_again(url, why):
    error = failure(url.replace("PORT", str(unused_port())))

    assert (error.message, error.code, error.permanent) == (f"json://***: {why}", None, False)


def test_a_template_that_fails_says_so_and_nothing_of_what_it_saw():
    error = failure("127.0.0.1:1", template="{{ 1 / 0 }}")

    assert error.message == "json://***: the template failed: ZeroDivisionError"


def test_a_template_sees_the_event_and_cannot_get_out_of_it():
    for attack in ("{{ order.__class__.__mro__ }}", "{{ ''.__class__ }}", "{{ self.__init__.__globals__ }}"):
        assert body(attack, EVENT) == ""
    with pytest.raises(Exception, match="unsafe"):
        body("{{ order.__class__.mro() }}", EVENT)
    with pytest.raises(Exception, match="unsafe"):
        body("{{ order.update({'id': 1}) }}", EVENT)


def test_what_an_event_does_not_have_is_empty_text():
    assert body("[{{ balance.amount }}{{ order.ref }}{{ alert.a.b.c }}]", EVENT) == "[]"


def test_a_message_is_4_kb_at_most_and_has_no_control_characters():
    long = body("{% for i in range(90000) %}é€{% endfor %}", EVENT)
    assert BODY_MAX - 3 < len(long.encode()) <= BODY_MAX
    assert body("a\x1b[31m\x00b\u202e\n\tc", EVENT) == "a[31mb\n\tc"


def test_without_a_template_every_family_has_a_text_of_its_own():
    assert body("", EVENT) == "main order 23501 is partial (157 left)"
    alert = {"name": "panel.down", "since": "2026-11-18T12:00:00Z", "reason": "answers 503", "reminders": 0}
    down = EVENT | {"type": "panel.down", "data": {"panel": "main", "alert": alert}}
    assert body("", down) == "main: panel.down since 2026-11-18T12:00:00Z: answers 503"


def test_the_daemons_own_process_never_imports_apprise_and_jinja_only_for_a_template():
    script = (
        "import sys; from tracker.daemon import build, world; from tracker.config.values import *\n"
        "from tests.defaults import hook_rules\n"
        "world.channel(HookConfig(hook_rules('a'), AppriseConfig(Secret('json://h/'), 'json://***', '', False)))\n"
        "print([name for name in ('apprise', 'jinja2') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)

    assert (run.stdout, run.stderr) == ("[]\n", "")


def attempt(sender):
    with contextlib.suppress(ChannelError):
        sender.send(delivery(), 1.0)


def children():
    """Returns the child processes of this process, dead or alive."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
        except OSError:
            continue
        if fields and fields[1] == str(os.getpid()):
            found.add(int(entry.name))
    return found


def until(happened, limit_s=15.0):
    deadline = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)

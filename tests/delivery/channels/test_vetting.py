"""Webhook addresses are checked before dialling: all of one lookup, and then one of these same addresses is dialled.

Addresses outside this machine are only judged here and never dialled, not even if the judgement is wrong.
"""

import socket
import threading
import time
from functools import partial

import pytest

from tests.defaults import hook_rules, webhook_config
from tests.net.panels import ORDER, panel
from tests.net.servers import Server, answer, head, raw, redirect
from tracker.config.values import Secret
from tracker.core import address_policy
from tracker.core.address_policy import Consent, written
from tracker.delivery.channels import Delivery
from tracker.delivery.channels.webhook import WebhookChannel
from tracker.errors import ChannelError
from tracker.net.sockets import Forbidden, Resolver, call, vetted

TOKEN = "a-very-secret-token-0123456789"
NOW = 1_795_400_000.0
DELIVERY = Delivery(
    id=7, hook="ops", event_id="evt_abc", event_type="order.completed", panel="main", attempt=1, body=b"{}"
)


class ServerAt(Server):
    """The same server, at an address and port of choice."""

    def __init__(self, host, port, *behaviours):
        super().__init__(*behaviours)
        self._place = host, port

    def __enter__(self):
        family = socket.AF_INET6 if ":" in self._place[0] else socket.AF_INET
        self._listener = socket.create_server(self._place, family=family)
        host, port, *_ = self._listener.getsockname()
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self


class Answers:
    """A lookup that gives each of these answers once, and then the last one again and again."""

    def __init__(self, *answers):
        self.answers = answers
        self.asked = 0

    def __call__(self, host, port, **_):
        self.asked += 1
        found = self.answers[min(self.asked, len(self.answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


def channel(url, lookup=socket.getaddrinfo, *, allow_private=False):
    config = webhook_config(Secret(f"{url}/{TOKEN}?sig=x"), url, allow_private=allow_private)
    return WebhookChannel(config, hook_rules(name="ops", timeout_s=5.0), Resolver(lookup).find)


def send(*arguments, **options):
    return channel(*arguments, **options).send(DELIVERY, NOW)


def refusal(*arguments, **options):
    """Returns the error when nothing is dialled. It is not permanent: the next lookup may give another answer."""
    with pytest.raises(ChannelError) as caught:
        send(*arguments, **options)
    error = caught.value
    assert (error.permanent, error.code, error.address) == (False, None, "")
    assert TOKEN not in f"{error} {error!r} {error.__cause__!r}"
    return error.message


def port_of(server):
    return server.address.rpartition(":")[2]


def judged(host, lookup=socket.getaddrinfo):
    """Returns why nothing is dialled for `host`, although the user wrote it and set allow_private."""
    consent = Consent(written(host), private=True)
    find = vetted(Resolver(lookup).find, partial(address_policy.refusal, consent=consent))
    call.begin(time.monotonic() + 5.0, find, fresh=False)
    with pytest.raises(Forbidden) as caught:
        find(host, 9)
    return caught.value.strerror


# Ways to write 127.0.0.1 that do not look like it, or that only lead to it.
HIDDEN = [
    *("localhost", "LOCALHOST", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "0x7f.0x0.0x0.0x1"),
    *("017700000001", "0177.0.0.1", "0177.0x0.1", "00000177.0.0.1", "%3127.0.0.1"),
    *("[::ffff:127.0.0.1]", "[::FFFF:7F00:1]", "[0:0:0:0:0:ffff:127.0.0.1]"),
]

# Ways to write what is never called.
NEVER = [
    *("0", "0.0.0.0", "0x0", "::", "::ffff:0.0.0.0", "64:ff9b::"),
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0xA9.0xFE.43518", "0251.0376.0251.0376", "169.254.43518"),
    *("::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
    *("fd00:ec2::254", "FD00:EC2:0:0:0:0:0:254", "fe80::1", "fe80::1%lo", "100.100.100.200", "0x646464c8"),
    *("255.255.255.255", "224.0.0.1", "ff02::1"),
]


@pytest.mark.parametrize("host", HIDDEN)
def test_no_spelling_of_loopback_gets_there(host):
    with Server(answer()) as server:
        message = refusal(f"http://{host}:{port_of(server)}")
        assert server.connections == 0
    assert message.startswith(f"http://{host}:{port_of(server)}: forbidden: leads to ")
    assert message.endswith("; write the plain address in the URL, or say allow_private = true")


@pytest.mark.parametrize("host", NEVER)
def test_some_addresses_are_never_called_whoever_consents(host):
    assert judged(host).endswith(", and those are never called")


@pytest.mark.parametrize("host", ["127.0.0.1.", "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "localhost.."])
def test_what_the_system_cannot_read_leads_nowhere(host):
    with Server(answer()) as server:
        refusal(f"http://{host}:{port_of(server)}", allow_private=True)
        assert server.connections == 0


@pytest.mark.parametrize(
    ("at", "host"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "[::1]"), ("::1", "[0:0:0:0:0:0:0:1]")],
)
def test_an_address_written_as_such_needs_no_consent(at, host):
    with ServerAt(at, 0, answer(code=202)) as server:
        result = send(f"http://{host}:{port_of(server)}")
    assert (result.code, result.address) == (202, server.address)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]"])
def test_with_consent_any_spelling_of_loopback_gets_there(host):
    with Server(answer(code=202)) as server:
        assert send(f"http://{host}:{port_of(server)}", allow_private=True).code == 202


def test_one_forbidden_address_of_an_answer_spoils_the_name():
    with Server(answer()) as server:
        url = f"http://hook.example:{port_of(server)}"
        message = refusal(url, Answers(["127.0.0.1", "169.254.169.254"]), allow_private=True)
        assert server.connections == 0
    assert f"{url}: forbidden: leads to 169.254.169.254, a cloud metadata address" in message


@pytest.mark.parametrize(
    "addresses",
    [["1.1.1.1", "0.0.0.0"], ["0.0.0.0", "1.1.1.1"], ["1.1.1.1", "2606:4700::1", "10.0.0.1", "0.0.0.0"]],
)
def test_it_does_not_matter_which_of_them_comes_first(addresses):
    assert judged("hook.example", Answers(addresses)).startswith("leads to 0.0.0.0, an unspecified address")


def test_the_address_vetted_is_the_one_dialled():
    """A second lookup would be answered with a forbidden address."""
    with ServerAt("127.0.0.2", 0, answer(code=202)) as server:
        port = int(port_of(server))
        with ServerAt("127.0.0.1", port, answer(b"caught")) as trap:
            lookup = Answers(["127.0.0.2"], ["127.0.0.1"])
            webhook = channel(f"http://hook.example:{port}", lookup, allow_private=True)
            results = [webhook.send(DELIVERY, NOW) for _ in range(3)]
            assert [(result.code, result.address) for result in results] == [(202, server.address)] * 3
            assert (lookup.asked, trap.connections) == (1, 0)


def test_the_address_written_in_the_url_is_not_consent_for_what_a_lookup_makes_of_it():
    with ServerAt("127.0.0.2", 0, answer()) as server:
        message = refusal(f"http://127.0.0.1:{port_of(server)}", Answers(["127.0.0.2"]))
        assert server.connections == 0
    assert "leads to 127.0.0.2" in message


def test_every_new_connection_is_vetted_anew():
    with Server(raw(head(2) + b"{}")) as server:  # closes after each answer
        lookup = Answers(["127.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["127.0.0.1"])
        webhook = channel(f"http://hook.example:{port_of(server)}", lookup, allow_private=True)
        webhook.send(DELIVERY, NOW)
        server.stopping.wait(0.05)
        with pytest.raises(ChannelError, match="never called"):
            webhook.send(DELIVERY, NOW)
        assert webhook.send(DELIVERY, NOW).code == 200
        assert (server.connections, lookup.asked) == (2, 3)


def test_the_next_vetted_address_is_tried_when_one_does_not_answer():
    with Server(answer(code=202)) as server:
        lookup = Answers(["127.0.0.3", "127.0.0.1"])
        result = send(f"http://hook.example:{port_of(server)}", lookup, allow_private=True)
        assert (result.code, result.address, lookup.asked) == (202, server.address, 1)


def test_a_redirect_inside_is_not_even_looked_up():
    with Server(answer()) as inside, Server(redirect(f"http://localhost:{port_of(inside)}/")) as server:
        lookup = Answers(["127.0.0.1"])
        with pytest.raises(ChannelError, match="answered 302, a redirect to localhost, not followed"):
            send(f"http://hook.example:{port_of(server)}", lookup, allow_private=True)
        assert (inside.connections, lookup.asked) == (0, 1)


def test_panels_are_the_users_own_choice():
    with Server(answer(ORDER)) as server:
        assert panel(server.url.replace("127.0.0.1", "localhost")).status(["1"])

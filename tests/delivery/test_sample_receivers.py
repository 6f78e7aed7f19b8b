"""The sample receivers of docs/receivers, as real processes that our own webhook channel calls."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from tests.defaults import hook_rules, webhook_config
from tracker.config.values import Secret
from tracker.delivery.channels import Delivery
from tracker.delivery.channels.webhook import WebhookChannel, signatures, signing_key
from tracker.errors import ChannelError

SAMPLES = Path(__file__).parents[2] / "docs" / "receivers"

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
PLAIN = "just-a-word-of-ours"
FORGED = "whsec_" + "A" * 32

COMMANDS = {
    "python": [sys.executable, str(SAMPLES / "receiver.py")],
    "php": ["php", "-S", "127.0.0.1:{port}", str(SAMPLES / "receiver.php")],
    "node": ["node", str(SAMPLES / "receiver.mjs")],
}


def event(number, text="Zoë"):
    return Delivery(
        id=number, hook="ops", event_id=f"evt_{number}", event_type="order.completed", panel="main", attempt=1,
        body=msgspec.json.encode({"type": "order.completed", "id": f"evt_{number}", "data": {"ref": text}}),
    )  # fmt: skip


class Receiver:
    """One sample in a folder of its own, where it keeps what it has seen."""

    def __init__(self, command, folder):
        self._command, self._folder = command, folder
        self._process = None

    def start(self, *secrets):
        self.port = _unused_port()
        environment = {
            "PATH": os.environ["PATH"], "PORT": str(self.port), "SEEN": str(self._folder / "seen"),
            "WEBHOOK_SECRETS": " ".join(secrets), "PHP_CLI_SERVER_WORKERS": "4",
        }  # fmt: skip
        argv = [word.format(port=self.port) for word in self._command]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, cwd=self._folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._await_listening()

    def stop(self):
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)  # with its workers
            self._process.wait(10)
            self._process = None

    def send(self, delivery, *secrets, now=None):
        """Sends a delivery; returns the status code of the answer."""
        url = f"http://127.0.0.1:{self.port}"
        config = webhook_config(Secret(f"{url}/hook"), url, secrets=tuple(map(Secret, secrets)))
        channel = WebhookChannel(config, hook_rules(name="ops"))
        try:
            return channel.send(delivery, time.time() if now is None else now).code
        except ChannelError as error:
            return error.code
        finally:
            channel.close()

    @property
    def log(self):
        return (self._folder / "log").read_text()

    @property
    def handled(self):
        """Returns the ids that the receiver reports as handled, in that order."""
        words = [line.partition("handled ")[2].split() for line in self.log.splitlines() if "handled " in line]
        return [id_ for id_, _ in words]

    def _await_listening(self):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            assert self._process.poll() is None, self.log
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"it does not listen: {self.log}")


def _unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(params=COMMANDS)
def receiver(request, tmp_path):
    command = COMMANDS[request.param]
    if not shutil.which(command[0]):
        pytest.skip(f"there is no {command[0]} on this machine")
    receiver = Receiver(command, tmp_path)
    yield receiver
    receiver.stop()


def test_a_good_event_is_taken_and_handled(receiver):
    receiver.start(NEW)
    assert receiver.send(event(1), NEW) == 204
    assert receiver.handled == ["evt_1"]


def test_what_is_not_signed_with_its_secret_is_turned_away(receiver):
    receiver.start(NEW)
    assert receiver.send(event(1), FORGED) == 401
    assert receiver.send(event(1)) == 401
    assert receiver.send(event(1), PLAIN) == 401
    assert receiver.handled == []


def test_what_is_older_than_five_minutes_or_from_the_future_is_turned_away(receiver):
    receiver.start(NEW)
    assert receiver.send(event(1), NEW, now=time.time() - 360) == 401
    assert receiver.send(event(1), NEW, now=time.time() + 360) == 401
    assert receiver.handled == []
    assert receiver.send(event(1), NEW, now=time.time() - 240) == 204
    assert receiver.handled == ["evt_1"]


def test_an_event_that_comes_again_is_taken_and_not_handled_again_even_after_a_restart(receiver):
    receiver.start(NEW)
    assert [receiver.send(event(1), NEW) for _ in range(3)] == [204] * 3
    receiver.stop()
    receiver.start(NEW)
    assert [receiver.send(event(number), NEW) for number in (1, 2, 1, 2)] == [204] * 4
    assert receiver.handled == ["evt_1", "evt_2"]


def test_an_event_that_was_turned_away_is_taken_once_it_is_good(receiver):
    receiver.start(NEW)
    assert receiver.send(event(1), FORGED) == 401
    assert receiver.send(event(1), NEW) == 204
    assert receiver.handled == ["evt_1"]


@pytest.mark.parametrize(
    ("knows", "signs"),
    [
        ([NEW], [OLD, NEW]),
        ([NEW], [NEW, OLD]),
        ([OLD, NEW], [NEW]),
        ([OLD, NEW], [OLD]),
        ([PLAIN], [NEW, PLAIN]),
    ],
)
def test_during_a_rotation_one_secret_that_both_know_is_enough(receiver, knows, signs):
    receiver.start(*knows)
    assert receiver.send(event(1), *signs) == 204
    assert receiver.handled == ["evt_1"]


def test_the_signature_is_over_these_very_bytes_this_id_and_this_time(receiver):
    receiver.start(NEW)
    good, other = event(1), event(2)
    headers = signed(good, signing_key(NEW))
    later = str(int(headers["webhook-timestamp"]) + 1)
    assert post(receiver, other.body, headers) == 401
    assert post(receiver, good.body, headers | {"webhook-id": "evt_2"}) == 401
    assert post(receiver, good.body, headers | {"webhook-timestamp": later}) == 401
    assert post(receiver, good.body, headers) == 204
    assert receiver.handled == ["evt_1"]


@pytest.mark.parametrize("secrets", [[], ["whsec_"]], ids=["none", "an empty one"])
def test_without_a_secret_nothing_is_taken(receiver, secrets):
    """Anybody can sign with an empty key."""
    receiver.start(*secrets)
    assert post(receiver, event(1).body, signed(event(1), b"")) == 401
    assert receiver.handled == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 5_000},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1, v1,x \xff"},
    ],
)
def test_odd_headers_are_turned_away_and_end_nothing(receiver, headers):
    receiver.start(NEW)
    good = signed(event(1), signing_key(NEW))
    assert post(receiver, event(1).body, headers and good | headers) == 401
    assert post(receiver, event(1).body, good) == 204


def test_an_event_that_could_not_be_handled_is_not_recorded_and_taken_next_time(receiver):
    receiver.start(NEW)
    broken = msgspec.structs.replace(event(1), body=b'{"half an event')
    assert receiver.send(broken, NEW) == 500
    assert receiver.send(event(1), NEW) == 204
    assert receiver.handled == ["evt_1"]


def test_an_event_that_comes_many_times_at_once_is_handled_once(receiver):
    receiver.start(NEW)
    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(lambda _: receiver.send(event(1), NEW), range(16)))
    assert 204 in codes
    assert set(codes) <= {204, 503}  # 503: another one is at it, ask again
    assert receiver.handled == ["evt_1"]


def signed(delivery, key):
    at = int(time.time())
    return {
        "webhook-id": delivery.event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": signatures(delivery, at, [key]),
    }


def post(receiver, body, headers):
    """Sends any request; returns the status code of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    try:
        connection.request("POST", "/hook", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()

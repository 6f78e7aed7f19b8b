"""What the service manager hears, on a real datagram socket."""

import contextlib
import os
import socket
import time

import pytest

from tracker.daemon.sdnotify import Notifier, watchdog_interval_s


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """(socket as systemd holds it, NOTIFY_SOCKET)"""
    name = str(tmp_path / "notify") if request.param == "path" else f"@tracker-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1) if request.param == "abstract" else name)
        listening.settimeout(10)
        yield listening, name


def test_each_state_is_one_datagram(manager):
    listening, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("2 panels, 3 hooks")
    notifier.watchdog()
    notifier.status("database: locked")
    notifier.stopping()
    heard = [listening.recv(4096).decode() for _ in range(4)]
    ready, watchdog = "READY=1\nSTATUS=2 panels, 3 hooks", "WATCHDOG=1"
    assert heard == [ready, watchdog, "STATUS=database: locked", "STOPPING=1"]


def test_a_reload_carries_the_time_it_began(manager):
    listening, name = manager
    before = time.monotonic_ns() // 1_000
    Notifier({"NOTIFY_SOCKET": name}).reloading()
    state, stamp = listening.recv(4096).decode().split("\n")
    assert state == "RELOADING=1"
    assert before <= int(stamp.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1_000


def test_a_status_cannot_smuggle_in_another_assignment(manager):
    listening, name = manager
    Notifier({"NOTIFY_SOCKET": name}).status("bad\nMAINPID=1")
    assert listening.recv(4096) == b"STATUS=bad\\nMAINPID=1"


@pytest.mark.parametrize("name", ["", "/nowhere/notify", "@nobody-listens", "vsock:2:1234", "/" + "x" * 200])
def test_a_manager_that_cannot_be_reached_is_no_error(name):
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.watchdog()
    notifier.stopping()


def test_a_manager_that_reads_nothing_delays_us_by_no_more_than_a_second_a_message(tmp_path):
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while other.sendto(b"STATUS=full", name):
                    pass
        began = time.monotonic()
        Notifier({"NOTIFY_SOCKET": name}).watchdog()
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("environ", "expected_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_is_looked_at(environ, expected_s):
    assert watchdog_interval_s(environ) == expected_s

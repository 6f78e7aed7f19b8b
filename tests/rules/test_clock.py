"""What polls, records and delivers gets its clock by constructor; only what lives in real time reads the system's."""

from pathlib import Path

import pytest

from tests.rules.test_imports import TRACKER, imports, modules

# Where the system's clock is read: sockets, threads, child processes, pages and commands, and the defaults of what
# commands make for themselves.
REAL_TIME = (
    *("child_process", "cli", "demo", "net", "web", "actions.context", "intake.erasure", "delivery.channels"),
    *("db.database", "db.errors", "daemon.world"),
    *("daemon.integrity_check", "daemon.lock", "daemon.metronome", "daemon.pools", "daemon.run", "daemon.workers"),
)


def readers_of_the_system_clock(root: Path):
    for _, module, tree in modules(root):
        targets = {target for _, target in imports(module, tree)}
        if targets & {("tracker", "clock"), ("tracker", "clock", "SYSTEM"), ("tracker", "clock", "now")}:
            yield ".".join(module[1:])


def real_time(name):
    return any(name == place or name.startswith(place + ".") for place in REAL_TIME)


def test_nothing_else_reads_the_clock_of_the_system():
    assert [name for name in readers_of_the_system_clock(TRACKER) if not real_time(name)] == []


@pytest.mark.parametrize("place", REAL_TIME)
def test_every_place_of_the_list_still_reads_it(place):
    assert any(name == place or name.startswith(place + ".") for name in readers_of_the_system_clock(TRACKER))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from tracker import clock", ["polling.poller"]),
        ("from tracker.clock import SYSTEM, Clock", ["polling.poller"]),
        ("import tracker.clock", ["polling.poller"]),
        ("from tracker.clock import Clock", []),
    ],
)
def test_a_reader_is_found(tmp_path, text, found):
    file = tmp_path / "tracker" / "polling" / "poller.py"
    file.parent.mkdir(parents=True)
    file.write_text(text + "\n")
    assert list(readers_of_the_system_clock(tmp_path / "tracker")) == found

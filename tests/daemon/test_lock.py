"""One tracker per database: the lock, and what it says to people."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from tracker import clock
from tracker.daemon.lock import InstanceLock, holder
from tracker.errors import UserError

HOLDS = """
import sys
from pathlib import Path
from tracker.daemon.lock import InstanceLock
InstanceLock(Path(sys.argv[1])).take("9.9")
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "tracker.db.lock"


@pytest.fixture
def other(lock):
    """Another process that holds the lock."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "taken\n"
    yield child
    child.kill()
    child.communicate()


def test_the_second_one_is_sent_away_with_the_number_of_the_first(lock, other):
    with pytest.raises(UserError) as refused:
        InstanceLock(lock).take("1.0")
    assert refused.value.exit_code == 75
    assert f"pid {other.pid}" in str(refused.value)
    assert str(lock) in str(refused.value)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_is_free_when_its_process_is_gone_however_it_went(lock, other, how):
    other.send_signal(how)
    other.wait(10)
    assert holder(lock) is None
    instance = InstanceLock(lock)
    instance.take("1.0")
    assert holder(lock).pid == os.getpid()
    instance.release()


def test_the_next_one_knows_that_the_one_before_was_killed(lock, other):
    other.kill()
    other.wait(10)
    for _ in range(2):  # one that takes it only for a moment, like a migration, changes nothing about that
        instance = InstanceLock(lock)
        instance.take("1")
        assert instance.unclean
        instance.release()
    instance.take("1")
    instance.looked_through()
    assert not instance.unclean
    instance.release()
    instance.take("1")
    assert not instance.unclean


def test_the_first_one_and_one_after_an_end_in_order_have_nothing_to_look_through(lock):
    for _ in range(2):
        instance = InstanceLock(lock)
        instance.take("1")
        assert not instance.unclean
        instance.release()


def test_the_file_says_who_holds_it_since_when_and_in_which_version(lock, other):
    found = holder(lock)
    assert (found.pid, found.version) == (other.pid, "9.9")
    assert abs(clock.now() - found.started_at) < 60
    assert 0 <= found.beat_s < 60


def test_a_shorter_name_leaves_nothing_of_a_longer_one(lock):
    first, second = InstanceLock(lock), InstanceLock(lock)
    first.take("1.0.0-with-a-long-name")
    first.release()
    second.take("2")
    assert holder(lock).version == "2"
    second.release()


def test_a_heartbeat_is_seen(lock):
    instance = InstanceLock(lock)
    instance.take("1")
    os.utime(lock, (0, clock.now() - 500))
    assert holder(lock).beat_s > 400
    instance.beat()
    assert holder(lock).beat_s < 60
    instance.release()
    instance.beat()  # after the end: nothing to touch, and no error


def test_nobody_holds_what_does_not_exist_or_was_left(lock):
    assert holder(lock) is None
    instance = InstanceLock(lock)
    instance.take("1")
    instance.release()
    instance.release()
    assert lock.exists()
    assert holder(lock) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "\\x00"])
def test_a_file_caught_before_its_name_was_written_still_has_a_holder(lock, content):
    instance = InstanceLock(lock)
    instance.take("1")
    lock.write_text(content)
    found = holder(lock)
    assert found is not None
    assert found.pid == 0
    instance.release()


def test_a_tracker_starts_while_others_look_at_its_lock(lock):
    """`health` may look at any moment, also at the one in which a tracker starts."""
    over = threading.Event()

    def look():
        while not over.is_set():
            holder(lock)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(200):
            instance = InstanceLock(lock)
            instance.take("1")
            instance.release()
    finally:
        over.set()
        for looker in lookers:
            looker.join()
    assert holder(lock) is None

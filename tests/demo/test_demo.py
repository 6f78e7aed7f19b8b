"""`tracker demo` as a process: the whole story, a story that is ended early, and what is left behind."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tracker.daemon.lock import holder

TRACKER = [sys.executable, "-m", "tracker"]


def environment(tmp_path, **more):
    """A user's own tracker must not be touched: the demo may not look at any of this."""
    foreign = {"TRACKER__PANELS__MAIN__URL": "https://panel.example/api", "TRACKER_CONFIG": "/nowhere.toml"}
    return os.environ | foreign | {"TMPDIR": str(tmp_path), "COLUMNS": "100", "NO_COLOR": ""} | more


def processes_with(word):
    """The command lines of all processes that name `word`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it ended while we looked
    return [line for line in found if str(word) in line]


def wait_for(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The shortest story there is, without a terminal."""
    temporary = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [*TRACKER, "demo", "--seconds", "15"], capture_output=True, text=True, env=environment(temporary), timeout=90
    )
    return done, temporary


def test_the_story_comes_true(played):
    done, _ = played
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    verdict = r"^36 orders, (\d+) status changes seen, (\d+) hooks delivered, 0 lost, signatures good$"
    moves, hooks = map(int, re.search(verdict, done.stdout, re.M).groups())
    assert moves > 60
    assert hooks > 90
    assert "FAILED" not in done.stdout
    assert "Next: tracker init " in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "line",
    [
        r"hook  panel\.down +main",
        r"hook  panel\.recovered +main",
        r"hook  balance\.low +second +15\.57500 USD",
        r"hook  balance\.recovered +second",
        r"hook  order\.partial +23515 +1264 of 1500",
        r"hook  order\.refunded +23515 +0\.75520 back",
        r"hook  order\.canceled +23511",
        r"hook  order\.reopened +8809",
        r"hook  order\.unknown_status +\w+ +In review",
        r"hook  refill\.completed +23505",
        r"FAIL  [\w.]+ +\d+ +answered 500",
        r"hook  [\w.]+ +\d+ +sent again",
        r"--  Panel main answers 503",
        r"ok +refund +order 23515 partial, 1264 of 1500: 0\.75520 USD due, 0\.75520 came",
    ],
)
def test_every_part_of_it_is_seen(played, line):
    assert re.search(rf"^ *\d+\.\d s  {line}" if line[:2] != "ok" else line, played[0].stdout, re.M)


def test_lines_are_plain(played):
    assert played[0].stdout.isascii()
    assert "\x1b" not in played[0].stdout


def test_it_leaves_nothing_behind(played):
    _, temporary = played
    assert list(temporary.iterdir()) == []
    assert processes_with(temporary) == []


def test_ctrl_c_ends_it_early_and_in_order(tmp_path):
    kept = tmp_path / "kept"
    demo = subprocess.Popen(
        [*TRACKER, "demo", "--keep", str(kept)], stdout=subprocess.PIPE, text=True, env=environment(tmp_path)
    )
    for line in demo.stdout:
        if "  hook  " in line:
            break
    demo.send_signal(signal.SIGINT)
    out = demo.stdout.read()
    demo.stdout.close()
    assert demo.wait(20) == 0, out
    assert "Ended early." in out
    assert re.search(r"^1\d orders, .* 0 lost, signatures good$", out, re.M)
    assert processes_with(tmp_path) == []
    # What is kept is a tracker like any other.
    asked = [*TRACKER, "--config", str(kept / "config.toml"), "orders", "list", "--json"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER")}
    rows = json.loads(subprocess.run(asked, capture_output=True, env=clean, check=True).stdout)
    assert len(rows) == int(re.search(r"^(\d+) orders", out, re.M)[1])


def test_a_daemon_that_dies_is_reported_with_the_end_of_its_log(tmp_path):
    demo = subprocess.Popen(
        [*TRACKER, "demo"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(tmp_path)
    )

    def found():
        locks = [lock for lock in tmp_path.glob("tracker-demo-*/data/*.lock") if (held := holder(lock)) and held.pid]
        return holder(locks[0]) if locks else None

    daemon = wait_for(found)
    os.kill(daemon.pid, signal.SIGKILL)
    _, printed = demo.communicate(timeout=20)
    assert demo.returncode == 1
    assert printed.startswith("the daemon ended by itself, with code -9")
    assert list(tmp_path.iterdir()) == []


def test_the_live_view_takes_the_terminal_and_gives_it_back(tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = environment(tmp_path, TERM="xterm-256color", LANG="C.UTF-8")
    del env["COLUMNS"]
    demo = subprocess.Popen(
        [*TRACKER, "demo"], stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    while b"order.started" not in shown:
        shown += os.read(ours, 65536)
    demo.send_signal(signal.SIGTERM)
    try:
        while more := os.read(ours, 65536):
            shown += more
    except OSError:  # EIO: nobody is at the other end any more
        pass
    os.close(ours)
    assert demo.wait(20) == 0
    view, _, after = shown.partition(b"\x1b[?1049h")[2].partition(b"\x1b[?1049l")
    text = re.sub(r"\x1b\[[0-9;?]*\w", "", view.decode(errors="replace"))
    assert "● main    answers, " in text
    assert "Hooks at the receiver" in text
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l"), "the cursor is back"
    assert "0 lost, signatures good" in after.decode()
    assert processes_with(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seconds", "20", "--speed", "300"], "give one of them"),
        (["--seconds", "5"], "15.0<=x<=3600.0"),
        (["--keep", "."], "is not empty"),
    ],
)
def test_wrong_usage_is_refused_before_anything_starts(tmp_path, arguments, message):
    (tmp_path / "something").touch()
    done = subprocess.run(
        [*TRACKER, "demo", *arguments], capture_output=True, text=True, env=environment(tmp_path), cwd=tmp_path
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""

"""`tracker orders watch`: a few orders, live, until each of them is final."""

import json
import os
import pty
import re
import time

import pytest

from tests.cli.conftest import wait_for
from tests.cli.test_top import HOSTILE, until
from tracker.db.database import connect
from tracker.store import NewOrder, Store

FORWARD_S = 3_600.0


@pytest.fixture
def three(site):
    """1 is in progress, 2 and 3 are final."""
    site.ok("orders", "add", "main", "1", "2", "3")
    site.ok("poll")
    assert [row["status"] for row in site.json("orders", "list")] == ["completed", "partial", "in_progress"]
    return site


def go_on(site, panel):
    """Life at the panel ends, and the tracker hears of it."""
    panel.forward(FORWARD_S)
    site.ok("poll", "--panel", "main", "--order", "1")


def test_orders_that_are_final_are_shown_once_each_and_that_is_all(three):
    said = three.ok("orders", "watch", "main", "3", "2", "3")
    assert [line.split("  ")[1:] for line in said.lines] == [["3", "completed"], ["2", "partial, 157 left"]]
    rows = [json.loads(line) for line in three.ok("orders", "watch", "main", "2", "3", "--json").lines]
    listed = {row["id"]: row for row in three.json("orders", "list")}
    assert rows == [listed["2"], listed["3"]]


def test_every_change_is_a_line_and_the_last_final_one_is_the_end(three, panel):
    with three.process("orders", "watch", "main", "1", "2", "--interval", "1s", "--json") as child:
        first, second = (json.loads(child.stdout.readline()) for _ in range(2))
        assert [(row["id"], row["status"]) for row in (first, second)] == [("1", "in_progress"), ("2", "partial")]
        three.ok("poll", "--panel", "main", "--order", "1")  # no news: no line
        go_on(three, panel)
        rows = [json.loads(line) for line in child.stdout]
        assert child.wait(10) == 0
    assert [(row["id"], row["status"], row["remains"]) for row in rows] == [("1", "completed", 0)]


def test_in_a_pipe_people_read_what_became_of_what(three, panel):
    with three.process("orders", "watch", "main", "1", "--interval", "1s") as child:
        assert re.search(r"  1  in_progress, \d+ left$", child.stdout.readline().rstrip())
        go_on(three, panel)
        assert child.stdout.read().rstrip().endswith("  1  in_progress -> completed")
        assert child.wait(10) == 0


def test_what_is_not_tracked_is_named_and_nothing_is_watched(three):
    said = three.run("orders", "watch", "main", "1", "77", "78")
    assert (said.code, said.out) == (1, "")
    assert "not tracked at panel main: 77, 78" in said.err
    assert "tracker orders add main 77 78" in said.err


def test_an_order_that_is_removed_meanwhile_is_named_and_not_waited_for(three, panel):
    with three.process("orders", "watch", "main", "1", "2", "--interval", "1s", "--json") as child:
        assert len([child.stdout.readline() for _ in range(2)]) == 2
        three.ok("orders", "remove", "main", "1", "--yes")
        out, err = child.communicate(timeout=20)
    assert (child.returncode, out) == (1, "")
    assert "1: not tracked any more" in err


def test_ctrl_c_ends_it_before_they_are_final(three):
    with three.process("orders", "watch", "main", "1", "--json") as child:
        assert child.stdout.readline()
        child.send_signal(2)
        assert child.wait(20) == 130
        assert "Traceback" not in child.stderr.read()


def test_on_a_terminal_it_is_one_picture_that_stays_when_all_are_final(three, panel):
    leader, follower = pty.openpty()
    command = ("orders", "watch", "main", "1", "2", "--interval", "1s")
    with three.process(*command, stdin=follower, stdout=follower, stderr=follower) as child:
        seen = until(leader, b"1 of 2")
        assert b"\x1b[?1049h" not in seen, "what came of it is to be read afterwards"
        go_on(three, panel)
        seen = until(leader, b"2 of 2")
        assert re.search(rb"completed", seen)
        wait_for(lambda: child.poll() is not None, "its end")
        assert child.returncode == 0
    os.close(follower)
    os.close(leader)


def test_hostile_text_does_not_reach_the_terminal(three):
    database = connect(f"sqlite:///{three.folder}/data/tracker.db")
    with database.session():
        Store(database).new_orders.add([NewOrder("main", HOSTILE, True, False, status="completed")], time.time())
    leader, follower = pty.openpty()
    with three.process("orders", "watch", "main", HOSTILE, stdin=follower, stdout=follower, stderr=follower) as child:
        seen = until(leader, b"1 of 1")
        wait_for(lambda: child.poll() is not None, "its end")
    assert b"\x1b]0;" not in seen
    assert "\u202e".encode() not in seen
    os.close(follower)
    os.close(leader)
    said = three.ok("orders", "watch", "main", HOSTILE)
    assert "\x1b" not in said.out

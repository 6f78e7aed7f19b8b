"""`tracker top`: one look, a live one, and nobody's text acts on the terminal."""

import os
import pty
import re
import select
import time

from tracker.db.database import connect
from tracker.store import NewOrder, Store

HOSTILE = "\x1b]0;owned\x07\u202edne"


def test_one_look_tells_of_everything(site, panel):
    site.ok("orders", "add", "main", "23501", "23502")
    site.ok("poll")
    said = site.ok("top", "--once").out
    assert "tracker is not running" in said
    assert re.search(r"main +ok +\d+/30", said)
    assert "Orders" in said
    assert "order.tracked" in said
    assert "USD" in said


def test_hostile_text_does_not_reach_the_terminal(site, panel):
    site.ok("panels", "list")
    database = connect(f"sqlite:///{site.folder}/data/tracker.db")
    with database.session():
        Store(database).new_orders.add([NewOrder("main", "1", False, True)], time.time())
        with database.transaction() as cur:
            for table in ("orders", "events"):
                cur.run(f"UPDATE {table} SET remote_id = ?", (HOSTILE,))
    said = site.ok("top", "--once").out
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\\x1b" in said


def test_it_is_live_until_q_and_leaves_the_terminal_as_it_was(site, panel):
    site.ok("orders", "add", "main", "23501")
    leader, follower = pty.openpty()
    with site.process("top", "--interval", "1s", stdin=follower, stdout=follower, stderr=follower) as child:
        seen = until(leader, b"order.tracked")
        assert b"\x1b[?1049h" in seen, "a screen of its own"
        site.ok("orders", "add", "main", "23999")
        until(leader, b"23999")
        os.write(leader, b"q")
        seen = until(leader, b"\x1b[?1049l")
        assert child.wait(10) == 0
    os.close(follower)
    os.close(leader)


def until(leader, text, limit_s=20.0):
    seen, deadline = b"", time.monotonic() + limit_s
    while text not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([leader], [], [], 0.2)[0]:
            seen += os.read(leader, 65_536)
    return seen

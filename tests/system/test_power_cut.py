"""A power cut takes what the system was told to write and not yet told to keep. So nobody may hear of anything,
neither a person nor a panel nor a receiver, before all that was written for it is on the disk.

strace is the witness: it sees every write, every fsync and every word that leaves the process, in their order.
"""

import re
import shutil
import subprocess
import sys
from collections import defaultdict

import pytest

from tests.system.site import KEY, hook_section, panel_section
from tracker.simulator import Receiver, Scenario, SimulatedPanel

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace on this machine")

CALLS = "trace=write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync"
LINE = re.compile(r"(?P<thread>\d+) +(?P<call>\w+)\((?P<file>\d+)<(?P<where>TCP:\[[^]]*\]|[^>]*)>")
RESUMED = re.compile(r"(?P<thread>\d+) +<\.\.\. f(?:data)?sync resumed>")


class Heard:
    """What a run of a program did, in order.

    kept: the files it had brought to the disk. words: what left it, each with the files that were not there yet.
    """

    def __init__(self, folder, *argv):
        trace = folder / "trace"
        strace = ["strace", "-f", "-yy", "-qq", "-s", "40", "-e", CALLS, "-o", str(trace)]
        done = subprocess.run([*strace, sys.executable, *argv], cwd=folder, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        self.kept, self.words = set(), []
        self._folder = str(folder)
        self._dirty, self._syncing = defaultdict(set), {}
        for line in trace.read_text(errors="replace").splitlines():
            self._note(line)

    def _note(self, line):
        """A thread is held to what it wrote itself: others may be in the middle of something."""
        if resumed := RESUMED.match(line):
            self._keep(resumed["thread"], self._syncing.pop(resumed["thread"]))
        if not (found := LINE.match(line)):
            return
        thread, call, where = found["thread"], found["call"], found["where"]
        if call in ("fsync", "fdatasync"):
            if "unfinished" in line:
                self._syncing[thread] = where
            else:
                self._keep(thread, where)
        elif where.startswith("TCP") or (call == "write" and found["file"] == "1"):
            self.words.append((line.partition('"')[2], frozenset(self._dirty[thread])))
        elif where.startswith(self._folder) and not where.endswith((".lock", "-shm")):
            self._dirty[thread].add(where)

    def _keep(self, thread, where):
        self._dirty[thread].discard(where)
        self.kept.add(where.rpartition("/")[2])

    def too_early(self):
        return [word for word in self.words if word[1]]


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(5), key=KEY) as panel:
        yield panel


def test_an_order_is_on_the_disk_twice_before_anybody_reads_that_it_was_added(sites, panel):
    site = sites(panel_section(panel.url))
    heard = Heard(site.folder, "-m", "tracker", "--config", str(site.file), "orders", "add", "main", "1", "2")
    assert [word for word, _ in heard.words if word.startswith("2 added")]
    assert heard.too_early() == []
    assert {"tracker.db-wal", "intake.ndjson"} <= heard.kept


def test_claims_events_and_attempts_are_on_the_disk_before_a_panel_or_a_receiver_hears_a_word(sites, panel):
    with Receiver() as receiver:
        site = sites(panel_section(panel.url) + hook_section(receiver.url))
        site.track(panel.truths())
        heard = Heard(site.folder, "-m", "tracker", "--config", str(site.file), "poll")
        assert len(receiver.received) >= 10
    assert sum(word.startswith("POST /hook") for word, _ in heard.words) >= 10
    assert sum("POST /api" in word for word, _ in heard.words) >= 2
    assert heard.too_early() == []
    assert "tracker.db-wal" in heard.kept


@pytest.mark.parametrize(("synchronous", "early"), [("FULL", 0), ("NORMAL", 3)])
def test_the_witness_can_tell(tmp_path, synchronous, early):
    """SQLite's usual advice for WAL, synchronous = NORMAL, loses what it acknowledged, and that is seen."""
    script = f"""
import os, sqlite3
file = sqlite3.connect("some.db", isolation_level=None)
file.execute("PRAGMA journal_mode = wal")
file.execute("PRAGMA synchronous = {synchronous}")
file.execute("CREATE TABLE t (n)")
for n in range(3):
    file.execute("INSERT INTO t VALUES (?)", (n,))
    os.write(1, b"done")
"""
    assert len(Heard(tmp_path, "-c", script).too_early()) == early

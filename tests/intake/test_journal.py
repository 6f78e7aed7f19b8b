"""The journal between processes: appending, rewriting, being killed, and a full disk."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.core.beliefs import NOW
from tests.system.site import wait_for
from tracker.core.orders.new_orders import NewOrder
from tracker.intake.journal import Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "intake.ndjson"


def order(remote_id, **facts):
    return NewOrder("main", remote_id, baseline=True, just_placed=False, **facts)


def ids(path):
    """Returns the id of every line; each line has to be whole."""
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def without_ref(line):
    return line.replace(b', "ref": "secret"', b"")


def test_lines_are_changed_and_taken_out_and_all_others_stay_byte_for_byte(path):
    journal = Journal(path)
    journal.append([order("1"), order("2", ref="secret"), order("3", ref="ü"), order("4")], NOW)
    before = path.read_bytes().splitlines(keepends=True)
    with journal.held() as held:
        assert held.rewrite(lambda line: b"" if b'"id": "4"' in line else without_ref(line)) == 2
        held.append([order("5")], NOW)
    after = path.read_bytes().splitlines(keepends=True)
    assert after[:3] == [before[0], without_ref(before[1]), before[2]]
    assert ids(path) == ["1", "2", "3", "5"]
    assert b"secret" not in path.read_bytes()
    assert sorted(file.name for file in path.parent.iterdir()) == ["intake.ndjson"]


def test_it_stays_its_owners_whoever_rewrites_it(path):
    journal = Journal(path)
    journal.append([order("1", ref="secret")], NOW)
    path.chmod(0o640)
    owner = (12_345, 12_346) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    with journal.held() as held:
        held.rewrite(without_ref)
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (*owner, 0o640)


def test_no_journal_is_nothing_to_rewrite(path):
    with Journal(path).held() as held:
        assert held.rewrite(without_ref) == 0


APPENDS = """
import sys
from pathlib import Path
from tracker.core.orders.new_orders import NewOrder
from tracker.intake.journal import Journal
for n in range(int(sys.argv[3])):
    Journal(Path(sys.argv[1])).append([NewOrder("main", f"{sys.argv[2]}-{n}", True, False, ref="secret")], 0.0)
    print(n, flush=True)
"""
REWRITES = """
import sys
from pathlib import Path
from tracker.intake.journal import Journal
print("ready", flush=True)
while True:
    with Journal(Path(sys.argv[1])).held() as held:
        held.rewrite(lambda line: line.replace(b', "ref": "secret"', b""))
"""


def process(code, *args):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True)


def test_what_others_append_while_it_is_rewritten_is_all_there(path):
    rewriter = process(REWRITES, path)
    assert rewriter.stdout.readline() == "ready\n"
    writers = [process(APPENDS, path, name, 150) for name in "ab"]
    told = {name: writer.communicate(timeout=60)[0].split() for name, writer in zip("ab", writers, strict=True)}
    rewriter.kill()
    rewriter.communicate()
    found = ids(path)
    assert sorted(found) == sorted(f"{name}-{n}" for name in "ab" for n in told[name])
    assert len(found) == 300


def test_killed_while_it_rewrites_the_journal_is_the_old_one_or_the_new_one(path):
    Journal(path).append([order(str(n), ref="secret") for n in range(20_000)], NOW)
    every = [str(n) for n in range(20_000)]
    cut = 0
    for _ in range(8):
        started = path.stat().st_ino
        rewriter = process(REWRITES, path)
        assert rewriter.stdout.readline() == "ready\n"
        beside = path.with_name("intake.ndjson.new")
        wait_for(lambda b=beside, s=started: b.exists() or path.stat().st_ino != s, 20, "it to be at work")
        rewriter.send_signal(signal.SIGKILL)
        rewriter.communicate()
        cut += beside.exists()
        assert ids(path) == every
        Journal(path).append([order("after")], NOW)
        assert ids(path)[-1] == "after"
        every.append("after")
    assert cut, "none of the eight was killed half way"
    with Journal(path).held() as held:
        held.rewrite(without_ref)
    assert b"secret" not in path.read_bytes()
    assert not beside.exists()


FULL_DISK = """
import resource, sys
from pathlib import Path
from tracker.intake.journal import Journal
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    with Journal(path).held() as held:
        held.rewrite(lambda line: line.replace(b', "ref": "secret"', b""))
except OSError as error:
    print("refused:", error.errno is not None)
"""


def test_a_disk_that_takes_half_of_the_copy_leaves_it_as_it_was(path):
    Journal(path).append([order(str(n), ref="secret") for n in range(100)], NOW)
    before = path.read_bytes()
    assert process(FULL_DISK, path).communicate(timeout=30)[0] == "refused: True\n"
    assert path.read_bytes() == before
    assert not path.with_name("intake.ndjson.new").exists()

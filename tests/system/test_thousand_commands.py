"""A thousand command hooks, the naughty ones among them, and the machine is as it was."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.defaults import hook_rules
from tests.system.site import wait_for
from tracker.config import CommandConfig
from tracker.delivery.channels import Delivery
from tracker.delivery.channels.command import CommandChannel
from tracker.errors import ChannelError

MARK = f"tracker-thousand-{os.getpid()}"
RUNS = 1_000
# What the script does, by the number of the run: most behave.
SCRIPT = f"""
import os, sys, time
n = int(sys.argv[2])
sys.stdin.read()
if n % 50 == 0:
    time.sleep(60)
elif n % 25 == 1:
    sys.stdout.write("x" * 1_000_000)
elif n % 20 == 2:
    if os.fork() == 0:
        time.sleep(60)
elif n % 100 == 3:
    sys.exit(75)
# {MARK}
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_after_a_thousand_commands_there_is_no_zombie_no_orphan_and_the_memory_is_back(tmp_path):
    script = tmp_path / f"{MARK}.py"
    script.write_text(SCRIPT)
    rules = hook_rules("script", timeout_s=1.0)

    def run(number):
        config = CommandConfig((sys.executable, "-S", "-E", str(script), MARK, str(number)))
        channel = CommandChannel(config, rules, grace_s=0.2)
        body = json.dumps({"data": {"order": {"id": str(number)}}}).encode()
        try:
            channel.send(Delivery(number, "script", f"evt_{number}", "order.completed", "main", 1, body), 0.0)
        except ChannelError as error:
            return error.code if error.code is not None else "deadline"
        finally:
            channel.close()
        return "delivered"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(4, 44)))  # warm: what the first runs allocate once is no leak
        before = resident_kib()
        outcomes = list(pool.map(run, range(RUNS)))
    wait_for(lambda: not left_behind(), 10, "the last of the killed to be gone")
    assert zombies() == []
    assert resident_kib() - before < 8 * 1024
    assert outcomes.count(75) == 10
    assert all(outcomes[n] != "delivered" for n in range(0, RUNS, 50)), "the hanging ones failed at their deadline"
    assert outcomes.count("delivered") > 900


def left_behind():
    """Processes of ours that still run: the mark is in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if MARK.encode() in path.read_bytes() and path.parent.name != str(os.getpid()):
                found.append(path.parent.name)
        except OSError:
            continue  # gone while we looked
    return found


def zombies():
    """Children of this process that ended and were not waited for."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state == "Z" and int(parent) == os.getpid():
            found.append(path.parent.name)
    return found


def resident_kib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

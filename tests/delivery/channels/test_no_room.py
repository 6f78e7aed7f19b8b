"""When the machine has no process or no memory left for a program, the attempt fails and nothing else happens."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ATTEMPTS = """
from tests.delivery.channels.test_command import channel, children, delivery
from tracker.errors import ChannelError

tried = channel("/bin/true")

def attempt():
    try:
        print(tried.send(delivery(), 1.0).code)
    except ChannelError as error:
        print(error.permanent, error)
"""
# In a process of its own, which gives up being root: root may always have one more.
NO_PROCESS = """
import os, resource

attempt()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
before, hard = resource.getrlimit(resource.RLIMIT_NPROC)
resource.setrlimit(resource.RLIMIT_NPROC, (0, hard))
attempt()
resource.setrlimit(resource.RLIMIT_NPROC, (before, hard))
attempt()
print(children())
"""


def said(*argv):
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_room_for_a_process_an_attempt_fails_and_the_next_one_does_not():
    failed = "False /bin/true cannot be started: Resource temporarily unavailable"
    assert said(sys.executable, "-c", ATTEMPTS + NO_PROCESS) == ["0", failed, "0", "{}"]


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace on this machine")
def test_without_memory_for_a_process_an_attempt_fails_and_the_next_one_does_not():
    strace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=vfork,fork,clone,clone3:error=ENOMEM:when=1")
    failed = "False /bin/true cannot be started: Cannot allocate memory"
    script = ATTEMPTS + "attempt()\nattempt()\nprint(children())"
    assert said(*strace, sys.executable, "-c", script) == [failed, "0", "{}"]

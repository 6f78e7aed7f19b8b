"""The unit: accepted by systemd, in a tight sandbox, and every directive with its reason."""

import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tracker.errors import Exit

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "tracker.service"
DROP_IN = SYSTEMD / "command-hooks.conf"
PROGRAM = "/opt/tracker/bin/tracker"
WORST_EXPOSURE = 1.5

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing")


def directives(path):
    """(line before, directive) for each line that sets something."""
    lines = ["", *path.read_text().splitlines()]
    return [(before, line) for before, line in pairwise(lines) if re.match(r"[A-Z]\w+=", line)]


@pytest.fixture
def installed(tmp_path):
    """The unit where systemd-analyze finds it.

    `verify` also looks for the program; it is in /opt only after an installation, so in this copy the
    running Python stands in for it. Nothing else differs.
    """
    text = UNIT.read_text()
    assert text.count(f"{PROGRAM} ") == 1
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace(PROGRAM, sys.executable))
    return unit


@pytest.fixture
def with_drop_in(installed):
    folder = installed.with_name("tracker.service.d")
    folder.mkdir()
    shutil.copy(DROP_IN, folder)
    return installed


def analyze(*args):
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=60, check=False)


def exposure(unit):
    done = analyze("security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for tracker\.service: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


@pytest.mark.parametrize("path", [UNIT, DROP_IN], ids=lambda path: path.name)
def test_every_directive_has_its_reason_above_it(path):
    assert directives(path)
    bare = [line for before, line in directives(path) if not re.match(r"# .{10}", before)]
    assert bare == []


def test_the_unit_gives_up_on_the_exit_code_that_only_a_person_can_mend():
    assert f"RestartPreventExitStatus={Exit.CONFIG:d}" in [line for _, line in directives(UNIT)]


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_unit(installed):
    done = analyze("verify", str(installed))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_drop_in(with_drop_in):
    done = analyze("verify", str(with_drop_in))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_a_mistake_in_the_drop_in_would_be_noticed(with_drop_in):
    drop_in = with_drop_in.with_name("tracker.service.d") / DROP_IN.name
    drop_in.write_text("[Service]\nProtectSytem=strict\n")
    assert "ProtectSytem" in analyze("verify", str(with_drop_in)).stderr


@needs_systemd
def test_the_sandbox_is_rated_well(installed):
    assert exposure(installed) <= WORST_EXPOSURE


@needs_systemd
def test_the_drop_in_opens_the_sandbox_only_a_little(with_drop_in):
    assert exposure(with_drop_in) <= WORST_EXPOSURE


@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="systemd-sysusers is missing")
def test_the_account_has_no_shell(tmp_path):
    (tmp_path / "etc").mkdir()
    accounts = SYSTEMD / "tracker.sysusers"
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", str(accounts)], check=True, timeout=60)
    passwd = (tmp_path / "etc/passwd").read_text()
    assert re.search(r"^tracker:.*:/var/lib/tracker:/usr/sbin/nologin$", passwd, re.MULTILINE)

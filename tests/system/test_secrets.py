"""The API key is nowhere but in its own file and in the requests to its own panel."""

import json
import shutil
import stat
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from peewee import sqlite3

from tests.system.site import SECRET, hook_section, panel_section, wait_for
from tracker.simulator import ALL, LASTING, SLOW, Faults, Receiver, SimulatedPanel, random_scenario

# Characters that look different once encoded, so that an encoded leak is looked for as well.
KEY = "k/3y+with=odd&chars-9f2c71"
FORMS = {KEY, quote(KEY), quote(KEY, safe=""), json.dumps(KEY)[1:-1], json.dumps(KEY).replace("/", "\\/")[1:-1]}

DUMP = """#!{python}
import os, sys
with open({path!r}, "a") as file:
    file.write(repr(dict(os.environ)) + sys.stdin.read() + " ".join(sys.argv) + "\\n")
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_key_is_in_nothing_that_a_whole_run_leaves_behind(sites, tmp_path):
    lives = random_scenario(seed=31, orders=120, over_minutes=20, all_at_start=True)
    faults = Faults(rate=0.3, kinds=ALL - LASTING - SLOW, seed=4, retry_after="1")
    with (
        SimulatedPanel(lives, speed=120, key=KEY, faults=faults) as panel,
        SimulatedPanel(lives, key="another key") as refusing,
        Receiver(secret=SECRET, fail_rate=0.2) as receiver,
    ):
        (tmp_path / "panel.key").write_text(KEY + "\n")
        (tmp_path / "panel.key").chmod(0o600)
        dump = tmp_path / "environment"
        script = _script(tmp_path / "on-order", dump)
        key = {"key": None, "key_file": f'"{tmp_path}/panel.key"'}
        site = sites(
            panel_section(panel.url, **key)
            + panel_section(refusing.url, name="refusing", request='"get"', **key)
            + panel_section("http://127.0.0.1:9/", name="gone", **key)
            + hook_section(receiver.url)
            + f'[hooks.script]\ntype = "command"\ncommand = ["{script}"]\nevents = ["order.*"]\n'
        )
        site.track(panel.truths())
        site.track(["1", "2"], panel="refusing")
        site.track(["1", "2"], panel="gone")
        # Two of the kinds that say the key back to us, and a panel that breaks off in the middle.
        panel.faults.queue("key_echo", "truncated", "reset")
        child = site.start()
        cmdline = Path(f"/proc/{child.pid}/cmdline").read_bytes().decode()
        struck = {"key_echo", "truncated", "reset"}
        wait_for(lambda: struck <= set(panel.audit.calls_by_fault()), 90, "the panel to have said the key back")
        # Enough was broken: each further fault only makes the tracker stay away longer, up to minutes.
        panel.faults.clear()
        done = "SELECT count(*) FROM orders WHERE tracking = 'finished'"
        wait_for(lambda: site.rows(done)[0][0] > 60, 90, "progress")
        wait_for(dump.exists, 20, "the command hook to have run")
        wait_for(lambda: site.rows("SELECT 1 FROM alerts WHERE name = 'panel.auth_failed'"), 20, "the refused key")
        assert site.stop() == 0

        _backup(site.folder / "data" / "tracker.db", tmp_path / "backup.db")
        for path in [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "panel.key"]:
            content = path.read_bytes().decode("utf-8", "replace")
            assert not [form for form in FORMS if form in content], f"the key is in {path.name}"
        assert not [form for form in FORMS if form in cmdline]
        told = "".join(repr(dict(r.headers)) + r.body.decode() for r in receiver.received)
        assert told
        assert not [form for form in FORMS if form in told]
        rows = (row for table in _tables(site) for row in site.rows(f"SELECT * FROM {table}"))
        dumped = "\n".join(" ".join(map(str, row)) for row in rows)
        assert not [form for form in FORMS if form in dumped]
        assert panel.audit.calls_by_fault().get("key_echo"), "the panel never said the key back: this test saw nothing"


def _script(path: Path, dump: Path) -> Path:
    path.write_text(DUMP.format(python=sys.executable, path=str(dump)))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _backup(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as live, sqlite3.connect(target) as copy:
        live.backup(copy)
    shutil.copy(source, target.with_suffix(".copy"))
    assert target.stat().st_size > 0


def _tables(site) -> list[str]:
    return [name for (name,) in site.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]

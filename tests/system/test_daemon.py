"""The life of `tracker run`: one per database, told to systemd, ended by SIGTERM."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peewee import sqlite3

from tests.system.site import KEY, Site, hook_section, panel_section, wait_for
from tracker import clock
from tracker.simulator import Faults, Receiver, Scenario, SimulatedPanel


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(50), key=KEY) as panel:
        yield panel


def test_a_second_run_on_the_same_database_exits_75_and_names_the_first(sites, panel):
    site = sites(panel_section(panel.url))
    first = site.start()
    second = subprocess.run(
        [sys.executable, "-m", "tracker", "--config", str(site.file), "run"], capture_output=True, text=True, timeout=30
    )
    assert second.returncode == 75
    assert f"pid {first.pid}" in second.stderr
    assert site.stop() == 0
    site.start()  # the lock went with the process


def test_sigterm_lets_the_call_in_flight_end_and_exits_0(sites):
    with SimulatedPanel(Scenario.static(50), key=KEY, faults=Faults(max_hang_s=2)) as panel:
        panel.faults.hang_all = True
        site = sites(panel_section(panel.url, timeout='"5s"'))
        site.track(panel.truths(), baseline=True)
        site.start()
        wait_for(lambda: panel.audit.calls, 10, "a call in flight")
        assert site.stop() == 0
        assert "tracker.stopped" in site.log.read_text()


def test_sigterm_does_not_wait_for_a_panel_that_hangs_for_ever(sites):
    with SimulatedPanel(Scenario.static(50), key=KEY, faults=Faults(max_hang_s=60)) as panel:
        panel.faults.hang_all = True
        site = sites(panel_section(panel.url, timeout='"50s"'))
        site.track(panel.truths(), baseline=True)
        site.start()
        wait_for(lambda: panel.audit.calls, 10, "a call in flight")
        started = time.monotonic()
        assert site.stop() == 0
        assert time.monotonic() - started < 15
        assert "poll:main" in next(line for line in site.log.read_text().splitlines() if "tracker.stopped" in line)


def test_what_a_killed_tracker_had_claimed_is_asked_again_at_once_by_the_next(sites):
    with SimulatedPanel(Scenario.static(50), key=KEY, faults=Faults(max_hang_s=60)) as panel:
        panel.faults.hang_all = True
        site = sites(panel_section(panel.url, timeout='"50s"', max_concurrency=4))
        site.track(panel.truths(), baseline=True)
        site.start()
        wait_for(lambda: "status" in panel.audit.calls_by_action(), 10, "a claim to be lost")
        site.kill()
        panel.faults.clear()
        site.start()
        wait_for(lambda: site.rows("SELECT count(*) FROM orders WHERE status IS NULL") == [(0,)], 10, "the answers")
        ((lost,),) = site.rows("SELECT count(*) FROM poll_runs WHERE kind = 'status' AND outcome = 'lost'")
        assert lost == 1, "the claim that died with the process is in the books as that"


def test_systemd_hears_ready_then_the_watchdog_then_stopping(sites, panel, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        site = sites(panel_section(panel.url))
        site.start()
        assert listener.recv(4096).startswith(b"READY=1")
        assert b"WATCHDOG=1" in [listener.recv(4096), listener.recv(4096)]
        assert site.stop() == 0
        listener.settimeout(1)
        told = []
        while not told or told[-1] != b"STOPPING=1":
            told.append(listener.recv(4096))


def test_a_refused_key_is_told_once_and_not_hammered(sites):
    with SimulatedPanel(Scenario.static(10), key="another key") as panel, Receiver() as receiver:
        site = sites(panel_section(panel.url) + hook_section(receiver.url, events='["panel.*"]'))
        site.track(panel.truths(), baseline=True)
        site.start()
        wait_for(lambda: receiver.received, 60, "the alert, after a second refusal half a minute later")
        time.sleep(3)
        assert [r.event["type"] for r in receiver.received] == ["panel.auth_failed"]
        assert len(panel.audit.calls) <= 4, "calls that were in flight together may find out together, and one probe"


def test_a_panel_that_knows_no_batches_is_asked_one_by_one_and_that_is_remembered(sites):
    with SimulatedPanel(Scenario.static(12), key=KEY) as panel:
        panel.faults.batch_unknown = True
        site = sites(panel_section(panel.url, poll_every='"60s"'))
        site.track(panel.truths(), baseline=True)
        site.start()
        wait_for(lambda: site.rows("SELECT count(*) FROM orders WHERE status IS NULL") == [(0,)], 20, "all answers")
        assert site.stop() == 0
        batches = [call for call in panel.audit.calls if call.action == "status" and len(call.ids) > 1]
        assert len(batches) <= 4, "the batch goes out a second time, and one for each thread before that was known"
        ((until, refused, trouble),) = site.rows("SELECT singles_until, refused_batches, trouble FROM panels")
        assert until > clock.now() - 60
        assert refused >= 2
        assert trouble is None


def test_an_outage_is_told_when_it_lasts_and_its_end_too(sites):
    faults = Faults(retry_after="1")
    with SimulatedPanel(Scenario.static(10), key=KEY, faults=faults) as panel, Receiver() as receiver:
        panel.faults.down(0, 14)
        site = sites(panel_section(panel.url, down_after='"2s"') + hook_section(receiver.url, events='["panel.*"]'))
        site.track(panel.truths(), baseline=True)
        site.start()
        wait_for(lambda: len(receiver.received) == 2, 40, "down and recovered")
        assert [r.event["type"] for r in receiver.received] == ["panel.down", "panel.recovered"]
        assert site.rows("SELECT count(*) FROM transitions") == [(0,)], "no order was touched by the trouble"


def test_a_broken_configuration_is_listed_whole_and_exits_78(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[panels.main]\nurl = "https://panel.example/api/v2"\nkey_file = "gone.key"\ntimout = "3s"\n')
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-m", "tracker", "--config", str(file), "run"],
        capture_output=True, text=True, timeout=30, env=environ,
    )  # fmt: skip
    assert ran.returncode == 78
    assert "2 problems" in ran.stderr
    assert 'did you mean "timeout"' in ran.stderr


def test_sighup_brings_in_a_new_configuration_without_a_restart(sites):
    with SimulatedPanel(Scenario.static(5), key=KEY) as panel, Receiver() as receiver:
        site = sites(panel_section(panel.url))
        child = site.start()
        site.file.write_text(site.file.read_text() + hook_section(receiver.url, events='["order.tracked"]'))
        child.send_signal(signal.SIGHUP)
        wait_for(lambda: "config.reloaded" in site.log.read_text(), 10, "the reload")
        # This process reads the configuration as it was; the hook is the new one's.
        reread = Site(site.folder, None)
        reread.track(["1000001"])
        wait_for(lambda: receiver.received, 10, "the new hook to be told")
        reread.close()
        assert child.poll() is None
        assert site.stop() == 0


def test_sighup_with_a_broken_configuration_changes_nothing_and_says_why(sites, panel):
    site = sites(panel_section(panel.url))
    child = site.start()
    site.file.write_text(site.file.read_text() + "[hooks.ops]\ntipe = 1\n")
    child.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.refused" in site.log.read_text(), 10, "the refusal")
    assert "hooks.ops.tipe" in site.log.read_text()
    calls = len(panel.audit.calls)
    wait_for(lambda: len(panel.audit.calls) > calls, 15, "the panel to be asked as before")
    assert child.poll() is None


@pytest.mark.slow
def test_a_database_that_takes_no_writes_is_told_of_when_it_is_over_and_nothing_is_lost(sites):
    with SimulatedPanel(Scenario.static(20), key=KEY) as panel, Receiver() as receiver:
        site = sites(panel_section(panel.url) + hook_section(receiver.url, events='["tracker.*", "order.changed"]'))
        site.track(panel.truths(), baseline=True)
        child = site.start()
        wait_for(lambda: site.rows("SELECT count(*) FROM orders WHERE status IS NULL") == [(0,)], 10, "the answers")
        with sqlite3.connect(site.folder / "data" / "tracker.db", isolation_level=None) as squatter:
            squatter.execute("BEGIN EXCLUSIVE")
            panel.advance(1.0, "Processing", None)
            wait_for(lambda: "tracker.degraded" in site.log.read_text(), 40, "the trouble to be noticed")
            squatter.execute("ROLLBACK")
        squatter.close()
        wait_for(lambda: len(receiver.received) == 22, 30, "what changed meanwhile, and what was the matter")
        told = [request.event["type"] for request in receiver.received]
        assert (told.count("tracker.degraded"), told.count("tracker.recovered")) == (1, 1)
        assert told.count("order.changed") == 20
        assert child.poll() is None
        assert site.stop() == 0


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_second_tracker_on_one_postgresql_takes_nothing_away_from_the_first(sites, database_url):
    with SimulatedPanel(Scenario.static(50), key=KEY, faults=Faults(max_hang_s=30)) as panel:
        panel.faults.hang_all = True
        keys = {"timeout": '"25s"', "max_concurrency": 4, "poll_every": '"12h"', "balance_every": '"12h"'}
        first = sites(panel_section(panel.url, **keys), database_url, folder="first")
        second = sites(panel_section(panel.url, **keys), database_url, folder="second")
        first.track(panel.truths(), baseline=True)
        first.start()
        wait_for(lambda: "status" in panel.audit.calls_by_action(), 10, "a claim of the first")
        second.start()
        time.sleep(2)
        assert panel.audit.calls_by_action()["status"] == 1, "the first one's orders are in flight, and stay its own"
        open_runs = first.rows("SELECT count(*) FROM poll_runs WHERE finished_at IS NULL AND kind = 'status'")
        assert open_runs == [(1,)]


def test_a_database_that_is_removed_ends_the_tracker_instead_of_beginning_another(sites, panel):
    site = sites(panel_section(panel.url))
    child = site.start()
    for file in (site.folder / "data").glob("tracker.db*"):
        if file.suffix != ".lock":
            file.unlink()
    assert child.wait(20) == 78
    assert "removed" in site.log.read_text() or "replaced" in site.log.read_text()


def test_a_sighup_before_it_listens_is_no_end(sites, panel):
    site = sites(panel_section(panel.url))
    child = site.start(wait=False)
    wait_for(lambda: "SigIgn" in status_of(child.pid) and ignores_sighup(child.pid), 10, "the command to begin")
    child.send_signal(signal.SIGHUP)
    wait_for(lambda: "tracker.started" in site.log.read_text(), 20, "the start")
    assert site.stop() == 0


POUNDED = """
import faulthandler, os, signal, subprocess, sys
from tracker.daemon.signals import Signals
signals = Signals()
faulthandler.dump_traceback_later(30, exit=True)
code = "import os, sys, time\\nfor _ in range(20000): os.kill(int(sys.argv[1]), 1); time.sleep(0.0003)"
others = subprocess.Popen([sys.executable, "-c", code, str(os.getpid())])
while others.poll() is None:
    if signals.wait(0.001):
        signals.clear()
os.kill(os.getpid(), signal.SIGTERM)
print(signals.wait(5), signals.stop)
"""


def test_signals_at_any_instant_leave_the_main_thread_free_to_act(tmp_path):
    """A handler that took a lock would wait for the very thread it interrupted."""
    said = subprocess.run([sys.executable, "-c", POUNDED], capture_output=True, text=True, timeout=60)
    assert said.stdout.split() == ["True", "True"], said.stderr[-2_000:]


def status_of(pid):
    return Path(f"/proc/{pid}/status").read_text()


def ignores_sighup(pid):
    """Bit 0 of the masks is signal 1; ignored or, a moment later, caught."""
    masks = {line.split(":")[0]: line.split()[1] for line in status_of(pid).splitlines() if line.startswith("Sig")}
    return any(int(masks[name], 16) & 1 for name in ("SigIgn", "SigCgt"))

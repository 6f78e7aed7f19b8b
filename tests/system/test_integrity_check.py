"""After a kill the database file is looked through: a damaged page ends the tracker instead of being written around."""

import threading
import time

import pytest
from peewee import sqlite3  # the library that the tracker has: two in one process do not see each other's locks

from tests.system.site import KEY, panel_section, wait_for
from tracker.daemon.integrity_check import IntegrityCheck
from tracker.daemon.lock import InstanceLock
from tracker.daemon.run import Daemon
from tracker.daemon.sdnotify import Notifier
from tracker.errors import UserError
from tracker.simulator import Scenario, SimulatedPanel


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(50), key=KEY) as panel:
        yield panel


def file_of(site):
    return site.folder / "data" / "tracker.db"


def damage(file):
    """Overwrite a page that nothing reads as long as no order makes progress."""
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'progress'")
        ((size,),) = connection.execute("PRAGMA page_size")
    connection.close()
    with file.open("r+b") as raw:
        raw.seek((page - 1) * size)
        raw.write(b"\xa5" * size)


def said(site):
    return site.log.read_text()


def test_a_damaged_page_is_found_after_a_kill_before_anything_is_asked_or_written(sites, panel):
    site = sites(panel_section(panel.url))
    site.track(panel.truths(), baseline=True)
    site.start()
    site.kill()
    damage(file_of(site))
    calls = len(panel.audit.calls)
    for times in (1, 2):  # and again, until somebody has mended it
        assert site.start(wait=False).wait(20) == 78
        assert said(site).count("quick_check") == times
    assert "put a backup in its place" in said(site)
    assert len(panel.audit.calls) == calls


def test_a_file_is_looked_through_after_a_kill_and_never_after_an_end_in_order(sites, panel):
    site = sites(panel_section(panel.url))
    for end, times in ((site.kill, 0), (site.stop, 1), (site.stop, 1)):
        site.start()
        assert said(site).count("database.checked") == times
        end()


@pytest.fixture
def killed(tmp_path):
    """The lock of a tracker that was killed."""
    lock = tmp_path / "killed.lock"
    lock.write_text('{"pid": 1}')
    instance = InstanceLock(lock)
    instance.take("1")
    yield instance
    instance.release()


@pytest.fixture
def busy(sites, panel):
    """A site with a damaged file that nobody can read for the time being."""
    site = sites(panel_section(panel.url))
    damage(file_of(site))
    holder = sqlite3.connect(file_of(site), isolation_level=None, check_same_thread=False)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN IMMEDIATE")
    yield site, holder
    holder.close()


class Endless:
    stop = pending = False

    def wait(self, timeout_s):
        time.sleep(min(timeout_s, 0.1))
        return False


def test_what_takes_long_is_looked_through_beside_the_work_and_still_ends_it(busy, killed):
    site, holder = busy
    checkup = IntegrityCheck(site.parts.database, killed)
    checkup.begin(first_s=0.2)
    assert killed.unclean, "not looked through yet: after a stop now the next start would begin anew"
    daemon = Daemon(site.parts, killed, Endless(), Notifier({}), None, checkup.look)
    threading.Timer(0.5, holder.close).start()
    with pytest.raises(UserError) as ended:
        daemon.live(lambda: None)
    assert ended.value.exit_code == 78
    assert "quick_check" in str(ended.value)
    assert killed.unclean


def test_a_sound_file_is_looked_through_once(sites, panel, killed):
    site = sites(panel_section(panel.url))
    checkup = IntegrityCheck(site.parts.database, killed)
    checkup.begin()
    checkup.look()
    wait_for(lambda: not killed.unclean, 10, "the end of it")

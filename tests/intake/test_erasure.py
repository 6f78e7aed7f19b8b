"""Orders are removed and forgotten: in the journal, in the database, and byte by byte in the data directory."""

import json
import random

import pytest

from tests.polling import poll_named
from tests.simulator import order, small_world
from tests.system.site import KEY, Site, hook_section, panel_section, wait_for
from tracker import clock
from tracker.core.orders.erasure import spellings
from tracker.db.database import connect
from tracker.intake import erasure
from tracker.simulator import Receiver, Scenario, SimulatedPanel

ORDERS = 300
CHOSEN = [str(n) for n in range(3, ORDERS, 29)]


def personal(remote_id):
    """The three texts of one order, which no other order has."""
    name = f"Zoë/{remote_id}/x"
    return {"link": f"https://example.com/p/{name}", "ref": f"client {name}", "tags": [f"tag {name}", "vip"]}


def texts(ids):
    return [text for id_ in ids for text in (f"Zoë/{id_}/x", f"tag Zoë/{id_}/x")]


def places(folder, wanted):
    """Returns the files below the folder that hold any of these texts, in any spelling."""
    words = {word.encode() for text in wanted for word in spellings(text)}
    return sorted(
        {file.name for file in folder.rglob("*") if file.is_file() for word in words if word in file.read_bytes()}
    )


def hand_over(site, ids):
    rows = [(n, {"id": id_, **personal(id_)}) for n, id_ in enumerate(ids)]
    for taken in site.parts.intake.take(rows, clock.now(), panel="main", baseline=False):
        assert not taken.bad


def forget(site, *ids, patience_s=20.0):
    return erasure.forget(site.parts.store, site.parts.journal, "main", ids, patience_s)


def journal(site):
    return [json.loads(line) for line in (site.folder / "data" / "intake.ndjson").read_text().splitlines()]


@pytest.fixture
def panel():
    lives = tuple(order(str(n)) for n in range(ORDERS))
    with SimulatedPanel(Scenario(orders=lives), speed=0, key=KEY) as simulated:
        yield simulated


@pytest.fixture
def site(panel, tmp_path):
    made = Site(tmp_path, panel_section(panel.url))
    with made.parts.database.session():
        yield made
    made.close()


def churned(site):
    """Adds and moves rows, as in a long life, so that the file keeps bytes that SQLite left behind."""
    chance = random.Random(5)
    hand_over(site, [str(n) for n in range(ORDERS)])
    other = connect(f"sqlite://{site.parts.database.path}")
    with other.session():
        other.handle.execute_sql("PRAGMA secure_delete = off")
        for _ in range(6):
            with other.transaction() as cur:
                long = [("e" * chance.randint(0, 900), str(n)) for n in chance.sample(range(ORDERS), 150)]
                cur.many("UPDATE orders SET entry = ? WHERE remote_id = ?", long)
        site.parts.database.checkpoint()


def test_after_forgetting_the_texts_are_in_no_file_of_the_data_directory(site):
    churned(site)
    assert {"intake.ndjson", "tracker.db"} <= {*places(site.folder, texts(CHOSEN)), "tracker.db"}
    done = forget(site, *CHOSEN)
    assert (done.clean, set(done.known), done.lines) == (True, set(CHOSEN), len(CHOSEN))
    assert places(site.folder, texts(CHOSEN)) == []
    assert places(site.folder, texts(["1"])) == ["intake.ndjson", "tracker.db"], "those of others are where they were"
    assert site.rows("PRAGMA integrity_check") == [("ok",)]


def test_one_order_at_a_time_is_as_clean_as_many(site):
    churned(site)
    for id_ in CHOSEN[:3]:
        assert forget(site, id_).clean
        assert places(site.folder, texts([id_])) == []


def test_what_was_left_behind_before_is_swept_too(site):
    """The link was changed long ago: only the journal and the file still hold the old one."""
    churned(site)
    site.parts.store.order_edits.edit("main", "1", {"link": None, "ref": None, "tags": ()}, clock.now())
    assert forget(site, "1").clean
    assert places(site.folder, texts(["1"])) == []


@pytest.mark.timeout(120)
def test_the_daemon_goes_on_while_its_orders_are_forgotten(panel, tmp_path):
    with Receiver() as receiver:
        site = Site(tmp_path, panel_section(panel.url) + hook_section(receiver.url, secret=None, max_per_minute=60_000))
        try:
            churned(site)
            site.start()
            asked = "SELECT count(*) FROM orders WHERE status IS NOT NULL"
            wait_for(lambda: site.rows(asked) == [(ORDERS,)], 30, "all orders to be asked about")
            done = forget(site, *CHOSEN)
            assert done.clean
            panel.forward(15 * 60)
            moved = "SELECT count(*) FROM orders WHERE status = 'in_progress'"
            wait_for(lambda: site.rows(moved) == [(ORDERS,)], 30, "all of them to have moved")
            untold = "SELECT count(*) FROM deliveries WHERE state <> 'delivered'"
            wait_for(lambda: site.rows(untold) == [(0,)], 60, "everything to be told")
            assert site.stop() == 0
            assert places(site.folder / "data", texts(CHOSEN)) == []
            bodies = [json.loads(request.body) for request in receiver.received]
            late = [b for b in bodies if b["type"] == "order.started" and b["data"]["order"]["id"] in CHOSEN]
            assert len(late) == len(CHOSEN)
            assert {(b["data"]["order"]["ref"], *b["data"]["order"]["tags"]) for b in late} == {(None,)}
        finally:
            site.close()


def test_somebody_who_reads_for_long_is_in_the_way_and_that_is_said(site):
    churned(site)
    other = connect(f"sqlite://{site.parts.database.path}")
    with other.snapshot() as cur:
        cur.run("SELECT count(*) FROM orders").rows()
        assert not forget(site, "1", patience_s=0.1).clean
    assert forget(site, "1").clean
    assert places(site.folder, texts(["1"])) == []


def test_a_replay_of_the_journal_brings_nothing_back(site):
    hand_over(site, ["1", "2"])
    forget(site, "1")
    erasure.remove(site.parts.store, site.parts.journal, "main", ["2"], clock.now())
    before = site.rows("SELECT * FROM orders"), site.rows("SELECT * FROM events")
    assert [line["id"] for line in journal(site)] == ["1"]
    for taken in site.parts.intake.take([(1, {k: v for k, v in journal(site)[0].items() if k != "at"})], clock.now()):
        assert (taken.added, taken.known, taken.bad) == (0, 1, [])
    assert (site.rows("SELECT * FROM orders"), site.rows("SELECT * FROM events")) == before


def test_children_are_forgotten_with_their_parent_and_those_to_come_get_nothing(tmp_path):
    with SimulatedPanel(small_world(), speed=0, key=KEY) as panel:
        site = Site(tmp_path, panel_section(panel.url))
        with site.parts.database.session():
            hand_over(site, ["20"])
            poll_named(site.parts, "20")
            assert site.rows("SELECT ref FROM orders") == [(personal("20")["ref"],)] * 2
            assert set(forget(site, "20").known) == {"1", "20"}
            panel.forward(40 * 60)
            poll_named(site.parts, "20")
            assert site.rows("SELECT remote_id, parent, service, ref, link, tags FROM orders ORDER BY id") == [
                (id_, parent, None, None, None, "[]") for id_, parent in (("20", None), ("1", "20"), ("10", "20"))
            ]
        assert places(site.folder, texts(["20"])) == []
        site.close()


def test_on_a_server_the_rows_and_the_journal_are_clean(panel, tmp_path, fresh_url):
    site = Site(tmp_path, panel_section(panel.url), fresh_url)
    with site.parts.database.session():
        hand_over(site, ["1", "2"])
        assert forget(site, "1", "404").clean
        assert site.rows("SELECT remote_id FROM orders WHERE link IS NULL") == [("1",)]
        assert [line.get("ref") for line in journal(site)] == [None, personal("2")["ref"]]
    site.close()

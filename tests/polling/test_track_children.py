"""Drip-feeds and subscriptions: what a panel lists under them is tracked, whatever happens in between."""

import json
from contextlib import contextmanager

import pytest

from tests.databases import rows
from tests.polling import poll_named
from tests.scripted_panel import ids_of, scripted
from tests.simulator import order, small_world
from tests.system.site import KEY, Site, hook_section, panel_section, wait_for
from tracker import clock
from tracker.core.orders.children import Family
from tracker.core.rules import ChildLimits
from tracker.polling.track_children import track_children
from tracker.simulator import Scenario, SimulatedPanel
from tracker.store.claims import ID, REMOTE_ID

LIMITS = ChildLimits(per_order=1_000, per_day=10_000)
ENTRY = {"charge": "1.00", "start_count": "5", "status": "Active", "remains": "0", "currency": "USD"}
ORDERS = "SELECT remote_id, parent, kind, status FROM orders ORDER BY remote_id"
FACTS = {"service": "1", "link": "https://example.com/p/1", "ref": "A-118", "tags": ["vip"]}


@pytest.fixture
def panel():
    """Minute 15: 20 is a drip-feed of 1, and of 10 from minute 30 on; 30 a subscription of 3."""
    with SimulatedPanel(small_world(), speed=0, key=KEY) as simulated:
        simulated.forward(15 * 60)
        yield simulated


@pytest.fixture
def site(panel, tmp_path, fresh_url):
    """Its tracker, not running: polled by hand."""
    with opened(panel.url, tmp_path, fresh_url) as made:
        yield made


@contextmanager
def opened(url, folder, database, more=""):
    made = Site(folder, panel_section(url) + more + hook_section("http://127.0.0.1:9/"), database)
    try:
        with made.parts.database.session():
            yield made
    finally:
        made.close()


def hand_over(site, *ids, **how):
    taken = list(site.parts.intake.take([(1, {"id": id_} | FACTS) for id_ in ids], clock.now(), panel="main", **how))
    assert not taken[-1].bad


def poll(site, *ids):
    poll_named(site.parts, *ids)


def told(site):
    return rows(site.parts.database, "SELECT type, remote_id FROM events ORDER BY id")


def journal(site):
    text = (site.folder / "data" / "intake.ndjson").read_text()
    return {line["id"]: line for line in map(json.loads, text.splitlines())}


def test_a_child_of_an_order_just_placed_is_an_order_just_placed(site):
    hand_over(site, "20", baseline=False)
    poll(site, "20")
    facts = "SELECT remote_id, service, link, ref, tags, parent FROM orders WHERE parent IS NOT NULL"
    assert site.rows(facts) == [("1", *list(FACTS.values())[:3], '["vip"]', "20")]
    assert told(site) == [("order.tracked", "20"), ("order.tracked", "1"), ("order.started", "20")]
    assert {key: journal(site)["1"][key] for key in (*FACTS, "parent")} == FACTS | {"parent": "20"}
    poll(site, "1")
    assert told(site)[-1] == ("order.started", "1")


def test_children_of_a_baseline_are_baselines_at_its_first_answer_and_just_placed_later(site, panel):
    hand_over(site, "20", baseline=True)
    poll(site, "20")
    poll(site, "1")
    assert told(site) == []
    panel.forward(20 * 60)
    poll(site, "20")
    assert told(site) == [("order.tracked", "10")]
    assert [row[:2] for row in site.rows(ORDERS)] == [("1", "20"), ("10", "20"), ("20", None)]


def test_an_order_that_turns_out_to_be_a_child_gets_its_parent_and_keeps_the_rest(site):
    site.track(["3"], baseline=True)
    hand_over(site, "30", baseline=True)
    poll(site, "3", "30")
    assert site.rows("SELECT remote_id, parent, kind, service, ref FROM orders ORDER BY remote_id") == [
        ("3", "30", "default", None, None),
        ("30", None, "subscription", "1", "A-118"),
    ]
    assert told(site) == []


def test_what_one_answer_says_of_a_parent_and_of_its_child_counts_for_both(site):
    """Learning whose child it is lets go of nothing that is being recorded about it."""
    site.track(["1", "20"])
    poll(site, "1", "20")
    assert [row[:2] + row[3:] for row in site.rows(ORDERS)] == [("1", "20", "in_progress"), ("20", None, "in_progress")]


def test_an_answer_that_lists_nobody_new_writes_nothing(site):
    hand_over(site, "20", "30", baseline=True)
    poll(site, "20", "30")
    before = site.rows("SELECT remote_id, version, entry FROM orders ORDER BY id"), told(site), journal(site)
    poll(site, "20", "30")
    assert (site.rows("SELECT remote_id, version, entry FROM orders ORDER BY id"), told(site), journal(site)) == before
    site.rows_changed("UPDATE orders SET entry = NULL")  # as when the code learns to read it differently
    poll(site, "20", "30")
    assert [row[0] for row in site.rows("SELECT remote_id FROM orders ORDER BY id")] == [row[0] for row in before[0]]
    assert (told(site), journal(site)) == before[1:]


def test_a_child_that_a_person_removed_stays_away_until_it_is_handed_over(site, panel):
    hand_over(site, "20", baseline=False)
    poll(site, "20")
    site.parts.store.order_edits.remove("main", ["1"], clock.now())
    panel.forward(20 * 60)
    poll(site, "20")
    assert [row[0] for row in site.rows(ORDERS)] == ["10", "20"]
    site.track(["1"])
    site.rows_changed("UPDATE orders SET entry = NULL WHERE remote_id = '20'")
    poll(site, "20")
    assert [row[:2] for row in site.rows(ORDERS)] == [("1", "20"), ("10", "20"), ("20", None)]


def claimed_family(site):
    """The claim of the parent's call, and what its answer lists, as the poller has them."""
    store = site.parts.store
    claim = store.claims.claim_named("main", ["20"], site.parts.config.panels["main"].rules, clock.now())
    reading = site.parts.panels["main"].client.status([row[REMOTE_ID] for row in claim.rows])
    (parent,) = store.results.beliefs(claim, [row[ID] for row in claim.rows])
    return Family(parent, reading.snapshots["20"].children)


@pytest.mark.parametrize("baseline", [True, False])
def test_killed_between_the_children_and_their_parents_answer_everything_happens_once(site, baseline):
    hand_over(site, "20", baseline=baseline)
    track_children(site.parts.store, site.parts.journal, LIMITS, [claimed_family(site)], clock.now())
    assert site.rows("SELECT status, entry FROM orders WHERE remote_id = '20'") == [(None, None)]
    before = told(site)
    site.parts.store.claims.release_claims(clock.now())
    poll(site, "20")
    assert site.rows("SELECT count(*) FROM orders WHERE parent = '20'") == [(1,)]
    assert [event for event in told(site) if event[0] == "order.tracked"] == before


def test_killed_between_the_journal_and_the_rows_the_children_are_tracked_by_the_next_answer(site):
    hand_over(site, "20", baseline=False)
    family = claimed_family(site)
    site.parts.journal.append(site.parts.store.children.untracked([family], LIMITS, clock.now())[0], clock.now())
    site.parts.store.claims.release_claims(clock.now())
    poll(site, "20")
    assert [row[:2] for row in site.rows(ORDERS)] == [("1", "20"), ("20", None)]


def test_where_the_journal_takes_nothing_the_answer_counts_and_the_children_come_with_the_next(site):
    hand_over(site, "20", baseline=False)
    file = site.folder / "data" / "intake.ndjson"
    kept = file.with_name("kept")
    file.rename(kept)
    file.mkdir()
    poll(site, "20")
    assert site.rows(ORDERS) == [("20", None, "drip_feed", "in_progress")]
    file.rmdir()
    kept.rename(file)
    poll(site, "20")
    assert [row[:2] for row in site.rows(ORDERS)] == [("1", "20"), ("20", None)]
    assert journal(site)["1"]["parent"] == "20"


# --- a panel that lists children without end


@pytest.fixture
def endless():
    """A panel that lists three hundred new orders under every order, whenever it is asked, those that it listed too."""
    made = iter(range(10_000, 1_000_000))

    def said(fields):
        ids, many = ids_of(fields)
        entries = {one: ENTRY | {"posts": 300, "orders": [str(next(made)) for _ in range(300)]} for one in ids}
        return entries if many else entries[ids[0]]

    with scripted(said) as panel:
        yield panel


@pytest.mark.parametrize(("limits", "tracked"), [((500, 10_000), 1_000), ((10_000, 700), 700), ((0, 0), 0)])
def test_a_panel_that_lists_children_without_end_is_capped_and_told_once(endless, tmp_path, fresh_url, limits, tracked):
    more = f"children = {{ per_order = {limits[0]}, per_day = {limits[1]} }}\n"
    with opened(endless.url, tmp_path, fresh_url, more) as site:
        assert_capped(site, limits, tracked)


def assert_capped(site, limits, tracked):
    hand_over(site, "20", "30", baseline=False)
    for _ in range(6):
        poll(site, "20", "30")
    if tracked:
        poll(site, *[row[0] for row in site.rows("SELECT remote_id FROM orders WHERE parent IS NOT NULL LIMIT 50")])
    assert site.rows("SELECT count(*) FROM orders WHERE parent IS NOT NULL") == [(tracked,)]
    assert len(journal(site)) == tracked + 2, "the journal does not grow either"
    assert site.rows("SELECT DISTINCT parent FROM orders WHERE parent NOT IN ('20', '30')") == []
    ((body,),) = site.rows("SELECT body FROM events WHERE type = 'panel.children_capped'")
    facts = json.loads(body)["data"]["children"]
    assert facts["limit"] == ("per_order" if limits[0] < limits[1] or limits == (0, 0) else "per_day")
    assert facts["at_most"] == min(limits)
    assert facts["left_out"] > 0
    site.rows_changed("UPDATE events SET at = at - 86401 WHERE type = 'panel.children_capped'")
    poll(site, "20", "30")
    assert site.rows("SELECT count(*) FROM events WHERE type = 'panel.children_capped'") == [(2,)]


FAMILIES = 30


def families():
    """So many drip-feeds of three runs: one at once, one at minute 10, one at minute 20."""
    runs = [(f"{n}-{k}", 10.0 * k) for n in range(FAMILIES) for k in range(3)]
    children = [order(id_, placed_at=at, timeline=((at, "Pending", 1000),)) for id_, at in runs]
    parents = [
        order(
            str(n), kind="drip_feed", timeline=((0.0, "In progress", 0),),
            children=tuple((at, id_) for id_, at in runs if id_.startswith(f"{n}-")),
        )
        for n in range(FAMILIES)
    ]  # fmt: skip
    return Scenario(services=small_world().services, orders=(*children, *parents))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_kill_9_as_soon_as_a_child_is_seen_loses_none_and_tells_none_twice(tmp_path, fresh_url):
    with SimulatedPanel(families(), speed=0, key=KEY) as panel:
        site = Site(tmp_path, panel_section(panel.url, max_requests_per_minute=600, batch_size=7), fresh_url)
        site.track([str(n) for n in range(FAMILIES)])

        def count():
            return site.rows("SELECT count(*) FROM orders WHERE parent IS NOT NULL")[0][0]

        try:
            for run in (1, 2, 3):
                for _ in range(3):
                    before = count()
                    site.start(wait=False)
                    wait_for(lambda b=before, r=run: count() > b or b == r * FAMILIES, 20, "a child to be tracked")
                    site.kill()
                panel.forward(10 * 60)
            site.start()
            wait_for(lambda: count() == 3 * FAMILIES, 20, "all of them")
            assert site.stop() == 0
        finally:
            site.close()
        assert site.rows("SELECT count(*), count(DISTINCT remote_id) FROM orders") == [(4 * FAMILIES,) * 2]
        assert site.rows("SELECT count(*), count(DISTINCT remote_id) FROM events WHERE type = 'order.tracked'") == [
            (4 * FAMILIES,) * 2
        ]
        written = journal(site)
        assert {written[f"{n}-{k}"]["parent"] for n in range(FAMILIES) for k in range(3)} == set(map(str, range(30)))

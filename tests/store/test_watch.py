"""What nobody polls for: orders that are stuck, panels that are behind, catalogues that change."""

from decimal import Decimal

from msgspec.structs import replace

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.store import OPS, RULES, claimed, poll, says, told, track
from tracker.core.dates import rfc3339
from tracker.core.model import Service
from tracker.errors import Cause, PanelError, Trouble
from tracker.store import Store

FLYERS = Service("1", "Flyer rounds", "Default", "Paper", Decimal("0.90"), 50, 10_000, True, True)


def look(store, now):
    return store.stuck.emit("main", RULES, 0, now)


def test_an_order_that_does_not_get_on_for_a_day_is_stuck_and_told_once(store):
    track(store, "1", "2")
    poll(store, {"1": "In progress", "2": "Completed"})
    look(store, NOW + DAY - 10)
    assert told(store.database, "order.stuck") == []
    for later in (DAY + 10, DAY + 100, 3 * DAY):
        poll(store, {"1": "In progress", "2": "Completed"}, NOW + later - 5)
        look(store, NOW + later)
    (event,) = told(store.database, "order.stuck")
    assert event["data"]["order"]["id"] == "1"
    assert event["data"]["stuck"] == {"since": rfc3339(NOW + 1)}


def test_an_order_nobody_has_looked_at_for_two_days_is_unseen_and_not_stuck(store):
    """The panel was down, or the tracker was switched off: what did not get on has to be seen not to."""
    track(store, "1", "2")
    poll(store, {"1": "In progress", "2": "In progress"})
    look(store, NOW + 2 * DAY)
    assert told(store.database, "order.stuck") == []
    poll(store, {"1": "Completed", "2": "In progress"}, NOW + 2 * DAY + 5)
    look(store, NOW + 2 * DAY + 10)
    assert [event["data"]["order"]["id"] for event in told(store.database, "order.stuck")] == ["2"]


def test_what_follows_from_a_panel_that_does_not_answer_is_not_looked_for(store):
    assert store.panels.in_trouble("nobody")
    track(store, "1")
    assert not store.panels.in_trouble("main")
    store.panels.failed(
        claimed(store, NOW), PanelError(Trouble.UNAVAILABLE, "no", cause=Cause.CONNECTION), 0.0, RULES, NOW + 1
    )
    assert store.panels.in_trouble("main")
    poll(store, {"1": "In progress"}, NOW + 10)
    assert not store.panels.in_trouble("main")
    store.panels.pause("main", paused=True)
    assert store.panels.in_trouble("main"), "a paused panel is not asked, so nothing of it can get on"


def test_progress_makes_it_another_story_that_can_be_told_again(store):
    track(store, "1")
    poll(store, {"1": "In progress"})
    poll(store, {"1": "In progress"}, NOW + DAY + 5)
    look(store, NOW + DAY + 10)
    poll(store, {"1": "Processing"}, NOW + DAY + 400)
    look(store, NOW + DAY + 410)
    assert len(told(store.database, "order.stuck")) == 1
    poll(store, {"1": "Processing"}, NOW + 2 * DAY + 410)
    look(store, NOW + 2 * DAY + 420)
    assert [event["data"]["order"]["seq"] for event in told(store.database, "order.stuck")] == [2, 4]


def test_a_stuck_event_that_a_restored_backup_has_lost_shifts_no_id(like):
    """Two copies of one backup: in one the order was told as stuck before it moved on."""

    def live(database):
        store = Store(database, [OPS])
        store.panels.sync({"main": "1"}, NOW + 365 * DAY)
        track(store, "1", just_placed=True)
        poll(store, {"1": "Pending"})
        poll(store, {"1": "Pending"}, NOW + DAY + 5)

    written, restored = (Store(like("a backup", live), [OPS]) for _ in range(2))
    look(written, NOW + DAY + 10)
    assert len(told(written.database, "order.stuck")) == 1
    for store in (written, restored):
        poll(store, {"1": says("1", "Partial", charge=Decimal("0.9"))}, NOW + DAY + 400)
        poll(store, {"1": says("1", "Partial", charge=Decimal("0.5"))}, NOW + DAY + 800)
    ids, restored_ids = ([id_ for _, id_ in moves(store)] for store in (written, restored))
    assert ids == restored_ids
    assert len(set(ids)) == 4
    assert [seq for seq, _ in moves(written)] == [1, 2, 4, 5]
    assert [seq for seq, _ in moves(restored)] == [1, 2, 3, 4]


def moves(store):
    """The events of moves and the first one: (seq, id)."""
    return rows(store.database, "SELECT seq, event_id FROM events WHERE type <> 'order.stuck' ORDER BY id")


def test_the_walk_goes_over_all_rows_in_steps_and_begins_again(store):
    track(store, *(str(n) for n in range(20)))
    assert look(store, NOW) is None, "fewer rows than a step: the end is reached"


def test_a_panel_whose_orders_wait_beyond_their_turn_is_behind_until_they_do_not(store):
    rules = replace(RULES, poll_every_s=300.0)
    track(store, "1")
    store.panels.look("main", rules, False, NOW + 200)
    assert told(store.database, "panel.behind") == []
    store.panels.look("main", rules, False, NOW + 400)
    assert told(store.database, "panel.behind") == [], "it may be catching up"
    store.panels.look("main", rules, False, NOW + 700)
    store.panels.look("main", rules, False, NOW + 730)
    (event,) = told(store.database, "panel.behind")
    assert event["data"]["alert"]["since"] == rfc3339(NOW + 400)
    poll(store, {"1": "In progress"}, NOW + 800)
    store.panels.look("main", rules, False, NOW + 810)
    assert len(told(store.database, "panel.recovered")) == 1


def test_a_panel_that_catches_up_after_the_tracker_was_away_is_not_behind(store):
    rules = replace(RULES, poll_every_s=300.0)
    track(store, "1")
    store.panels.look("main", rules, False, NOW + 2 * DAY)
    poll(store, {"1": "In progress"}, NOW + 2 * DAY + 60)
    store.panels.look("main", rules, False, NOW + 2 * DAY + 300)
    assert told(store.database, "panel.behind") == told(store.database, "panel.recovered") == []


def test_the_first_catalogue_and_an_empty_one_are_silent_and_a_change_is_told_once(store):
    store.panels.sync({"main": "1"}, NOW)
    at = NOW
    cheaper = replace(FLYERS, rate=Decimal("0.80"))
    garbled = replace(cheaper, rate=None, max=None)  # as when the panel prints "-" where a number belongs
    for services in ([FLYERS], [], [FLYERS], [cheaper], [garbled], [cheaper]):
        with store.database.transaction() as cur:
            cur.run("UPDATE panels SET next_services_at = ?, next_balance_at = NULL", (at,))
        claim = claimed(store, at)
        assert claim.kind == "services"
        store.catalogue.record(claim, services, RULES, at + 1)
        at += 100
    (event,) = told(store.database, "catalogue.changed")
    assert event["data"]["catalogue"]["changes"] == [{"service": "1", "what": "rate", "old": "0.90", "new": "0.80"}]
    ((service, rate, most, gone_at),) = rows(store.database, "SELECT service, rate, max, gone_at FROM services")
    assert (service, str(rate), most, gone_at) == ("1", "0.80", 10_000, None)

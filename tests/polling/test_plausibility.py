"""An answer too odd to be true is asked for again, over real HTTP, before anything of it is believed."""

import pytest
from structlog.testing import capture_logs

from tests.databases import rows
from tests.polling import poll_named
from tests.scripted_panel import ids_of, scripted
from tracker import clock
from tracker.config import load
from tracker.daemon.build import build
from tracker.db import migrate

IDS = [str(n) for n in range(101, 121)]
REFUSED = {"error": "Incorrect order ID"}


class OddPanel:
    """Answers `status` with the next of `script`, and the last one for ever; counts the calls."""

    def __init__(self) -> None:
        self.script = []
        self.calls = 0

    def __call__(self, fields):
        self.calls += 1
        say = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        ids, many = ids_of(fields)
        answer = {id_: say(id_) for id_ in ids}
        return answer if many else answer[ids[0]]


@pytest.fixture
def panel():
    odd = OddPanel()
    with scripted(odd) as server:
        odd.url = server.url
        yield odd


@pytest.fixture
def parts(panel, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(f'[daemon]\ndata_dir = "data"\n[panels.main]\nurl = "{panel.url}"\nkey = "odd-key-81c4"\n')
    made = build(load(file, {}, cwd=tmp_path))
    migrate.migrate(made.database)
    made.prepare()
    for _ in made.intake.take([(1, {"panel": "main", "id": id_}) for id_ in IDS], clock.now(), baseline=True):
        pass
    yield made
    made.close()


def entry(status, **fields):
    said = {"charge": "1.00", "start_count": "500", "status": status, "remains": "0", "currency": "USD"} | fields
    return lambda _id: said


def poll(parts, panel, *script):
    """How many calls one poll took."""
    panel.script = list(script)
    before = panel.calls
    poll_named(parts, *IDS)
    return panel.calls - before


def statuses(parts):
    return {status for (status,) in rows(parts.database, "SELECT status FROM orders")}


def test_a_restored_backup_at_the_panel_is_asked_again_and_then_believed(parts, panel):
    assert poll(parts, panel, entry("Completed")) == 1
    assert poll(parts, panel, entry("In progress")) == 2, "all finished orders backwards: asked a second time"
    assert statuses(parts) == {"in_progress"}
    regressed = rows(parts.database, "SELECT count(*) FROM transitions WHERE regressed = 1")
    assert regressed == [(len(IDS),)]


def test_an_odd_answer_that_is_taken_back_changes_nothing(parts, panel):
    poll(parts, panel, entry("Completed"))
    assert poll(parts, panel, entry("In progress"), entry("Completed")) == 2
    assert statuses(parts) == {"completed"}
    assert rows(parts.database, "SELECT count(*) FROM events") == [(0,)]


def test_most_orders_suddenly_unknown_to_the_panel_count_towards_nothing_until_it_says_so_twice(parts, panel):
    poll(parts, panel, entry("In progress"))
    assert poll(parts, panel, lambda _id: REFUSED, entry("In progress")) == 2
    assert rows(parts.database, "SELECT max(refusals) FROM orders") == [(0,)]
    assert poll(parts, panel, lambda _id: REFUSED) == 2
    assert rows(parts.database, "SELECT min(refusals) FROM orders") == [(1,)]


def test_entries_that_changed_places_show_by_their_start_and_are_asked_again(parts, panel):
    poll(parts, panel, lambda id_: entry("In progress", start_count=id_)(id_))
    swap = {IDS[0]: IDS[1], IDS[1]: IDS[0]}
    swapped = lambda id_: entry("In progress", start_count=swap.get(id_, id_))(id_)  # noqa: E731
    assert poll(parts, panel, swapped, lambda id_: entry("In progress", start_count=id_)(id_)) == 2
    assert rows(parts.database, "SELECT start_count FROM orders ORDER BY id LIMIT 2") == [(101,), (102,)]


def test_entries_that_stay_where_they_are_the_second_time_are_believed_and_flagged(parts, panel):
    poll(parts, panel, lambda id_: entry("In progress", start_count=id_)(id_))
    swap = {IDS[0]: IDS[1], IDS[1]: IDS[0]}
    swapped = lambda id_: entry("In progress", start_count=swap.get(id_, id_))(id_)  # noqa: E731
    with capture_logs() as logs:
        assert poll(parts, panel, swapped) == 2
    assert rows(parts.database, "SELECT start_count FROM orders ORDER BY id LIMIT 2") == [(102,), (101,)]
    why = f"order 101 looks like another one (2 of {len(IDS)})"
    assert [(line["event"], line.get("why", line.get("still"))) for line in logs if line["log_level"] == "warning"] == [
        ("answer.doubted", why),
        ("answer.believed", why),
    ]
    assert poll(parts, panel, swapped) == 1, "from now on it is what is believed"


def test_a_finished_order_that_got_dearer_is_asked_about_again_and_then_believed(parts, panel):
    poll(parts, panel, entry("Completed"))
    dearer = lambda id_: entry("Completed", charge="9.00" if id_ == IDS[0] else "1.00")(id_)  # noqa: E731
    assert poll(parts, panel, dearer, entry("Completed")) == 2
    assert rows(parts.database, "SELECT count(*) FROM transitions") == [(0,)]
    assert poll(parts, panel, dearer) == 2
    assert rows(parts.database, "SELECT old_charge, charge FROM transitions") == [("1.00", "9.00")]


def test_without_budget_to_ask_again_nothing_is_believed_and_the_orders_come_due_soon(parts, panel):
    poll(parts, panel, entry("Completed"))
    with parts.database.transaction() as cur:
        cur.run("UPDATE orders SET next_poll_at = 0")
    while parts.store.claims.open_run("main", "status", parts.config.panels["main"].rules, clock.now()) is not None:
        pass
    with parts.database.transaction() as cur:
        cur.run("DELETE FROM poll_runs WHERE id = (SELECT max(id) FROM poll_runs)")  # room for one call
    assert poll(parts, panel, entry("In progress")) == 1
    assert statuses(parts) == {"completed"}
    assert rows(parts.database, "SELECT count(*) FROM events") == [(0,)]
    ((soon,),) = rows(parts.database, "SELECT DISTINCT next_poll_at FROM orders")
    assert 0 < soon - clock.now() <= parts.config.panels["main"].rules.poll_every_s


def test_less_than_a_fifth_of_the_finished_orders_moving_backwards_is_believed_at_once(parts, panel):
    poll(parts, panel, entry("Completed"))
    few = lambda id_: entry("In progress" if id_ in IDS[:3] else "Completed")(id_)  # noqa: E731
    assert poll(parts, panel, few) == 1
    fifth = lambda id_: entry("In progress" if id_ in IDS[:7] else "Completed")(id_)  # noqa: E731
    assert poll(parts, panel, fifth) == 2, "four of the seventeen that were still finished"


def test_a_single_order_moving_backwards_is_believed_at_once(parts, panel):
    poll(parts, panel, entry("Completed"))
    one = lambda id_: entry("In progress" if id_ == IDS[3] else "Completed")(id_)  # noqa: E731
    assert poll(parts, panel, one) == 1
    assert statuses(parts) == {"completed", "in_progress"}

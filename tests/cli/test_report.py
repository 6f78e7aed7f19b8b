"""`tracker report` in all its forms, and what hostile text does in them: nothing."""

import csv
import io
import os
import re
from html.parser import HTMLParser

import pytest

from tests.cli.conftest import wait_for
from tests.core.beliefs import NOW
from tracker.db.database import connect
from tracker.presentation.report_tables import REPORTS
from tracker.store import NewOrder, Store

HOSTILE = "=cmd|'/c calc'!A1\u202egnp.<script>alert(1)</script>\x1b[31m"


@pytest.fixture
def told(site):
    """A site where something has happened, told by somebody who means no good."""
    site.ok("orders", "add", "main", "23501", "23502", "--service", "1")
    site.ok("poll")
    database = connect(f"sqlite:///{site.folder}/data/tracker.db")
    with database.session():
        facts = {"service": HOSTILE, "ref": HOSTILE, "link": HOSTILE, "placed_at": NOW - 864_000}
        Store(database).new_orders.add([NewOrder("main", "666", True, False, **facts)], NOW - 864_000)
        with database.transaction() as cur:
            cur.run("UPDATE orders SET status = 'in_progress', known_status = 'in_progress' WHERE remote_id = '666'")
            cur.run(
                "INSERT INTO refunds (order_id, at, expected, basis) SELECT id, ?, '0.5', 'remains' FROM orders"
                " WHERE remote_id = '666'",
                (NOW,),
            )
    return site


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_comes_in_every_form(told, name):
    said = told.ok("report", name)
    assert said.out + said.err
    document = told.json("report", name)
    sheets = {"": document} if isinstance(document, list) else document
    assert all(isinstance(rows, list) for rows in sheets.values())
    table = list(csv.reader(io.StringIO(told.ok("report", name, "--format", "csv").out)))
    assert {len(row) for row in table} == {len(table[0])}
    page = told.ok("report", name, "--format", "html").out
    found = Tags(page)
    assert found.tags[0] == "html"
    assert "script" not in found.tags
    assert not [value for key, value in found.attributes if key in ("src", "href") or key.startswith("on")]
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("name", ["stuck", "refunds"])
def test_hostile_text_is_harmless_in_every_form(told, name):
    printed = told.ok("report", name).out
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    cells = [cell for row in csv.reader(io.StringIO(told.ok("report", name, "--format", "csv").out)) for cell in row]
    assert any("cmd|" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t")) or re.match(r"-[^0-9]", cell)]
    page = told.ok("report", name, "--format", "html").out
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page


def test_a_share_in_a_table_stands_beside_what_chance_may_have_made_of_it(told):
    (row,) = told.json("report", "panels")
    low, high = row["ok_rate_low"] * 100, row["ok_rate_high"] * 100
    assert f"{row['ok_rate'] * 100:.1f} % ({low:.1f}-{high:.1f} %)" in told.ok("report", "panels").out


def test_a_report_is_written_to_a_file(told):
    said = told.ok("report", "summary", "--format", "html", "--output", str(told.folder / "summary.html"))
    assert said.out == ""
    page = (told.folder / "summary.html").read_text()
    assert "<svg" in page
    assert "open orders" in page


def test_a_section_is_chosen(told):
    (row,) = told.json("report", "refunds", "--section", "totals")
    assert (row["panel"], row["owed"], row["orders"]) == ("main", "0.5", 1)
    said = told.run("report", "refunds", "--section", "nope")
    assert (said.code, "there are: orders, totals" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        (("services", "--since", "yesterday"), 2, "'yesterday' is not a day; write 2026-11-01, today, or 7d"),
        (("services", "--since", "12h"), 2, "'12h' is not a day"),
        (("services", "--since", "2026-11-05", "--until", "2026-11-01"), 2, "is later than --until 2026-11-01"),
        (("services", "--panel", "mian"), 2, "mian"),
        (("panels", "--service", "12"), 2, "the report panels cannot be limited to a service"),
        (("eta",), 2, "there is no report 'eta'"),
    ],
)
def test_what_cannot_be_told_says_why(told, args, code, expected):
    said = told.run("report", *args)
    assert expected in said.err
    assert said.code == code


@pytest.mark.parametrize("args", [("--until", "9999-12-31"), ("--since", "0001-01-01"), ("--since", "999999d")])
@pytest.mark.parametrize("name", ["summary", "spend", "refunds", "polling"])
def test_a_time_that_is_longer_than_the_calendar_is_all_of_it(told, name, args):
    assert told.json("report", name, *args) == told.json("report", name)


def test_without_a_name_the_reports_are_listed(site):
    assert [line.split()[0] for line in site.ok("report").lines] == list(REPORTS)


@pytest.mark.parametrize("name", REPORTS)
def test_of_an_empty_database_every_report_says_something_friendly(site, name):
    said = site.ok("report", name)
    assert said.out + said.err


def test_a_report_gives_way_to_whoever_polls(told):
    pipe = told.folder / "pipe"
    os.mkfifo(pipe)
    child = told.process("report", "summary", "--output", pipe)
    wait_for(lambda: os.getpriority(os.PRIO_PROCESS, child.pid) >= 10, "it to step back")
    assert "today" in pipe.read_text()
    assert child.wait(20) == 0

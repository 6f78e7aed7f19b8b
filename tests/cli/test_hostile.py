"""Hostile text in every column that takes text: no command lets it act, in a table, as JSON, as CSV or as a page."""

import csv
import io
import json
import re

import click
import pytest

from tests.databases import rows
from tests.web import made
from tracker.cli import main
from tracker.db.database import connect
from tracker.store import NewRefill, Store

EVIL = "=1+1\u202egnp.\x1b[31m<script>alert(1)</script>\x9b2J\u2028|cmd"
COLUMNS = {
    "orders": ("status_raw", "service", "link", "ref", "currency", "parent", "entry"),
    "transitions": ("said", "currency"),
    "attempts": ("snippet", "error", "address"),
    "deliveries": ("error",),
    "alerts": ("reason", "comment"),
    "panels": ("trouble_message",),
    "services": ("name", "type", "category"),
    "hooks": ("reason",),
    "balances": ("currency",),
    "refills": ("status_raw",),
}
# Every command that reads: what it is called with.
READS = {
    "orders list": "", "orders show": "main 666", "refills list": "", "panels list": "", "panels aside": "",
    "events list": "",
    "hooks list": "", "hooks deliveries": "", "hooks explain": "8", "hooks show": "1", "alerts list": "",
    "balance": "--history", "db status": "", "health": "", "report": "", "gateway calls": "", "intake list": "",
}  # fmt: skip
ELSEWHERE = {  # they call somebody, wait, or write: their tests are their own
    "api balance", "api services", "api status", "api refill-status", "api add", "api refill", "api cancel",
    "events tail", "orders watch", "orders add", "orders import", "refills add", "hooks test", "hooks retry",
    "hooks replay", "poll", "init", "gateway status",
}  # fmt: skip
REPORTS = ("summary", "services", "panels", "stuck", "refunds", "balance", "spend", "hooks", "polling")
STEERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@pytest.fixture
def told(site):
    """A tracker whose panels, receivers and clients all mean no good."""
    (site.folder / "data").mkdir(mode=0o700)
    database = made(site.folder, connect(f"sqlite:///{site.folder}/data/tracker.db"))
    with database.session():
        some = rows(database, "SELECT id, remote_id FROM orders WHERE remote_id LIKE '%6'")
        Store(database).new_orders.add_refills([NewRefill("main", "r-1", False, "666")], 1e9)
        with database.transaction() as cur:
            for table, columns in COLUMNS.items():
                cur.run(
                    f"UPDATE {table} SET " + ", ".join(f"{column} = ?" for column in columns), (EVIL,) * len(columns)
                )
            cur.run("UPDATE orders SET tags = ?", (json.dumps([EVIL, "=x"]),))
            cur.run("UPDATE orders SET progressed_at = 1.0")
            cur.run(
                "INSERT INTO gateway_calls (name, client, panel, action, state, at, service, link, ids, reason)"
                " VALUES ('G-a', 'shop', 'main', 'add', 'unclear', 1.0, ?, ?, ?, ?)",
                (EVIL,) * 4,
            )
            cur.run(
                "INSERT INTO set_aside (panel, call, remote_id, since, streak, tried_at, wait_until, trouble, words)"
                " VALUES ('main', 'status', ?, 1.0, 1, 1.0, 1.0, 'unreadable', ?)",
                (EVIL,) * 2,
            )
            cur.run("INSERT INTO intakes (name, cursor, error, failures) VALUES (?, ?, ?, 1)", (EVIL,) * 3)
            cur.run("UPDATE hooks SET state = 'disabled'")
            cur.run("UPDATE panels SET trouble = 'unavailable', trouble_since = 1.0")
            cur.run("UPDATE orders SET remote_id = '666' WHERE id = ?", (some[0][0],))
            for id_, remote_id in some[1:]:
                cur.run("UPDATE orders SET remote_id = ? WHERE id = ?", (remote_id + EVIL, id_))
    return site


def commands(group=main, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), {word for param in command.params for word in param.opts}


def test_every_command_that_prints_rows_is_looked_at():
    assert {name for name, options in commands() if "--format" in options} - ELSEWHERE == READS.keys()


@pytest.mark.parametrize(
    "name", [*(name for name in READS if name != "report"), *(f"report {name}" for name in REPORTS), "top"]
)
def test_no_text_of_others_acts(told, name):
    args = [*name.split(), *READS.get(name, "").split()]
    if name == "top":
        args += ["--once"]
    shapes = [[]] if name == "top" else [[], ["--json"], ["--format", "csv"]]
    shapes += [["--format", "html"]] if name.startswith("report") else []
    for shape in shapes:
        said = told.run(*args, *shape)
        assert said.out, (name, said.err)
        assert not STEERS.search(said.out + said.err), (name, shape)
        if shape == ["--json"]:
            json.loads(said.out)
        elif shape == ["--format", "csv"]:
            table = list(csv.reader(io.StringIO(said.out, newline="")))
            assert len({len(row) for row in table}) == 1
            assert [x for row in table for x in row if re.match(r"[=+@\t\r]|-[^0-9.]", x)] == []
        elif shape == ["--format", "html"]:
            assert "<script" not in said.out

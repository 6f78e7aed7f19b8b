"""Orders by hand: tracked, listed, shown, paused."""

import csv
import io
import os
import pty
import subprocess
import sys

import pytest

ORDER_KEYS = [
    "panel", "id", "status", "status_raw", "kind", "tracking", "charge", "highest_charge", "currency", "start_count",
    "remains", "quantity", "quantity_source", "service", "link", "ref", "tags", "parent", "placed_at", "tracked_at",
    "last_polled_at", "last_changed_at", "finished_at", "next_poll_at", "next_poll_reason", "eta",
]  # fmt: skip


def test_an_order_in_json_has_the_keys_of_the_reference_before_it_is_ever_answered(site):
    facts = ["--service", "1", "--quantity", "1000", "--charge", "0.9", "--ref", "A-118", "--tag", "vip", "--tag", "b"]
    assert site.ok("orders", "add", "main", "1", *facts, "--link", "https://x.example/a").out == "1 added\n"
    (order,) = site.json("orders", "list")
    assert list(order) == ORDER_KEYS
    assert (order["status"], order["tracking"], order["next_poll_reason"]) == (None, "active", "new")
    assert (order["charge"], order["quantity"], order["quantity_source"]) == ("0.9", 1000, "given")
    assert (order["ref"], order["tags"], order["eta"]) == ("A-118", ["vip", "b"], None)
    assert order["tracked_at"].endswith("Z")


def test_adding_again_fills_what_was_unknown_and_overwrites_nothing(site):
    site.ok("orders", "add", "main", "1", "--ref", "mine")
    assert (
        site.ok("orders", "add", "main", "1", "--ref", "other", "--service", "12").out == "0 added, 1 known already\n"
    )
    (order,) = site.json("orders", "list")
    assert (order["ref"], order["service"]) == ("mine", "12")


def test_an_order_by_hand_was_just_placed_unless_told_otherwise(site):
    site.ok("orders", "add", "main", "1")
    site.ok("orders", "add", "main", "2", "--baseline")
    assert [event["remote_id"] for event in site.json("events", "list")] == ["1"]


def test_a_bad_id_is_named_and_the_good_ones_are_taken(site):
    said = site.run("orders", "add", "main", "1", "a b")
    assert (said.code, said.out) == (1, "1 added\n")
    assert said.err.startswith("a b: ")


def test_more_than_a_hundred_with_nothing_said_about_them_are_refused(site):
    said = site.run("orders", "add", "main", *range(101))
    assert said.code == 2
    assert "--baseline" in said.err
    assert site.json("orders", "list") == []


def test_import_takes_the_good_rows_and_names_the_bad_ones_by_line(site):
    table = "id,quantity,tags\n1,1000,vip;rush\n2,many,\n3,,\n"
    file = site.folder / "orders.csv"
    file.write_text(table)
    said = site.run("orders", "import", "--panel", "main", file)
    assert (said.code, said.out) == (1, "2 new, 1 bad\n")
    assert said.err == f"{file}:3: quantity 'many' is not a whole number above 0\n"
    assert {order["id"]: order["tags"] for order in site.json("orders", "list")} == {"1": ["vip", "rush"], "3": []}
    assert site.json("events", "list") == [], "imported orders are a baseline"


def test_a_dry_run_says_what_is_new_and_writes_nothing(site):
    site.ok("orders", "add", "main", "1")
    said = site.ok("orders", "import", "--panel", "main", "--dry-run", "-", stdin="1\n2\n3\n")
    assert said.out == "2 new, 1 known already (dry run: nothing was written)\n"
    assert [order["id"] for order in site.json("orders", "list")] == ["1"]


def test_a_long_import_says_by_when_the_panel_is_asked_about_it(site):
    ids = "\n".join(str(number) for number in range(10_000))
    said = site.ok("orders", "import", "--panel", "main", "-", stdin=ids)
    assert said.out == "10000 new; the panel is asked about all of them within 5 min\n"


def test_imported_orders_can_be_called_just_placed(site):
    site.ok("orders", "import", "--panel", "main", "--just-placed", "-", stdin='{"id": "1"}\n')
    assert [event["type"] for event in site.json("events", "list")] == ["order.tracked"]


def test_progress_is_shown_on_a_terminal_and_nowhere_else(site):
    file = site.folder / "ids.txt"
    file.write_text("\n".join(str(number) for number in range(2500)))
    terminal, theirs = pty.openpty()
    with site.process("orders", "import", "--panel", "main", file, stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: read(terminal), b""))
        assert process.stdout.read() == "2500 new\n"
    os.close(terminal)
    assert b"importing" in shown
    assert site.ok("orders", "import", "--panel", "main", file).err == ""


def read(terminal):
    """What is there to read; b"" once the other side has closed, which a terminal calls an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@pytest.mark.slow
@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]], ids=["import", "dry run"])
def test_an_import_takes_no_more_memory_for_ten_times_as_many_rows_good_or_bad(site, dry_run):
    held = [held_mib(site, n, dry_run) for n in (8_000, 80_000)]
    assert held[1] - held[0] < 4, held


# A process between: the most that was held is handed down from whoever starts one, and this one is large.
MEASURED = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss / 1024)
"""


def held_mib(site, count, options):
    """The most that an import of so many rows, every other of them bad, ever held."""
    file = site.folder / f"{count}.csv"
    with file.open("w") as rows:
        rows.write("id,service,quantity,link\n")
        rows.writelines(f"{count}{n},12,{'ten' if n % 2 else 10},https://x.example/{n}\n" for n in range(count))
    command = site.command("orders", "import", "--panel", "main", *options, file)
    told = subprocess.run([sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=True)
    code, mib = told.stdout.split()
    assert code == "1", "there were bad rows"
    return float(mib)


def test_an_empty_file_is_no_error(site):
    assert site.ok("orders", "import", "--panel", "main", "-", stdin="").out == "nothing in it\n"


def test_a_file_in_another_encoding_is_told(site):
    file = site.folder / "latin.csv"
    file.write_bytes("id,ref\n1,Zoë\n".encode("latin-1"))
    said = site.run("orders", "import", "--panel", "main", file)
    assert (said.code, said.out) == (1, "1 bad\n")
    assert said.err == f"{file}:2: not UTF-8 text\n"


@pytest.fixture
def known(site):
    rows = ["id,service,ref,tags", "1,1,a,vip", "2,1,b,VIP", "3,4,c,vip;b", '4,4,d,10%"x']
    site.ok("orders", "import", "--panel", "main", "-", stdin="\n".join(rows))
    site.ok("orders", "pause", "main", "3")
    return site


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], ["4", "3", "2", "1"]),
        (["--limit", "3"], ["4", "3", "2"]),
        (["--tag", "vip"], ["3", "1"]),
        (["--tag", "vip", "--limit", "1"], ["3"]),
        (["--tag", "vi%"], []),
        (["--tag", '10%"x'], ["4"]),
        (["--service", "1"], ["2", "1"]),
        (["--service", "1", "--service", "4", "--tracking", "active"], ["4", "2", "1"]),
        (["--tracking", "paused"], ["3"]),
        (["--ref", "b"], ["2"]),
        (["--status", "completed"], []),
        (["--panel", "main", "--since", "1h"], ["4", "3", "2", "1"]),
        (["--since", "2999-01-01"], []),
    ],
)
def test_orders_are_found_by(known, options, ids):
    assert [order["id"] for order in known.json("orders", "list", *options)] == ids


def test_a_list_is_complete_however_many_pages_it_takes(site):
    ids = [f"x{number}" for number in range(1203)]
    site.ok("orders", "import", "--panel", "main", "-", stdin="\n".join(ids))
    listed = site.ok("orders", "list", "--format", "csv").out
    assert [row["id"] for row in csv.DictReader(io.StringIO(listed))] == ids[::-1]


def test_nothing_tracked_says_what_to_do_next(site):
    said = site.ok("orders", "list")
    assert said.out == ""
    assert "tracker orders add" in said.err


def test_the_whole_story_of_an_order(told, panel, receiver):
    told.ok("orders", "add", "main", "1", "--tag", "vip")
    told.ok("poll")
    panel.forward(600)
    told.ok("poll", "--order", "1")
    story = told.json("orders", "show", "main", "1")
    assert list(story)[: len(ORDER_KEYS)] == ORDER_KEYS
    assert [(move["old"], move["new"]) for move in story["transitions"]] == [
        (None, "in_progress"),
        ("in_progress", "completed"),
    ]
    assert [event["type"] for event in story["events"]] == ["order.tracked", "order.started", "order.completed"]
    (delivery,) = story["events"][-1]["deliveries"]
    assert (delivery["hook"], delivery["state"], delivery["attempts"]) == ("ops", "delivered", 1)
    assert [(attempt["outcome"], attempt["code"]) for attempt in delivery["tries"]] == [("delivered", 200)]
    seen = told.ok("orders", "show", "main", "1").out
    for words in ("in_progress -> completed", "order.completed", "ops: delivered", "recheck: finished"):
        assert words in seen


def test_the_story_says_why_the_next_poll_is_when_it_is(site):
    site.ok("orders", "add", "main", "1")
    assert "new: it has not been asked about yet" in site.ok("orders", "show", "main", "1").out
    site.ok("panels", "pause", "main")
    assert "its panel is paused" in site.ok("orders", "show", "main", "1").out
    site.ok("orders", "pause", "main", "1")
    assert "never (paused by hand" in site.ok("orders", "show", "main", "1").out


def test_an_order_that_is_not_tracked_has_no_story(site):
    said = site.run("orders", "show", "main", "77")
    assert said.code == 1
    assert "tracker orders add main 77" in said.err


def test_a_paused_order_is_asked_about_again_when_it_is_resumed(site):
    site.ok("orders", "add", "main", "1", "2")
    assert site.ok("orders", "pause", "main", "1").out == "1 paused\n"
    assert site.ok("orders", "resume", "main", "1").out == "1 resumed\n"
    assert {order["tracking"] for order in site.json("orders", "list")} == {"active"}


def test_pausing_an_unknown_order_is_a_problem_and_pauses_the_others(site):
    site.ok("orders", "add", "main", "1")
    said = site.run("orders", "pause", "main", "1", "77")
    assert (said.code, said.out, said.err) == (1, "1 paused\n", "77: not tracked\n")


def test_refills_are_tracked_by_their_own_ids(site):
    assert site.ok("refills", "add", "main", "77", "--order", "1").out == "1 added\n"
    assert site.ok("refills", "add", "main", "77").out == "0 added, 1 known already\n"
    (refill,) = site.json("refills", "list")
    assert (refill["id"], refill["order"], refill["tracking"]) == ("77", "1", "active")
    assert site.run("refills", "add", "main", "a,b").code == 2

"""Trying a command that prints new orders, by hand and beside the daemon."""

import json
import signal

import pytest

from tests.cli.conftest import wait_for


@pytest.fixture
def shop(site, panel):
    """shop(script): the site has an [intake.shop] whose shell runs it."""

    def make(script, **keys):
        command = json.dumps(["/bin/sh", "-c", script])
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in keys.items())
        return site.configure(panel.url, top=f"[intake.shop]\ncommand = {command}\n{lines}")

    return make


ONE = """echo '{"panel": "main", "id": "1"}'; echo '{"cursor": "a1"}'"""
BAD = ONE + "; echo oops; echo watch out >&2"


def test_a_command_is_run_and_its_cursor_kept(shop):
    site = shop(ONE)
    assert site.ok("intake", "run", "shop").out == "1 new\ncursor: a1\n"
    assert site.ok("intake", "run", "shop").out == "1 known already\ncursor: a1\n"
    (found,) = site.json("intake", "list")
    assert list(found) == [
        "intake", "state", "cursor", "last_run_at", "next_run_at", "new", "known", "bad", "failures", "failing_since",
        "error",
    ]  # fmt: skip
    assert (found["state"], found["cursor"], found["new"], found["known"]) == ("ok", "a1", 0, 1)


def test_bad_rows_and_what_it_says_come_on_stderr(shop):
    said = shop(BAD).run("intake", "run", "shop")
    assert (said.code, said.out) == (1, "1 new, 1 bad\ncursor: a1\n")
    assert said.err.splitlines()[0].startswith("shop:3: not JSON: ")
    assert said.err.splitlines()[1] == "watch out"


def test_a_dry_run_writes_nothing(shop):
    site = shop(ONE)
    assert site.ok("intake", "run", "shop", "--dry-run").out == "1 new (dry run: nothing was written)\ncursor: a1\n"
    assert site.json("orders", "list") == []
    assert site.json("intake", "list")[0]["cursor"] is None


def test_it_can_begin_anywhere(shop):
    site = shop("""echo "{\\"cursor\\": \\"$TRACKER_CURSOR.\\"}" """)
    assert site.ok("intake", "run", "shop", "--cursor", "x").out == "nothing in it\ncursor: x.\n"
    assert site.ok("intake", "run", "shop").out == "nothing in it\ncursor: x..\n"
    assert site.ok("intake", "run", "shop", "--cursor", "").out == "nothing in it\ncursor: .\n"


def test_the_first_run_of_an_old_shop_says_what_to_do_and_does_it(shop):
    site = shop("""for n in $(seq 150); do echo "{\\"panel\\": \\"main\\", \\"id\\": \\"$n\\"}"; done""")
    said = site.run("intake", "run", "shop")
    assert said.code == 1
    assert "150 orders at once" in said.err
    assert "tracker intake run shop --baseline" in said.err
    assert "the cursor stays where it was" in said.err
    assert site.json("orders", "list") == []
    assert site.json("intake", "list")[0]["state"] == "failing"
    assert site.ok("intake", "run", "shop", "--baseline").out == "150 new\n"
    assert site.json("events", "list") == []


def test_a_command_that_fails_is_an_error_and_a_note_for_health(shop):
    site = shop(ONE + "; echo no database >&2; exit 7")
    said = site.run("intake", "run", "shop")
    assert said.code == 1
    assert "intake shop: /bin/sh exited with 7: no database" in said.err
    assert "1 new; the cursor stays where it was" in said.err
    checks = {check["check"]: check for check in site.run("health", "--json").json["checks"]}
    assert checks["intake shop"]["state"] == "note"
    assert "no database" in checks["intake shop"]["detail"]


def test_health_has_a_word_for_each(shop):
    site = shop(BAD)
    site.run("intake", "run", "shop")
    checks = {check["check"]: check for check in site.run("health", "--json").json["checks"]}
    assert checks["intake shop"] == {
        "check": "intake shop", "state": "note", "detail": "bad rows in its last run: 1; the log names them",
    }  # fmt: skip
    site = shop(ONE)
    site.ok("intake", "run", "shop")
    assert "ok       intake shop: comes in" in site.run("health").lines


def test_one_that_left_the_configuration_keeps_its_cursor_and_comes_back_with_it(shop, panel):
    site = shop(ONE)
    site.ok("intake", "run", "shop")
    site.configure(panel.url)
    assert [(row["state"], row["cursor"]) for row in site.json("intake", "list")] == [("not_configured", "a1")]
    assert "intake" not in site.run("health").out
    assert shop(ONE).json("intake", "list")[0]["state"] == "ok"


def test_one_that_is_not_there_is_wrong_usage(shop):
    said = shop(ONE).run("intake", "run", "shp")
    assert said.code == 2
    assert "did you mean" in said.err


def test_it_is_never_run_twice_at_a_time_and_ctrl_c_ends_it(shop):
    site = shop(f"{ONE}; sleep 60", timeout="50s")
    with site.process("intake", "run", "shop") as process:
        wait_for(lambda: site.json("intake", "list")[0]["state"] == "running", "the run")
        said = site.run("intake", "run", "shop")
        assert said.code == 75
        assert "is being run at this moment" in said.err
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert site.json("intake", "list")[0]["state"] == "new"


def test_without_any_it_says_where_to_look(site):
    assert "docs/configuration.md" in site.ok("intake", "list").err

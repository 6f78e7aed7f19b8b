"""The door: what is loaded, how errors leave, and how it ends."""

import subprocess
import sys
from importlib import import_module

import click
import pytest

from tests.cli.conftest import environ, wait_for
from tracker.cli import COMMANDS, main

NOWHERE = "http://127.0.0.1:9/api/v2"


def python(*args):
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, env=environ(), check=True)


def test_neither_version_nor_help_load_a_command():
    for option in ("--version", "--help"):
        code = f"import sys; from tracker.cli import main\ntry: main(['{option}'])\nfinally: print(*sys.modules)"
        loaded = python("-c", code).stdout.splitlines()[-1].split()
        assert {"peewee", "requests", "rich", "structlog", "tracker.config"}.isdisjoint(loaded)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_help_is_the_commands_own(name):
    command = getattr(import_module(f"tracker.cli.{name}"), name)
    assert command.get_short_help_str(200) == COMMANDS[name]


def every_command(group, path=()):
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))


def test_every_command_and_every_option_says_what_it_is_for():
    for path, command in every_command(main):
        assert command.help, path
        silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
        assert not silent, (path, silent)


def test_every_command_of_its_own_teaches_with_an_example():
    for name in COMMANDS:
        epilog = main.get_command(None, name).epilog or ""
        assert f"tracker {name}" in epilog or f"{name}" in epilog, name


def test_an_unknown_command_is_wrong_usage(site):
    said = site.run("oders")
    assert (said.code, said.out) == (2, "")
    assert "oders" in said.err


def test_a_bad_configuration_exits_78_with_every_problem(site):
    site.file.write_text('[panels.main]\nurl = "ftp://x"\nkye = "1"\n')
    said = site.run("config", "check")
    assert said.code == 78
    assert said.err.splitlines()[0].endswith("problems")
    assert 'did you mean "key"?' in said.err


def test_an_unknown_panel_is_wrong_usage_and_names_the_known_ones(site):
    for command in (["orders", "add", "mian", "1"], ["api", "mian", "balance"], ["poll", "--panel", "mian"]):
        said = site.run(*command)
        assert said.code == 2, command
        assert 'did you mean "main"?' in said.err


def test_a_directory_that_cannot_be_used_is_told_without_a_traceback(site):
    (site.folder / "data").write_text("a file where a directory should be")
    for command in (["orders", "list"], ["poll"]):
        said = site.run(*command)
        assert said.code != 0
        assert "data" in said.err


@pytest.mark.parametrize("command", [["orders", "show", "main", "1"], ["orders", "list", "--format", "csv"]])
def test_what_a_terminal_cannot_show_is_shown_by_its_code(site, command):
    site.ok("orders", "add", "main", "1", "--ref", "Zoë Ж")
    options = {"capture_output": True, "env": environ(PYTHONIOENCODING="latin-1")}
    assert b"Zo\xeb \\u0416" in subprocess.run(site.command(*command), check=True, **options).stdout


def test_commands_are_quiet_unless_asked_to_say_what_they_do(site):
    site.ok("orders", "add", "main", "1")
    assert site.ok("poll", "--order", "1").err == ""
    assert "orders.polled" in site.ok("-vv", "poll", "--order", "1").err


def test_a_closed_pipe_is_no_error(site):
    site.ok("orders", "import", "--panel", "main", "-", stdin="\n".join(f"id{n}" for n in range(5000)))
    for command in (["orders", "list", "--json"], ["orders", "list", "--format", "csv"], ["--help"]):
        process = site.process(*command)
        process.stdout.read(1)
        process.stdout.close()
        assert process.wait(20) == 0, command
        assert process.stderr.read() == "", command
        process.stderr.close()


def test_ctrl_c_exits_130_without_a_traceback(site):
    site.ok("orders", "add", "main", "1")
    with site.process("events", "tail", "-n", "1") as process:
        assert "order.tracked" in process.stdout.readline()
        process.send_signal(2)
        assert process.wait(20) == 130
        assert "Traceback" not in process.stderr.read()


def test_a_second_daemon_exits_75_and_names_the_first(site, daemon):
    first = daemon(site)
    with site.process("run") as second:
        said = second.communicate(timeout=20)[1]
    assert second.returncode == 75
    assert f"pid {first.pid}" in said


def test_the_daemon_ends_in_order(site, daemon):
    process = daemon(site)
    process.terminate()
    assert process.wait(20) == 0
    assert "tracker.stopped" in (site.folder / "log").read_text()


def test_the_simulated_panel_says_where_it_is_and_ends_in_order(site):
    with site.process("simulate", "--orders", "5") as process:
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[0] == "[panels.simulated]\n"
        assert lines[2] == 'key = "demo-key"\n'
        site.file.write_text("".join(['[daemon]\ndata_dir = "data"\n', *lines]))
        wait_for(lambda: site.run("api", "simulated", "balance").code == 0, "the panel to answer")
        process.terminate()
        assert process.wait(20) == 0


def test_a_taken_port_is_told(site, panel):
    said = site.run("simulate", "--port", panel.port)
    assert said.code == 1
    assert f"port {panel.port}" in said.err


def test_an_argument_that_is_not_utf8_is_wrong_usage(site):
    said = site.run("orders", "show", "main", "\udcff")
    assert said.code == 2
    assert "is not UTF-8" in said.err


def test_a_closed_stdout_is_no_error(site):
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *site.command("orders", "list")],
        cwd=site.folder, env=environ(), stderr=subprocess.PIPE, text=True, timeout=20,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("content", [b"hello world, no database at all" * 200, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_that_is_no_database_is_told_with_what_to_do(site, content):
    site.ok("orders", "list")
    for file in (site.folder / "data").glob("tracker.db*"):
        file.unlink()
    (site.folder / "data" / "tracker.db").write_bytes(content)
    for command in (["orders", "list"], ["poll"], ["run"]):
        said = site.run(*command) if command != ["run"] else None
        if said is None:
            process = site.process("run")
            err = process.communicate(timeout=20)[1]
            assert process.returncode == 78
        else:
            err = said.err
            assert said.code == 78
        assert "backup" in err
        assert "Traceback" not in err


def test_what_the_tracker_writes_is_its_owners_alone(site):
    site.ok("orders", "add", "main", "1")
    modes = {path.name: path.stat().st_mode & 0o077 for path in (site.folder / "data").iterdir()}
    assert modes
    assert set(modes.values()) == {0}, modes

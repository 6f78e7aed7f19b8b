"""Deliveries to a program: real processes, real signals, and nothing left of them afterwards."""

import json
import os
import stat
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.defaults import hook_rules
from tracker.config.values import CommandConfig
from tracker.delivery.channels import Delivery
from tracker.delivery.channels.command import CommandChannel
from tracker.errors import ChannelError

ROOT = Path(__file__).parents[2]
BODY = json.dumps({"type": "order.completed", "data": {"order": {"id": "23501"}}}).encode()


def delivery(**changes):
    fields = {"id": 7, "hook": "script", "event_id": "evt_abc", "event_type": "order.completed"}
    return Delivery(**fields | {"panel": "main", "attempt": 2, "body": BODY} | changes)


def channel(*argv, timeout_s=10.0, grace_s=0.3):
    return CommandChannel(CommandConfig(argv), hook_rules(name="script", timeout_s=timeout_s), grace_s)


def shell(script, **options):
    return channel("/bin/sh", "-c", textwrap.dedent(script), **options)


def failure(tried, **changes):
    with pytest.raises(ChannelError) as caught:
        tried.send(delivery(**changes), 1.0)
    return caught.value


def children():
    """Returns the child processes of this process, dead or alive: pid to state."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
        except OSError:
            continue
        if fields and fields[1] == str(os.getpid()):
            found[int(entry.name)] = fields[0]
    return found


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(condition, limit_s=5.0):
    until = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
    return value


@pytest.fixture(autouse=True)
def nothing_stays():
    before, fds = set(children()), descriptors()
    yield
    assert set(children()) <= before
    assert descriptors() <= fds


def test_the_event_arrives_on_standard_input():
    body = json.dumps({"type": "x", "text": "ü" * 200_000}).encode()  # more than a pipe holds
    result = shell("cat | wc -c").send(delivery(body=body), 1.0)
    assert (result.code, result.snippet.strip(), result.truncated) == (0, str(len(body)), False)
    assert result.address == "/bin/sh"
    assert 0 < result.took_s < 10


def test_the_environment_holds_the_facts_and_nothing_of_ours(monkeypatch):
    monkeypatch.setenv("TRACKER_KEY", "secret")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    result = channel("env").send(delivery(), 1.0)
    assert dict(line.split("=", 1) for line in result.snippet.splitlines()) == {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "Europe/Berlin",
        "TRACKER_EVENT_ID": "evt_abc",
        "TRACKER_EVENT_TYPE": "order.completed",
        "TRACKER_PANEL": "main",
        "TRACKER_HOOK": "script",
        "TRACKER_ATTEMPT": "2",
        "TRACKER_ORDER_ID": "23501",
    }


def test_a_replay_says_so(monkeypatch):
    monkeypatch.delenv("TZ", raising=False)
    assert "TRACKER_REPLAY=1\n" in channel("env").send(delivery(replay=True), 1.0).snippet


@pytest.mark.parametrize(
    "body",
    [b'{"data": {}}', b'{"data": {"order": {"id": 5}}}', b"[]", b"\xff", b'{"data": {"order": null}}'],
)
def test_an_event_about_no_order_names_none(body):
    assert "TRACKER_ORDER_ID" not in channel("env").send(delivery(body=body), 1.0).snippet


def test_nothing_of_an_event_is_ever_run(tmp_path):
    evil = f"$(touch {tmp_path}/pwned); `touch {tmp_path}/pwned` --help\n"
    body = json.dumps({"data": {"order": {"id": evil}}}).encode()
    result = channel("printenv", "TRACKER_ORDER_ID").send(delivery(body=body, panel=evil), 1.0)
    assert result.snippet == evil + "\n"
    assert list(tmp_path.iterdir()) == []


def test_it_runs_in_the_root_directory_in_a_session_of_its_own():
    script = "import os; print(os.getcwd(), os.getsid(0) == os.getpid() == os.getpgid(0))"
    assert channel(sys.executable, "-c", script).send(delivery(), 1.0).snippet == "/ True\n"


@pytest.mark.parametrize(("code", "permanent"), [(1, False), (2, False), (75, False), (78, True), (255, False)])
def test_an_exit_code_says_whether_it_is_worth_another_try(code, permanent):
    error = failure(shell(f"echo out; echo err >&2; exit {code}"))
    assert (error.permanent, error.code, error.snippet) == (permanent, code, "out\nerr\n")
    assert (error.message, error.address) == (f"/bin/sh exited with {code}", "/bin/sh")


def test_an_end_by_a_signal_is_retried():
    error = failure(shell("kill -9 $$"))
    assert (error.permanent, error.code) == (False, -9)
    assert error.message == "/bin/sh was ended by signal 9 (Killed)"


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (None, 0, "No such file or directory"),
        ("#!/bin/sh\n", 0o644, "Permission denied"),
        ("no program at all\n", 0o755, "Exec format error"),
        ("#!/no/such/interpreter\n", 0o755, "No such file or directory"),
    ],
)
def test_a_program_that_cannot_be_started_is_a_failed_attempt(tmp_path, text, mode, why):
    program = tmp_path / "hook"
    if text is not None:
        program.write_text(text)
        program.chmod(mode)
    error = failure(channel(str(program)))
    assert (error.permanent, error.code) == (False, None)
    assert error.message == f"{program} cannot be started: {why}"


STARVED = """
import resource
from tests.delivery.channels.test_command import channel, children, delivery
from tracker.errors import ChannelError

tried = channel("/bin/true")
for limit in range(3, 40):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 4096))
    try:
        print(tried.send(delivery(), 1.0).code)
        break
    except ChannelError as error:
        print(error.permanent, error)
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
print(children())
"""


def test_no_room_for_one_more_process_is_a_failed_attempt():
    # In a process of its own, since with so few descriptors nothing else works either.
    done = subprocess.run(
        [sys.executable, "-c", STARVED], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    *failures, code, left = done.stdout.splitlines()
    assert len(failures) > 5  # whichever of the descriptors is the one too many
    assert set(failures) == {"False /bin/true cannot be started: Too many open files"}
    assert (code, left) == ("0", "{}")


def test_at_the_deadline_a_program_may_end_itself():
    error = failure(shell("trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.02; done", timeout_s=0.3))
    assert (error.permanent, error.code) == (False, None)
    assert (error.snippet[:3], error.snippet[-4:]) == ("hi\n", "bye\n")
    assert error.message == "/bin/sh took longer than 0.3 s"


def test_who_ignores_that_is_killed_with_all_his_children(tmp_path):
    script = f"""
        trap '' TERM
        (trap '' TERM; echo $$ >{tmp_path}/shell; exec sleep 60) &
        echo $! >{tmp_path}/child
        sleep 60
    """
    started = time.monotonic()
    failure(shell(script, timeout_s=0.3, grace_s=0.3))
    assert 0.6 <= time.monotonic() - started < 2.5
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: not is_alive(child))


def test_nothing_of_the_group_outlives_a_success(tmp_path):
    started = time.monotonic()
    result = shell(f"sleep 60 & echo $! >{tmp_path}/child; echo done").send(delivery(), 1.0)
    assert time.monotonic() - started < 5  # the sleeping child holds the output open
    assert result.snippet == "done\n"
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: not is_alive(child))


def test_who_left_the_group_and_holds_the_output_is_not_waited_for(tmp_path):
    started = time.monotonic()
    result = shell(f"setsid sh -c 'echo $$ >{tmp_path}/child; exec sleep 60' & sleep 0.2; echo done").send(
        delivery(), 1.0
    )
    assert time.monotonic() - started < 5
    assert result.snippet == "done\n"
    child = int(wait_for(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text()))
    assert is_alive(child)
    os.kill(child, 9)


def test_a_flood_is_read_to_its_end_and_dropped():
    result = shell("head -c 20000000 /dev/zero | tr '\\0' x; echo end >&2").send(delivery(), 1.0)
    assert (result.code, result.truncated) == (0, True)
    assert result.snippet == "x" * 65_536


def test_an_endless_flood_ends_at_the_deadline():
    error = failure(shell("yes", timeout_s=0.3))
    assert error.message == "/bin/sh took longer than 0.3 s"
    assert len(error.snippet) == 65_536


@pytest.mark.parametrize("script", ["exec <&-; echo ok", "echo ok; exit 0", "head -c 1 >/dev/null; echo ok"])
def test_a_program_need_not_read_what_it_is_given(script):
    assert shell(script).send(delivery(body=b"x" * 1_000_000), 1.0).snippet == "ok\n"


def test_a_program_may_close_its_output_and_go_on():
    started = time.monotonic()
    assert shell("exec >&- 2>&-; sleep 0.2").send(delivery(), 1.0).code == 0
    assert time.monotonic() - started >= 0.2


def test_closing_the_channel_ends_what_still_runs():
    tried = shell("echo started; trap '' TERM; sleep 60", timeout_s=60)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(failure, tried)
        wait_for(lambda: any(state == "S" for state in children().values()))
        tried.close()
        assert running.result(5).code == -9


def test_what_is_started_while_the_channel_closes_is_ended_too():
    tried = shell("sleep 60", timeout_s=30)
    tried.close()
    assert failure(tried).code == -9


def test_many_threads_at_once_leave_no_zombie_and_mix_nothing_up():
    tried = channel("/bin/cat")
    zombies = []
    over = threading.Event()

    def look():
        while not over.wait(0.2):
            zombies.append(sum(state == "Z" for state in children().values()))

    def send(number):
        body = json.dumps({"number": number, "data": {}}).encode()
        return tried.send(delivery(body=body), 1.0).snippet == body.decode()

    watcher = threading.Thread(target=look)
    watcher.start()
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(send, range(1_000)))
    over.set()
    watcher.join()
    assert max(zombies, default=0) <= 8  # those just being reaped
    assert not any(state == "Z" for state in children().values())


def test_a_program_is_found_in_the_path(tmp_path, monkeypatch):
    program = tmp_path / "my-hook"
    program.write_text("#!/bin/sh\necho here\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert channel("my-hook").send(delivery(), 1.0).snippet == "here\n"

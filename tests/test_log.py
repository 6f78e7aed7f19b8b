"""What a log line may contain, and that writing one never raises."""

import base64
import io
import json
import logging
import os
import pty
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import structlog

from tracker import log
from tracker.core.text import safe_text

KEY = "k3y/with+odd=chars&äö"
HOOK = "https://ops.example/hooks/T00/aVeryLongTokenOf32Characters0000?sig=0123456789abcdef"
WHSEC = "whsec_" + base64.b64encode(b"a signing secret of 24 b").decode()
MASKER = log.Masker([KEY, HOOK, WHSEC, "", "abc"])


@pytest.fixture(autouse=True)
def _put_back():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(format="json", level="info", **fields):
    stream = io.StringIO()
    log.setup(level, format, MASKER, stream)
    log.get("tests").info("thing.happened", **fields)
    return stream.getvalue()


def test_an_event_is_one_json_object_with_its_time_in_utc():
    line = json.loads(logged(due=41, amount=Decimal("1.10")))
    assert line.pop("timestamp").endswith("Z")
    expected = {"event": "thing.happened", "level": "info", "logger": "tests", "due": 41, "amount": "1.10"}
    assert line == expected


def test_a_level_below_the_chosen_one_writes_nothing():
    assert logged(level="warning") == ""


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize(
    "spelled",
    [
        KEY,
        quote(KEY, safe=""),
        quote_plus(KEY),
        quote(KEY, safe="").lower(),
        json.dumps(KEY)[1:-1],
        json.dumps(KEY)[1:-1].replace("/", "\\/"),
        KEY.replace("&", "&amp;"),
        repr(KEY.encode())[2:-1],
        HOOK,
        HOOK.removeprefix("https://ops.example"),
        "aVeryLongTokenOf32Characters0000",
        WHSEC,
        WHSEC.removeprefix("whsec_"),
    ],
)
def test_a_secret_is_masked_however_it_is_spelled(format, spelled):
    line = logged(format, said=f"before {spelled} after", nested={"list": [spelled]})
    said = json.loads(line)["said"] if format == "json" else line
    assert "before *** after" in said
    for fragment in ("k3y", "0123456789abcdef", "aVeryLongToken", WHSEC[6:20]):
        assert fragment.lower() not in line.lower()


def test_masking_leaves_everything_else_as_it_was():
    text = "abc and orders.polled, https://ops.example/ and an empty string"
    assert MASKER(text) == text


def test_the_longer_of_two_secrets_is_masked_whole():
    assert log.Masker(["token", "token-and-more"])("a token-and-more b token") == "a *** b ***"


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_traceback_shows_no_local_variables_and_no_secret(format):
    stream = io.StringIO()
    log.setup("info", format, MASKER, stream)
    local_only = "this text is in a local variable"
    try:
        raise ValueError(f"refused {KEY} {len(local_only)}")
    except ValueError:
        log.get("tests").exception("call.failed")
    line = stream.getvalue()
    assert "ValueError: refused *** 32" in line
    assert "Traceback (most recent call last)" in line
    assert local_only not in line
    assert "k3y" not in line


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_value_cannot_forge_a_line_or_steer_a_terminal(format):
    evil = "a\r\n2026-01-01 info forged\x1b[2J\x9b2J\u202etxt\u2066\u2028"
    line = logged(format, said=evil, **{"k\n\x1bey": "x"})
    assert line.count("\n") == 1
    assert not set(line) & set("\r\x1b\x9b\u202e\u2066\u2028")


def test_a_traceback_cannot_forge_a_line():
    line = logged("console", exc_info=ValueError("bad\n2026-01-01T00:00:00Z info forged\r\x1b[2J"))
    assert "\n  2026-01-01T00:00:00Z info forged\\r\\x1b[2J\n" in line


def test_safe_text_leaves_letters_of_any_script_alone():
    assert safe_text("заказ 订单 é 👩‍💻 \\ ok") == "заказ 订单 é 👩‍💻 \\ ok"
    assert safe_text("a\tb\x7f\u202e\ud800") == "a\\tb\\x7f\\u202e\\ud800"


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("value", [Unshowable(), float("nan"), {("a", 1): 2}, b"\xff", object()])
def test_an_odd_value_is_no_reason_to_lose_the_line(format, value):
    line = logged(format, value=value)
    assert "thing.happened" in line
    if format == "json":
        json.loads(line, parse_constant=pytest.fail)


def closed_stream():
    stream = io.StringIO()
    stream.close()
    return stream


def broken_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def full_disk():
    return Path("/dev/full").open("w")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("stream", [closed_stream, broken_pipe, full_disk])
def test_a_stream_that_takes_nothing_never_raises(stream):
    log.setup("info", "auto", MASKER, stream())
    for _ in range(1_000):
        log.get("tests").info("thing.happened", said="x" * 100)


def test_libraries_are_heard_from_warning_on_and_masked():
    stream = io.StringIO()
    log.setup("info", "json", MASKER, stream)
    logging.getLogger("apscheduler.executors.default").info("Running job")
    logging.getLogger("apscheduler.scheduler").warning("skipped: maximum number of running instances")
    logging.getLogger("some.library").warning("retrying %s", KEY)
    logging.getLogger("odd").error("%d", "not a number")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["logger"], first["message"], first["level"]) == (
        "some.library",
        "retrying ***",
        "warning",
    )
    assert second["event"] == "library.logged"


def test_threads_write_whole_lines():
    stream = io.StringIO()
    log.setup("info", "json", MASKER, stream)

    def write():
        for number in range(200):
            log.get("tests").info("thing.happened", number=number)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(json.loads(line)["number"] for line in stream.getvalue().splitlines()) == 4 * 199 * 100


PROGRAM = """
import sys, threading
from tracker import log
log.setup("info", sys.argv[1], log.Masker(["s3cret-key"]))
log.log_uncaught()
log.get("tests").warning("thing.happened")
thread = threading.Thread(target=lambda: 1 / len(""), name="poller")
thread.start()
thread.join()
raise ValueError("refused s3cret-key")
"""


def run(environ=None, **options):
    environ = {"PATH": os.environ["PATH"], **(environ or {})}
    command = [sys.executable, "-c", PROGRAM, "auto"]
    return subprocess.run(command, env=environ, timeout=30, check=False, **options)


def test_what_nobody_caught_is_logged_and_masked():
    done = run(stderr=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["thing.happened", "thread.failed", "process.failed"]
    assert lines[1]["thread"] == "poller"
    assert lines[2]["exception"].endswith("ValueError: refused ***")
    assert done.returncode == 1


def test_a_process_without_standard_error_still_runs():
    done = subprocess.run(["sh", "-c", f"'{sys.executable}' -c '{PROGRAM}' auto 2>&-"], check=False)
    assert done.returncode == 1


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colours_unless_told_otherwise(environ, coloured):
    ours, theirs = pty.openpty()
    run(environ, stderr=theirs)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "thing.happened logger=tests" in shown
    assert ("\x1b[33mwarning" in shown) is coloured
    assert "s3cret" not in shown
